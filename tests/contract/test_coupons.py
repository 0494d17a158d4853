"""Coupons made, dropped and claimed: never more than there are, never more than one person may."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
import structlog.testing
from sqlalchemy import event, select

from moderation.audit import read_audit
from rooms.commands import CouponRef
from rooms.ports import Caller
from rooms.shop.coupons.store import claims_table, coupons_table, read_held
from rooms.steps import run_steps
from rooms.unit import Unit
from tests.contract.house import GUEST, HOST, MODERATOR, OTHER, ROOM, VIEWER, House, house_at, open_house

CROWD = [Caller(f"u-claimer{n:03}", f"Claimer {n}") for n in range(60)]
MINUTE = 60_000


async def made(house: House, **terms: Any) -> str:
    """A coupon's id."""
    plain = {"title": "30 off", "kind": "threshold", "value": 3000, "minimum_minor": 20_000}
    plain |= {"currency": "CNY", "quota": 5, "valid_s": 3600}
    answer = await house.ok("coupon.create", HOST, **(plain | terms))
    coupon_id: str = answer["coupon"]["id"]
    return coupon_id


async def dropped(house: House, *, seconds: int = 30, **terms: Any) -> str:
    coupon = await made(house, **terms)
    await house.ok("coupon.drop", HOST, coupon=coupon, seconds=seconds)
    return coupon


async def claims(house: House, coupon: str) -> list[dict[str, Any]]:
    return await house.rows(select(claims_table).where(claims_table.c.coupon_id == coupon))


async def claimed(house: House, coupon: str) -> int:
    (row,) = await house.rows(select(coupons_table.c.claimed).where(coupons_table.c.id == coupon))
    count: int = row["claimed"]
    return count


def shown(house: House) -> list[tuple[str, str]]:
    """The log's coupon events: kind, and coupon."""
    events = [e for e in house.events if e.kind.startswith("coupon.")]
    return [(e.kind, e.data.get("id") or e.data["coupon"]["id"]) for e in events]


async def test_a_drop_is_shown_claimed_and_closed(house: House) -> None:
    coupon = await made(house, per_person=2)
    assert shown(house) == []
    answer = await house.ok("coupon.drop", HOST, coupon=coupon, seconds=30)
    until = house.now_ms + 30_000
    assert answer["coupon"]["drop_until_ms"] == until
    (event,) = [e for e in house.events if e.kind == "coupon.dropped"]
    assert event.data["coupon"] == answer["coupon"]

    mine = (await house.ok("coupon.claim", VIEWER, coupon=coupon))["coupon"]
    assert mine == {
        "id": f"{coupon}.1",
        "coupon": coupon,
        "room": ROOM,
        "title": "30 off",
        "kind": "threshold",
        "value": 3000,
        "minimum_minor": 20_000,
        "product": None,
        "currency": "CNY",
        "stackable": False,
        "status": "free",
        "order": None,
        "claimed_at_ms": house.now_ms,
        "valid_until_ms": house.now_ms + 3_600_000,
    }
    (told,) = house.told(VIEWER, "coupon")
    assert told["data"] == {"coupon": mine, "status": "free"}

    house.now_ms = until - 1
    assert await house.run_timers() == 0
    assert (await house.ok("coupon.claim", VIEWER, coupon=coupon))["coupon"]["id"] == f"{coupon}.2"
    house.now_ms = until
    assert await house.code("coupon.claim", OTHER, coupon=coupon) == "over"
    assert await house.run_timers() == 1
    assert shown(house) == [("coupon.dropped", coupon), ("coupon.closed", coupon)]
    assert await house.code("coupon.claim", OTHER, coupon=coupon) == "over"


async def test_each_refusal_has_its_code(house: House) -> None:
    now = house.now_ms
    never = await made(house)
    error = await house.error("coupon.claim", VIEWER, coupon=never)
    assert (error["code"], error["temporary"]) == ("not_started", True)
    later = await made(house, claim_from_ms=now + MINUTE, claim_until_ms=now + 2 * MINUTE)
    error = await house.error("coupon.claim", VIEWER, coupon=later)
    assert (error["code"], error["retry_after_ms"]) == ("not_started", MINUTE)
    assert await house.code("coupon.drop", HOST, coupon=later, seconds=30) == "not_started"

    house.now_ms += MINUTE
    await house.ok("coupon.claim", VIEWER, coupon=later)
    error = await house.error("coupon.claim", VIEWER, coupon=later)
    assert (error["code"], error["details"]) == ("already_claimed", {"limit": 1})
    house.now_ms += MINUTE
    assert await house.code("coupon.claim", OTHER, coupon=later) == "over"
    assert await house.code("coupon.drop", HOST, coupon=later, seconds=30) == "over"

    scarce = await dropped(house, quota=1)
    await house.ok("coupon.claim", OTHER, coupon=scarce)
    error = await house.error("coupon.claim", VIEWER, coupon=scarce)
    assert (error["code"], error["temporary"]) == ("sold_out", False)
    assert await house.code("coupon.claim", OTHER, coupon=scarce) == "already_claimed"
    assert await house.code("coupon.claim", VIEWER, coupon="nothing") == "not_found"
    assert await house.code("coupon.claim", GUEST, coupon=scarce) == "unauthenticated"
    await house.create("silk")
    assert await house.code("coupon.claim", VIEWER, coupon=scarce, room="silk") == "not_found"
    assert await house.code("coupon.drop", HOST, coupon=scarce, seconds=30, room="silk") == "not_found"


