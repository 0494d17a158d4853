"""Pictures that nobody had looked at, on both databases: found late, withheld, decided by a moderator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import select

from media.vision.metrics import VisionMetrics
from media.vision.process import Away
from media.vision.rules import Finding
from moderation.audit import read_audit
from rooms import avatars
from rooms.avatars import HOUR_MS, digest_of, read_avatars, read_served
from rooms.errors import Refused
from rooms.origins import LEASE_MS, ORIGINS, take
from rooms.ports import Caller
from rooms.rows import Steps
from rooms.unit import Unit
from server.late_checks import LEASE, MISSES_MAX, READY_S, REST_MAX_S, REST_S, LateChecks
from server.late_stocks import PLATFORM, OfPeople, OfRooms
from server.pictures import count_unchecked, count_withheld, pictures_table, read_picture
from server.store.group import Work
from tests.contract.house import HOST, MODERATOR, OTHER, ROOM, VIEWER, House

PER_MIN = 120
RED = (Finding("red", 0.93), Finding("pink", 0.6))


@dataclass
class Looker:
    """Finds something in pictures that begin so, fails with others; ``off``: rooms that aren't looked at."""

    checker: str = "colours"
    off: set[str] = field(default_factory=set)
    away: bool = False
    is_ready: bool = True
    looked_at: list[bytes] = field(default_factory=list)

    def wants(self, room_id: str) -> bool:
        return room_id not in self.off

    async def look_at(self, picture: bytes) -> tuple[Finding, ...]:
        if self.away or picture.startswith(b"bad"):
            raise Away("it is away")
        self.looked_at.append(picture)
        return RED if picture.startswith(b"red") else ()


def stocks(house: House) -> tuple[OfRooms, OfPeople]:
    return OfRooms(house.uploads), OfPeople(house.services.avatar_acts)


@dataclass
class Desk:
    house: House
    looker: Looker
    registry: CollectorRegistry
    late: LateChecks

    async def keep(self, *bodies: bytes, room: str = ROOM) -> list[str]:
        """Pictures of before there was a checker; their names, in order."""
        names = [f"p{n:02}-{body.decode()}.webp" for n, body in enumerate(bodies)]

        def add(tx: Unit) -> Steps[None]:
            yield from ()
            for name, body in zip(names, bodies, strict=True):
                row = {"name": name, "room_id": room, "user_id": HOST.id, "at_ms": 1, "body": body}
                tx.insert(pictures_table, row)

        assert (await self.house.store.write(Work("keep", add))).ok
        return names

    async def face(self, body: bytes, caller: Caller = VIEWER, checked_by: str | None = None) -> str:
        """Somebody's own picture; its name."""

        def put(tx: Unit) -> Steps[Any]:
            return self.house.services.avatars.set(tx, body, caller, checked_by)

        assert (await self.house.store.write(Work("avatar.set", put))).ok
        return digest_of(caller.id or "", body)

    async def faces(self, *digests: str) -> dict[str, bytes]:
        found = await self.house.store.read(lambda conn: read_served(conn, digests))
        return {digest: one.body for digest, one in found.items()}

    async def shown(self, caller: Caller = VIEWER) -> str | None:
        user = caller.id or ""
        return (await self.house.store.read(lambda conn: read_avatars(conn, [user]))).get(user)

    async def unseen_faces(self) -> int:
        return await self.house.store.read(avatars.count_unchecked)

    async def trail(self) -> list[dict[str, Any]]:
        """What was done in no room."""
        return await self.house.store.read(lambda conn: list(read_audit(conn, PLATFORM)))

    async def steps(self, count: int) -> list[float]:
        return [await self.late.step() for _ in range(count)]

    async def unchecked(self) -> int:
        return await self.house.store.read(count_unchecked)

    async def row(self, name: str) -> Any:
        query = select(pictures_table).where(pictures_table.c.name == name)
        return await self.house.store.read(lambda conn: conn.execute(query).one())

    def counted(self, outcome: str) -> float:
        return self.registry.get_sample_value("danmart_vision_late_total", {"outcome": outcome}) or 0.0

    def another(self, node: str) -> LateChecks:
        metrics = VisionMetrics(CollectorRegistry())
        house = self.house
        return LateChecks(
            house.store, stocks(house), self.looker, metrics, node, PER_MIN, lambda: house.now_ms
        )


