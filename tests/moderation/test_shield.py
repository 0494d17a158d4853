"""A shield only ever makes a room's rules stricter."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from moderation.rulebook.rules import DEFAULT_RULES, LEVEL_MAX, RoomRules
from moderation.rulebook.shield import under_shield
from rooms.ports import About
from server.texts import Texts

MEASURES = ["allow", "mask", "hold", "deny"]
measures = st.sampled_from(MEASURES)
rooms = st.builds(
    RoomRules,
    levels=st.dictionaries(st.sampled_from(["insult", "sexual", "scam"]), st.integers(0, LEVEL_MAX)),
    links=measures,
    contacts=measures,
    adverts=measures,
    floods=measures,
    walls=measures,
    links_allowed=st.sampled_from([(), ("example.com",)]),
    ask_hook=st.booleans(),
    appeals=st.booleans(),
)


@given(rooms, st.integers(1, LEVEL_MAX), st.sampled_from(["insult", "sexual", "unnamed"]))
def test_nothing_is_milder(rules: RoomRules, level: int, category: str) -> None:
    shielded = under_shield(rules, level)
    assert shielded.level(category) == max(rules.level(category), level)
    assert shielded.links == "deny"
    for name in ("contacts", "adverts", "floods", "walls"):
        assert MEASURES.index(getattr(shielded, name)) >= max(2, MEASURES.index(getattr(rules, name)))
    same = (
        "links_allowed",
        "claims",
        "ask_hook",
        "appeals",
        "picture",
        "sound",
        "reports_to_hide",
        "reports_to_queue",
    )
    assert [getattr(shielded, name) for name in same] == [getattr(rules, name) for name in same]


@given(rooms)
def test_without_a_shield_nothing_changes(rules: RoomRules) -> None:
    assert under_shield(rules, 0) is rules


def test_a_shield_says_so_of_categories_nobody_has_named() -> None:
    assert DEFAULT_RULES.level("anything") == 2
    assert under_shield(DEFAULT_RULES, 4).level("anything") == 4


def test_the_filter_goes_by_the_shield_of_the_text_it_is_given() -> None:
    texts = Texts()
    for shield, verdict in ((0, "hold"), (4, "deny"), (0, "hold")):
        about = About("comment", "tea", "u-lin", 1, shield=shield)
        assert texts.check("look at cheap-tea.example.org", about).verdict == verdict
