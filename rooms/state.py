"""The state of a room is the fold of its log: ``fold(state, event) -> state``, pure, the same on every node
and in the browser (``clients/web/src/live/fold.ts``; both are held to ``tests/vectors/fold.json``).

Comments stay encoded: the fold looks inside them only for what a correction takes back, so a node that only
passes a comment on doesn't decode it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from rooms.corrections import Corrections, corrections
from rooms.log import LogEvent, Visibility

FOLD_VERSION = 7
COMMENTS_KEPT = 50
PINS_KEPT = 3
COUPONS_KEPT = 5
PLAYS_KEPT = 5
GUESTS_KEPT = 15
BLURRED_KEPT = GUESTS_KEPT + 1

Product = Mapping[str, Any]
Sale = Mapping[str, Any]
Coupon = Mapping[str, Any]
Play = Mapping[str, Any]
Stage = Mapping[str, Any]

SETTINGS: Mapping[str, Any] = {
    "slow_mode_s": 0,
    "who_may_comment": "everyone",
    "followed_for_s": 0,
    "member_level": 1,
    "emoji_only": False,
    "shield": None,
}
"""A room's settings as it begins. What isn't in here is no setting."""

EMPTY_STAGE: Stage = {"layout": "host", "guests": []}


@dataclass(frozen=True, slots=True)
class Shown:
    """A comment in the state: its id, and the event as it goes over the wire."""

    id: str
    body: bytes


@dataclass(frozen=True, slots=True)
class RoomState:
    """What a newcomer sees. ``room`` and ``settings`` are as docs/protocol.md has them. ``plays`` are what
    one can take part in (lotteries, packets, quizzes, polls; each says its ``kind``), the newest first.
    ``stage`` is who is seen beside the host, first come first, and how."""

    room: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    products: tuple[Product, ...] = ()
    pins: tuple[str, ...] = ()
    comments: tuple[Shown, ...] = ()
    sales: tuple[Sale, ...] = ()
    coupons: tuple[Coupon, ...] = ()
    explaining: str | None = None
    plays: tuple[Play, ...] = ()
    stage: Stage = field(default_factory=lambda: EMPTY_STAGE)


EMPTY = RoomState()


def fold(state: RoomState, event: LogEvent) -> RoomState:
    """The state after ``event``. Unknown kinds change nothing."""
    if event.kind == "comment":
        if event.visibility != Visibility.ALL:
            return state
        return _commented(state, [Shown(event.id, event.body)])
    rule = _RULES.get(event.kind)
    return rule(state, event) if rule else state


def fold_all(state: RoomState, events: Iterable[LogEvent]) -> RoomState:
    """The same, event by event; comments that follow each other are put in together, as most events are."""
    said: list[Shown] = []
    for event in events:
        if event.kind != "comment":
            state, said = fold(_commented(state, said), event), []
        elif event.visibility == Visibility.ALL:
            said.append(Shown(event.id, event.body))
    return _commented(state, said)


def _commented(state: RoomState, said: list[Shown]) -> RoomState:
    if not said:
        return state
    return replace(state, comments=(*state.comments, *said)[-COMMENTS_KEPT:])


def _created(state: RoomState, event: LogEvent) -> RoomState:
    data = event.data
    room = {
        "id": event.room_id,
        "title": data["title"],
        "status": "idle",
        "host": data["host"],
        "started_at_ms": None,
        "ended_at_ms": None,
    }
    return RoomState(room=room, settings=SETTINGS)


def _status(state: RoomState, event: LogEvent) -> RoomState:
    status = event.data["status"]
    room = {**state.room, "status": status}
    if status == "live" and state.room.get("status") in ("idle", "ended"):
        room |= {"started_at_ms": event.at_ms, "ended_at_ms": None}
    if status == "ended":
        room["ended_at_ms"] = event.at_ms
        if "pause" in room:
            room["pause"] = {**room["pause"], "on": False}
        return replace(state, room=room, stage=EMPTY_STAGE)
    return replace(state, room=room)


def _paused(state: RoomState, event: LogEvent) -> RoomState:
    pause = {"on": event.data["on"], "picture": event.data["picture"]}
    return replace(state, room={**state.room, "pause": pause})


def _changed(state: RoomState, event: LogEvent) -> RoomState:
    data = event.data
    room = {**state.room, "title": data["title"]} if "title" in data else state.room
    settings = {**state.settings, **{k: v for k, v in data.items() if k in state.settings}}
    return replace(state, room=room, settings=settings)


def _corrected(state: RoomState, event: LogEvent) -> RoomState:
    return corrected(state, corrections([event]))


def corrected(state: RoomState, by: Corrections) -> RoomState:
    """The state without what was taken back of its comments. A reply keeps its place, but not the words that
    it quotes."""
    bodies = ((comment, by.of_body(comment.body)) for comment in state.comments)
    kept = [
        comment if body is comment.body else Shown(comment.id, body)
        for comment, body in bodies
        if body is not None
    ]
    return replace(state, comments=tuple(kept))


def _avatar_removed(state: RoomState, event: LogEvent) -> RoomState:
    """Nobody's browser is to show from its memory what a moderator has taken down."""
    return replace(state, comments=tuple(_faceless(c, event.data["user"]) for c in state.comments))


