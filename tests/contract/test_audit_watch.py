"""Verifying all trails in the background: resumed, by one node at a time, and telling what it finds."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import structlog
from prometheus_client import CollectorRegistry
from sqlalchemy import func, select, text

from moderation.audit import chain_table, walk, watch
from server import audit_watch
from server.audit_watch import AuditWatch
from server.doctor.trails import judge_trails
from tests.contract.house import HOST, OPERATOR, House
from tests.contract.test_audit import guarded, keeper, note, unguarded

DAY_S = 86_400


def watching(house: House, node: str = "n1", *, alone: bool = False) -> tuple[AuditWatch, CollectorRegistry]:
    registry = CollectorRegistry()
    of = AuditWatch(house.store, lambda: house.now_ms, registry, node, every_s=DAY_S, alone=alone)
    return of, registry


async def fill(house: House) -> int:
    """Trails of several lengths; gives how many entries there are."""
    for trail, count in (("", 1), ("a", 7), ("b", 1), ("c", 4)):
        await note(house, *[(trail, HOST, "moderate.mute", "u", {"n": n}) for n in range(count)])
    state = await watching(house)[0].told()
    assert (state["last"], state["going"], state["broken"]) == (None, None, False)
    (row,) = await house.rows(select(func.count().label("n")).select_from(chain_table))
    return int(row["n"])


async def tamper(house: House, *statements: str) -> None:
    def change() -> None:
        engine = unguarded(house.url)
        with engine.begin() as conn:
            for statement in statements:
                conn.execute(text(statement))
        guarded(engine)

    await asyncio.to_thread(change)


@pytest.fixture
def small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walk, "PAGE", 2)
    monkeypatch.setattr(watch, "WEIGHT_MAX", 1)
    monkeypatch.setattr(audit_watch, "RESTS", 0)
    monkeypatch.setattr(audit_watch, "REST_MIN_S", 0)


async def test_a_pass_goes_through_everything_and_the_next_is_due_in_time(house: House) -> None:
    count = await fill(house)
    of, registry = watching(house)
    assert await of.verify()
    told = await of.told()
    assert (told["last"]["entries"], told["last"]["problems"], told["broken"]) == (count, 0, False)
    house.now_ms += DAY_S * 1000 - 1
    assert not await of.verify()
    assert registry.get_sample_value("danmart_audit_verified_entries") == count
    assert registry.get_sample_value("danmart_audit_broken") == 0
    assert registry.get_sample_value("danmart_audit_verified_age_seconds") == DAY_S - 0.001
    house.now_ms += 1
    assert await of.verify()


async def test_a_pass_goes_on_where_it_was_left_at_another_node(house: House, small_slices: None) -> None:
    """Left in the middle of a trail; each entry is gone through once."""
    count = await fill(house)
    first, _ = watching(house, "n1")
    second, _ = watching(house, "n2")
    at = await first._claim()
    assert at is not None
    going = watch.Going(at)
    while not at.hash:
        assert await house.store.read(going.step) == []
    assert await first._save(at)
    assert 0 < at.entries < count
    assert not await second.verify(), "while the first has it, and for as long as it may be alive"
    house.now_ms += watch.LEASE_MS
    assert await second.verify()
    told = await second.told()
    assert (told["last"]["entries"], told["last"]["problems"]) == (count, 0)
    assert told["last"]["trails"] >= 4


async def test_whoever_lost_the_lease_stops(house: House, small_slices: None) -> None:
    await fill(house)
    first, _ = watching(house, "n1")
    at = await first._claim()
    assert at is not None
    house.now_ms += watch.LEASE_MS
    assert await watching(house, "n2")[0].verify()
    assert not await first._save(at)
    assert (await first.look()).going is None, "what the other one has finished isn't begun again"


@pytest.mark.parametrize("small", [False, True])
async def test_a_change_raises_the_alarm_and_mending_it_ends_it(
    house: House, small: bool, request: pytest.FixtureRequest
) -> None:
    if small:
        request.getfixturevalue("small_slices")
    count = await fill(house)
    of, registry = watching(house)
    assert await of.verify()
    await tamper(house, "UPDATE audit_chain SET action = 'moderate.warn' WHERE trail = 'a' AND seq = 3")
    house.now_ms += DAY_S * 1000
    with structlog.testing.capture_logs() as logs:
        assert await of.verify()
    (line,) = (each for each in logs if each["event"] == "audit_trail_broken")
    assert (line["log_level"], line["trail"], line["seq"], line["code"]) == ("error", "a", 3, "altered")
    assert "danmart audit verify" in line["advice"]
    other, others = watching(house, "n2")
    told = await other.told()
    assert told["broken"]
    assert told["last"]["found"][0] == {k: line[k] for k in ("trail", "seq", "code", "what")}
    assert others.get_sample_value("danmart_audit_broken") == 1
    finding = judge_trails(await other.look(), house.now_ms, DAY_S)
    assert (finding.level, "'a', entry 3" in finding.what) == ("error", True)
    await tamper(house, "UPDATE audit_chain SET action = 'moderate.mute' WHERE trail = 'a' AND seq = 3")
    house.now_ms += watch.AGAIN_AFTER_MS
    assert await of.verify(), "soon, as somebody is mending it"
    assert registry.get_sample_value("danmart_audit_broken") == 0
    assert (await of.told())["last"]["entries"] == count


async def test_what_is_missing_or_left_over_is_found_in_every_slice(house: House, small_slices: None) -> None:
    await fill(house)
    of, _ = watching(house)
    await tamper(
        house,
        "DELETE FROM audit_chain WHERE trail = 'a' AND seq IN (2, 7)",
        "DELETE FROM audit_heads WHERE trail = 'b'",
        "DELETE FROM audit_details WHERE trail = 'c' AND seq = 4",
    )
    assert await of.verify()
    found = {(p["trail"], p["seq"], p["code"]) for p in (await of.told())["last"]["found"]}
    assert found == {
        ("a", 2, "missing"),
        ("a", 7, "missing"),
        ("a", 2, "details_stray"),
        ("a", 7, "details_stray"),
        ("b", None, "head_missing"),
        ("c", 4, "details_missing"),
    }


async def test_a_node_alone_goes_on_at_once_with_what_an_earlier_life_began(house: House) -> None:
    count = await fill(house)
    first, _ = watching(house, "before", alone=True)
    assert await first._claim() is not None
    again, _ = watching(house, "after", alone=True)
    assert await again.verify()
    assert (await again.told())["last"]["entries"] == count


async def test_writing_and_erasing_meanwhile_is_no_alarm(house: House, small_slices: None) -> None:
    await fill(house)
    of, _ = watching(house)
    task = asyncio.create_task(of.verify())
    writes = 0
    while not task.done():
        await note(house, ("a", HOST, "moderate.mute", f"u{writes}", {}), ("d", HOST, "x.y", "", {}))
        writes += 1
        if writes == 2:
            await keeper(house).erase_person("u0", OPERATOR)
        if writes > 30:
            break
    await task
    assert (await of.told())["last"]["problems"] == 0


def test_the_doctor_tells_what_is_and_what_keeps_it_away() -> None:
    def state(last: watch.Pass | None) -> Any:
        return watch.State("", 0, None, last)

    done = watch.Pass(0, entries=5, done_ms=1000)
    assert judge_trails(state(done), 1000 + 3_600_000, DAY_S).level == "ok"
    assert judge_trails(state(done), 1000 + 4 * DAY_S * 1000, DAY_S).level == "warn"
    assert judge_trails(state(done), 1000, 0).level == "warn"
    assert judge_trails(state(None), 1000, DAY_S).level == "ok"
