"""Who may send which command: docs/protocol.md's table of commands, cell by cell, in a real room."""

from __future__ import annotations

import random
from ipaddress import ip_address
from typing import Any

import pytest
from sqlalchemy import select

from rooms.play.lotteries.store import lotteries_table
from rooms.play.polls.store import polls_table
from rooms.ports import Caller
from rooms.rows import new_id
from server.auth import Identity
from server.commands import SPECS
from server.signins import Place, SignIns
from server.store.group import Work
from tests.contract.house import (
    GUEST,
    HOST,
    MODERATOR,
    OPERATOR,
    OTHER,
    SENIOR,
    VIEWER,
    House,
)
from tests.contract.quiz_house import ended

ROLES = {
    "guest": GUEST,
    "viewer": VIEWER,
    "moderator": MODERATOR,
    "senior": SENIOR,
    "host": HOST,
    "operator": OPERATOR,
}
# Written out from the wire specification; "self": not to oneself; "own": the order's buyer, whoever that is.
TABLE = """
                 guest viewer moderator senior host operator
comment          -     x      x         x      x    x
buy              -     x      x         x      x    x
order.pay        -     own    own       own    own  own
wallet.topup     -     x      x         x      x    x
order.cancel     -     own    own       own    own  own
order.address    -     won    won       won    won  won
order.refund     -     -      -         -      x    x
sale.start       -     -      -         -      x    x
sale.end         -     -      -         -      x    x
coupon.create    -     -      -         -      x    x
coupon.drop      -     -      -         -      x    x
coupon.close     -     -      -         -      x    x
coupon.claim     -     x      x         x      x    x
lottery.create   -     -      -         -      x    x
lottery.enter    -     x      x         x      -    -
lottery.check    -     x      x         x      x    x
lottery.draw     -     -      -         -      x    x
lottery.cancel   -     -      -         -      x    x
lottery.claim    -     won    won       won    won  won
moderate.mute    -     -      x         x      x    x
mute.long        -     -      -         x      x    x
mute.forever     -     -      -         x      x    x
moderate.unmute  -     -      x         x      x    x
mute.everywhere  -     -      -         -      -    x
unmute.everywhere -    -      -         -      -    x
moderate.ban     -     -      -         x      x    x
ban.forever      -     -      -         x      x    x
ban.everywhere   -     -      -         -      -    x
moderate.unban   -     -      -         x      x    x
unban.everywhere -     -      -         -      -    x
moderate.shadow  -     -      -         x      x    x
moderate.unshadow -    -      -         x      x    x
moderate.warn    -     -      x         x      x    x
moderate.unwarn  -     -      x         x      x    x
moderate.watch   -     -      x         x      x    x
moderate.unwatch -     -      x         x      x    x
moderate.restrict -    -      x         x      x    x
moderate.unrestrict -  -      x         x      x    x
moderate.note    -     -      x         x      x    x
moderate.note.delete - -      x         x      x    x
moderate.ban_address - -      -         -      x    x
address.everywhere -   -      -         -      -    x
moderate.unban_address - -    -         -      x    x
warning.accept   -     none   none      none   none none
moderate.delete  -     -      x         x      x    x
picture.clear    -     -      x         x      -    x
avatar.remove    -     -      x         x      x    x
sound.clear      -     -      x         x      -    x
moderate.mask    -     -      x         x      x    x
moderate.purge   -     -      -         x      x    x
report           -     x      x         x      x    x
appeal           -     own    own       own    own  none
review.claim     -     -      x         x      x    x
review.release   -     -      x         x      x    x
review.decide    -     -      x         x      x    x
product.add      -     -      -         -      x    x
product.change   -     -      -         -      x    x
product.remove   -     -      -         -      x    x
product.delete   -     -      -         -      x    x
sku.delete       -     -      -         -      x    x
shelf.add        -     -      -         -      x    x
shelf.move       -     -      -         -      x    x
explain.start    -     -      -         -      x    x
explain.stop     -     -      -         -      x    x
pin              -     -      -         -      x    x
unpin            -     -      -         -      x    x
quiz.start       -     -      -         -      x    x
quiz.ask         -     -      -         -      x    x
quiz.answer      -     x      x         x      -    -
quiz.close       -     -      -         -      x    x
quiz.end         -     -      -         -      x    x
quiz.check       -     x      x         x      x    x
poll.start       -     -      -         -      x    x
poll.vote        -     x      x         x      x    x
poll.close       -     -      -         -      x    x
poll.check       -     x      x         x      x    x
recording.start  -     -      -         -      x    x
recording.stop   -     -      -         -      x    x
room.change      -     -      -         -      x    x
room.modes       -     -      -         x      x    x
room.pause       -     -      -         -      x    x
room.end         -     -      -         -      x    x
room.grant       -     -      -         -      x    x
gift             -     x      x         x      self x
gift.refund      -     -      -         -      -    x
packet.send      -     x      x         x      x    x
packet.open      -     x      x         x      x    x
guest.ask        -     x      x         x      self x
guest.withdraw   -     x      x         x      x    x
guest.invite     -     -      -         x      x    x
guest.answer     -     x      x         x      x    x
guest.remove     -     -      -         x      x    x
stage.layout     -     -      -         x      x    x
like             -     x      x         x      x    x
follow           -     x      x         x      self x
unfollow         -     x      x         x      x    x
share            -     x      x         x      x    x
points.redeem    -     poor   poor      poor   poor poor
"""
HEADER, *ROWS = TABLE.strip("\n").splitlines()
COMMANDS = [row.split()[0] for row in ROWS]
ANSWERED_ELSEWHERE = {"publish.token", "gift.top", "packet.opens"}  # not by the domain
# What a row beyond the commands' names sends.
NAMES = {
    "mute.long": "moderate.mute",
    "mute.forever": "moderate.mute",
    "mute.everywhere": "moderate.mute",
    "unmute.everywhere": "moderate.unmute",
    "ban.forever": "moderate.ban",
    "ban.everywhere": "moderate.ban",
    "unban.everywhere": "moderate.unban",
    "address.everywhere": "moderate.ban_address",
}


