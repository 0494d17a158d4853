"""What somebody is told who enters doesn't depend on who enters in the same moment."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, Table, event

from moderation.review.holding import told as told_of_held
from moderation.review.reading import told_of_appeal
from moderation.review.rules import Item, new_item
from moderation.review.store import items_table
from moderation.sanctions.rules import EVERYWHERE, SanctionKind, Terms
from moderation.sanctions.store import NO_KINDS, StandingRow, standings_table
from moderation.standing import MemberRow, members_table
from rooms.avatars import faced
from rooms.errors import Refused
from rooms.follows import FollowedRow, FollowRow, followed_table, follows_table
from rooms.guests.rules import Guest
from rooms.guests.store import guests_table
from rooms.heads import RoomRow, UserRow, rooms_table, users_table
from rooms.log import PrivateEvent, user_events
from rooms.points.rules import LEVELS, standing
from rooms.points.store import EarnedRow, earned_table
from rooms.ports import Caller
from rooms.rows import as_dict
from rooms.shop.store import OrderRow, orders_table, read_open_orders
from rooms.wallet.store import AccountRow, accounts_table
from server.live.entering import APPEALS_SHOWN_MS, PAID_SHOWN_MS, Ask, Enter, Side, read_sides
from server.store.engine import open_writer

NOW_MS = 1_800_000_000_000
ROOMS = ("open", "closed")
USERS = tuple(f"u{n}" for n in range(6))
HOST = USERS[0]

places = st.tuples(st.sampled_from(ROOMS), st.sampled_from(USERS))
scopes = st.sampled_from([*ROOMS, EVERYWHERE])
ends = st.sampled_from([None, NOW_MS - 1, NOW_MS, NOW_MS + 1])
moments = st.sampled_from([NOW_MS - PAID_SHOWN_MS - 1, NOW_MS - PAID_SHOWN_MS, NOW_MS - 1])


@dataclass(frozen=True, slots=True)
class Facts:
    """What a database holds."""

    heads: dict[str, int]
    roles: dict[tuple[str, str], str]
    mutes: dict[tuple[str, str], int | None]
    others: dict[tuple[str, str], list[tuple[SanctionKind, int | None]]]
    orders: list[tuple[tuple[str, str], str, int | None]]
    wallets: dict[str, dict[str, int]] = field(default_factory=dict)
    follows: frozenset[tuple[str, str]] = frozenset()
    earned: dict[str, int] = field(default_factory=dict)
    guests: dict[tuple[str, str], str] = field(default_factory=dict)
    held: list[tuple[str, str]] = field(default_factory=list)
    appeals: list[tuple[tuple[str, str], str]] = field(default_factory=list)


facts_of = st.builds(
    Facts,
    heads=st.dictionaries(st.sampled_from(USERS), st.integers(0, 4)),
    roles=st.dictionaries(places, st.sampled_from(["moderator", "senior_moderator"])),
    mutes=st.dictionaries(st.tuples(scopes, st.sampled_from(USERS)), ends),
    others=st.dictionaries(
        st.tuples(scopes, st.sampled_from(USERS)),
        st.lists(
            st.tuples(st.sampled_from([kind for kind in SanctionKind if kind != "mute"]), ends), max_size=3
        ),
        max_size=3,
    ),
    orders=st.lists(
        st.tuples(places, st.sampled_from(["held", "paid", "cancelled"]), st.none() | moments), max_size=12
    ),
    wallets=st.dictionaries(
        st.sampled_from(USERS),
        st.fixed_dictionaries({"coins": st.integers(0, 9), "points": st.integers(0, 9)}),
    ),
    follows=st.frozensets(st.tuples(st.just(HOST), st.sampled_from(USERS))),
    earned=st.dictionaries(st.sampled_from(USERS), st.integers(0, 200)),
    guests=st.dictionaries(places, st.sampled_from(["asked", "invited"])),
    held=st.lists(places, max_size=4),
    appeals=st.lists(st.tuples(places, st.sampled_from(["open", "decided", "old"])), max_size=4),
)
asks = st.builds(
    Ask,
    cmd=st.builds(Enter, room=st.sampled_from([*ROOMS, "nowhere"]), after_you=st.none() | st.integers(0, 5)),
    caller=st.builds(
        Caller, id=st.none() | st.sampled_from([*USERS, "u-new"]), name=st.just("N"), operator=st.booleans()
    ).filter(lambda caller: caller.id is not None or not caller.operator),
)


@pytest.fixture
def engine(migrated_url: str) -> Iterator[Engine]:
    engine = open_writer(migrated_url)
    yield engine
    engine.dispose()


def order(number: int, room: str, buyer: str, status: str, paid_at_ms: int | None) -> OrderRow:
    return OrderRow(
        id=f"o{number:03}",
        room_id=room,
        product_id="p",
        sku="s",
        title="Tea",
        qty=1,
        unit_price_minor=100,
        total_minor=100,
        currency="CNY",
        status=status,
        buyer_id=buyer,
        buyer_name=buyer,
        created_at_ms=number,
        hold_until_ms=NOW_MS,
        paid_at_ms=paid_at_ms,
        payment_id=None,
    )


def room(name: str) -> RoomRow:
    public = int(name == "open")
    return RoomRow(name, name, HOST, HOST, "live", public, "e", 0, 7, 0, "all", 0, 0, None, None, 0)


def private(user: str, seq: int) -> PrivateEvent:
    return PrivateEvent(user, seq, NOW_MS, None, "note", orjson.dumps({"user": user, "seq": seq}))


def standings(facts: Facts) -> list[StandingRow]:
    """What is in force, and what has just run out, by scope and user."""
    made: dict[tuple[str, str], StandingRow] = {}
    given = [(place, SanctionKind.MUTE, until_ms) for place, until_ms in facts.mutes.items()]
    given += [(place, *each) for place, others in facts.others.items() for each in others]
    for place, kind, until_ms in given:
        terms = Terms(f"{place[0]}-{kind}", until_ms, "flood", HOST, "host", 0)
        row = made.get(place, StandingRow(*place, NO_KINDS)).having(kind, terms)
        assert row is not None
        made[place] = row
    return list(made.values())


def guest(place: tuple[str, str], status: Any) -> Guest:
    return Guest(*place, place[1], status, None, NOW_MS, NOW_MS + 1)


def held(number: int, place: tuple[str, str]) -> Item:
    body = orjson.dumps({"text": f"doubtful {number}"})
    return new_item(
        f"h{number:04}", place[0], "held", NOW_MS, user_id=place[1], due_at_ms=NOW_MS + 1, body=body
    )


def appeal(number: int, place: tuple[str, str], state: str) -> Item:
    """``old``: decided so long ago that nobody needs to be told any more."""
    decided_ms = {"open": None, "decided": NOW_MS, "old": NOW_MS - APPEALS_SHOWN_MS}[state]
    fields = {"state": "open" if state == "open" else "decided", "decided_at_ms": decided_ms}
    body = orjson.dumps({"text": "please"})
    return new_item(f"p{number:04}", place[0], "appeal", NOW_MS, user_id=place[1], body=body, **fields)


def face(facts: Facts, user: str) -> str:
    """Some have a picture."""
    return f"face-{user}" if facts.heads.get(user, 0) % 2 else ""


def write(conn: Connection, facts: Facts) -> None:
    tables: dict[Table, list[Any]] = {
        rooms_table: [room(name) for name in ROOMS],
        users_table: [
            UserRow(user, user, 0, seq, 0, avatar=face(facts, user)) for user, seq in facts.heads.items()
        ],
        user_events: [private(u, seq) for u, head in facts.heads.items() for seq in range(1, head + 1)],
        members_table: [MemberRow(*place, place[1], role, 0) for place, role in facts.roles.items()],
        standings_table: standings(facts),
        orders_table: [
            order(number, *place, status, paid_at_ms)
            for number, (place, status, paid_at_ms) in enumerate(facts.orders)
        ],
        accounts_table: [
            AccountRow({"coins": "wallet"}.get(name, name), user, balance, 1)
            for user, balances in facts.wallets.items()
            for name, balance in balances.items()
        ],
    }
    tables[follows_table] = [FollowRow(*pair, 0) for pair in sorted(facts.follows)]
    tables[followed_table] = [FollowedRow(HOST, len(facts.follows), 0)] if facts.follows else []
    tables[earned_table] = [EarnedRow(user, earned) for user, earned in facts.earned.items()]
    tables[guests_table] = [guest(place, status) for place, status in facts.guests.items()]
    tables[items_table] = [held(n, place) for n, place in enumerate(facts.held)] + [
        appeal(n, *about) for n, about in enumerate(facts.appeals)
    ]
    for table, rows in tables.items():
        if rows:
            conn.execute(table.insert(), [as_dict(row) for row in rows])


def in_force(facts: Facts, room: str, user: str, kind: SanctionKind) -> list[dict[str, Any]]:
    """What of a kind is in force in the room, as ``you`` has it, the strictest first."""
    found: list[tuple[int, dict[str, Any]]] = []
    for scope in (room, EVERYWHERE):
        ends = [until for each, until in facts.others.get((scope, user), []) if each is kind][-1:]
        if kind is SanctionKind.MUTE and (scope, user) in facts.mutes:
            ends = [facts.mutes[scope, user]]
        for until_ms in ends:
            if until_ms is None or until_ms > NOW_MS:
                name = f"{scope}-{kind}"
                said: dict[str, Any] = {"warning": name, "reason": "flood", "at_ms": 0}
                if kind is not SanctionKind.WARN:
                    said = {"sanction": name, "until_ms": until_ms, "reason": "flood"}
                    said["everywhere"] = scope == EVERYWHERE
                found.append((until_ms or 10**15, said))
    return [said for _, said in sorted(found, key=lambda each: -each[0])]


def expected(facts: Facts, ask: Ask) -> Any:
    """By the words of docs/protocol.md, one by one: the refusal's code, or the role and ``you``."""
    name, caller, after = ask.cmd.room, ask.caller, ask.cmd.after_you
    if name not in ROOMS:
        return "room_not_found"
    if caller.id is None:
        none: dict[str, Any] = {
            "seq": 0,
            "followed_since_ms": None,
            "items": [],
            "mute": None,
            "warning": None,
            "orders": [],
            "coupons": [],
            "wallet": None,
        }
        none |= {"held": [], "appeals": [], "host_avatar": face(facts, HOST) or None}
        none |= {"following": False, "followers": len(facts.follows), "level": None, "guest": None}
        return "unauthenticated" if name == "closed" else {"role": "guest", "user": None, **none}
    place, head = (name, caller.id), facts.heads.get(caller.id, 0)
    given = "host" if caller.id == HOST else facts.roles.get(place, "viewer")
    if not caller.operator and any(in_force(facts, name, caller.id, SanctionKind.BAN)):
        return "banned"
    mutes = in_force(facts, name, caller.id, SanctionKind.MUTE)
    warnings = in_force(facts, name, caller.id, SanctionKind.WARN)
    shown = [
        order(number, *where, status, paid_at_ms).wire()
        for number, (where, status, paid_at_ms) in enumerate(facts.orders)
        if where == place
        and (status == "held" or (status == "paid" and (paid_at_ms or 0) >= NOW_MS - PAID_SHOWN_MS))
    ]
    return {
        "role": "operator" if caller.operator else given,
        "user": faced({"id": caller.id, "name": caller.name}, face(facts, caller.id)),
        "host_avatar": face(facts, HOST) or None,
        "seq": head,
        "items": [] if after is None else [{"user": caller.id, "seq": n} for n in range(after + 1, head + 1)],
        "mute": mutes[0] if mutes else None,
        "warning": warnings[0] if warnings else None,
        "orders": shown[::-1],
        "coupons": [],
        "wallet": facts.wallets.get(caller.id, {"coins": 0, "points": 0}),
        "following": (HOST, caller.id) in facts.follows,
        "followed_since_ms": 0 if (HOST, caller.id) in facts.follows else None,
        "followers": len(facts.follows),
        "held": [told_of_held(held(n, place)) for n, where in enumerate(facts.held) if where == place],
        "appeals": [
            told_of_appeal(appeal(n, where, state))
            for n, (where, state) in enumerate(facts.appeals)
            if where[1] == caller.id and state in ("open", "decided")
        ],
        "level": standing(LEVELS, facts.earned.get(caller.id, 0)),
        "guest": guest(place, facts.guests[place]).wire() if place in facts.guests else None,
    }


