"""Settings: their sources and precedence, what is refused and how it is said, secrets from files."""

from __future__ import annotations

import stat
import threading
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from server.config import ConfigError, Settings, load, node_secret, variables

SECRET = "0123456789abcdef0123456789abcdef"


def lines(**arguments: Any) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(**{"environ": {}, **arguments})
    return str(caught.value).splitlines()


def toml(folder: Path, text: str) -> Path:
    file = folder / "danmart.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_defaults_are_a_node_on_loopback_that_needs_nothing_else() -> None:
    settings = load(environ={})
    assert (settings.listen.host, settings.listen.port) == ("127.0.0.1", 8080)
    assert settings.database_url == "sqlite:///data/danmart.db"
    assert settings.redis_url is None
    assert settings.include_loopback


def test_command_line_beats_environment_beats_file_key_by_key(tmp_path: Path) -> None:
    file = toml(
        tmp_path, "[listen]\nport = 1111\nudp_port = 2222\nhost = '127.0.0.3'\n[rooms]\nhold_s = 60\n"
    )
    environ = {"DANMART_LISTEN__PORT": "3333", "DANMART_LISTEN__UDP_PORT": "4444"}
    settings = load(file, {"listen": {"port": 5555}}, environ)
    listen = settings.listen
    assert (listen.port, listen.udp_port, listen.host) == (5555, 4444, "127.0.0.3")
    assert settings.rooms.hold_s == 60


def test_the_file_may_be_named_by_the_environment(tmp_path: Path) -> None:
    file = toml(tmp_path, "[listen]\nport = 1111\n")
    assert load(environ={"DANMART_CONFIG": str(file)}).listen.port == 1111


def test_lists_from_the_environment_are_commas_or_json() -> None:
    for text in ("10.0.0.0/8, ::1/128", '["10.0.0.0/8", "::1/128"]'):
        settings = load(environ={"DANMART_LISTEN__TRUSTED_PROXIES": text})
        assert [str(network) for network in settings.listen.trusted_proxies] == ["10.0.0.0/8", "::1/128"]


def test_every_variable_that_is_named_is_taken() -> None:
    names = list(variables())
    assert "DANMART_NODE__SECRET_FILE" in names
    assert "DANMART_DEMO" in names
    assert len(names) == len(set(names))
    for name in names:
        try:
            load(environ={name: "[broken"})
        except ConfigError as error:
            assert "there is no such setting" not in str(error)  # noqa: PT017  some take any text


def test_all_problems_are_told_at_once_each_with_path_and_advice(tmp_path: Path) -> None:
    file = toml(tmp_path, "[media]\npart_ms = 5\n[room]\n")
    environ = {"DANMART_LISTEN__PORT": "99999", "DANMART_LISTEN_HOST": "x", "DANMART_AUTH__KEYS": "[{"}
    told = lines(config_file=file, environ=environ, overrides={"listen": {"prot": 1}})
    assert sorted(line.split(":")[0] for line in told) == [
        "DANMART_AUTH__KEYS",
        "DANMART_LISTEN_HOST",
        "listen.port",
        "listen.prot",
        "media.part_ms",
        "room",
    ]
    text = "\n".join(told)
    assert "did you mean DANMART_LISTEN__HOST?" in text
    assert "did you mean listen.port?" in text
    assert "did you mean rooms?" in text
    assert "change DANMART_LISTEN__PORT" in text
    assert str(file) in text


def test_an_unknown_key_of_a_list_entry_has_its_full_path() -> None:
    key = {"alg": "HS256", "issuer": "shop", "audience": "danmart", "secret": SECRET, "isuer": "x"}
    assert lines(overrides={"auth": {"keys": [key]}}) == [
        "auth.keys.0.isuer: there is no such setting; did you mean auth.keys.0.issuer?"
    ]


def test_variables_that_kubernetes_adds_for_a_service_called_danmart_do_no_harm() -> None:
    load(
        environ={
            "DANMART_PORT": "tcp://10.0.0.1:8080",
            "DANMART_SERVICE_HOST": "10.0.0.1",
            "DANMART_PORT_8080_TCP_ADDR": "10.0.0.1",
        }
    )
    assert lines(environ={"DANMART_PORT": "8080"})[0].startswith("DANMART_PORT: there is no such setting")


def test_a_broken_or_missing_file_is_said_plainly(tmp_path: Path) -> None:
    missing = tmp_path / "nothing.toml"
    assert lines(config_file=missing) == [
        f"{missing}: there is no such file; check the path, or make the file"
    ]
    assert "is not TOML" in lines(config_file=toml(tmp_path, "[listen\n"))[0]


