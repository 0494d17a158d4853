"""Files of heads, which are kept elsewhere."""

from __future__ import annotations

import orjson
import pytest

from moderation.audit.anchors import AnchorError, HeadOf, read, written

SECRET = b"a secret that only tests use, long enough"
HEADS = [HeadOf("", 3, bytes(32)), HeadOf("tea", 7, bytes(range(32)))]


def test_what_was_written_is_read() -> None:
    body = written(HEADS, 1000, SECRET)
    assert read(body, SECRET) == {"": {3: bytes(32)}, "tea": {7: bytes(range(32))}}
    assert read(written([], 1000, SECRET), SECRET) == {}


@pytest.mark.parametrize(
    ("old", "new"), [(b'"seq":7', b'"seq":6'), (b'"tea"', b'"tee"'), (b"1000", b"1001"), (b'"0000', b'"0001')]
)
def test_a_changed_file_is_refused(old: bytes, new: bytes) -> None:
    body = written(HEADS, 1000, SECRET)
    assert old in body
    with pytest.raises(AnchorError, match="changed since"):
        read(body.replace(old, new, 1), SECRET)


def test_a_head_left_out_is_refused() -> None:
    said = orjson.loads(written(HEADS, 1000, SECRET))
    del said["heads"][0]
    with pytest.raises(AnchorError, match="changed since"):
        read(orjson.dumps(said), SECRET)
    assert list(read(orjson.dumps(said), None)) == ["tea"]


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b'{"version":2,"made_at_ms":0,"mac":"","heads":[]}', b'{"version":1,"heads":3}'],
)
def test_what_is_no_such_file_is_refused(body: bytes) -> None:
    with pytest.raises(AnchorError):
        read(body, None)
