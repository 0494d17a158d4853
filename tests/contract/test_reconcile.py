"""``danmart reconcile`` sees each way in which a ledger can be wrong, and nothing in one that is whole."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, text

from rooms.heads import ROOMS
from rooms.rows import Steps
from rooms.unit import Unit
from rooms.wallet import reconcile
from server.reconcile import find
from server.store.engine import open_readers, open_writer
from server.store.group import Work
from tests.contract.house import HOST, OPERATOR, VIEWER, House


async def busy(house: House) -> dict[str, str]:
    """A ledger with something of every kind in it; gives what to find things by."""
    paid = (await house.ok("wallet.topup", VIEWER, pack="large"))["order"]["id"]
    back = (await house.ok("wallet.topup", VIEWER, pack="small"))["order"]["id"]
    await house.ok("order.refund", OPERATOR, order=back, reason="by mistake")
    await house.grant_coins(VIEWER, 100)
    _, sku = await house.product(stock=5)
    for refund in (False, True):
        order = (await house.ok("buy", VIEWER, sku=sku, qty=1))["order"]["id"]
        await house.ok("order.pay", VIEWER, order=order, method="coins")
        if refund:
            await house.ok("order.refund", HOST, order=order, reason="broken")
    await house.run_timers()
    payouts = house.services.payouts
    asked = await house.store.write(Work("payout", lambda tx: payouts.request(tx, 200, HOST)))
    assert asked.ok
    payout = house.told(HOST, "payout")[-1]["data"]["payout"]["id"]
    assert (await house.store.write(Work("done", lambda tx: payouts.done(tx, payout, None, OPERATOR)))).ok
    assert await house.wrong_in_the_ledger() == []
    return {"paid": paid, "back": back, "payout": payout}


async def spoil(house: House, statement: str, **values: Any) -> None:
    """What no part of Danmart would do."""

    def handler(tx: Unit) -> Steps[dict[str, Any]]:
        yield ROOMS.rows()
        assert tx.conn.execute(text(statement), values).rowcount
        return {}

    answer = await house.store.write(Work("spoil", handler))
    assert answer.ok, answer.body


WALLET = "kind = 'wallet' AND owner = 'u-lin'"
ENTRY = f"{WALLET} AND seq = 2"
WAYS: dict[str, tuple[str, set[str]]] = {
    "balance": (
        f"UPDATE accounts SET balance = balance + 1 WHERE {WALLET}",
        {"the balance", "the sum of all coins"},
    ),
    "count": (f"UPDATE accounts SET seq = seq + 1 WHERE {WALLET}", {"the number of entries"}),
    "lost account": (
        f"DELETE FROM accounts WHERE {WALLET}",
        {"the balance", "the number of entries", "the sum of all coins"},
    ),
    "amount": (
        f"UPDATE entries SET amount = amount + 1 WHERE {ENTRY}",
        {"the balance after entry 2", "the sum of a movement's coins", "the balance", "the movement topup"},
    ),
    "running": (f"UPDATE entries SET balance = balance + 1 WHERE {ENTRY}", {"the balance after entry 2"}),
    "hole": (f"UPDATE entries SET seq = 99 WHERE {ENTRY}", {"the number of an entry"}),
    "lost movement": (
        "DELETE FROM movements WHERE kind = 'topup' AND ref = :paid",
        {"the movement of entries", "the movement topup"},
    ),
    "empty movement": (
        "INSERT INTO movements (id, kind, ref, at_ms) VALUES ('m', 'topup', 'none', 0)",
        {"the entries of a movement", "what the movement topup was for"},
    ),
    "unpaid": ("UPDATE orders SET status = 'held' WHERE id = :paid", {"the movement topup"}),
    "not given back": ("UPDATE orders SET status = 'paid' WHERE id = :back", {"the movement topup_back"}),
    "other coins": ("UPDATE orders SET coins = coins + 1 WHERE id = :paid", {"the movement topup"}),
    "payment": (
        "UPDATE payments SET status = 'failed' WHERE provider = 'coins'",
        {"the movement order", "the movement order_back"},
    ),
    "lost payment": (
        "DELETE FROM payments WHERE provider = 'coins'",
        {"what the movement order was for", "what the movement order_back was for"},
    ),
    "payout": (
        "UPDATE payouts SET coins = 201 WHERE id = :payout",
        {"the movement payout", "the movement payout_done"},
    ),
    "settled payout": (
        "UPDATE payouts SET status = 'requested' WHERE id = :payout",
        {"the movement payout_done"},
    ),
    "silent": (
        "UPDATE movements SET reason = NULL WHERE kind = 'correction'",
        {"the reason of a correction"},
    ),
    "account from nowhere": (
        "INSERT INTO accounts VALUES ('platform', 'ann', 5, 1)",
        {"a balance without entries", "the sum of all coins"},
    ),
}


def found_after(url: str, ids: dict[str, str]) -> dict[str, set[str]]:
    """What each way of spoiling the ledger is found as."""
    engine = open_writer(url)
    found = {}
    for name, (statement, _) in WAYS.items():
        wanted = {key: value for key, value in ids.items() if f":{key}" in statement}
        with engine.connect() as conn, conn.begin() as transaction:
            assert conn.execute(text(statement), wanted).rowcount, name
            found[name] = {finding.what for check in reconcile.CHECKS for finding in check(conn)}
            transaction.rollback()
    engine.dispose()
    return found


async def test_each_way_of_being_wrong(house: House) -> None:
    ids = await busy(house)
    found = await asyncio.to_thread(found_after, house.url, ids)
    for name, (_, expected) in WAYS.items():
        assert expected <= found[name], name
    assert await house.wrong_in_the_ledger() == []


async def test_a_finding_says_what_and_where(house: House) -> None:
    await house.grant_coins(VIEWER, 100)
    await spoil(house, f"UPDATE accounts SET balance = 93 WHERE {WALLET}")
    assert await house.wrong_in_the_ledger() == [
        ("accounts", reconcile.Finding("wallet:u-lin", "the balance", 100, 93)),
        ("totals", reconcile.Finding("coins", "the sum of all coins", 0, -7)),
    ]


async def test_it_reads_one_snapshot_while_coins_move(house: House) -> None:
    await house.grant_coins(VIEWER, 100)
    between = iter(range(len(reconcile.CHECKS)))

    def slow(check: reconcile.Check) -> reconcile.Check:
        def checked(conn: Connection) -> Iterator[reconcile.Finding]:
            yield from check(conn)
            topup = house.do("wallet.topup", VIEWER, pack="small", key=f"between-{next(between)}")
            assert asyncio.run_coroutine_threadsafe(topup, loop).result(10)["ok"]

        return checked

    loop, checks = asyncio.get_running_loop(), [slow(check) for check in reconcile.CHECKS]
    assert await asyncio.to_thread(lambda: list(find(house.url, checks))) == []
    assert await house.coins_of(VIEWER) == 100 + 60 * len(checks)


def fill(conn: Any, accounts: int, entries: int) -> None:
    """A whole ledger, written at once: each movement is one from nowhere into a wallet."""
    sqlite = conn.dialect.name == "sqlite"
    series = (
        "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < :many) SELECT i FROM n"
        if sqlite
        else "SELECT i FROM generate_series(0, :many - 1) AS n(i)"
    )
    about = {"many": entries, "accounts": accounts, "each": entries // accounts}
    conn.execute(
        text(
            "INSERT INTO movements (id, kind, ref, at_ms, reason)"
            f" SELECT 'm' || i, 'correction', 'r' || i, 0, 'so' FROM ({series}) AS s"
        ),
        about,
    )
    for kind, sign in (("wallet", 1), ("correction", -1)):
        conn.execute(
            text(
                "INSERT INTO entries (kind, owner, seq, movement_id, amount, balance)"
                f" SELECT '{kind}', 'u' || (i % :accounts), i / :accounts + 1, 'm' || i,"
                f" {sign}, {sign} * (i / :accounts + 1) FROM ({series}) AS s"
            ),
            about,
        )
        conn.execute(
            text(
                f"INSERT INTO accounts SELECT '{kind}', 'u' || i, {sign} * :each, :each FROM ({series}) AS s"
            ),
            {**about, "many": accounts},
        )


def check_large(url: str, accounts: int, entries: int, most_bytes: int) -> None:
    writer = open_writer(url, timeout_ms=0)
    with writer.begin() as conn:
        fill(conn, accounts, entries)
        conn.execute(text("UPDATE accounts SET balance = balance + 1 WHERE kind = 'wallet' AND owner = 'u7'"))
    writer.dispose()
    engine = open_readers(url, size=1, timeout_ms=0)
    with engine.connect() as conn:
        tracemalloc.start()
        found = [finding for check in reconcile.CHECKS for finding in check(conn)]
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    engine.dispose()
    assert {finding.ref for finding in found} == {"wallet:u7", "coins"}
    assert peak < most_bytes


async def test_memory_doesnt_grow_with_the_ledger(house: House) -> None:
    await house.grant_coins(VIEWER, 1)
    await asyncio.to_thread(check_large, house.url, 1_000, 10_000, 4_000_000)


@pytest.mark.soak
@pytest.mark.timeout(600)
async def test_a_million_entries(house: House) -> None:
    await asyncio.to_thread(check_large, house.url, 10_000, 500_000, 4_000_000)
