"""Shops' tokens: what is proved, what is refused, and that no token chooses its own algorithm."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from rooms.errors import Refused
from server.auth import Identity, Tokens
from server.config import AuthKey, ConfigError

SECRET = "0123456789abcdef0123456789abcdef"
NOW_MS = 1_800_000_000_000
NOW_S = NOW_MS // 1000
RSA_KEY = rsa.generate_private_key(65537, 2048)
ED_KEY = ed25519.Ed25519PrivateKey.generate()


async def no_fetch(url: str) -> bytes:
    raise AssertionError(f"nothing should be fetched, least of all {url}")


def pem(key: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def key(**fields: Any) -> AuthKey:
    return AuthKey.model_validate({"issuer": "shop", "audience": "danmart", **fields})


def claims(**fields: Any) -> dict[str, Any]:
    whole = {"iss": "shop", "aud": "danmart", "sub": "u1", "name": "Ann", "exp": NOW_S + 60, **fields}
    return {name: value for name, value in whole.items() if value is not None}


def signed(body: dict[str, Any], secret: Any = SECRET, alg: str = "HS256", kid: str | None = None) -> str:
    return jwt.encode(body, secret, alg, headers={"kid": kid} if kid else None)


HS = key(alg="HS256", secret=SECRET)


async def verify(token: str, *keys: AuthKey, now_ms: int = NOW_MS) -> Identity:
    return await Tokens(keys or (HS,), no_fetch, leeway_s=30).verify(token, now_ms)


async def refusal(token: str, *keys: AuthKey, now_ms: int = NOW_MS) -> str:
    with pytest.raises(Refused) as refused:
        await verify(token, *keys, now_ms=now_ms)
    return refused.value.code


async def test_a_good_token_says_who_the_caller_is() -> None:
    assert await verify(signed(claims())) == Identity(
        id="u1", name="Ann", operator=False, may_host=False, expires_at_ms=(NOW_S + 90) * 1000
    )
    grand = await verify(signed(claims(operator=True, may_host=True)))
    assert (grand.operator, grand.may_host) == (True, True)


@pytest.mark.parametrize("missing", ["iss", "aud", "exp", "sub"])
async def test_a_token_without_a_required_claim_is_refused(missing: str) -> None:
    assert await refusal(signed(claims(**{missing: None}))) == "bad_token"


@pytest.mark.parametrize(
    "wrong",
    [
        {"iss": "other"},
        {"aud": "other"},
        {"aud": ["other", "another"]},
        {"sub": ""},
        {"sub": "x" * 129},
        {"sub": "a\u202eb"},
        {"sub": "a\nb"},
        {"sub": "\ud800"},
        {"name": 5},
        {"operator": "true"},
        {"may_host": 1},
        {"exp": True},
        {"exp": NOW_MS},
        {"exp": float("inf")},
        {"exp": float("nan")},
        {"exp": 10**400},
        {"exp": str(NOW_S + 60)},
        {"nbf": NOW_S + 60},
    ],
)
async def test_a_claim_out_of_form_is_refused(wrong: dict[str, Any]) -> None:
    assert await refusal(signed(claims(**wrong))) == "bad_token"


async def test_a_token_runs_out_after_its_leeway() -> None:
    token = signed(claims(exp=NOW_S))
    identity = await verify(token, now_ms=NOW_MS + 29_999)
    assert identity.expires_at_ms == NOW_MS + 30_000
    assert await refusal(token, now_ms=NOW_MS + 30_000) == "token_expired"


async def test_a_forged_or_altered_token_is_refused() -> None:
    assert await refusal(signed(claims(), "f" * 32)) == "bad_token"
    head, body, mac = signed(claims()).split(".")
    forged = base64.urlsafe_b64encode(json.dumps(claims(operator=True)).encode()).rstrip(b"=").decode()
    assert await refusal(f"{head}.{forged}.{mac}") == "bad_token"
    assert await refusal(f"{head}.{body}.") == "bad_token"


async def test_no_algorithm_but_the_keys_own_is_taken() -> None:
    unsigned = jwt.encode(claims(), "", "none")
    assert await refusal(unsigned) == "bad_token"
    assert (
        await refusal(signed(claims(), SECRET * 2, "HS512"), key(alg="HS256", secret=SECRET * 2))
        == "bad_token"
    )


def confused(public: bytes) -> str:
    """An HS256 token that uses the text of a public key as its secret, as attackers do."""

    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    signing_input = f"{part({'alg': 'HS256', 'typ': 'JWT'})}.{part(claims(operator=True))}"
    mac = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(
        signing_input.encode(), public
    )
    return f"{signing_input}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


async def test_a_public_key_is_no_secret() -> None:
    for public in (pem(RSA_KEY), pem(RSA_KEY).strip()):
        assert (
            await refusal(confused(public.encode()), key(alg="RS256", public_key=pem(RSA_KEY))) == "bad_token"
        )
    assert (
        await refusal(confused(pem(ED_KEY).encode()), key(alg="EdDSA", public_key=pem(ED_KEY))) == "bad_token"
    )


@pytest.mark.parametrize(("alg", "private"), [("RS256", RSA_KEY), ("EdDSA", ED_KEY)])
async def test_public_key_algorithms(alg: str, private: Any) -> None:
    token = signed(claims(), private, alg)
    assert (await verify(token, key(alg=alg, public_key=pem(private)))).id == "u1"
    strange = (
        rsa.generate_private_key(65537, 2048) if alg == "RS256" else ed25519.Ed25519PrivateKey.generate()
    )
    assert await refusal(signed(claims(), strange, alg), key(alg=alg, public_key=pem(private))) == "bad_token"


async def test_keys_are_chosen_by_issuer_and_kid_only() -> None:
    old = key(alg="HS256", secret="o" * 32, kid="old")
    new = key(alg="HS256", secret="n" * 32, kid="new")
    other = key(alg="HS256", secret="x" * 32, issuer="market")
    keys = (old, new, other)
    assert (await verify(signed(claims(), "o" * 32, kid="old"), *keys)).id == "u1"
    assert (await verify(signed(claims(), "n" * 32, kid="new"), *keys)).id == "u1"
    assert (await verify(signed(claims(iss="market"), "x" * 32), *keys)).id == "u1"
    assert await refusal(signed(claims(), "o" * 32, kid="new"), *keys) == "bad_token"
    assert await refusal(signed(claims(), "o" * 32), *keys) == "bad_token"
    assert await refusal(signed(claims(), "x" * 32), *keys) == "bad_token"
    assert await refusal(signed(claims(iss="market"), "o" * 32, kid="old"), *keys) == "bad_token"


async def test_a_token_without_kid_takes_the_issuers_only_key() -> None:
    assert (await verify(signed(claims()), key(alg="HS256", secret=SECRET, kid="one"))).id == "u1"


async def test_names_are_made_safe_and_never_an_id() -> None:
    assert (await verify(signed(claims(name="  A\u202en\u0000n \n")))).name == "Ann"
    assert len((await verify(signed(claims(name="x" * 500)))).name) == 40
    nameless = await verify(signed(claims(sub="ann@shop.example", name=None)))
    assert nameless.name.startswith("user-")
    assert "ann" not in nameless.name


async def test_an_oversized_token_is_refused_unread() -> None:
    assert await refusal(signed(claims(junk="x" * 9000))) == "bad_token"


@pytest.mark.parametrize("token", ["", ".", "..", "a.b.c", "e30.e30.", "é.é.é", "[]" * 50, "\ud800"])
async def test_what_is_no_token_is_refused(token: str) -> None:
    assert await refusal(token) == "bad_token"


@given(st.text(max_size=60) | st.builds("{}.{}.{}".format, *[st.text(max_size=30)] * 3))
async def test_no_text_does_more_than_be_refused(token: str) -> None:
    assert await refusal(token) == "bad_token"


@pytest.mark.parametrize("text", ["not pem", pem(ED_KEY), pem(rsa.generate_private_key(65537, 1024))])
def test_an_unfit_public_key_is_a_config_error_with_its_path(text: str) -> None:
    with pytest.raises(ConfigError, match=r"auth\.keys\.0\.public_key: is not a public key for RS256"):
        Tokens([key(alg="RS256", public_key=text)], no_fetch)


class Shop:
    """A shop's JWKS endpoint, in memory."""

    URL = "https://shop.example/jwks.json"

    def __init__(self) -> None:
        self.keys: dict[str, Any] = {}
        self.fetches = 0
        self.down = False
        self.on_fetch: Callable[[], None] | None = None

    def publish(self, kid: str, private: Any, **fields: Any) -> None:
        algorithm = (
            jwt.algorithms.RSAAlgorithm
            if isinstance(private, rsa.RSAPrivateKey)
            else jwt.algorithms.OKPAlgorithm
        )
        self.keys[kid] = {**algorithm.to_jwk(private.public_key(), as_dict=True), "kid": kid, **fields}

    async def fetch(self, url: str) -> bytes:
        assert url == self.URL
        self.fetches += 1
        if self.down:
            raise OSError("connection refused")
        return json.dumps({"keys": list(self.keys.values())}).encode()

    def tokens(self, alg: str = "RS256") -> Tokens:
        return Tokens([key(alg=alg, jwks_url=self.URL)], self.fetch)


