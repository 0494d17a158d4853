"""Signatures, beside those of the specification's own library."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from server.webhooks.signing import headers, new_secret, secret_bytes, sign

# The example that the specification's libraries test themselves with.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MESSAGE = "msg_p5jXN8AQM9LWM0D4loKWxJek"
AT_S = 1614265330
BODY = b'{"test": 2432232314}'


def test_the_specifications_example() -> None:
    assert sign(SECRET, MESSAGE, AT_S, BODY) == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@given(st.binary(min_size=24, max_size=64), st.from_regex(r"\Amsg_[0-9a-f]{32}\Z"), st.binary(max_size=200))
def test_the_specifications_library_signs_the_same(key: bytes, message_id: str, body: bytes) -> None:
    secret = "whsec_" + base64.b64encode(key).decode()
    text = body.hex()
    theirs = Webhook(secret).sign(message_id, datetime.fromtimestamp(AT_S, UTC), text)
    assert sign(secret, message_id, AT_S, text.encode()) == theirs


def test_while_a_secret_is_replaced_both_believe_it() -> None:
    now_s = int(datetime.now(UTC).timestamp())
    new, old, other = new_secret(), new_secret(), new_secret()
    sent = headers([new, old], MESSAGE, now_s, BODY)
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
        secret_bytes(text)


def test_a_new_secret_is_one_and_another_each_time() -> None:
    assert len(secret_bytes(new_secret())) == 32
    assert new_secret() != new_secret()
