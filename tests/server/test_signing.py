"""Signatures, beside those of the specification's own library."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from rooms.errors import Refused
from server.signing import new_secret, secret_key, shared_key, sign, signature, verify

# The example that the specification's libraries test themselves with.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MESSAGE = "msg_p5jXN8AQM9LWM0D4loKWxJek"
AT_S = 1614265330
BODY = b'{"test": 2432232314}'


def test_the_specifications_example() -> None:
    assert (
        signature(secret_key(SECRET), MESSAGE, str(AT_S), BODY)
        == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    )


@given(st.binary(min_size=24, max_size=64), st.from_regex(r"\Amsg_[0-9a-f]{32}\Z"), st.binary(max_size=200))
def test_the_specifications_library_signs_the_same(key: bytes, message_id: str, body: bytes) -> None:
    secret = "whsec_" + base64.b64encode(key).decode()
    text = body.hex()
    theirs = Webhook(secret).sign(message_id, datetime.fromtimestamp(AT_S, UTC), text)
    assert signature(key, message_id, str(AT_S), text.encode()) == theirs


def test_while_a_secret_is_replaced_both_believe_it() -> None:
    now_s = int(datetime.now(UTC).timestamp())
    new, old, other = new_secret(), new_secret(), new_secret()
    sent = sign([secret_key(new), secret_key(old)], MESSAGE, now_s, BODY)
    for secret in (new, old):
        assert Webhook(secret).verify(BODY, sent) == {"test": 2432232314}
    with pytest.raises(WebhookVerificationError):
        Webhook(other).verify(BODY, sent)
    with pytest.raises(WebhookVerificationError):
        Webhook(new).verify(BODY + b" ", sent)


@pytest.mark.parametrize(
    "text",
    [
        "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "whsec_",
        "whsec_not base64!",
        "whsec_" + base64.b64encode(b"x" * 23).decode(),
        "whsec_" + base64.b64encode(b"x" * 65).decode(),
    ],
)
def test_what_is_no_secret(text: str) -> None:
    with pytest.raises(ValueError):
        secret_key(text)


def test_a_new_secret_is_one_and_another_each_time() -> None:
    assert len(secret_key(new_secret())) == 32
    assert new_secret() != new_secret()


@given(st.binary(max_size=200), st.integers(1_600_000_000_000, 2_000_000_000_000), st.integers(-299, 299))
def test_what_was_signed_is_proved(body: bytes, now_ms: int, off_s: int) -> None:
    key = b"k" * 32
    headers = sign([key], "msg-1", now_ms // 1000, body)
    verify(key, headers, body, now_ms + off_s * 1000)
    for changed, other_key, age_ms in (
        (body + b" ", key, 0),
        (body, b"x" * 32, 0),
        (body, key, 302_000),
        (body, key, -302_000),
    ):
        with pytest.raises(Refused, match="bad_signature"):
            verify(other_key, headers, changed, now_ms + age_ms)


def test_one_of_several_signatures_is_enough() -> None:
    """While the shop changes its secret, it signs with both."""
    old, new = sign([b"o" * 32], "m", 10**9, b"{}"), sign([b"n" * 32], "m", 10**9, b"{}")
    both = {**old, "webhook-signature": f"{old['webhook-signature']} {new['webhook-signature']}"}
    for key in (b"o" * 32, b"n" * 32):
        verify(key, both, b"{}", 10**12)


def test_a_secret_as_standard_webhooks_writes_it() -> None:
    raw = bytes(range(32))
    assert shared_key(f"whsec_{base64.b64encode(raw).decode()}") == raw
    assert shared_key("plain text") == b"plain text"
    with pytest.raises(ValueError, match="base64"):
        shared_key("whsec_not base64!")
