"""The ledger on both databases: any walk of movements, against a ledger kept by hand."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
from sqlalchemy import func, insert, select

from rooms.rows import Steps
from rooms.unit import Unit
from rooms.wallet import ledger
from rooms.wallet.rules import Account, Entry
from rooms.wallet.store import accounts_table, entries_table, movements_table, read_balances, read_statement
from server.store.group import Answer, Work
from tests.contract.house import House

PEOPLE = ("ann", "bob", "cyd")
ISSUED, EARNINGS = Account("issued", "ann"), Account("earnings", "host")


async def moved(house: House, kind: str, ref: str, *entries: Entry) -> Answer:
    def handler(tx: Unit) -> Steps[dict[str, Any]]:
        yield ledger.accounts(*(entry.account for entry in entries))
        return {"movement": ledger.move(tx, kind, ref, entries, room_id="tea", actor_id="ann").id}

    return await house.store.write(Work("move", handler))


def wallet(name: str) -> Account:
    return Account("wallet", name)


@pytest.mark.parametrize("seed", range(3))
async def test_any_walk_agrees_with_a_ledger_kept_by_hand(house: House, seed: int) -> None:
    chance = random.Random(seed)
    accounts = [ISSUED, EARNINGS, *map(wallet, PEOPLE)]
    kept = dict.fromkeys(accounts, 0)
    for n in range(40):
        parts = [Entry(a, chance.randint(-40, 60)) for a in chance.sample(accounts, chance.randint(1, 3))]
        source = chance.choice(accounts)
        parts.append(Entry(source, -sum(p.amount for p in parts)))
        after = dict(kept)
        for account, amount in parts:
            after[account] += amount
        answer = await moved(house, "walk", str(n), *parts)
        moves = after != kept
        possible = all(v >= 0 for a, v in after.items() if a != ISSUED)
        assert answer.ok == possible or not moves
        kept = after if answer.ok else kept
    for account, balance in kept.items():
        found = await house.store.read(lambda c, a=account: read_balances(c, a.kind, [a.owner]))  # type: ignore[misc]
        assert found == {account.owner: balance}
    assert sum(kept.values()) == 0
    entries = await house.rows(select(entries_table).order_by("kind", "owner", "seq"))
    running: dict[tuple[str, str], tuple[int, int]] = {}
    for e in entries:
        seq, balance = running.get((e["kind"], e["owner"]), (0, 0))
        assert (e["seq"], e["balance"]) == (seq + 1, balance + e["amount"])
        running[e["kind"], e["owner"]] = (e["seq"], e["balance"])
    sums = select(func.sum(entries_table.c.amount)).group_by(entries_table.c.movement_id)
    assert {next(iter(r.values())) for r in await house.rows(sums)} <= {0}


async def test_what_cant_be_paid_changes_nothing(house: House) -> None:
    await moved(house, "topup", "t1", Entry(ISSUED, -10), Entry(wallet("ann"), 10))
    answer = await moved(house, "gift", "g1", Entry(wallet("ann"), -11), Entry(EARNINGS, 11))
    assert answer.code == "insufficient_coins"
    assert len(await house.rows(select(movements_table))) == 1


async def test_the_same_thing_is_never_paid_twice(house: House) -> None:
    part = (Entry(ISSUED, -10), Entry(wallet("ann"), 10))
    assert (await moved(house, "topup", "t1", *part)).ok
    assert (await moved(house, "topup", "t1", *part)).code == "internal"
    assert (await moved(house, "other", "t1", *part)).ok
    assert (await house.store.read(lambda c: read_balances(c, "wallet", ["ann"]))) == {"ann": 20}


@pytest.mark.parametrize(
    ("kind", "balance", "taken"), [("wallet", -1, False), ("wallet", 0, True), ("issued", -1, True)]
)
async def test_the_database_itself_refuses_a_balance_below_zero(
    house: House, kind: str, balance: int, taken: bool
) -> None:
    def write(tx: Unit) -> Steps[dict[str, Any]]:
        yield ledger.accounts()
        tx.conn.execute(insert(accounts_table).values(kind=kind, owner="ann", balance=balance, seq=1))
        return {}

    assert (await house.store.write(Work("write", write))).ok is taken


async def test_two_of_one_group_see_each_others_balances(house: House) -> None:
    await moved(house, "topup", "t1", Entry(ISSUED, -10), Entry(wallet("ann"), 10))
    both = [moved(house, "gift", f"g{n}", Entry(wallet("ann"), -7), Entry(EARNINGS, 7)) for n in range(2)]
    answers = await asyncio.gather(*both)
    assert sorted(a.ok for a in answers) == [False, True]


async def test_a_statement_is_read_page_by_page_the_newest_first(house: House) -> None:
    for n in range(1, 6):
        await moved(house, "topup", f"t{n}", Entry(ISSUED, -n), Entry(wallet("ann"), n))
    first = await house.store.read(lambda c: read_statement(c, wallet("ann"), limit=2))
    assert [(line["ref"], line["amount"], line["balance"]) for line in first] == [
        ("t5", 5, 15),
        ("t4", 4, 10),
    ]
    rest = await house.store.read(lambda c: read_statement(c, wallet("ann"), before=first[-1]["seq"]))
    assert [line["ref"] for line in rest] == ["t3", "t2", "t1"]