TARGET = Caller("u-target", "Target")
"""Whoever is banned buys and plays no more, which others of these requests have ``OTHER`` do."""

ON_OTHER: dict[str, dict[str, Any]] = {
    "comment": {"text": "hello"},
    "like": {"count": 1},
    "moderate.mute": {"user": OTHER.id, "seconds": 86_400, "reason": ""},
    "mute.long": {"user": OTHER.id, "seconds": 86_401, "reason": ""},
    "mute.forever": {"user": OTHER.id, "seconds": None, "reason": ""},
    "mute.everywhere": {"user": TARGET.id, "seconds": 60, "reason": "", "everywhere": True},
    "moderate.unmute": {"user": OTHER.id},
    "unmute.everywhere": {"user": TARGET.id, "everywhere": True},
    "moderate.ban": {"user": TARGET.id, "seconds": 60, "reason": ""},
    "ban.forever": {"user": TARGET.id, "seconds": None, "reason": ""},
    "ban.everywhere": {"user": TARGET.id, "seconds": 60, "reason": "", "everywhere": True},
    "moderate.unban": {"user": TARGET.id},
    "unban.everywhere": {"user": TARGET.id, "everywhere": True},
    "moderate.shadow": {"user": TARGET.id, "seconds": 60, "reason": ""},
    "moderate.unshadow": {"user": TARGET.id},
    "moderate.warn": {"user": TARGET.id, "reason": ""},
    "moderate.unwarn": {"user": TARGET.id},
    "moderate.watch": {"user": TARGET.id, "seconds": 60, "reason": ""},
    "moderate.unwatch": {"user": TARGET.id},
    "moderate.restrict": {"user": TARGET.id, "seconds": None, "reason": ""},
    "moderate.unrestrict": {"user": TARGET.id},
    "moderate.note": {"user": TARGET.id, "text": "asked twice"},
    "warning.accept": {"warning": "w"},
    "wallet.topup": {"pack": "small"},
    "product.add": {"title": "T", "price_minor": 1, "currency": "CNY", "stock": 1},
    "room.change": {"slow_mode_s": 0},
    "room.modes": {"slow_mode_s": 0},
    "explain.stop": {},
    "stage.layout": {"layout": "grid"},
    "room.pause": {"on": False},
    "picture.clear": {},
    "sound.clear": {},
    "room.end": {},
    "share": {},
    "follow": {},
    "unfollow": {},
    "room.grant": {"user": OTHER.id, "role": "viewer"},
}