def told(side: Side | Refused) -> Any:
    if isinstance(side, Refused):
        return side.code
    wire = orjson.loads(orjson.dumps(side.you))
    assert wire.pop("can") or side.role == "guest"
    assert (side.staff is None) == (side.role in ("guest", "viewer"))
    assert side.staff_seq == 7
    return wire


def whole(side: Side | Refused) -> Any:
    return (told(side), None if isinstance(side, Refused) else orjson.dumps(side.staff))


def test_whoever_enters_is_told_the_same_as_alone(engine: Engine) -> None:
    @settings(max_examples=60, deadline=None)
    @given(facts_of, st.lists(asks, max_size=20))
    def check(facts: Facts, asked: list[Ask]) -> None:
        with engine.connect() as conn, conn.begin() as transaction:
            write(conn, facts)
            together = read_sides(conn, asked, NOW_MS)
            assert [told(side) for side in together] == [expected(facts, ask) for ask in asked]
            alone = [read_sides(conn, [ask], NOW_MS)[0] for ask in asked]
            assert [whole(side) for side in together] == [whole(side) for side in alone]
            transaction.rollback()

    check()


def test_a_buyer_of_much_leaves_the_others_their_orders(engine: Engine) -> None:
    with engine.connect() as conn, conn.begin():
        for number in range(7):
            buyer = "u1" if number in (0, 3) else "u2"
            row = order(number, "open", buyer, "held", None)
            conn.execute(orders_table.insert(), as_dict(row))
        found = read_open_orders(conn, "open", ["u1", "u2", "u3"], paid_since_ms=0, limit=3)
    assert {buyer: [row.id for row in rows] for buyer, rows in found.items()} == {
        "u1": ["o003", "o000"],
        "u2": ["o006", "o005", "o004"],
    }


def test_a_thousand_who_enter_are_no_more_statements_than_one(engine: Engine) -> None:
    statements: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *about: statements.append(about[2]))
    with engine.connect() as conn, conn.begin():
        write(conn, Facts({}, {}, {}, {}, []))
        counts = []
        for count in (1, 1000):
            statements.clear()
            cmd = Enter(room="open")
            sides = read_sides(conn, [Ask(cmd, Caller(f"v{n}", "V")) for n in range(count)], NOW_MS)
            assert len(sides) == count
            counts.append(len(statements))
    assert counts == [13, 14]  # who is sanctioned everywhere is another one, where several ask
