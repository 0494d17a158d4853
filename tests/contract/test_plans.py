"""What is done a thousand times a second finds its rows by an index, however large the tables grow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import Connection, event

from rooms.gifts.boards import read_top
from rooms.gifts.store import read_given
from server.store.engine import open_writer
from server.store.keys import CommandKey, Remembered, claim, remember
from tests.contract.house import HOST, MODERATOR, OPERATOR, OTHER, ROOM, VIEWER, House, house_at

# One row a node; a catalogue that is read whole, once, and has a bound.
SMALL = {"writer_marks", "gifts"}

COUPON = {"title": "5 off", "kind": "fixed", "value": 500, "currency": "CNY", "quota": 9, "valid_s": 60}


def _is_scan(detail: str) -> bool:
    # A virtual table is a statement's own list of keys.
    if not detail.startswith("SCAN ") or "CONSTANT ROW" in detail or "VIRTUAL TABLE" in detail:
        return False
    return " USING " not in detail and detail.split()[1] not in SMALL


class Statements:
    """Remembers what a connection pool was asked, each once."""

    def __init__(self, engine: Any) -> None:
        self._asked: dict[str, Any] = {}
        event.listen(engine, "before_cursor_execute", self._note)

    def _note(
        self, conn: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool
    ) -> None:
        if statement.split(None, 1)[0] in ("SELECT", "UPDATE", "DELETE", "INSERT"):
            self._asked.setdefault(statement, parameters[0] if many else parameters)

    async def scans(self, house: House) -> list[str]:
        """The statements for which SQLite reads a whole table, with what it says."""
        found = []
        for statement, parameters in list(self._asked.items()):
            plan = await house.store.read(
                lambda conn, s=statement, p=parameters: (  # type: ignore[misc]
                    conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {s}", p).fetchall()
                )
            )
            found += [f"{step[-1]}: {statement}" for step in plan if _is_scan(str(step[-1]))]
        assert len(self._asked) > 10
        return found


async def play(house: House, sku: str) -> None:
    """A lottery with every condition, and one that is drawn."""
    terms = {"title": "Tea", "prizes": [{"kind": "product", "ref": sku, "count": 1}], "seconds": 60}
    conditions = [{"kind": "comment", "phrase": "x"}, {"kind": "order"}, {"kind": "gift", "coins": 5}]
    asking = (await house.ok("lottery.create", HOST, **terms, conditions=conditions))["lottery"]["id"]
    assert await house.code("lottery.enter", VIEWER, lottery=asking, nonce="0" * 32) == "conditions_unmet"
    await house.ok("lottery.cancel", HOST, lottery=asking)
    lottery = (await house.ok("lottery.create", HOST, **terms, unclaimed="redraw"))["lottery"]["id"]
    for caller in (VIEWER, MODERATOR):
        await house.ok("lottery.enter", caller, lottery=lottery, nonce="0" * 32)
    await house.ok("lottery.draw", HOST, lottery=lottery)
    await house.run_timers()
    claimed = [await house.do("lottery.claim", each, lottery=lottery) for each in (VIEWER, MODERATOR)]
    assert sum(answer["ok"] for answer in claimed) == 1


async def test_commands_never_read_a_whole_table(tmp_path: Path) -> None:
    async with house_at(f"sqlite:///{tmp_path / 'danmart.db'}") as house:
        statements = Statements(house.store.writer._engine)
        _, sku = await house.product(stock=3)
        key = "the-same-key"
        said = await house.say(VIEWER, "hello", key=key)
        assert await house.say(VIEWER, "hello", key=key) == said
        await house.say(MODERATOR, "hello you", reply_to=said["id"])
        order = (await house.ok("buy", VIEWER, sku=sku, qty=1))["order"]
        await house.ok("order.cancel", VIEWER, order=order["id"])
        coupon = (await house.ok("coupon.create", HOST, **COUPON))["coupon"]["id"]
        await house.ok("coupon.drop", HOST, coupon=coupon, seconds=10)
        claimed = (await house.ok("coupon.claim", VIEWER, coupon=coupon))["coupon"]["id"]
        order = (await house.ok("buy", VIEWER, sku=sku, qty=1, coupons=[claimed]))["order"]
        await house.ok("order.cancel", VIEWER, order=order["id"])
        plan = {"price_minor": 1, "quantity": 2, "per_buyer": 2, "duration_s": 60}
        sale = (await house.ok("sale.start", HOST, sku=sku, **plan))["sale"]["id"]
        order = (await house.ok("buy", VIEWER, sku=sku, qty=1, sale=sale))["order"]
        await house.ok("order.pay", VIEWER, order=order["id"])
        await house.ok("order.refund", HOST, order=order["id"], reason="broken", restock=True)
        await house.ok("sale.end", HOST, sale=sale)
        await house.ok("wallet.topup", VIEWER, pack="large")
        order = (await house.ok("buy", VIEWER, sku=sku, qty=1))["order"]["id"]
        await house.ok("order.pay", VIEWER, order=order, method="coins")
        await house.ok("order.refund", HOST, order=order, reason="broken", restock=True)
        await house.grant_coins(VIEWER, 100)
        await house.picture("publishing")
        for _ in range(2):
            packet = (await house.ok("packet.send", VIEWER, coins=9, count=3, seconds=10))["packet"]["id"]
            await house.ok("packet.open", MODERATOR, packet=packet)
        await house.ok("packet.opens", MODERATOR, packet=packet)
        house.now_ms += 60_000
        await house.run_timers()
        await house.go_live()
        await house.grant_coins(VIEWER, 100)
        gifts = [
            (await house.ok("gift", VIEWER, gift=each))["event"]["id"] for each in ("rose", "rose", "tea")
        ]
        await house.ok("gift.refund", OPERATOR, gift=gifts[0], reason="by mistake")
        for span in ("stream", "week", "all"):
            await house.store.read(
                lambda conn, s=span: read_top(conn, house.fans, ROOM, s, OTHER.id, house.now_ms)  # type: ignore[misc]
            )
        await house.store.read(lambda conn: read_given(conn, ROOM, before=gifts[0]))
        await play(house, sku)
        await house.ok("moderate.mute", MODERATOR, user=VIEWER.id, seconds=60, reason="noise")
        await house.ok("room.change", HOST, slow_mode_s=5)
        assert await statements.scans(house) == []


def test_many_keys_at_once_are_each_found_by_the_index(shared_url: str) -> None:
    """PostgreSQL's planner would rather read all of a table that a group's keys are a twentieth of."""
    engine = open_writer(shared_url)
    plans = []

    def explain(conn: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.startswith("UPDATE"):
            plans.append("\n".join(r[0] for r in cursor.execute(f"EXPLAIN {statement}", parameters)))

    def use(conn: Connection, keys: list[CommandKey]) -> None:
        new, _ = claim(conn, dict.fromkeys(keys, b"request"), 0)
        remember(conn, [(key, Remembered(b"request", b"answer" * 100)) for key in new], 0)

    with engine.begin() as conn:
        for part in range(20):
            use(conn, [CommandKey(f"user-{n}", "buy", f"key-{part}") for n in range(250)])
        event.listen(engine, "before_cursor_execute", explain)
        use(conn, [CommandKey(f"user-{n}", "buy", "the latest") for n in range(250)])
    engine.dispose()
    assert len(plans) == 1
    assert "Seq Scan" not in plans[0]