def test_a_secret_comes_from_a_file_and_never_shows(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(SECRET + "\n", encoding="ascii")
    settings = load(environ={"DANMART_NODE__SECRET_FILE": str(file)})
    assert settings.node.secret is not None
    assert settings.node.secret.get_secret_value() == SECRET
    assert SECRET not in repr(settings)
    assert SECRET not in str(settings.model_dump())


def test_a_secret_is_given_once_and_its_value_is_in_no_message(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(SECRET, encoding="ascii")
    both = {"DANMART_NODE__SECRET_FILE": str(file), "DANMART_NODE__SECRET": SECRET}
    told = lines(environ=both)
    assert told[0].startswith("node.secret: give it here or in secret_file, not both")
    short = lines(environ={"DANMART_NODE__SECRET": "hunter2"})
    assert short[0].startswith("node.secret: is shorter than 32 bytes")
    assert "hunter2" not in short[0]
    assert "there is no file /nonexistent" in lines(environ={"DANMART_STORE__URL_FILE": "/nonexistent"})[0]


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_a_postgresql_url_gets_the_driver_that_we_have(scheme: str) -> None:
    settings = load(environ={"DANMART_STORE__URL": f"{scheme}://me@db/x"})
    assert settings.database_url == "postgresql+psycopg://me@db/x"


def test_a_database_password_stays_out_of_messages() -> None:
    told = lines(environ={"DANMART_STORE__URL": "mysql://me:hunter2@db/x"})
    assert told[0].startswith("store.url: should begin with sqlite:/// or postgresql://")
    assert "hunter2" not in told[0]


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ({"alg": "HS256"}, "auth.keys.0: HS256 takes secret"),
        ({"alg": "RS256", "secret": SECRET}, "auth.keys.0: RS256 takes either public_key"),
        ({"alg": "EdDSA"}, "auth.keys.0: EdDSA takes either public_key"),
        ({"alg": "RS256", "public_key": "x", "jwks_url": "https://a/"}, "auth.keys.0: RS256 takes either"),
        ({"alg": "none"}, "auth.keys.0.alg: should be 'HS256', 'EdDSA' or 'RS256'"),
        ({"alg": "HS256", "secret": "short"}, "auth.keys.0.secret: is shorter than 32 bytes"),
    ],
)
def test_a_key_takes_what_its_algorithm_needs_and_nothing_else(key: dict[str, str], message: str) -> None:
    whole = {"issuer": "shop", "audience": "danmart", **key}
    assert lines(overrides={"auth": {"keys": [whole]}})[0].startswith(message)


def test_keys_of_one_issuer_need_different_kids() -> None:
    key = {"alg": "HS256", "issuer": "shop", "audience": "danmart", "secret": SECRET}
    assert lines(overrides={"auth": {"keys": [key, key]}})[0].startswith(
        "auth.keys.1: another key has the same"
    )
    load(environ={}, overrides={"auth": {"keys": [{**key, "kid": "a"}, {**key, "kid": "b"}]}})


def test_the_demo_listens_on_loopback_unless_told_otherwise() -> None:
    far = {"demo": True, "listen": {"host": "0.0.0.0"}}
    assert lines(overrides=far)[0].startswith("listen.host: the demo hands out host rights")
    assert load(environ={}, overrides={**far, "demo_public": True}).demo
    assert lines(overrides={"demo_public": True})[0].startswith("demo_public: ")


def test_loopback_candidates_follow_the_listening_address() -> None:
    assert not load(environ={}, overrides={"listen": {"host": "0.0.0.0"}}).include_loopback
    far = {"listen": {"host": "0.0.0.0"}, "media": {"include_loopback": True}}
    assert load(environ={}, overrides=far).include_loopback


@pytest.mark.parametrize("url", ["shop.example", "ftp://x", "https://x/path", "https://x?y"])
def test_a_public_url_is_an_origin(url: str) -> None:
    assert lines(overrides={"listen": {"public_url": url}})[0].startswith("listen.public_url: should be")


def test_a_public_url_loses_its_slash() -> None:
    assert (
        load(environ={}, overrides={"listen": {"public_url": "https://x:8/"}}).listen.public_url
        == "https://x:8"
    )


def test_settings_are_frozen() -> None:
    settings = Settings()
    with pytest.raises(ValidationError):
        setattr(settings, "demo", True)  # noqa: B010
    with pytest.raises(ValidationError):
        setattr(settings.listen, "port", 1)  # noqa: B010


def test_constructing_settings_reads_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DANMART_LISTEN__PORT", "1234")
    assert Settings().listen.port == 8080
    assert load().listen.port == 1234


def test_a_node_secret_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    settings = load(environ={}, overrides={"node": {"data_dir": str(tmp_path / "new" / "data")}})
    first = node_secret(settings)
    assert node_secret(settings) == first
    assert len(first) >= 32
    folder = settings.node.data_dir
    assert stat.S_IMODE((folder / "secret.key").stat().st_mode) == 0o600
    assert [file.name for file in folder.iterdir()] == ["secret.key"]


def test_processes_that_start_at_once_agree_on_the_secret(tmp_path: Path) -> None:
    settings = load(environ={}, overrides={"node": {"data_dir": str(tmp_path)}})
    start, seen = threading.Barrier(8), []

    def make() -> None:
        start.wait()
        seen.append(node_secret(settings))

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 8
    assert len(set(seen)) == 1


def test_a_damaged_node_secret_is_refused_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "secret.key").write_text("abc", encoding="ascii")
    settings = load(environ={}, overrides={"node": {"data_dir": str(tmp_path)}})
    with pytest.raises(ConfigError, match="cut short"):
        node_secret(settings)


def test_a_configured_node_secret_touches_no_file(tmp_path: Path) -> None:
    settings = load(environ={}, overrides={"node": {"data_dir": str(tmp_path), "secret": SECRET}})
    assert node_secret(settings) == SECRET.encode()
    assert not list(tmp_path.iterdir())