async def code_of(tokens: Tokens, token: str, now_ms: int = NOW_MS) -> str:
    try:
        await tokens.verify(token, now_ms)
    except Refused as refused:
        return refused.code
    return "ok"


async def test_a_published_key_is_fetched_once_and_kept() -> None:
    shop = Shop()
    shop.publish("k1", RSA_KEY)
    tokens = shop.tokens()
    for _ in range(5):
        assert await code_of(tokens, signed(claims(), RSA_KEY, "RS256", "k1")) == "ok"
    assert shop.fetches == 1


async def test_a_new_key_is_found_and_a_removed_one_goes() -> None:
    shop = Shop()
    shop.publish("k1", RSA_KEY)
    tokens = shop.tokens()
    assert await code_of(tokens, signed(claims(), RSA_KEY, "RS256", "k1")) == "ok"
    fresh = rsa.generate_private_key(65537, 2048)
    shop.keys.clear()
    shop.publish("k2", fresh)
    later = NOW_MS + 11_000
    assert await code_of(tokens, signed(claims(), fresh, "RS256", "k2"), later) == "ok"
    assert await code_of(tokens, signed(claims(), RSA_KEY, "RS256", "k1"), later + 11_000) == "bad_token"


async def test_tokens_with_made_up_key_ids_dont_make_us_flood_the_shop() -> None:
    shop = Shop()
    shop.publish("k1", RSA_KEY)
    tokens = shop.tokens()
    for number in range(50):
        assert await code_of(tokens, signed(claims(), RSA_KEY, "RS256", f"x{number}")) == "bad_token"
    assert shop.fetches == 1