# What has to be in force, given by who ranks lowest of those who may: nobody lifts what is from above.
LIFTS = {
    "moderate.unmute": ("moderate.mute", MODERATOR),
    "unmute.everywhere": ("mute.everywhere", OPERATOR),
    "moderate.unban": ("moderate.ban", SENIOR),
    "unban.everywhere": ("ban.everywhere", OPERATOR),
    "moderate.unshadow": ("moderate.shadow", SENIOR),
    "moderate.unwarn": ("moderate.warn", MODERATOR),
    "moderate.unwatch": ("moderate.watch", MODERATOR),
    "moderate.unrestrict": ("moderate.restrict", MODERATOR),
}
# Who may, and can't nevertheless.
UNLUCKY = {
    ("gift", "self"): "gift_to_self",
    ("follow", "self"): "follow_self",
    ("guest.ask", "self"): "forbidden",
    ("lottery.claim", "won"): "not_won",
    ("order.address", "won"): "not_found",
    ("appeal", "none"): "not_found",
    ("points.redeem", "poor"): "insufficient_points",
    ("warning.accept", "none"): "not_found",
}


async def payload(house: House, command: str, caller: Caller) -> dict[str, Any]:  # noqa: C901  a row each
    """A request that only the caller's role can make fail."""
    await house.sign_in(TARGET)
    if (lift := NAMES.get(command, command).replace("moderate.", "moderate.un")) in LIFTS:
        target = {
            name: ON_OTHER[command][name] for name in ("user", "everywhere") if name in ON_OTHER[command]
        }
        await house.do(lift, OPERATOR, **target)
    if command in LIFTS:
        sanction, by = LIFTS[command]
        # What an earlier command's payload has left in force may be from above, and would stand in the way.
        await house.do(NAMES.get(command, command), OPERATOR, **ON_OTHER[command])
        await house.ok(NAMES.get(sanction, sanction), by, **ON_OTHER[sanction])
    if command in ON_OTHER:
        return ON_OTHER[command]
    if command in ("moderate.delete", "moderate.mask", "moderate.purge"):
        event = (await house.say(Caller("u-talker", "T"), "delete me"))["id"]
        return {"user": "u-talker"} if command == "moderate.purge" else {"event": event}
    if command in OF_EVASION:
        return await evasion_payload(house, command, caller)
    if own := OF_PART.get(command.partition(".")[0]):
        return await own(house, command, caller)
    if command == "points.redeem":
        return {"offer": await house.offer()}
    product, sku = await house.product()
    sale = {"sku": sku, "price_minor": 1, "quantity": 1, "per_buyer": 1, "duration_s": 60}
    if command == "sale.start":
        return sale
    if command == "sale.end":
        return {"sale": (await house.ok("sale.start", OPERATOR, **sale))["sale"]["id"]}
    if command == "order.refund":
        order = (await house.ok("buy", OTHER, sku=sku, qty=1))["order"]["id"]
        await house.ok("order.pay", OTHER, order=order)
        return {"order": order, "reason": "broken"}
    if command == "order.address":
        order = (await house.ok("buy", OTHER if caller.id is None else caller, sku=sku, qty=1))["order"]["id"]
        return {"order": order, "address": {"name": "Lin", "lines": ["Tea Street 8"]}}
    if command == "buy":
        return {"sku": sku, "qty": 1}
    if command in ("order.pay", "order.cancel"):
        buyer = OTHER if caller.id is None else caller
        return {"order": (await house.ok("buy", buyer, sku=sku, qty=1))["order"]["id"]}
    if command == "sku.delete":
        large = {"name": "Large", "price_minor": 1, "stock": 1}
        await house.ok("product.change", OPERATOR, product=product, skus=[large])
    more: dict[str, dict[str, Any]] = {"product.change": {"title": "New"}, "shelf.move": {"position": 1}}
    more["sku.delete"] = {"sku": sku}
    return {"product": product} | more.get(command, {})


OF_EVASION = {"moderate.note.delete", "moderate.ban_address", "moderate.unban_address", "address.everywhere"}


async def evasion_payload(house: House, command: str, caller: Caller) -> dict[str, Any]:
    """One's own note, as not everybody may delete those of others; and somebody who came from somewhere."""
    if command == "moderate.note.delete":
        writer = caller if caller in (MODERATOR, SENIOR, HOST, OPERATOR) else HOST
        text = {"user": TARGET.id, "text": "asked twice"}
        return {"note": (await house.ok("moderate.note", writer, **text))["note"]["id"]}
    place = Place(ip_address("203.0.113.7"))
    await SignIns(house.store, house.tracer).note(Identity(TARGET.id, TARGET.name), place)
    ban = {"user": TARGET.id, "seconds": 600, "reason": ""}
    if command == "moderate.unban_address":
        return {"ban": (await house.ok("moderate.ban_address", HOST, **ban))["ban"]["id"]}
    return ban | ({"everywhere": True} if command == "address.everywhere" else {})


