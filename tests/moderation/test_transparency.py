"""What a room's moderation comes to in numbers."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from moderation.audit.days import DAY_MS
from moderation.audit.transparency import Deeds, Numbers, percentile, share, span, tally

DAY = 20_000
NOW_MS = DAY * DAY_MS + 7 * 3_600_000


def deeds(action: str, count: int = 1, day: int = DAY, **facts: Any) -> Deeds:
    return Deeds(day, action, facts, count)


def of(*all_of_them: Deeds) -> dict[str, Any]:
    return tally(all_of_them, now_ms=NOW_MS, days=7, offset_min=0)


def test_actions_are_counted_by_kind_and_by_whom() -> None:
    told = of(
        deeds("filter.mask", 5, by="system", codes=["insult"]),
        deeds("filter.deny", 2, by="system", codes=["insult", "link"]),
        deeds("moderate.mute", 3, by="moderator"),
        deeds("moderate.mute", 1, by="host"),
        deeds("moderate.delete", 1),
    )
    assert (told["total"], told["automatic"]) == (12, 7)
    by_name = {row["action"]: row for row in told["actions"]}
    assert list(by_name) == sorted(by_name)
    assert by_name["moderate.mute"] == {
        "action": "moderate.mute",
        "count": 4,
        "automatic": 0,
        "by": {"host": 1, "moderator": 3},
    }
    assert by_name["filter.mask"]["automatic"] == 5
    assert by_name["moderate.delete"]["by"] == {"unknown": 1}
    assert told["filter_codes"] == {"insult": {"deny": 2, "mask": 5}, "link": {"deny": 2}}


def test_false_positives_are_what_people_undid_of_what_they_judged() -> None:
    told = of(
        deeds("filter.hold", 20, by="system"),
        deeds("review.release", 3, by="moderator", kind="held", waited_ms=4000),
        deeds("review.refuse", 6, by="moderator", kind="held", waited_ms=2000),
        deeds("review.release", 1, by="moderator", kind="picture", waited_ms=1000),
        deeds("review.release", 9, by="moderator", kind="report", waited_ms=1000),
        deeds("appeal.granted", 1, by="host", kind="filter", waited_ms=60_000),
        deeds("appeal.granted", 2, by="host", kind="mute", waited_ms=60_000),
        deeds("appeal.refused", 1, by="host", kind="ban", waited_ms=120_000),
    )
    # Released and appealed: 3 + 1 + 1 of 3 + 6 + 1 + 1. What the filter held and nobody has looked at says
    # nothing yet, and a moderator's mute isn't the filter's.
    assert told["false_positives"] == {"count": 5, "of": 11, "share": 0.4545}
    assert told["held"] == {
        "released": 3,
        "refused": 6,
        "response": {"count": 9, "p50_ms": 2000, "p90_ms": 4000},
    }
    assert (told["appeals"]["granted"], told["appeals"]["refused"]) == (3, 1)
    assert of()["false_positives"] == {"count": 0, "of": 0, "share": None}


def test_reports_and_their_response() -> None:
    told = of(
        deeds("report.upheld", 1, waited_ms=100),
        deeds("report.dismissed", 1, waited_ms=300),
        deeds("report.dismissed", 1),  # of somebody who didn't say how long it took
    )
    assert told["reports"] == {
        "upheld": 1,
        "dismissed": 2,
        "response": {"count": 2, "p50_ms": 100, "p90_ms": 300},
    }
    assert of()["reports"]["response"] == {"count": 0, "p50_ms": None, "p90_ms": None}


def test_each_day_is_there_whether_anything_was_done_or_not() -> None:
    told = of(
        deeds("filter.mask", 4, day=DAY),
        deeds("moderate.mute", 2, day=DAY - 6),
        deeds("picture.blur", 1, day=DAY - 6),
        deeds("review.release", 1, day=DAY - 1),
    )
    assert [day["day"] for day in told["days"]] == [f"2024-09-{n}" for n in range(28, 31)] + [
        f"2024-10-0{n}" for n in range(1, 5)
    ]
    assert told["days"][0] == {"day": "2024-09-28", "filter": 0, "acted": 3, "decided": 0}
    assert told["days"][-1] == {"day": "2024-10-04", "filter": 4, "acted": 0, "decided": 0}
    assert told["days"][-2]["decided"] == 1
    assert told["from_ms"] == (DAY - 6) * DAY_MS


def test_a_day_begins_where_the_host_is() -> None:
    assert span(DAY * DAY_MS, days=1, offset_min=0) == (DAY, DAY)
    assert span(DAY * DAY_MS - 1, days=1, offset_min=0) == (DAY - 1, DAY - 1)
    assert span(DAY * DAY_MS - 8 * 3_600_000, days=2, offset_min=480) == (DAY - 1, DAY)
    assert span(DAY * DAY_MS, days=1, offset_min=-1) == (DAY - 1, DAY - 1)
    assert tally([], now_ms=NOW_MS, days=1, offset_min=480)["from_ms"] == DAY * DAY_MS - 480 * 60_000


ACTIONS = (
    "filter.mask",
    "moderate.mute",
    "review.release",
    "appeal.granted",
    "report.dismissed",
    "shield.on",
)
DEEDS = st.builds(
    deeds,
    st.sampled_from(ACTIONS),
    st.integers(1, 5),
    by=st.sampled_from(["system", "host", "moderator"]),
    waited_ms=st.integers(0, 1000),
)


@given(st.lists(DEEDS, max_size=20), st.randoms(use_true_random=False))
def test_the_order_of_deeds_does_not_matter_and_none_is_lost(
    many: list[Deeds], chance: random.Random
) -> None:
    shuffled = many[:]
    chance.shuffle(shuffled)
    told, again = Numbers(), Numbers()
    for each in many:
        told.take(each)
    for each in shuffled:
        for _ in range(each.count):
            again.take(Deeds(each.day, each.action, each.facts, 1))
    assert told.wire() == again.wire()
    assert told.wire()["total"] == sum(each.count for each in many)
    assert sum(sum(row["by"].values()) for row in told.wire()["actions"]) == told.wire()["total"]


@given(st.lists(st.integers(0, 50), min_size=1, max_size=40), st.sampled_from([0.5, 0.9, 1.0]))
def test_percentiles_are_by_nearest_rank(values: list[int], fraction: float) -> None:
    found = percentile(Counter(values), fraction)
    assert found in values
    at_most = sum(value <= found for value in values)
    below = sum(value < found for value in values)
    assert at_most / len(values) >= fraction > below / len(values)


def test_a_share_of_nothing_is_none() -> None:
    assert share(0, 0)["share"] is None
    assert share(1, 3)["share"] == 0.3333