async def test_old_keys_are_believed_for_a_day_while_the_shop_is_down() -> None:
    shop = Shop()
    shop.publish("k1", RSA_KEY)
    tokens = shop.tokens()
    body = claims(exp=NOW_S + 10 * 86_400)
    token = signed(body, RSA_KEY, "RS256", "k1")
    assert await code_of(tokens, token) == "ok"
    shop.down = True
    assert await code_of(tokens, token, NOW_MS + 2 * 3_600_000) == "ok"
    assert shop.fetches == 2
    assert await code_of(tokens, signed(body, RSA_KEY, "RS256", "new"), NOW_MS + 3 * 3_600_000) == (
        "temporarily_unavailable"
    )
    assert await code_of(tokens, token, NOW_MS + 25 * 3_600_000) == "temporarily_unavailable"
    shop.down = False
    assert await code_of(tokens, token, NOW_MS + 26 * 3_600_000) == "ok"


async def test_a_shop_that_was_never_reached_is_a_temporary_refusal() -> None:
    shop = Shop()
    shop.down = True
    assert await code_of(shop.tokens(), signed(claims(), RSA_KEY, "RS256", "k1")) == "temporarily_unavailable"


async def test_only_signature_keys_of_the_configured_algorithm_count() -> None:
    shop = Shop()
    shop.publish("enc", RSA_KEY, use="enc")
    shop.publish("other", RSA_KEY, alg="RS512")
    shop.publish("weak", rsa.generate_private_key(65537, 1024))
    shop.publish("ed", ED_KEY)
    shop.keys["oct"] = {"kty": "oct", "kid": "oct", "k": base64.urlsafe_b64encode(SECRET.encode()).decode()}
    shop.publish("good", RSA_KEY, use="sig", alg="RS256")
    tokens = shop.tokens()
    for kid in ("enc", "other"):
        assert await code_of(tokens, signed(claims(), RSA_KEY, "RS256", kid)) == "bad_token"
    assert await code_of(tokens, signed(claims(), ED_KEY, "EdDSA", "ed")) == "bad_token"
    assert await code_of(tokens, signed(claims(), SECRET, "HS256", "oct")) == "bad_token"
    assert await code_of(tokens, signed(claims(), RSA_KEY, "RS256", "good")) == "ok"
    assert await code_of(shop.tokens("EdDSA"), signed(claims(), ED_KEY, "EdDSA", "ed")) == "ok"


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"keys": 3}', b'{"keys": []}', b'{"keys": [3]}', b"\xff"]
)
async def test_a_broken_key_set_is_a_temporary_refusal(body: bytes) -> None:
    async def fetch(url: str) -> bytes:
        return body

    tokens = Tokens([key(alg="RS256", jwks_url=Shop.URL)], fetch)
    assert await code_of(tokens, signed(claims(), RSA_KEY, "RS256", "k1")) == "temporarily_unavailable"


class SlowShop(Shop):
    """A shop that answers its first fetch and then makes everybody wait."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = asyncio.Event()

    async def fetch(self, url: str) -> bytes:
        body = await super().fetch(url)
        if self.fetches > 1:
            self.asked.set()
            await asyncio.Event().wait()
        return body


async def test_while_one_asks_for_new_keys_the_others_go_on_with_the_old() -> None:
    shop = SlowShop()
    shop.publish("k1", RSA_KEY)
    tokens = shop.tokens()
    token = signed(claims(exp=NOW_S + 86_400), RSA_KEY, "RS256", "k1")
    assert await code_of(tokens, token) == "ok"
    later = NOW_MS + 2 * 3_600_000
    waiting = asyncio.create_task(code_of(tokens, token, later))
    await shop.asked.wait()
    async with asyncio.timeout(5):
        assert await code_of(tokens, token, later) == "ok"
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_a_cancelled_fetch_counts_as_a_failed_one() -> None:
    shop = SlowShop()
    shop.fetches = 1
    shop.publish("k1", RSA_KEY)
    tokens = shop.tokens()
    token = signed(claims(), RSA_KEY, "RS256", "k1")
    waiting = asyncio.create_task(code_of(tokens, token))
    await shop.asked.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await code_of(tokens, token, NOW_MS + 1) == "temporarily_unavailable"
