"""Tokens taken apart by us and proved by PyJWT: nothing is taken that the library itself would refuse."""

from __future__ import annotations

import base64
import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st
from jwt.algorithms import HMACAlgorithm

from server.auth.claims import decode
from server.auth.jws import is_proved, take_apart
from server.auth.tokens import Tokens
from server.config import AuthKey, ConfigError
from tests.server.test_auth_tokens import NOW_MS, claims, no_fetch, pem

SECRET = b"0123456789abcdef0123456789abcdef"
RSA_KEY = rsa.generate_private_key(65537, 2048)
ED_KEY = ed25519.Ed25519PrivateKey.generate()
KEYS: dict[str, tuple[Any, Any]] = {
    "HS256": (SECRET, SECRET),
    "RS256": (RSA_KEY, RSA_KEY.public_key()),
    "EdDSA": (ED_KEY, ED_KEY.public_key()),
}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
).filter(lambda value: "\\ud" not in json.dumps(value))


def part(value: object) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def made(header: object, body: object) -> str:
    """A token with a good HS256 signature, whatever it says."""
    signed = f"{part(header)}.{part(body)}"
    return f"{signed}.{part(HMACAlgorithm(HMACAlgorithm.SHA256).sign(signed.encode(), SECRET))}"


def ours(token: str, alg: str = "HS256") -> dict[str, Any] | None:
    try:
        unproved = take_apart(token)
    except ValueError:
        return None
    return unproved.claims if is_proved(unproved, KEYS[alg][1], alg) else None


def theirs(token: str, alg: str = "HS256") -> dict[str, Any] | None:
    checks = ("exp", "nbf", "iat", "aud", "iss", "sub", "jti")
    options: Any = {f"verify_{name}": False for name in checks}
    try:
        read: dict[str, Any] = jwt.decode(token, KEYS[alg][1], [alg], options=options)
    except jwt.PyJWTError:
        return None
    return read


@given(st.sampled_from(list(KEYS)), st.dictionaries(st.text(), json_values, max_size=6))
def test_what_the_library_signs_is_read_as_the_library_reads_it(alg: str, body: dict[str, Any]) -> None:
    token = jwt.encode({**body, "iss": "shop"}, KEYS[alg][0], alg, headers={"kid": "k"})
    assert ours(token, alg) == theirs(token, alg) == {**body, "iss": "shop"}


@given(
    st.sampled_from(list(KEYS)),
    st.integers(0, 400),
    st.sampled_from("=.+/-_AQgw0\n ") | st.characters(max_codepoint=255),
    st.booleans(),
)
def test_an_altered_token_is_never_taken_unless_the_library_takes_it(
    alg: str, at: int, char: str, insert: bool
) -> None:
    token = jwt.encode(claims(), KEYS[alg][0], alg)
    at %= len(token) + 1
    altered = token[:at] + char + token[at + (not insert) :]
    read = ours(altered, alg)
    assert read is None or read == theirs(altered, alg)
    assert altered == token or read is None


@pytest.mark.parametrize(
    "header",
    [
        {},
        {"alg": "none"},
        {"alg": "HS512"},
        {"alg": "hs256"},
        {"alg": ["HS256"]},
        {"alg": "HS256", "crit": ["exp"]},
        {"alg": "HS256", "crit": ["b64"], "b64": False},
        {"alg": "HS256", "b64": False},
        ["HS256"],
        "HS256",
    ],
)
def test_a_header_that_says_something_else_is_not_believed(header: object) -> None:
    assert ours(made({"alg": "HS256", "typ": "JWT"}, claims())) == claims()
    assert ours(made(header, claims())) is None


@pytest.mark.parametrize("body", [b"", b"[]", b"3", b'"a"', b"{", b"\xff", b'{"a":1}x', b'{"exp":NaN}'])
def test_claims_that_are_no_json_object_are_not_read(body: bytes) -> None:
    assert ours(made({"alg": "HS256"}, body)) is None


def test_a_key_of_another_algorithm_proves_nothing() -> None:
    for alg, (private, _) in KEYS.items():
        token = take_apart(jwt.encode(claims(), private, alg))
        for other, (_, public) in KEYS.items():
            assert is_proved(token, public, alg) == (other == alg)
            assert is_proved(token, public, other) == (other == alg)


@pytest.mark.parametrize(
    ("said", "taken"),
    [
        ("danmart", True),
        (["danmart"], True),
        (["a", "danmart"], True),
        ([], False),
        (["danmart", 3], False),
        ({"danmart": 1}, False),
        ("danmart2", False),
        (3, False),
    ],
)
def test_a_token_is_for_who_is_named_in_it(said: object, taken: bool) -> None:
    token = made({"alg": "HS256"}, claims(aud=said))
    try:
        decode(token, SECRET, "HS256", issuer="shop", audience="danmart", now_ms=NOW_MS)
    except Exception:
        assert not taken
    else:
        assert taken


@pytest.mark.parametrize("text", [pem(RSA_KEY), pem(ED_KEY), "ssh-ed25519 " + "A" * 40])
def test_a_public_key_is_refused_as_a_secret(text: str) -> None:
    key = AuthKey.model_validate({"issuer": "shop", "audience": "danmart", "alg": "HS256", "secret": text})
    with pytest.raises(ConfigError, match=r"auth\.keys\.0\.secret"):
        Tokens([key], no_fetch)