@pytest.fixture
def desk(house: House) -> Desk:
    registry, looker = CollectorRegistry(), Looker()
    metrics = VisionMetrics(registry)
    late = LateChecks(house.store, stocks(house), looker, metrics, "a", PER_MIN, lambda: house.now_ms)
    return Desk(house, looker, registry, late)


def items(house: House) -> list[dict[str, Any]]:
    return [orjson.loads(e.body)["data"]["item"] for e in house.staff if e.kind == "review"]


async def test_each_is_looked_at_once_and_then_there_is_rest(desk: Desk) -> None:
    names = await desk.keep(b"one", b"two")
    assert await desk.steps(3) == [60 / PER_MIN, 60 / PER_MIN, REST_S]
    assert desk.looker.looked_at == [b"one", b"two"]
    for name in names:
        row = await desk.row(name)
        assert (row.checked_at_ms, row.checked_by, row.withheld) == (desk.house.now_ms, "colours", 0)
    assert await desk.steps(1) == [REST_S]
    assert (await desk.unchecked(), desk.counted("clean")) == (0, 2)
    assert items(desk.house) == []


async def test_what_has_something_in_it_is_withheld_and_the_host_told(desk: Desk) -> None:
    (name,) = await desk.keep(b"red")
    await desk.steps(1)
    kept = await desk.house.store.read(lambda conn: read_picture(conn, name))
    assert kept is not None
    assert (kept.checked, kept.withheld) == (True, True)
    (told,) = [e for e in desk.house.private if e.kind == "picture_withheld"]
    data = orjson.loads(told.body)["data"]
    assert (told.user_id, data["upload"], data["classes"][0]) == (
        HOST.id,
        f"/pictures/{name}",
        {"name": "red", "score": 0.93},
    )
    (item,) = items(desk.house)
    assert (item["kind"], item["measure"], item["upload"]) == ("picture", "withhold", f"/pictures/{name}")
    assert item["picture"] == f"/api/v1/rooms/{ROOM}/pictures/{name}"
    (line,) = await desk.house.store.read(
        lambda c: [one for one in read_audit(c, ROOM) if one["action"].startswith("picture.")]
    )
    assert (line["action"], line["detail"]["checker"]) == ("picture.withhold", "colours")
    assert desk.counted("withheld") == 1


@pytest.mark.parametrize(("decision", "withheld"), [("dismiss", 0), ("uphold", 1)])
async def test_a_moderator_decides_whether_it_is_shown_again(
    desk: Desk, decision: str, withheld: int
) -> None:
    (name,) = await desk.keep(b"red")
    await desk.steps(1)
    (item,) = items(desk.house)
    decide = {"item": item["id"], "decision": decision}
    # Whose picture it is doesn't decide on it, nor does who has no business in the queue.
    assert await desk.house.code("review.decide", HOST, **decide) == "forbidden"
    assert await desk.house.code("review.decide", VIEWER, **decide) == "forbidden"
    await desk.house.ok("review.decide", MODERATOR, **decide)
    assert (await desk.row(name)).withheld == withheld
    assert await desk.house.store.read(count_withheld) == withheld
    assert await desk.steps(1) == [REST_S]  # it has been looked at


async def test_until_there_is_a_checker_nothing_is_asked(desk: Desk) -> None:
    await desk.keep(b"one")
    desk.looker.is_ready = False
    assert await desk.steps(2) == [READY_S] * 2
    desk.looker.is_ready = True
    await desk.steps(1)
    assert await desk.unchecked() == 0


