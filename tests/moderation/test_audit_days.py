"""Days of moderation added up: the same numbers as from the entries themselves."""

from __future__ import annotations

from collections import Counter

import orjson
from hypothesis import given
from hypothesis import strategies as st

from moderation.audit.chain import canonical
from moderation.audit.days import Day, Sort, told_apart, two_digits
from moderation.audit.transparency import Deeds, Numbers, tally_days, tally_sorts

ACTIONS = (
    "filter.mask",
    "filter.deny",
    "moderate.mute",
    "review.release",
    "review.refuse",
    "report.upheld",
    "report.dismissed",
    "appeal.granted",
    "appeal.refused",
    "shield.on",
    "picture.blur",
)
facts_of = st.fixed_dictionaries(
    {},
    optional={
        "by": st.sampled_from(("system", "host", "moderator")),
        "kind": st.sampled_from(("held", "filter", "mute", "picture")),
        "codes": st.lists(st.sampled_from(("insult", "link", "flood")), max_size=3, unique=True),
        # As they are kept, so that both ways have to say the same to the last digit.
        "waited_ms": st.integers(0, 10**9).map(two_digits),
        "seconds": st.integers(10, 600),
    },
)
entries = st.lists(
    st.tuples(st.integers(10, 14), st.sampled_from(("tea", "silk", "")), st.sampled_from(ACTIONS), facts_of),
    max_size=40,
)


@given(entries)
def test_days_come_to_what_their_entries_do(made: list[tuple[int, str, str, dict[str, object]]]) -> None:
    days = {day: Day(day) for day in range(10, 15)}
    for day, trail, action, facts in made:
        days[day].take(trail, action, canonical(facts), 1)
    numbers = Numbers()
    for day, _, action, facts in made:
        numbers.take(Deeds(day, action, facts, 1))
    told = tally_days([day.summary() for day in days.values()], 10, 14)
    assert told == {**numbers.wire(), "days": numbers.days(10, 14)}
    for trail in ("tea", "silk", ""):
        of_trail = Numbers()
        for day, of, action, facts in made:
            if of == trail:
                of_trail.take(Deeds(day, action, facts, 1))
        sums = Counter[Sort]()
        for summed in days.values():
            sums.update(summed.trails[trail].counts if trail in summed.trails else {})
        assert tally_sorts(sums) == of_trail.wire()


@given(st.integers(0, 10**15))
def test_a_wait_keeps_its_first_two_digits(waited_ms: int) -> None:
    kept = two_digits(waited_ms)
    assert abs(kept - waited_ms) * 20 <= waited_ms
    assert len(str(kept).rstrip("0")) <= 2
    assert two_digits(kept) == kept


def test_only_what_numbers_are_made_of_tells_sorts_apart() -> None:
    facts = {"by": "host", "kind": "held", "codes": ["link"], "waited_ms": 12_345, "seconds": 60}
    kept = orjson.loads(told_apart(canonical({**facts, "everywhere": True})))
    assert kept == {"by": "host", "kind": "held", "codes": ["link"], "waited_ms": 12_000}


def test_an_altered_entry_spoils_no_numbers() -> None:
    for facts in ("", "{", "[1]", '"x"', '{"waited_ms":-5}', '{"waited_ms":"x"}'):
        assert told_apart(facts) == "{}"
