"""A node's view of a room: frames that continue each other, whatever arrives in whatever order."""

from __future__ import annotations

import itertools
from dataclasses import replace

import orjson
from hypothesis import given
from hypothesis import strategies as st

from rooms.corrections import Corrections, corrections
from rooms.history import RoomNow
from rooms.log import LogEvent, Visibility, encode_event
from rooms.state import EMPTY, RoomState, decode_state, encode_state, fold_all
from server.live.entering import Position, recoverable, room_part
from server.live.view import RoomView

ROOM, EPOCH = "tea", "epoch"
WORDS = "words that must go"


def entry(
    offset: int,
    kind: str = "comment",
    *,
    user: str = "lin",
    visibility: Visibility = Visibility.ALL,
    epoch: str = EPOCH,
    **data: object,
) -> LogEvent:
    if kind == "comment":
        data = {"text": f"{WORDS} {offset}", "color": "white", "lane": "scroll", **data}
    who = {"id": user, "name": user, "badges": []}
    body = encode_event(event_id=f"id-{offset}", offset=offset, kind=kind, at_ms=offset, user=who, data=data)
    reply = data.get("reply_to")
    quoted = reply["id"] if isinstance(reply, dict) else None
    return LogEvent(ROOM, epoch, offset, f"id-{offset}", kind, offset, user, visibility, body, quoted)


def view_at(offset: int = 0, state: RoomState = EMPTY, recent_kept: int = 1000) -> RoomView:
    return RoomView(ROOM, RoomNow(state, EPOCH, offset), recent_kept=recent_kept)


@given(
    total=st.integers(1, 60),
    hidden=st.sets(st.integers(1, 60)),
    data=st.data(),
)
def test_frames_continue_each_other_over_holes_repeats_and_disorder(
    total: int, hidden: set[int], data: st.DataObject
) -> None:
    """Pieces of the log come in any order and more than once; what is missing is asked for from SQL."""
    log = [
        entry(n, visibility=Visibility.SENDER if n in hidden else Visibility.ALL) for n in range(1, total + 1)
    ]
    view, frames = view_at(), []
    for _ in range(data.draw(st.integers(1, 25))):
        start = data.draw(st.integers(0, total - 1))
        stop = data.draw(st.integers(start + 1, total))
        if not view.take(log[start:stop]):
            assert view.head < stop
            assert view.take(log[view.head :])
        if data.draw(st.booleans()) and (frame := view.cut()) is not None:
            frames.append(frame)
    view.take(log[view.head :])
    if (frame := view.cut()) is not None:
        frames.append(frame)

    assert frames[0].first == 1
    assert all(after.first == before.to + 1 for before, after in itertools.pairwise(frames))
    assert frames[-1].to == view.to == view.head == total
    sent = [orjson.loads(item)["offset"] for frame in frames for item in frame.items]
    assert sent == [n for n in range(1, total + 1) if n not in hidden]
    assert sum(frame.left_out for frame in frames) == len(hidden & set(range(1, total + 1)))
    assert encode_state(view.state) == encode_state(fold_all(EMPTY, log))


@given(cuts=st.lists(st.integers(1, 5), max_size=12), recent_kept=st.integers(1, 20), data=st.data())
def test_who_enters_continues_with_the_next_frame(
    cuts: list[int], recent_kept: int, data: st.DataObject
) -> None:
    """A snapshot, or what memory gives after any offset, and then the frames, are the whole log."""
    view, offset = view_at(recent_kept=recent_kept), 0
    log: list[LogEvent] = []
    for size in cuts:
        news = [entry(offset + n + 1) for n in range(size)]
        offset += size
        log += news
        view.take(news)
        view.cut()
    view.take([entry(offset + 1)])  # not in a frame yet, so not in what newcomers get
    assert decode_state(view.snapshot()).comments == fold_all(EMPTY, log).comments
    after = data.draw(st.integers(0, offset))
    missed = view.missed(after)
    if missed is None:
        assert offset - after > recent_kept
    else:
        assert [e.offset for e in missed] == list(range(after + 1, view.to + 1))
    frame = view.cut()
    assert frame is not None
    assert frame.first == offset + 1


def test_an_entry_of_another_epoch_is_a_hole() -> None:
    view = view_at(3)
    assert not view.take([entry(4, epoch="later")])
    assert not view.has_news


def test_a_hole_keeps_what_came_before_it() -> None:
    view = view_at(3)
    assert not view.take([entry(4), entry(6)])
    assert view.head == 4
    assert view.take([entry(5), entry(6)])
    frame = view.cut()
    assert frame is not None
    assert (frame.first, frame.to, len(frame.items)) == (4, 6, 3)
    assert view.cut() is None


def test_deleted_words_leave_frames_memory_and_snapshot_at_once() -> None:
    view = view_at()
    reply = {"id": "id-1", "name": "lin", "text": WORDS}
    view.take([entry(1), entry(2, text="nice", reply_to=reply)])
    view.cut()
    view.take([entry(3), entry(4, text="yes", reply_to=reply)])
    view.correct(
        Corrections(deleted=frozenset({"id-1", "id-3"}))
    )  # before the deletions themselves have come
    assert WORDS.encode() not in view.snapshot()
    assert [c.id for c in view.state.comments] == ["id-2"]
    recovered = view.missed(0)
    assert recovered is not None
    view.take([entry(5, "comment.deleted", id="id-1"), entry(6, "comment.deleted", id="id-3")])
    frame = view.cut()
    assert frame is not None
    assert WORDS.encode() not in b"".join([*frame.items, *(e.body for e in recovered)])
    assert orjson.loads(frame.items[0])["data"] == {"deleted": True}
    assert [c.id for c in view.state.comments] == ["id-2", "id-4"]