def _faceless(comment: Shown, user_id: str) -> Shown:
    if b'"avatar"' not in comment.body:
        return comment
    wire = orjson.loads(comment.body)
    user = wire.get("user") or {}
    if user.get("id") != user_id or user.pop("avatar", None) is None:
        return comment
    return Shown(comment.id, orjson.dumps(wire))


def _comment_restored(state: RoomState, event: LogEvent) -> RoomState:
    """A comment that was hidden is in its place again, if it is one of those that are kept."""
    comment = event.data.get("comment")
    if comment is None or any(c.id == comment["id"] for c in state.comments):
        return state
    later = sum(orjson.loads(c.body)["offset"] > comment["offset"] for c in state.comments)
    place = len(state.comments) - later
    shown = Shown(comment["id"], orjson.dumps(comment))
    comments = (*state.comments[:place], shown, *state.comments[place:])
    return replace(state, comments=comments[-COMMENTS_KEPT:])


def _product_added(state: RoomState, event: LogEvent) -> RoomState:
    return replace(state, products=(*state.products, event.data["product"]))


def _product_changed(state: RoomState, event: LogEvent) -> RoomState:
    new = event.data["product"]
    return replace(state, products=tuple(new if p["id"] == new["id"] else p for p in state.products))


def _product_removed(state: RoomState, event: LogEvent) -> RoomState:
    gone = event.data["id"]
    return replace(
        state,
        products=tuple(p for p in state.products if p["id"] != gone),
        pins=tuple(p for p in state.pins if p != gone),
        explaining=None if state.explaining == gone else state.explaining,
    )


def _product_moved(state: RoomState, event: LogEvent) -> RoomState:
    """To its place, from 1; the shelf is numbered anew, as it is in SQL."""
    moved = event.data["id"]
    shelf = [p for p in state.products if p["id"] != moved]
    place = event.data["position"] - 1
    shelf[place:place] = [p for p in state.products if p["id"] == moved]
    return replace(state, products=tuple({**p, "position": n} for n, p in enumerate(shelf, 1)))


def _explaining(state: RoomState, event: LogEvent) -> RoomState:
    product = event.data["product"]
    if event.kind == "explaining.started":
        return replace(state, explaining=product)
    return replace(state, explaining=None) if state.explaining == product else state


def _pinned(state: RoomState, event: LogEvent) -> RoomState:
    new = event.data["id"]
    return replace(state, pins=(new, *(p for p in state.pins if p != new))[:PINS_KEPT])


def _unpinned(state: RoomState, event: LogEvent) -> RoomState:
    gone = event.data["id"]
    return replace(state, pins=tuple(p for p in state.pins if p != gone))


def _sale(state: RoomState, event: LogEvent) -> RoomState:
    """Announced, or begun: what was announced before keeps its place."""
    new = event.data["sale"]
    if any(sale["id"] == new["id"] for sale in state.sales):
        return replace(state, sales=tuple(new if s["id"] == new["id"] else s for s in state.sales))
    return replace(state, sales=(*state.sales, new))


def _sale_ended(state: RoomState, event: LogEvent) -> RoomState:
    gone = event.data["id"]
    return replace(state, sales=tuple(s for s in state.sales if s["id"] != gone))


def _coupon_dropped(state: RoomState, event: LogEvent) -> RoomState:
    new = event.data["coupon"]
    others = (c for c in state.coupons if c["id"] != new["id"])
    return replace(state, coupons=(new, *others)[:COUPONS_KEPT])


def _coupon_closed(state: RoomState, event: LogEvent) -> RoomState:
    gone = event.data["id"]
    return replace(state, coupons=tuple(c for c in state.coupons if c["id"] != gone))


def _play(state: RoomState, event: LogEvent) -> RoomState:
    """A lottery, red packet, quiz or poll begins, or goes on: then it keeps its place. Of each kind only the
    newest few are kept; the others go on without being shown to newcomers."""
    kind = event.kind.partition(".")[0]
    new = {**event.data[kind], "kind": kind}
    if any(play["id"] == new["id"] for play in state.plays):
        return replace(state, plays=tuple(new if p["id"] == new["id"] else p for p in state.plays))
    others = [play for play in state.plays if play["kind"] == kind][PLAYS_KEPT - 1 :]
    return replace(state, plays=(new, *(play for play in state.plays if play not in others)))