async def test_rooms_that_are_not_looked_at_wait_for_it(desk: Desk) -> None:
    await desk.keep(b"red")
    desk.looker.off = {ROOM}
    assert await desk.steps(2) == [REST_S] * 2
    assert (await desk.unchecked(), desk.looker.looked_at) == (1, [])
    desk.looker.off = set()
    await desk.steps(1)
    assert await desk.unchecked() == 0


async def test_one_that_cannot_be_looked_at_holds_up_no_other(desk: Desk) -> None:
    names = await desk.keep(b"bad", b"one", b"red")
    await desk.steps(3)
    assert [(await desk.row(name)).checked_at_ms is None for name in names] == [True, False, False]
    rests = []
    for _ in range(8):
        rests += [await desk.late.step(), await desk.late.step()][:1]
        desk.looker.looked_at.clear()
    assert await desk.unchecked() == 1
    assert desk.looker.looked_at == []  # nobody is looked at twice


async def test_a_checker_that_is_away_is_asked_less_and_less_often(desk: Desk) -> None:
    await desk.keep(*(b"%d" % n for n in range(30)))
    desk.looker.away = True
    pauses = await desk.steps(MISSES_MAX * 8)
    rests = [pause for pause in pauses if pause >= REST_S]
    assert rests == sorted(rests)
    assert (rests[0], rests[-1]) == (2 * REST_S, REST_MAX_S)
    assert await desk.unchecked() == 30
    desk.looker.away = False
    await desk.steps(40)
    assert await desk.unchecked() == 0


async def test_one_node_at_a_time_looks_and_another_goes_on_where_it_died(desk: Desk) -> None:
    await desk.keep(b"one", b"two", b"red")
    other = desk.another("b")
    await desk.late.step()
    assert await other.step() == LEASE_MS / 1000
    assert desk.looker.looked_at == [b"one"]
    desk.house.now_ms += LEASE_MS + 1  # and a is gone
    await other.step()
    assert desk.looker.looked_at == [b"one", b"two"]
    assert await desk.late.step() == LEASE_MS / 1000


async def test_what_two_have_looked_at_is_written_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    await desk.keep(b"red")
    look = desk.looker.look_at

    async def slow(picture: bytes) -> Sequence[Finding]:
        """So slow that its node's lease runs out meanwhile, and another has taken it."""
        found = await look(picture)

        def steal(tx: Unit) -> Steps[None]:
            yield ORIGINS.rows(LEASE)
            take(tx, LEASE, "b")

        desk.house.now_ms += LEASE_MS + 1
        assert (await desk.house.store.write(Work("steal", steal))).ok
        return found

    monkeypatch.setattr(desk.looker, "look_at", slow)
    await desk.late.step()
    assert (await desk.unchecked(), items(desk.house), desk.counted("withheld")) == (1, [], 0)