def test_a_deletion_is_urgent_and_a_comment_is_not() -> None:
    view = view_at()
    view.take([entry(1)])
    assert not view.urgent
    view.take([entry(2, "comment.deleted", id="id-1")])
    assert view.urgent
    view.cut()
    assert not view.urgent


def test_the_answer_to_enter_is_a_snapshot_or_what_was_missed() -> None:
    view = view_at()
    view.take([entry(1), entry(2, visibility=Visibility.SENDER), entry(3)])
    view.cut()
    snapshot = room_part(view, None, "lin")
    assert (snapshot["recovered"], snapshot["offset"], snapshot["skipped"]) == (False, 3, {})
    own = room_part(view, view.missed(0), "lin")
    assert (own["recovered"], len(own["items"]), own["skipped"]) == (True, 3, {})
    others = room_part(view, view.missed(0), "wu")
    assert (len(others["items"]), others["skipped"]) == (2, {"comment": 1})
    assert room_part(view, view.missed(0), None)["skipped"] == {"comment": 1}


def test_words_read_from_sql_before_their_deletion_are_taken_out_of_the_answer() -> None:
    view = view_at(2)
    missed = [entry(1), entry(2, "comment.deleted", id="id-1")]
    answer = orjson.dumps(room_part(view, missed, "lin"))
    assert WORDS.encode() not in answer


def test_what_can_be_recovered() -> None:
    view = view_at(100)
    assert recoverable(view, Position(epoch=EPOCH, offset=90), 10)
    assert recoverable(view, Position(epoch=EPOCH, offset=100), 10)
    assert not recoverable(view, Position(epoch=EPOCH, offset=89), 10)
    assert not recoverable(view, Position(epoch=EPOCH, offset=101), 10)
    assert not recoverable(view, Position(epoch="other", offset=100), 10)
    assert not recoverable(view, None, 10)


def spoken(offset: int, *badges: str) -> LogEvent:
    """A comment of somebody with badges."""
    who = {"id": "lin", "name": "Lin", "badges": list(badges)}
    body = encode_event(
        event_id=f"id-{offset}", offset=offset, kind="comment", at_ms=offset, user=who, data={"text": "hello"}
    )
    return LogEvent(ROOM, EPOCH, offset, f"id-{offset}", "comment", offset, "lin", Visibility.ALL, body, None)


Said = st.sampled_from(["viewer", "fan:7", "hidden", "host", "moderator", "pin", "deletion"])


@given(st.lists(Said, min_size=1, max_size=30))
def test_a_shortened_frame_accounts_for_the_same_span(kinds: list[str]) -> None:
    """It is without the viewers' comments and nothing else, and no entry is missing without a word."""
    view = view_at()
    for offset, kind in enumerate(kinds, 1):
        if kind in ("pin", "deletion"):
            view.take([entry(offset, {"pin": "product.pinned", "deletion": "comment.deleted"}[kind], id="x")])
        elif kind == "hidden":
            view.take([entry(offset, visibility=Visibility.SENDER)])
        else:
            view.take([spoken(offset, *([kind] if kind != "viewer" else []))])
    frame = view.cut()
    assert frame is not None
    short = frame.shortened()
    assert (short.first, short.to, short.epoch, short.room_id) == (1, len(kinds), EPOCH, ROOM)
    kept = [orjson.loads(item)["offset"] for item in short.items]
    assert kept == [
        offset for offset, kind in enumerate(kinds, 1) if kind not in ("viewer", "fan:7", "hidden")
    ]
    for each in (frame, short):
        left_out = each.payload()["skipped"].get("comment", 0)
        assert len(each.items) + left_out == len(kinds)
    assert frame.has_comments or short == frame


def restored(offset: int, comment: LogEvent) -> LogEvent:
    """What brings a hidden comment back, as the log has it."""
    event = entry(offset, "comment.restored", id=comment.id, comment=orjson.loads(comment.body))
    return replace(event, reply_to=comment.id)


def test_a_comment_that_was_brought_back_reaches_who_was_away() -> None:
    """Also from SQL, where its words are in their place again while its deletion is in the log still."""
    comment = entry(1)
    log = [comment, entry(2, "comment.deleted", id=comment.id), restored(3, comment)]
    view = view_at()
    assert view.take(log)
    view.cut()
    items = [orjson.loads(orjson.dumps(item)) for item in room_part(view, log, None)["items"]]
    assert items[0]["data"]["text"] == f"{WORDS} 1"
    assert items[2]["data"]["comment"]["data"]["text"] == f"{WORDS} 1"
    assert [c.id for c in view.state.comments] == [comment.id]


def test_a_comment_that_was_brought_back_and_deleted_after_all_leaves_no_words() -> None:
    comment = entry(1)
    log = [comment, entry(2, "comment.deleted", id=comment.id), restored(3, comment)]
    view = view_at()
    assert view.take(log)
    view.cut()
    gone = entry(4, "comment.deleted", id=comment.id)
    assert view.take([gone])
    view.correct(corrections([gone]))
    view.cut()
    kept = view.missed(0)
    assert kept is not None
    assert not any(WORDS.encode() in event.body for event in kept)
    assert WORDS.encode() not in view.snapshot()
    missed = [*log, entry(4, "comment.deleted", id=comment.id)]
    assert WORDS not in str(orjson.loads(orjson.dumps(room_part(view, missed, None))))
