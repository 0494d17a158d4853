"""The checks together: nothing is lost, the order can't matter, and no text makes them fail."""

from __future__ import annotations

from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from moderation.filter import TextFilter, clean_text
from moderation.filter.checks.words import strictest
from moderation.filter.folded import folded
from moderation.filter.memory import Memory
from moderation.filter.pipeline import Pipeline, join
from moderation.filter.word_lists import Entry
from moderation.rulebook.rules import RoomRules
from rooms.errors import Refused
from rooms.ports import About, TextReason

WORDS = TextFilter(
    [
        Entry("badword", "mask"),
        Entry("worst", "deny"),
        Entry("最好", "deny", category="claims"),
        Entry("the best", "deny", category="claims"),
        Entry("mild", "mask", category="mild"),
    ]
)
SOMEBODY = About("comment", "tea", "u-lin", 1000)

HOSTILE = "f.uck @1点微信加vx\u0301\u200d\u202e🅰\ud800"
words = st.text(max_size=6)
reasons = st.builds(
    TextReason,
    st.sampled_from(["words", "links", "hook"]),
    st.sampled_from(["profanity", "link", "external"]),
    st.sampled_from(["mask", "hold", "deny"]),
    words,
    st.none() | st.integers(0, 10),
    st.none() | st.integers(10, 20),
).filter(lambda reason: (reason.start is None) == (reason.end is None))


def pipeline(**rules: object) -> Pipeline:
    return Pipeline((WORDS,), RoomRules.model_validate(rules))


@given(st.lists(reasons, max_size=4), st.text(min_size=20, max_size=20))
def test_the_order_of_the_reasons_cant_matter(found: list[TextReason], text: str) -> None:
    (once,) = {join(text, order) for order in permutations(found)}
    assert set(once.reasons) == set(found)
    assert once.verdict == strictest(found)


@given(
    st.text(alphabet=st.characters(), max_size=300)
    | st.text("f.uck @1点微信加vx\u0301\u200d\u202e🅰\ud800", max_size=300)
)
def test_no_text_makes_the_checks_fail(text: str) -> None:
    """Surrogates, overrides, marks on marks: each gets a verdict, and spans that lie in it."""
    memory = Memory()
    memory.count("tea", "u-lin", "f", folded("f"), 999)
    for kind in ("comment", "name", "title", "product"):
        checked = pipeline().check(text, About(kind, "tea", "u-lin", 1000), memory)
        for reason in checked.reasons:
            if reason.start is not None and reason.end is not None:
                assert 0 <= reason.start < reason.end <= len(text)
        assert checked.verdict == strictest(checked.reasons)


@given(st.text(max_size=60), st.text(max_size=60))
def test_a_denied_word_is_denied_whatever_stands_around_it(before: str, after: str) -> None:
    text = f"{before} 。worst。 {after}"
    try:
        text = clean_text(text, 200)
    except Refused:
        return
    found = (TextReason("hook", "external", "mask"),)
    checked = pipeline(links="allow").check(text, About("comment", "tea", "u-lin", 0, found))
    assert checked.verdict == "deny"


def test_every_reason_is_kept_and_the_strictest_wins() -> None:
    checked = pipeline().check("badword at evil.com, QQ 12345678, worst", SOMEBODY)
    assert checked.verdict == "deny"
    assert {reason.code for reason in checked.reasons} >= {"custom", "link", "qq"}
    held = pipeline().check("badword at evil.com", SOMEBODY)
    assert (held.verdict, held.text) == ("hold", "******* at evil.com")


def test_what_was_found_elsewhere_counts() -> None:
    about = About("comment", "tea", "u-lin", 0, (TextReason("hook", "external", "mask"),))
    checked = pipeline().check("hello there", about)
    assert (checked.verdict, checked.text) == ("mask", "***** *****")


def test_rules_say_what_becomes_of_what_is_found() -> None:
    for measure in ("allow", "mask", "hold", "deny"):
        checked = pipeline(links=measure).check("go to evil.com", SOMEBODY)
        assert checked.verdict == measure
        assert checked.text == ("go to ********" if measure == "mask" else "go to evil.com")


def test_claims_are_looked_for_in_product_texts_alone() -> None:
    for text in ("全网最好的茶", "this is the best tea"):
        assert pipeline().check(text, About("product")).verdict == "deny"
        assert pipeline().check(text, SOMEBODY).verdict == "allow"
        assert pipeline(claims="allow").check(text, About("product")).verdict == "allow"
    (reason,) = pipeline().check("全网最好的茶", About("product")).reasons
    assert (reason.check, reason.code, reason.rule) == ("claims", "claims", "最好")


def test_a_category_of_level_0_is_not_looked_for() -> None:
    assert pipeline().check("so mild", SOMEBODY).verdict == "mask"
    assert pipeline(levels={"mild": 0}).check("so mild", SOMEBODY).verdict == "allow"


def test_hosts_say_where_their_shop_is() -> None:
    text = "More at tea-house.shop, QQ 12345678"
    assert pipeline().check(text, About("title", "tea")).verdict == "allow"
    assert pipeline().check(text, About("name")).verdict == "hold"