async def test_while_the_database_is_away_nothing_is_lost(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.keep(b"red")

    async def away(_: object) -> None:
        raise Refused("temporarily_unavailable")

    with monkeypatch.context() as patch:
        patch.setattr(desk.house.store, "write", away)
        with pytest.raises(Refused):
            await desk.late.step()
    await desk.steps(2)
    assert await desk.unchecked() == 0


# People's own


async def test_peoples_pictures_are_looked_at_after_the_rooms(desk: Desk) -> None:
    await desk.house.sign_in(VIEWER, OTHER)
    names = {await desk.face(b"red face"), await desk.face(b"a face", OTHER)}
    await desk.keep(b"one")
    desk.looker.off = {ROOM}  # which rules over its own pictures only
    assert await desk.steps(3) == [60 / PER_MIN, 60 / PER_MIN, REST_S]
    assert sorted(desk.looker.looked_at) == [b"a face", b"red face"]
    assert list((await desk.faces(*names)).values()) == [b"a face"]
    desk.looker.off = set()
    await desk.steps(2)
    assert desk.looker.looked_at[2:] == [b"one"]
    assert (await desk.unchecked(), await desk.unseen_faces(), desk.counted("clean")) == (0, 0, 2)
    assert desk.registry.get_sample_value("danmart_vision_unchecked") == 0
    assert await desk.shown(OTHER) is not None


async def test_a_face_with_something_in_it_goes_and_its_owner_is_told(desk: Desk) -> None:
    house = desk.house
    await house.sign_in(VIEWER)
    digest = await desk.face(b"red face")
    await desk.steps(2)
    assert (await desk.faces(digest), await desk.shown()) == ({}, None)
    (told,) = house.told(VIEWER, "avatar_removed")
    assert told["data"] == {"reason": "", "until_ms": house.now_ms + 24 * HOUR_MS}
    (line,) = await desk.trail()
    assert (line["action"], line["target"], line["actor"]["id"]) == ("moderate.avatar", VIEWER.id, None)
    detail = line["detail"]
    assert (detail["avatars"], detail["checker"]) == ([digest], "colours")
    assert detail["classes"][0] == {"name": "red", "score": 0.93}
    assert desk.counted("withheld") == 1
    assert items(house) == []  # there is nothing to decide
    with pytest.raises(AssertionError):  # none is taken for a day, and this one never again
        await desk.face(b"another face")
    house.now_ms += 24 * HOUR_MS
    with pytest.raises(AssertionError):
        await desk.face(b"red face")
    await desk.face(b"another face")


async def test_one_that_is_only_seen_beside_old_comments_goes_without_its_successor(desk: Desk) -> None:
    await desk.house.sign_in(VIEWER)
    old = await desk.face(b"red face")
    new = await desk.face(b"a face")
    await desk.steps(3)
    assert await desk.faces(old, new) == {new: b"a face"}
    assert await desk.shown() == new
    assert desk.house.told(VIEWER, "avatar_removed") == []
    (line,) = await desk.trail()
    assert line["detail"]["avatars"] == [old]
    await desk.face(b"another face")


async def test_who_was_looked_at_is_not_looked_at_again(desk: Desk) -> None:
    await desk.house.sign_in(VIEWER, OTHER)
    await desk.face(b"a face", checked_by="colours")
    await desk.face(b"a face")  # once more, while nobody looks
    await desk.face(b"face of other", OTHER)
    await desk.house.ok("avatar.remove", MODERATOR, user=OTHER.id)
    assert await desk.steps(1) == [REST_S]
    assert (desk.looker.looked_at, await desk.unseen_faces()) == ([], 0)


@pytest.mark.parametrize("meanwhile", ["cleared", "removed", "replaced"])
async def test_what_its_owner_or_a_moderator_does_meanwhile_holds(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, meanwhile: str
) -> None:
    house = desk.house
    await house.sign_in(VIEWER)
    digest = await desk.face(b"red face")
    look = desk.looker.look_at

    async def slow(picture: bytes) -> tuple[Finding, ...]:
        found = await look(picture)
        if meanwhile == "cleared":
            user = VIEWER.id or ""
            await house.store.write(Work("clear", lambda tx: house.services.avatars.clear(tx, user)))
        elif meanwhile == "removed":
            await house.ok("avatar.remove", MODERATOR, user=VIEWER.id)
        else:
            await desk.face(b"a face", checked_by="colours")
        return found

    monkeypatch.setattr(desk.looker, "look_at", slow)
    await desk.steps(1)
    assert await desk.faces(digest) == {}
    assert len(house.told(VIEWER, "avatar_removed")) == (1 if meanwhile == "removed" else 0)
    assert len(await desk.trail()) == (1 if meanwhile == "replaced" else 0)
    assert (await desk.shown() is not None) == (meanwhile == "replaced")
    assert await desk.steps(1) == [REST_S]