async def test_a_temporary_refusal_is_not_remembered(house: House) -> None:
    coupon = await made(house)
    assert await house.code("coupon.claim", VIEWER, coupon=coupon, key="pressed-early") == "not_started"
    await house.ok("coupon.drop", HOST, coupon=coupon, seconds=30)
    first = await house.ok("coupon.claim", VIEWER, coupon=coupon, key="pressed-early")
    assert await house.ok("coupon.claim", VIEWER, coupon=coupon, key="pressed-early") == first
    assert await claimed(house, coupon) == 1


@pytest.mark.parametrize("act", ["coupon.create", "coupon.drop", "coupon.close"])
async def test_coupons_are_the_hosts(house: House, act: str) -> None:
    coupon = await made(house)
    payloads: dict[str, dict[str, Any]] = {
        "coupon.create": {
            "title": "x",
            "kind": "fixed",
            "value": 1,
            "currency": "CNY",
            "quota": 1,
            "valid_s": 60,
        },
        "coupon.drop": {"coupon": coupon, "seconds": 10},
        "coupon.close": {"coupon": coupon},
    }
    for caller in (VIEWER, MODERATOR):
        assert await house.code(act, caller, **payloads[act]) == "forbidden"
    await house.ok(act, HOST, **payloads[act])
    (entry,) = [r for r in await audit(house) if r["action"] == act][-1:]
    assert entry["actor"]["id"] == HOST.id


async def audit(house: House) -> list[dict[str, Any]]:
    return (await house.store.read(lambda conn: read_audit(conn, ROOM)))[::-1]


@pytest.mark.parametrize(
    "terms",
    [
        {"kind": "percent", "value": 101},
        {"kind": "percent", "value": 0},
        {"kind": "voucher"},
        {"kind": "threshold", "value": 3000, "minimum_minor": 2999},
        {"value": -1},
        {"quota": 0},
        {"per_person": 0},
        {"valid_until_ms": 1_900_000_000_000},
        {"valid_s": None},
        {"claim_from_ms": 2, "claim_until_ms": 2},
        {"currency": "yuan"},
    ],
)
async def test_terms_that_make_no_sense(house: House, terms: dict[str, Any]) -> None:
    plain = {"title": "x", "kind": "fixed", "value": 1, "currency": "CNY", "quota": 1, "valid_s": 60}
    assert await house.code("coupon.create", HOST, **(plain | terms)) == "bad_request"
    assert await house.rows(select(coupons_table)) == []


async def test_a_voucher_is_for_a_product_of_the_room(house: House) -> None:
    plain = {"title": "x", "kind": "voucher", "value": 1, "currency": "CNY", "quota": 1, "valid_s": 60}
    assert await house.code("coupon.create", HOST, product="nothing", **plain) == "not_found"
    product, _ = await house.product()
    await house.ok("coupon.create", HOST, product=product, **plain)
    await house.ok("product.remove", HOST, product=product)
    assert await house.code("coupon.create", HOST, product=product, **plain) == "not_found"
    over = {"claim_until_ms": house.now_ms}
    assert await house.code("coupon.create", HOST, **(plain | {"kind": "fixed"} | over)) == "over"


async def test_the_last_one_closes_the_drop(house: House) -> None:
    coupon = await dropped(house, quota=2)
    await house.ok("coupon.claim", VIEWER, coupon=coupon)
    assert shown(house) == [("coupon.dropped", coupon)]
    await house.ok("coupon.claim", OTHER, coupon=coupon)
    assert shown(house) == [("coupon.dropped", coupon), ("coupon.closed", coupon)]
    assert house.events[-1].data["reason"] == "sold_out"
    house.now_ms += 30_000
    assert await house.run_timers() == 1
    assert len(shown(house)) == 2
    assert await house.code("coupon.drop", HOST, coupon=coupon, seconds=30) == "sold_out"


async def test_a_drop_may_be_prolonged_closed_and_repeated(house: House) -> None:
    coupon = await dropped(house, seconds=30)
    house.now_ms += 29_000
    await house.ok("coupon.drop", HOST, coupon=coupon, seconds=30)
    house.now_ms += 1_000
    assert await house.run_timers() == 1
    await house.ok("coupon.claim", VIEWER, coupon=coupon)
    await house.ok("coupon.close", HOST, coupon=coupon)
    await house.ok("coupon.close", HOST, coupon=coupon)
    assert [kind for kind, _ in shown(house)] == ["coupon.dropped", "coupon.dropped", "coupon.closed"]
    assert await house.code("coupon.claim", OTHER, coupon=coupon) == "over"
    await house.ok("coupon.drop", HOST, coupon=coupon, seconds=30)
    await house.ok("coupon.claim", OTHER, coupon=coupon)