async def gift_payload(house: House, command: str, caller: Caller) -> dict[str, Any]:
    await house.go_live()
    for giver in (caller, OTHER):
        if giver.id is not None:
            await house.grant_coins(giver, 10)
    if command == "gift":
        return {"gift": "rose"}
    return {"gift": (await house.ok("gift", OTHER, gift="rose"))["event"]["id"], "reason": "by mistake"}


async def lottery_payload(house: House, command: str, caller: Caller) -> dict[str, Any]:
    """A lottery of a product each, as three may run in a room at a time: those before are called off."""
    _, sku = await house.product()
    running = select(lotteries_table.c.id).where(
        lotteries_table.c.phase == "open", lotteries_table.c.room_id == house.room
    )
    for row in await house.rows(running):
        await house.ok("lottery.cancel", OPERATOR, lottery=row["id"])
    terms = {"title": "L", "seconds": 60, "prizes": [{"kind": "product", "ref": sku, "count": 1}]}
    if command == "lottery.create":
        return terms
    lottery = (await house.ok("lottery.create", OPERATOR, **terms))["lottery"]["id"]
    return {"lottery": lottery} | ({"nonce": "0" * 32} if command == "lottery.enter" else {})


async def quiz_payload(house: House, command: str, caller: Caller) -> dict[str, Any]:
    """A quiz each, as one may run in a room at a time: the one before is ended."""
    await ended(house, OPERATOR)
    questions = [{"text": "Q", "options": ["a", "b"], "right": 0, "seconds": 5}]
    if command == "quiz.start":
        return {"title": "Q", "questions": questions}
    quiz = {"quiz": (await house.ok("quiz.start", OPERATOR, title="Q", questions=questions))["quiz"]["id"]}
    if command in ("quiz.answer", "quiz.close"):
        await house.ok("quiz.ask", OPERATOR, **quiz)
    return quiz | ({"question": 1, "option": 0} if command == "quiz.answer" else {})


async def poll_payload(house: House, command: str, caller: Caller) -> dict[str, Any]:
    query = select(polls_table.c.id).where(polls_table.c.phase == "open", polls_table.c.room_id == house.room)
    for row in await house.rows(query):
        await house.ok("poll.close", OPERATOR, poll=row["id"])
    terms = {"question": "Q", "options": ["a", "b"]}
    if command == "poll.start":
        return terms
    poll = {"poll": (await house.ok("poll.start", OPERATOR, **terms))["poll"]["id"]}
    return poll | ({"options": [0]} if command == "poll.vote" else {})


async def packet_payload(house: House, command: str, caller: Caller) -> dict[str, Any]:
    await house.picture("publishing")
    for sender in (caller, OTHER):
        if sender.id is not None:
            await house.grant_coins(sender, 1)
    terms = {"coins": 1, "count": 1}
    if command == "packet.send":
        return terms
    return {"packet": (await house.ok("packet.send", OTHER, **terms))["packet"]["id"]}


async def guest_payload(house: House, command: str, caller: Caller) -> dict[str, Any]:
    await house.picture("publishing")
    await house.ok("guest.withdraw", OTHER)
    if command == "guest.remove":
        await house.do("moderate.unmute", OPERATOR, **ON_OTHER["moderate.unmute"])
        await house.ok("guest.ask", OTHER)
    if command in ("guest.invite", "guest.remove"):
        return {"user": OTHER.id}
    return {"accept": False} if command == "guest.answer" else {}


async def coupon_payload(house: House, command: str, caller: Caller) -> dict[str, Any]:
    terms = {"title": "C", "kind": "fixed", "value": 1, "currency": "CNY", "quota": 9, "valid_s": 60}
    if command == "coupon.create":
        return terms
    window = {"claim_until_ms": house.now_ms + 60_000} if command == "coupon.claim" else {}
    coupon = {"coupon": (await house.ok("coupon.create", OPERATOR, **terms, **window))["coupon"]["id"]}
    return coupon | ({"seconds": 3} if command == "coupon.drop" else {})


async def review_payload(house: House, command: str, caller: Caller) -> dict[str, Any]:
    """A comment, reported where the command is about the queue."""
    event = (await house.say(Caller("u-talker", "T"), "report me"))["id"]
    if command == "report":
        return {"event": event, "why": "spam"}
    if command == "appeal":
        user = OTHER if caller in (GUEST, OPERATOR) else caller
        mute = await house.ok("moderate.mute", OPERATOR, user=user.id, seconds=60, reason="")
        return {"sanction": mute["sanction"]["id"], "text": "please"}
    # Somebody new each time: what has been judged of somebody's reports weighs.
    await house.ok("report", Caller(new_id(), "R"), event=event, why="spam")
    return {"item": event} | ({"decision": "uphold"} if command == "review.decide" else {})