def _play_ended(state: RoomState, event: LogEvent) -> RoomState:
    gone = event.data["id"]
    return replace(state, plays=tuple(play for play in state.plays if play["id"] != gone))


def _guest_joined(state: RoomState, event: LogEvent) -> RoomState:
    new = {"slot": event.data["slot"], "user": event.data["user"], "since_ms": event.at_ms}
    others = [guest for guest in state.stage["guests"] if guest["slot"] != new["slot"]]
    return replace(state, stage={**state.stage, "guests": [*others, new][:GUESTS_KEPT]})


def _guest_left(state: RoomState, event: LogEvent) -> RoomState:
    """Where the one who left was the big one, that is the host again."""
    slot = event.data["slot"]
    guests = [guest for guest in state.stage["guests"] if guest["slot"] != slot]
    layout = state.stage["layout"]
    return replace(state, stage={"layout": "host" if layout == f"guest:{slot}" else layout, "guests": guests})


def _layout(state: RoomState, event: LogEvent) -> RoomState:
    return replace(state, stage={**state.stage, "layout": event.data["layout"]})


def _blurred(state: RoomState, event: LogEvent) -> RoomState:
    """The room says which pictures are blurred: ``host``, or a guest's slot. If none is, it says nothing."""
    name = event.data["stream"]
    blurred = [other for other in state.room.get("blurred", ()) if other != name]
    if event.data["on"]:
        blurred = [*blurred, name][:BLURRED_KEPT]
    room = {key: value for key, value in state.room.items() if key != "blurred"}
    return replace(state, room=room | ({"blurred": blurred} if blurred else {}))


def _recording(state: RoomState, event: LogEvent) -> RoomState:
    """While the stream is recorded, the room says as what."""
    which = event.data["id"]
    if event.kind == "recording.started":
        return replace(state, room={**state.room, "recording": which})
    if state.room.get("recording") != which:
        return state
    return replace(state, room={name: value for name, value in state.room.items() if name != "recording"})


_RULES = {
    "room.created": _created,
    "room.status": _status,
    "room.changed": _changed,
    "room.pause": _paused,
    "comment.deleted": _corrected,
    "comment.masked": _corrected,
    "comment.purged": _corrected,
    "comment.restored": _comment_restored,
    "avatar.removed": _avatar_removed,
    "product.added": _product_added,
    "product.changed": _product_changed,
    "product.removed": _product_removed,
    "product.moved": _product_moved,
    "product.pinned": _pinned,
    "product.unpinned": _unpinned,
    "sale.scheduled": _sale,
    "sale.started": _sale,
    "sale.ended": _sale_ended,
    "coupon.dropped": _coupon_dropped,
    "coupon.closed": _coupon_closed,
    "explaining.started": _explaining,
    "explaining.stopped": _explaining,
    "lottery.opened": _play,
    "lottery.closed": _play,
    "lottery.drawn": _play,
    "lottery.ended": _play_ended,
    "packet.opened": _play,
    "packet.ended": _play_ended,
    "quiz.opened": _play,
    "quiz.asked": _play,
    "quiz.closed": _play,
    "quiz.ended": _play_ended,
    "poll.opened": _play,
    "poll.closed": _play,
    "poll.ended": _play_ended,
    "guest.joined": _guest_joined,
    "guest.left": _guest_left,
    "stage.layout": _layout,
    "stream.blurred": _blurred,
    "recording.started": _recording,
    "recording.stopped": _recording,
}


def encode_state(state: RoomState) -> bytes:
    """The snapshot as it goes over the wire, and as a checkpoint keeps it."""
    return orjson.dumps(
        {
            "room": state.room,
            "settings": state.settings,
            "products": state.products,
            "pins": state.pins,
            "coupons": state.coupons,
            "comments": [orjson.Fragment(c.body) for c in state.comments],
            "sales": state.sales,
            "explaining": state.explaining,
            "plays": state.plays,
            "stage": state.stage,
        }
    )


def decode_state(encoded: bytes) -> RoomState:
    """The inverse of :func:`encode_state`."""
    plain = orjson.loads(encoded)
    return RoomState(
        room=plain["room"],
        settings=plain["settings"],
        products=tuple(plain["products"]),
        pins=tuple(plain["pins"]),
        coupons=tuple(plain["coupons"]),
        comments=tuple(Shown(c["id"], orjson.dumps(c)) for c in plain["comments"]),
        sales=tuple(plain["sales"]),
        explaining=plain["explaining"],
        plays=tuple(plain["plays"]),
        stage=plain["stage"],
    )
