"""The documents say what is so: links lead somewhere, named code exists, examples run."""

from __future__ import annotations

import ast
import asyncio
import re
import secrets
import textwrap
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from server.config import Settings, variables
from server.config.loading import CONFIG_VARIABLE
from server.store.keys import KEPT_MS
from tests.support.node import Node, running_node
from tests.support.nodejs import NodeJs

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", *(f"docs/{p.name}" for p in ROOT.glob("docs/*.md")))
PACKAGES = ("server", "rooms", "media", "moderation", "clients", "tests", "bench")

_FENCED = re.compile(r"^( *)```.*?^\1```$", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_CODE = re.compile(r"`([^`\n]+)`")
_NAMED = re.compile(r"([\w./-]+\.py):([A-Za-z_][\w.]*)")
_PATH = re.compile(r"(?:[\w.-]+/)+[\w-]+\.(?:py|ts|tsx|toml|json|md)")
_ROW = re.compile(r"^\| `(DANMART_\w+)` \| (.*?) \| .", re.MULTILINE)
_METRIC = re.compile(r"`(danmart_[a-z_]+)")


def _text(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def _prose(page: str) -> str:
    return _FENCED.sub("", _text(page))


def _anchors(page: str) -> set[str]:
    """The fragments of a page's headings, as forges make them."""
    headings = re.findall(r"^#+ (.+)$", _prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


# ------------------------------------------------------------------ links


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    for link in _LINK.findall(_prose(page)):
        if re.match(r"[a-z]+:", link):
            assert link.startswith("https://"), link
            continue
        path, _, fragment = link.partition("#")
        target = (ROOT / page).parent / path if path else ROOT / page
        assert target.exists(), f"{page} links to {link}"
        if fragment:
            name = str(target.resolve().relative_to(ROOT))
            assert fragment in _anchors(name), f"{page} links to {link}, and there is no such heading"


@pytest.mark.parametrize("page", PAGES)
def test_paths_that_are_named_exist(page: str) -> None:
    for code in _CODE.findall(_prose(page)):
        for path in _PATH.findall(code):
            if path.split("/")[0] in {*PACKAGES, "docs", "deploy"}:
                assert (ROOT / path).is_file(), f"{page} names {path}"


# ------------------------------------------------------------------ named code


@cache
def _definitions(file: Path) -> frozenset[str]:
    """``name`` and ``Class.name`` of everything that a module defines."""
    return frozenset(_names(ast.parse(file.read_text(encoding="utf-8")).body, ""))


def _names(body: list[ast.stmt], prefix: str) -> Iterator[str]:
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield prefix + node.name
            if isinstance(node, ast.ClassDef):
                yield from _names(node.body, f"{prefix}{node.name}.")
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield prefix + node.target.id
        elif isinstance(node, ast.Assign):
            yield from (prefix + target.id for target in node.targets if isinstance(target, ast.Name))


@pytest.mark.parametrize("page", PAGES)
def test_functions_that_are_named_exist(page: str) -> None:
    for path, name in _NAMED.findall(_text(page)):
        assert (ROOT / path).is_file(), f"{page} names {path}:{name}"
        assert name in _definitions(ROOT / path), f"{page} names {path}:{name}"


@pytest.mark.parametrize("heading", ["The way of a comment", "The way of a media packet"])
def test_way_from_socket_to_socket_has_at_most_six_named_hops(heading: str) -> None:
    section = _text("docs/architecture.md").split(f"## {heading}\n")[1].split("\n#")[0]
    hops = re.findall(r"^\d+\. (.+)$", section, re.MULTILINE)
    assert 1 < len(hops) <= 6
    assert all(_NAMED.search(hop) for hop in hops)


# ------------------------------------------------------------------ settings


def test_every_setting_is_in_operations_and_nothing_else() -> None:
    page = _text("docs/operations.md")
    rows = [name for name, _ in _ROW.findall(page)]
    assert len(rows) == len(set(rows))
    assert set(rows) == set(variables())
    assert set(re.findall(r"DANMART_[A-Z_0-9]*[A-Z0-9]", page)) <= {*variables(), CONFIG_VARIABLE}


def _default(variable: str) -> Any:
    model: Any = Settings
    *sections, key = variable.removeprefix("DANMART_").lower().split("__")
    for section in sections:
        model = model.model_fields[section].annotation
        assert issubclass(model, BaseModel)
    return model.model_fields[key].default


# Made when the node starts, from something else, or empty lists.
_SAID_IN_WORDS = frozenset(
    f"DANMART_{name}"
    for name in (
        "AUTH__KEYS",
        "COINS__PACKS",
        "COINS__WORTH_MINOR",
        "LISTEN__EMBED_ORIGINS",
        "LISTEN__INTERNAL_HOST",
        "LISTEN__INTERNAL_PORT",
        "LISTEN__INTERNAL_URL",
        "LISTEN__TRUSTED_PROXIES",
        "LISTEN__UDP_HOST",
        "MEDIA__ANNOUNCED_ADDRESSES",
        "MEDIA__INCLUDE_LOOPBACK",
        "MEDIA__LADDER__ROOMS",
        "MEDIA__RTMP__PORT",
        "MODERATION__WORD_LISTS",
        "NODE__NAME",
        "NODE__SECRET",
        "OUTBOUND__ALLOW_PRIVATE",
        "RECORDING__FOLDER",
        "RECORDING__KEEP_DAYS",
        "RECORDING__MAX_BYTES",
        "RECORDING__ROOM_MAX_BYTES",
        "RECORDING__S3__ACCESS_KEY",
        "RECORDING__S3__BUCKET",
        "RECORDING__S3__ENDPOINT",
        "RECORDING__S3__SECRET_KEY",
        "STORE__URL",
    )
)


def test_defaults_are_those_of_the_model() -> None:
    for name, told in _ROW.findall(_text("docs/operations.md")):
        default = _default(name)
        if isinstance(default, tuple) and default:
            default = ",".join(map(str, default))
        if default is None or default is PydanticUndefined or default == ():
            assert told == "" or name in _SAID_IN_WORDS, f"{name} has no default, and the page says {told}"
        else:
            written = str(default).lower() if isinstance(default, bool) else str(default)
            assert told == f"`{written}`", f"{name} is {written} by default"


def test_keys_are_kept_as_long_as_is_said() -> None:
    assert KEPT_MS == 7 * 86_400_000
    assert "kept for seven days" in _text("docs/architecture.md")


# ------------------------------------------------------------------ metrics


async def test_every_metric_is_in_operations_and_nothing_else(tmp_path: Path) -> None:
    async with (
        running_node(tmp_path) as node,
        aiohttp.ClientSession() as http,
        http.get(f"{node.url}/metrics") as answer,
    ):
        exported = re.findall(r"^# TYPE (danmart_\w+) \w+$", await answer.text(), re.MULTILINE)
    assert {name for name in exported if not name.endswith("_created")} == set(
        _METRIC.findall(_text("docs/operations.md"))
    )


# ------------------------------------------------------------------ examples


def _example(language: str) -> str:
    """The one block of this language in the README."""
    (block,) = re.findall(rf"^```{language}\n(.*?)^```$", _text("README.md"), re.DOTALL | re.MULTILINE)
    return str(block)


async def _create_room(node: Node, token: str) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        aiohttp.ClientSession(headers=headers) as http,
        http.post(f"{node.url}/api/v1/rooms", json={"id": "tea", "title": "Tea evening"}) as answer,
    ):
        assert answer.status == 201, await answer.text()


async def test_examples_of_the_readme_run_one_after_the_other(tmp_path: Path, nodejs: NodeJs) -> None:
    """The shop signs a token, the host creates a room with it, and a client of one's own says something."""
    key = tmp_path / "deploy/secrets/shop_key"
    key.parent.mkdir(parents=True)
    key.write_text(secrets.token_hex(32))
    config = tmp_path / "danmart.toml"
    config.write_text(_text("deploy/danmart.toml").replace("/run/secrets/shop_key", str(key)))
    python = _example("python").replace("deploy/secrets/shop_key", str(key))
    script = _example("js").replace("https://live.example", "{url}")
    assert "deploy/secrets" in _example("python")
    assert "{url}" in script

    shop: dict[str, Any] = {}
    exec(python, shop)
    async with running_node(tmp_path, "--config", str(config)) as node:
        await _create_room(node, shop["token"])
        wrapped = f"""
            const token = {shop["token"]!r};
            {script.replace("{url}", node.url)}
            socket.on("events", (frame) => process.exit(frame.items[0].data.text === "Hello!" ? 0 : 3));
            socket.on("connect_error", (error) => {{ console.error(error.message); process.exit(4); }});
            setTimeout(() => {{ console.error("nothing came"); process.exit(5); }}, 15_000);
            const entered = setInterval(() => {{
              if (at !== null) {{ clearInterval(entered); say("Hello!"); }}
            }}, 10);
        """
        process = await asyncio.create_subprocess_exec(
            nodejs.node,
            "--input-type=module",
            cwd=ROOT / "clients/web",  # where socket.io-client is installed
            env=nodejs.environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            async with asyncio.timeout(30):
                output, _ = await process.communicate(textwrap.dedent(wrapped).encode())
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    assert process.returncode == 0, output.decode()
    assert output.decode() == "Lin: Hello!\n"