async def test_a_crowd_gets_as_many_as_there_are(house: House) -> None:
    coupon = await dropped(house, quota=25)
    answers = await asyncio.gather(
        *(house.do("coupon.claim", caller, coupon=coupon) for caller in CROWD for _ in range(2))
    )
    codes = [a["error"]["code"] for a in answers if not a["ok"]]
    assert set(codes) <= {"already_claimed", "sold_out"}
    assert len(answers) - len(codes) == await claimed(house, coupon) == 25
    rows = await claims(house, coupon)
    assert len(rows) == 25 == len({row["user_id"] for row in rows})


async def test_what_somebody_holds(house: House) -> None:
    good = await dropped(house, per_person=2)
    short = await dropped(house, valid_s=60)
    for coupon in (good, good, short):
        await house.ok("coupon.claim", VIEWER, coupon=coupon)
        house.now_ms += 1

    async def held(room: str | None) -> list[str]:
        found = await house.store.read(
            lambda conn: read_held(conn, room, [VIEWER.id or "", OTHER.id or ""], now_ms=house.now_ms)
        )
        assert set(found) <= {VIEWER.id}
        return [claim["id"] for claim in found.get(VIEWER.id or "", [])]

    assert await held(ROOM) == await held(None) == [f"{short}.1", f"{good}.2", f"{good}.1"]
    assert await held("silk") == []
    house.now_ms += 60_000
    assert await held(ROOM) == [f"{good}.2", f"{good}.1"]


async def test_many_who_claim_are_no_more_statements_than_one(house: House) -> None:
    coupon = await dropped(house, quota=1000)
    engine = house.store.writer._engine
    statements: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *about: statements.append(about[2]))

    def claim_together(group: list[Caller]) -> int:
        with engine.begin() as conn:
            statements.clear()
            unit = Unit(conn, house.now_ms)
            cmd = CouponRef(room=ROOM, coupon=coupon, key="claim-key")
            runs = run_steps(unit, [house.services.coupons.claim(unit, cmd, caller) for caller in group])
            assert [run.error for run in runs] == [None] * len(group)
            unit.flush()
            return sum("coupon" in statement for statement in statements)

    alone, together = [await asyncio.to_thread(claim_together, g) for g in (CROWD[:1], CROWD[1:])]
    assert alone == together == 4
    assert await claimed(house, coupon) == len(CROWD)


async def test_the_quota_and_each_ones_limit_hold_over_two_nodes(shared_url: str) -> None:
    async with house_at(shared_url, node="first") as first, open_house(shared_url, node="second") as second:
        coupon = await dropped(first, quota=70, per_person=2)
        both = [(node, caller) for node in (first, second) for caller in CROWD for _ in range(2)]
        random.Random(1).shuffle(both)
        with structlog.testing.capture_logs() as logs:
            answers = await asyncio.gather(*(n.do("coupon.claim", c, coupon=coupon) for n, c in both))
        codes = {a["error"]["code"] for a in answers if not a["ok"]}
        assert codes <= {"sold_out", "already_claimed"}
        ids = [(a["coupon"]["id"], c.id) for a, (_, c) in zip(answers, both, strict=True) if a["ok"]]
        rows = await claims(second, coupon)
        assert len(ids) == len(set(ids)) == len(rows) == await claimed(first, coupon) == 70
        assert {row["n"] for row in rows} <= {1, 2}
        closed = [e for e in await first.log() if e.kind == "coupon.closed"]
        assert [e.data["reason"] for e in closed] == ["sold_out"]
        assert [entry for entry in logs if entry["event"] in ("writer_retry", "command_failed")] == []


async def test_what_many_hold_is_what_each_holds(house: House) -> None:
    several = [await dropped(house, quota=100, per_person=3, valid_s=s) for s in (60, 3600)]
    for n, caller in enumerate(CROWD[:6]):
        for _ in range(n % 4):
            house.now_ms += 1
            await house.do("coupon.claim", caller, coupon=several[n % 2])
    house.now_ms += 50_000
    ids = [caller.id or "" for caller in CROWD[:6]]

    async def held(*users: str) -> dict[str, list[dict[str, Any]]]:
        return await house.store.read(
            lambda conn: dict(read_held(conn, ROOM, users, now_ms=house.now_ms, limit=2))
        )

    together = await held(*ids)
    assert {user: len(held) for user, held in together.items()} == {
        ids[n]: min(n % 4, 2) for n in range(6) if n % 4
    }
    assert together == {user: rows for each in ids for user, rows in (await held(each)).items()}
