"""What goes wrong between a server and its viewers is seen, whatever it is, and nothing else is."""

from __future__ import annotations

import pytest

from clients.load.plan import Plan
from clients.load.report import Report
from clients.load.run import LoadError, run_load
from clients.load.tokens import User
from tests.clients.load.fake_server import Frame, Meddle, fake_room

VIEWERS = 3
THIRD = 3


async def _load(
    meddle: Meddle, *, hang_up_at: int | None = None, settle_s: float = 0.3, seconds: float = 0.4
) -> Report:
    async with fake_room(meddle, hang_up_at) as url:
        plan = Plan((url,), viewers=VIEWERS, seconds=seconds, comments=25, settle_s=settle_s)
        return await run_load(plan, [User("u", "t")])


def _at_third(*instead: Frame) -> Meddle:
    """Does ``instead`` to the third entry's frame; a frame without ``from`` stands for the right one."""
    return lambda frame: [frame | change for change in instead] if frame["from"] == THIRD else [frame]


async def test_faithful_server_is_found_faultless() -> None:
    report = await _load(lambda frame: [frame])
    result = report.json()
    assert result["comments"]["ok"] == result["comments"]["sent"] == result["log_entries"] >= 5
    assert result["deliveries"] == VIEWERS * result["log_entries"]
    assert (result["lost"], result["gaps"], result["repeats"], result["foreign"]) == (0, 0, 0, 0)
    assert 0 < result["p50_ms"] <= result["p99_ms"] <= result["max_ms"] < 5000
    assert report.faultless


async def test_frame_that_is_not_sent_is_a_gap_and_a_loss_for_everybody() -> None:
    report = await _load(_at_third())
    assert (report.verdict.lost, report.verdict.gaps) == (VIEWERS, VIEWERS)
    assert not report.faultless


async def test_frame_that_is_sent_twice_is_a_repeat_for_everybody() -> None:
    report = await _load(_at_third({}, {}))
    assert (report.verdict.repeats, report.verdict.lost, report.verdict.gaps) == (VIEWERS, 0, 0)
    assert not report.faultless


async def test_entry_left_out_without_a_word_is_lost_and_with_a_word_is_not() -> None:
    silent = await _load(_at_third({"items": []}))
    assert (silent.verdict.lost, silent.verdict.gaps) == (VIEWERS, 0)
    told = await _load(_at_third({"items": [], "skipped": {"comment": 1}}))
    assert told.verdict.lost == 0
    assert told.json()["skipped"] == VIEWERS
    assert told.faultless


async def test_entry_that_the_log_does_not_have_is_foreign() -> None:
    report = await _load(_at_third({"items": [{"id": "x", "offset": 999, "data": {}}]}))
    assert report.verdict.foreign == VIEWERS
    assert report.verdict.lost == VIEWERS


async def test_last_frame_is_missed_although_nothing_follows_it() -> None:
    report = await _load(lambda frame: [frame] if frame["to"] < 4 else [])
    assert not report.settled
    assert report.verdict.lost == VIEWERS * (report.json()["log_entries"] - THIRD)


async def test_who_is_cut_off_returns_to_where_it_was_and_misses_nothing() -> None:
    report = await _load(lambda frame: [frame], hang_up_at=THIRD, settle_s=5, seconds=3)
    result = report.json()
    assert result["reconnects"] == result["recovered"] == VIEWERS
    assert sum(result["dropped"].values()) == VIEWERS
    assert report.faultless


async def test_nobody_connects_to_a_port_where_nobody_listens() -> None:
    plan = Plan(("http://127.0.0.1:1",), viewers=1, seconds=0.1)
    with pytest.raises(LoadError, match="nobody could connect"):
        await run_load(plan, [User()])
