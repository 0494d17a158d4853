"""Audit trails as they are stored: chained whoever writes, guarded, read, verified and erased."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import orjson
import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import Connection, Engine, Row, func, select, text
from sqlalchemy.exc import DBAPIError

from moderation.audit import AuditTrail, Wanted, chain_table, details_table, heads_table, read_audit
from moderation.audit.checking import check_all, check_trail
from moderation.audit.erasure import PORTION
from moderation.audit.reading import read_entries
from moderation.audit.verify import Problem
from moderation.standing import RoomStanding
from rooms.heads import ROOMS
from rooms.ports import SYSTEM, Caller
from rooms.rows import Steps
from rooms.unit import News, Unit
from server.audit import DAY_MS, AuditKeeper
from server.store.engine import open_readers, open_writer
from server.store.group import Work
from server.store.store import Store
from tests.contract.house import HOST, MODERATOR, OPERATOR, OTHER, ROOM, VIEWER, House

TRAIL = AuditTrail()


def noting(*notes: tuple[str, Caller, str, str, dict[str, Any]]) -> Work:
    """A command that does nothing but note."""

    def steps(tx: Unit) -> Steps[Any]:
        yield from ()
        for note in notes:
            TRAIL.note(tx, *note)

    return Work("note", steps)


async def note(house: House, *notes: tuple[str, Caller, str, str, dict[str, Any]]) -> None:
    answer = await house.store.write(noting(*notes))
    assert answer.ok, answer.body


async def verified(house: House) -> tuple[list[tuple[str, int | None, str]], dict[str, tuple[int, int, int]]]:
    """What is wrong, and how much each trail has: entries, and halves that are erased."""

    def check(conn: Connection) -> Any:
        found: list[Problem] = []
        tallies = {c.trail: c.tally for c in check_all(conn, found.append)}
        return [(p.trail, p.seq, p.code) for p in found], {
            trail: (t.entries, t.who_erased, t.what_erased) for trail, t in tallies.items()
        }

    result: tuple[Any, Any] = await house.store.read(check)
    return result


def keeper(house: House, **options: Any) -> AuditKeeper:
    return AuditKeeper(house.store, lambda: house.now_ms, **options)


# Written


async def test_what_is_done_is_chained(house: House) -> None:
    event = (await house.ok("comment", VIEWER, text="hello"))["event"]["id"]
    await house.ok("moderate.mute", MODERATOR, user=VIEWER.id, seconds=60, reason="spam")
    await house.ok("moderate.delete", HOST, event=event)
    lines = await house.store.read(lambda conn: read_audit(conn, ROOM))
    assert [line["seq"] for line in lines] == list(range(len(lines), 0, -1))
    deleted, muted = lines[:2]
    assert (deleted["action"], deleted["actor"]["id"], deleted["facts"]) == (
        "moderate.delete",
        HOST.id,
        {"by": "host"},
    )
    assert (muted["action"], muted["target"]) == ("moderate.mute", VIEWER.id)
    assert muted["detail"].items() >= {"seconds": 60, "reason": "spam"}.items()
    assert muted["facts"] == {"by": "moderator", "seconds": 60}
    assert await verified(house) == ([], {ROOM: (len(lines), 0, 0)})


async def test_a_group_of_commands_is_one_chain_a_trail(house: House) -> None:
    trails = ["b", "a", "c", ""]
    works = [noting(*[(trail, HOST, f"x.{n}", "", {}) for trail in trails]) for n in range(40)]
    answers = await asyncio.gather(*(house.store.write(work) for work in works))
    assert all(answer.ok for answer in answers)
    problems, sizes = await verified(house)
    assert problems == []
    assert {trail: sizes[trail][0] for trail in trails} == dict.fromkeys(trails, 40)


async def test_nodes_that_write_the_same_trails_at_once_make_no_holes_and_no_forks(shared_url: str) -> None:
    def published(news: News) -> None: ...

    stores = [
        Store(shared_url, published=published, registry=CollectorRegistry(), node=f"n{n}") for n in range(3)
    ]
    for store in stores:
        await store.start()
    # Each node's groups name the trails in another order, and several of them are new at the same moment.
    trails = [f"t{n}" for n in range(12)]
    orders = [trails, trails[::-1], trails[6:] + trails[:6]]

    async def write(node: int, turn: int) -> None:
        names = [orders[node][(turn + step) % 12] for step in range(4)]
        work = noting(*[(name, HOST, "x.y", str(turn), {"node": node}) for name in names])
        answer = await stores[node].write(work)
        assert answer.ok, answer.body

    async def node_writes(node: int) -> None:
        for turn in range(0, 60, 3):
            await asyncio.gather(*(write(node, turn + step) for step in range(3)))

    try:
        await asyncio.gather(*(node_writes(node) for node in range(3)))
        found: list[Problem] = []
        checked = await stores[0].read(lambda conn: list(check_all(conn, found.append)))
        assert found == []
        assert sum(c.tally.entries for c in checked) == 3 * 60 * 4
    finally:
        for store in stores:
            await store.close()


# Guarded


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_chain SET action = 'x' WHERE seq = 1",
        "DELETE FROM audit_chain WHERE seq = 1",
        "DELETE FROM audit_details WHERE seq = 1",
        "UPDATE audit_details SET target = 'x' WHERE seq = 1",
        "UPDATE audit_details SET actor_id = NULL WHERE seq = 1",
        "UPDATE audit_details SET seq = 99 WHERE seq = 1",
        "UPDATE audit_heads SET seq = seq - 1",
        "UPDATE audit_heads SET trail = 'x'",
        "DELETE FROM audit_heads",
    ],
)
async def test_the_database_refuses_to_change_what_is_written(house: House, statement: str) -> None:
    def change() -> None:
        engine = open_writer(house.url)
        try:
            with engine.begin() as conn:
                conn.execute(text(statement))
        finally:
            engine.dispose()

    with pytest.raises(DBAPIError, match="append-only"):
        await asyncio.to_thread(change)
    assert (await verified(house))[0] == []


def unguarded(url: str) -> Engine:
    """For somebody who owns the database, and can do as they like."""
    engine = open_writer(url)
    with engine.begin() as conn:
        if conn.dialect.name == "postgresql":
            for table in ("audit_chain", "audit_details", "audit_heads"):
                conn.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
        else:
            for (name,) in conn.execute(
                text("SELECT name FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'audit%'")
            ).all():
                conn.execute(text(f"DROP TRIGGER {name}"))
    return engine


def guarded(engine: Engine) -> None:
    with engine.begin() as conn:
        if conn.dialect.name == "postgresql":
            for table in ("audit_chain", "audit_details", "audit_heads"):
                conn.execute(text(f"ALTER TABLE {table} ENABLE TRIGGER USER"))
    engine.dispose()


NULLABLE = ("who_salt", "actor_id", "actor_name", "what_salt", "target", "detail")


def changed(value: Any) -> Any:
    if isinstance(value, bytes):
        return bytes([value[0] ^ 1]) + value[1:] if value else b"x"
    return value + 1000 if isinstance(value, int) else f"{value[:-1]}~"


def mutations(rows: dict[str, Sequence[Row[Any]]]) -> list[tuple[str, str]]:
    """Every column of every row of the three tables changed, every row deleted, each alone: as SQL that makes
    the change, and a name for it."""
    found = []
    for table, those in rows.items():
        for row in those:
            values = row._mapping
            at = f"trail = '{values['trail']}'" + (
                f" AND seq = {values['seq']}" if table != "audit_heads" else ""
            )
            found.append((f"DELETE FROM {table} WHERE {at}", f"{table} {at} deleted"))
            for name, value in values.items():
                news = [changed(value)] if value is not None else []
                if value is not None and name in NULLABLE:
                    news.append(None)
                found += [
                    (f"UPDATE {table} SET {name} = {literal(new)} WHERE {at}", f"{table} {at} {name}")
                    for new in news
                ]
    return found


def literal(value: Any) -> str:
    if isinstance(value, bytes):
        return f"/*bytes*/'{value.hex()}'"
    return "NULL" if value is None else str(value) if isinstance(value, int) else f"'{value}'"


def for_dialect(statement: str, dialect: str) -> str:
    marked = "/*bytes*/'"
    if marked not in statement:
        return statement
    return statement.replace(marked, "'\\x" if dialect == "postgresql" else "X'")


async def test_one_change_of_anything_is_found(house: House) -> None:
    await note(
        house,
        ("a", VIEWER, "x.y", "u-1", {"n": 1}),
        ("a", HOST, "x.y", "u-2", {}),
        ("a", SYSTEM, "filter.mask", "u-3", {"rules": [{"code": "insult"}]}),
        ("b", HOST, "x.y", "", {}),
    )
    await keeper(house).erase_person(VIEWER.id or "", OPERATOR)

    def try_all() -> list[str]:
        unseen = []
        engine = unguarded(house.url)
        try:
            with engine.connect() as conn:
                tables = (chain_table, details_table, heads_table)
                rows = {
                    table.name: conn.execute(select(table).where(table.c.trail.in_(["a", "b"]))).all()
                    for table in tables
                }
                conn.rollback()
                assert len(rows["audit_chain"]) == 5, "the last says that the first was erased"
                for statement, name in mutations(rows):
                    with conn.begin() as change:
                        conn.exec_driver_sql(for_dialect(statement, conn.dialect.name))
                        found: list[Problem] = []
                        list(check_all(conn, found.append))
                        change.rollback()
                    if not found:
                        unseen.append(name)
        finally:
            guarded(engine)
        return unseen

    assert await asyncio.to_thread(try_all) == []
    assert (await verified(house))[0] == []


# Read


async def test_a_trail_is_read_page_by_page_and_by_what_is_asked_for(house: House) -> None:
    for n in range(7):
        actor, action = (HOST, "shelf.add") if n % 2 else (MODERATOR, "moderate.mute")
        house.now_ms += 1000
        await note(house, ("shop", actor, action, f"u-{n % 3}", {"n": n}))
        await note(house, ("other", actor, action, f"u-{n % 3}", {}))

    async def numbers(**asked: Any) -> list[int]:
        wanted = Wanted("shop", **asked)
        lines = await house.store.read(lambda conn: read_audit(conn, "shop", wanted=wanted))
        return [line["detail"]["n"] for line in lines]

    assert await numbers() == [6, 5, 4, 3, 2, 1, 0]
    assert await numbers(action="shelf.add") == [5, 3, 1]
    assert await numbers(action="moderate.*") == [6, 4, 2, 0]
    assert await numbers(action="moderat_.*") == [], "no pattern but the star"
    assert await numbers(actor=HOST.id) == [5, 3, 1]
    assert await numbers(target="u-1") == [4, 1]
    assert await numbers(since_ms=house.now_ms - 2000, until_ms=house.now_ms) == [5, 4]
    assert await numbers(actor=MODERATOR.id, target="u-0", since_ms=house.now_ms - 4000) == [6]
    first = await house.store.read(lambda conn: read_audit(conn, "shop", limit=3))
    second = await house.store.read(lambda conn: read_audit(conn, "shop", before=str(first[-1]["seq"])))
    by_id = await house.store.read(lambda conn: read_audit(conn, "shop", before=first[-1]["id"]))
    assert [line["seq"] for line in first + second] == [7, 6, 5, 4, 3, 2, 1]
    assert by_id == second
    assert await house.store.read(lambda conn: read_audit(conn, "shop", before="nothing")) == []


async def test_all_trails_are_gone_through_in_order_in_small_pages(house: House) -> None:
    await note(house, *[(f"t{n % 3}", HOST, "x.y", str(n), {}) for n in range(10)])
    for wanted, trails in ((Wanted(None, action="x.y"), 3), (Wanted("t1"), 1)):
        seen = await house.store.read(
            lambda conn, w=wanted: [(e.link.trail, e.link.seq) for e in read_entries(conn, w, limit=2)]  # type: ignore[misc]
        )
        assert seen == sorted(seen)
        assert len({trail for trail, _ in seen}) == trails
        assert len(seen) == len(set(seen)) == (10 if trails == 3 else 3)


# Erased


async def test_a_person_is_erased_and_the_chain_stays_whole(house: House) -> None:
    lin, name = VIEWER.id or "", VIEWER.name
    event = (await house.ok("comment", VIEWER, text="call me, I am Lin"))["event"]["id"]
    await house.ok("moderate.mute", MODERATOR, user=lin, seconds=60, reason="Lin was rude")
    await house.ok("moderate.delete", MODERATOR, event=event)
    by_filter = {"user": VIEWER.card, "text": "you fool", "rules": [{"check": "words", "code": "insult"}]}
    mine = ("her-shop", VIEWER, "shelf.add", "p-1", {"title": "Green tea"})
    named = (ROOM, HOST, "room.change", ROOM, {"about": ["x", {"who": lin}]})
    others = (ROOM, MODERATOR, "moderate.mute", OTHER.id or "", {"reason": "rude"})
    await note(house, (ROOM, SYSTEM, "filter.deny", lin, by_filter), mine, named, others)
    before = await house.store.read(lambda conn: read_audit(conn, ROOM))

    count = await keeper(house).erase_person(lin, OPERATOR)
    assert (count.entries, count.who, count.what) == (5, 1, 4)
    lines = await house.store.read(lambda conn: read_audit(conn, ROOM))
    assert lines[0]["action"] == "audit.erase"
    assert (lines[0]["actor"]["id"], lines[0]["target"], lines[0]["facts"]["by"]) == (
        OPERATOR.id,
        "",
        "operator",
    )
    for told in (lines, await house.store.read(lambda conn: read_audit(conn, "her-shop"))):
        said = orjson.dumps(told).decode()
        assert lin not in said
        assert name not in said
    # What stays: that it was done, when, as what, and whatever isn't theirs.
    assert [(line["seq"], line["action"], line["facts"], line["hash"]) for line in lines[1:]] == [
        (line["seq"], line["action"], line["facts"], line["hash"]) for line in before
    ]
    by_action = {line["action"]: line for line in lines[1:] if line["target"] != OTHER.id}
    assert by_action["filter.deny"]["facts"] == {"by": "system", "codes": ["insult"]}
    assert by_action["moderate.delete"]["actor"]["id"] == MODERATOR.id
    assert by_action["moderate.delete"]["erased"] == ["what"]
    assert lines[1]["target"] == OTHER.id
    problems, sizes = await verified(house)
    assert problems == []
    assert (sizes[ROOM][1:], sizes["her-shop"][1:]) == ((0, 4), (1, 0))
    again = await keeper(house).erase_person(lin, OPERATOR)
    assert (again.entries, len(await house.store.read(lambda c: read_audit(c, ROOM)))) == (0, len(lines))


async def test_a_viewers_own_words_go_with_who_said_them(house: House) -> None:
    def report(tx: Unit) -> Steps[Any]:
        yield ROOMS.rows(ROOM)
        yield from RoomStanding().load(ROOM, VIEWER.id)
        TRAIL.note(tx, ROOM, VIEWER, "report.make", "e-1", {"text": "he was rude to me"})

    assert (await house.store.write(Work("report", report))).ok
    assert (await keeper(house).erase_person(VIEWER.id or "", OPERATOR)).what == 1
    lines = await house.store.read(lambda conn: read_audit(conn, ROOM))
    assert lines[1]["erased"] == ["who", "what"]


async def test_only_operators_erase(house: House) -> None:
    await note(house, ("t", VIEWER, "x.y", "", {}))
    for caller in (HOST, MODERATOR, VIEWER):
        with pytest.raises(Exception, match="forbidden"):
            await keeper(house).erase_person(VIEWER.id or "", caller)
    assert (await verified(house))[1]["t"] == (1, 0, 0)


async def test_erasing_goes_through_more_than_a_portion(house: House) -> None:
    count = PORTION * 2 + 3
    await note(house, *[("t", VIEWER if n % 2 else HOST, "x.y", "", {}) for n in range(count)])
    erased = await keeper(house).erase_person(VIEWER.id or "", OPERATOR)
    assert erased.who == count // 2
    problems, sizes = await verified(house)
    assert problems == []
    assert sizes["t"][1] == count // 2


async def test_two_who_erase_at_once_erase_each_entry_once(shared_url: str) -> None:
    stores = [
        Store(shared_url, published=lambda news: None, registry=CollectorRegistry(), node=f"n{n}")
        for n in range(2)
    ]
    for store in stores:
        await store.start()
    try:
        await stores[0].write(noting(*[(f"t{n % 5}", VIEWER, "x.y", "", {}) for n in range(300)]))
        keepers = [AuditKeeper(store, lambda: 0) for store in stores]
        counts = await asyncio.gather(*(each.erase_person(VIEWER.id or "", OPERATOR) for each in keepers))
        assert sum(count.who for count in counts) == 300
        found: list[Problem] = []
        checked = await stores[0].read(lambda conn: list(check_all(conn, found.append)))
        assert found == []
        assert sum(c.tally.who_erased for c in checked) == 300
    finally:
        for store in stores:
            await store.close()


async def test_what_is_older_than_is_kept_is_erased(house: House) -> None:
    await note(house, ("t", HOST, "x.old", "u-1", {"text": "long ago"}))
    house.now_ms += 31 * DAY_MS
    await note(house, ("t", HOST, "x.new", "u-1", {"text": "today"}))
    old = keeper(house, details_days=30)
    while await old.age():
        pass
    lines = await house.store.read(lambda conn: read_audit(conn, "t"))
    assert [(line["action"], line["erased"]) for line in lines] == [
        ("audit.erase", []),
        ("x.new", []),
        ("x.old", ["who", "what"]),
    ]
    assert lines[0]["facts"] == {"by": "system", "why": "age", "who": "1", "what": "1"}
    assert (await verified(house))[0] == []
    while await old.age():
        pass
    assert len(await house.store.read(lambda conn: read_audit(conn, "t"))) == 3
    assert await keeper(house).age() is False, "kept for good unless it is said otherwise"


# Verified by the node


async def test_a_node_says_whether_a_trail_is_whole(house: House) -> None:
    await note(house, *[("t", HOST, "x.y", str(n), {}) for n in range(1500)])
    result = await keeper(house).verify("t")
    assert (result["ok"], result["seq"], result["entries"], result["found"]) == (True, 1500, 1500, [])
    head = await house.rows(select(heads_table.c.hash).where(heads_table.c.trail == "t"))
    assert result["hash"] == head[0]["hash"].hex()
    nothing = await keeper(house).verify("no-such-trail")
    assert (nothing["ok"], nothing["seq"], nothing["entries"]) == (True, 0, 0)

    def tamper() -> None:
        engine = unguarded(house.url)
        with engine.begin() as conn:
            conn.execute(details_table.update().where(details_table.c.seq == 1200).values(target="somebody"))
        guarded(engine)

    await asyncio.to_thread(tamper)
    one = keeper(house)
    broken = await one.verify("t")
    assert (broken["ok"], broken["problems"]) == (False, 1)
    assert (broken["found"][0]["seq"], broken["found"][0]["code"]) == (1200, "details_altered")
    assert await one.verify("t") is broken, "an answer of the last minute is good enough"


async def test_verifying_goes_on_while_others_write_and_erase(house: House) -> None:
    await note(house, *[("t", VIEWER if n % 3 else HOST, "x.y", str(n), {}) for n in range(2500)])
    one = keeper(house)

    async def busy() -> None:
        await one.erase_person(VIEWER.id or "", OPERATOR)
        for n in range(20):
            await note(house, ("t", HOST, "x.y", str(n), {}))

    result, _ = await asyncio.gather(one.verify("t"), busy())
    assert (result["ok"], result["found"]) == (True, [])


async def test_one_trail_is_verified_alone(house: House) -> None:
    await note(house, ("a", HOST, "x.y", "", {}), ("b", HOST, "x.y", "", {}))
    engine = await asyncio.to_thread(open_readers, house.url, size=1)

    def check() -> tuple[int, int]:
        found: list[Problem] = []
        with engine.connect() as conn:
            entries = check_trail(conn, "a", found.append).tally.entries
            total = conn.scalar(
                select(func.count()).select_from(chain_table).where(chain_table.c.trail != ROOM)
            )
        engine.dispose()
        assert found == []
        return entries, total or 0

    assert await asyncio.to_thread(check) == (1, 2)