async def recording_payload(house: House, command: str, caller: Caller) -> dict[str, Any]:
    await house.go_live()
    if command == "recording.stop":
        await house.ok("recording.start", OPERATOR)
    return {}


async def avatar_payload(house: House, command: str, caller: Caller) -> dict[str, Any]:
    """Somebody new each time, with a picture."""
    somebody = Caller(new_id(), "A")
    await house.sign_in(somebody)
    work = Work("avatar.set", lambda tx: house.services.avatars.set(tx, b"a face", somebody))
    assert (await house.store.write(work)).ok
    return {"user": somebody.id, "reason": ""}


OF_PART = {
    "avatar": avatar_payload,
    "guest": guest_payload,
    "recording": recording_payload,
    "coupon": coupon_payload,
    "gift": gift_payload,
    "lottery": lottery_payload,
    "quiz": quiz_payload,
    "poll": poll_payload,
    "packet": packet_payload,
    "appeal": review_payload,
    "report": review_payload,
    "review": review_payload,
}


@pytest.mark.parametrize("command", COMMANDS)
async def test_row(house: House, command: str) -> None:
    cells = dict(zip(HEADER.split(), ROWS[COMMANDS.index(command)].split()[1:], strict=True))
    name = NAMES.get(command, command)
    for role, caller in ROLES.items():
        request = await payload(house, command, caller)
        if cells[role] == "own":
            stranger = HOST if caller is not HOST else OTHER
            assert await house.code(name, stranger, **request) == "not_found"
        if code := UNLUCKY.get((name, cells[role])):
            assert await house.code(name, caller, **request) == code
        elif cells[role] == "-":
            head = len(await house.log())
            expected = "unauthenticated" if caller is GUEST else "forbidden"
            assert await house.code(name, caller, **request) == expected, role
            assert len(await house.log()) == head
        else:
            await house.ok(name, caller, **request)


def test_every_command_is_in_the_table() -> None:
    assert set(COMMANDS) - set(NAMES) == set(SPECS) - ANSWERED_ELSEWHERE


@pytest.mark.parametrize("seed", range(3))
async def test_rights_end_at_the_rooms_door(house: House, seed: int) -> None:
    """A host, a moderator and a senior moderator are viewers elsewhere."""
    await house.create("silk", Caller("u-silk", "Silk", may_host=True))
    event = await house.say(VIEWER, "hello", room="silk")
    for caller in (HOST, MODERATOR, SENIOR):
        mute = {"room": "silk", "user": VIEWER.id, "seconds": 60, "reason": ""}
        assert await house.code("moderate.mute", caller, **mute) == "forbidden"
        assert await house.code("moderate.delete", caller, room="silk", event=event["id"]) == "forbidden"
        assert await house.code("moderate.delete", caller, event=event["id"]) == "not_found"
        assert await house.code("room.end", caller, room="silk") == "forbidden"
    await house.ok("moderate.mute", MODERATOR, user=VIEWER.id, seconds=60, reason="")
    await house.say(VIEWER, "muted there, not here", room="silk")
    elsewhere = {"like", "lottery.check", "quiz.check", "poll.check"} | ANSWERED_ELSEWHERE
    names = sorted(set(SPECS) - elsewhere)
    for name in random.Random(seed).sample(names, len(names)):  # no command leans on the one before
        command = name if name != "moderate.mute" else "mute.long"
        request = {**await payload(house, command, OPERATOR), "room": "nowhere"}
        assert await house.code(name, OPERATOR, **request) == "room_not_found", name


async def test_what_is_malformed_changes_nothing(house: House) -> None:
    head = len(await house.log())
    for name in SPECS:
        for bad in ({"surprise": 1}, {"room": None}, {"room": 5}, {"room": "x" * 65}, {"key": "_" * 65}):
            request = {**await payload(house, "product.add", HOST), **bad}
            assert await house.code(name, OPERATOR, **request) == "bad_request"
        error = await house.error(name, OPERATOR, surprise=1)
        assert {"path", "message"} <= set(error["details"][0])
    for name in ("no.such.command", "", "__init__"):
        assert await house.code(name, OPERATOR) == "unknown_command"
    assert len(await house.log()) == head
