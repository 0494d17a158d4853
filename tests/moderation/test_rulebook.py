"""What a room goes by: the platform's rules, its own, and what it can't loosen; and lists in layers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from moderation.filter import Entry, WordListError
from moderation.rulebook.book import JOINED_MAX, LAYERS_MAX, bound, categories, compiled, grouped
from moderation.rulebook.book import Part as BookPart
from moderation.rulebook.effective import (
    NOTHING_CHOSEN,
    SCALARS,
    Chosen,
    RulesChange,
    effective,
    strictness,
)
from moderation.rulebook.forms import entries_of, written
from moderation.rulebook.rules import DEFAULT_RULES

CATEGORIES = ("slur", "insult", "profanity", "scam")
MEASURES = st.sampled_from(["allow", "mask", "hold", "deny"])
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "levels": st.dictionaries(st.sampled_from(CATEGORIES), st.integers(0, 4)),
    "links_allowed": st.lists(st.sampled_from(["a.example", "b.example", "c.example"]), unique=True),
    "ask_hook": st.booleans(),
    "appeals": st.booleans(),
    "reports_to_queue": st.integers(1, 100),
    "reports_to_hide": st.integers(0, 1000),
    "picture": st.sampled_from(["off", "alert", "blur", "interrupt"]),
    "sound": st.sampled_from(["off", "alert", "interrupt"]),
} | dict.fromkeys(("links", "contacts", "adverts", "floods", "walls", "claims"), MEASURES)
PATCHES = st.fixed_dictionaries({}, optional=FIELDS)
FIRM = st.lists(
    st.sampled_from([*SCALARS, "levels", *(f"levels.{category}" for category in CATEGORIES)]), unique=True
)


@given(platform=PATCHES, firm=FIRM, room=PATCHES)
def test_a_room_is_never_milder_than_what_the_platform_is_firm_on(
    platform: dict[str, Any], firm: list[str], room: dict[str, Any]
) -> None:
    above = NOTHING_CHOSEN.changed({**platform, "firm": firm})
    base, rules = effective(above), effective(above, NOTHING_CHOSEN.changed(room))
    for name in firm:
        field, _, category = name.partition(".")
        for each in [category] if category else CATEGORIES if field == "levels" else []:
            assert rules.level(each) >= base.level(each)
        if field in SCALARS:
            assert strictness(field, getattr(rules, field)) >= strictness(field, getattr(base, field))
        if field == "links":
            assert rules.links_allowed == base.links_allowed


@given(platform=PATCHES, room=PATCHES)
def test_what_isnt_firm_is_the_rooms_choice_and_else_the_platforms(
    platform: dict[str, Any], room: dict[str, Any]
) -> None:
    rules = effective(NOTHING_CHOSEN.changed(platform), NOTHING_CHOSEN.changed(room))
    for name in SCALARS:
        assert getattr(rules, name) == room.get(name, platform.get(name, getattr(DEFAULT_RULES, name)))
    for category in CATEGORIES:
        chosen = platform.get("levels", {}) | room.get("levels", {})
        assert rules.level(category) == chosen.get(category, 2)
    allowed = {*platform.get("links_allowed", ()), *room.get("links_allowed", ())}
    assert set(rules.links_allowed) == allowed


@given(first=PATCHES, second=PATCHES)
def test_null_takes_a_choice_away_and_what_isnt_named_stays(
    first: dict[str, Any], second: dict[str, Any]
) -> None:
    chosen = NOTHING_CHOSEN.changed(first)
    both = chosen.changed(second)
    assert both.changed(dict.fromkeys(FIELDS)) == NOTHING_CHOSEN
    for name in first.keys() - second.keys():
        assert both.rules.get(name) == chosen.rules.get(name)
    without_levels = {"levels": dict.fromkeys(second.get("levels", {}))}
    assert not both.changed(without_levels).rules.get("levels", {}).keys() & second.get("levels", {}).keys()


def test_a_mistyped_change_is_refused() -> None:
    for bad in (
        {"link": "deny"},
        {"links": "forbid"},
        {"levels": {"slur": 5}},
        {"levels": {"No Such": 1}},
        {"links_allowed": ["https://a.example"]},
        {"firm": ["everything"]},
        {"reports_to_queue": 0},
    ):
        with pytest.raises(ValidationError):
            RulesChange.model_validate(bad)
    assert RulesChange.model_validate({"links": None}).patch == {"links": None}
    many = {"levels": {f"c{n}": 1 for n in range(60)}}
    others = {"levels": {f"d{n}": 1 for n in range(60)}}
    with pytest.raises(ValidationError):
        NOTHING_CHOSEN.changed(many).changed(others)


LISTS = st.dictionaries(
    st.text("abcdefghij_", min_size=1, max_size=6),
    st.tuples(st.integers(1, 9), st.integers(0, 3 * JOINED_MAX)),
    max_size=30,
).map(lambda found: [(name, version, entries) for name, (version, entries) in found.items()])


@given(lists=LISTS, data=st.data())
def test_a_changed_list_touches_one_layer(lists: list[tuple[str, int, int]], data: st.DataObject) -> None:
    keys = list(grouped(lists))
    assert sorted(each for key in keys for each in key) == sorted((n, v) for n, v, _ in lists)
    assert len(keys) <= LAYERS_MAX
    if not lists:
        return
    name, version, entries = data.draw(st.sampled_from(lists))
    changed = [each for each in lists if each[0] != name] + [(name, version + 1, entries)]
    assert len(set(grouped(changed)) - set(keys)) == 1


def layer(*texts: str, category: str = "own") -> Any:
    return compiled(Entry(text, "deny", category=category) for text in texts)


def test_a_book_is_the_files_then_the_platforms_then_the_rooms() -> None:
    base, above = layer("alpha"), BookPart(layers={(("p", 1),): layer("beta")}, version=4)
    plain = bound(base, above)
    assert (len(plain.words), plain.version) == (2, 4)
    room = BookPart(Chosen({"links": "deny"}), {(("r", 5),): layer("gamma", category="x")}, 5)
    book = bound(base, above, room)
    assert [bool(words.check("gamma").reasons) for words in book.words] == [False, False, True]
    assert (book.rules.links, book.version) == ("deny", 5)
    assert categories([base], above.layers.values(), room.layers.values()) == {"own": 2, "x": 1}


CELLS = st.text(
    st.characters(exclude_categories=["C", "Z"], exclude_characters="{}"), min_size=1, max_size=12
)


@given(words=st.lists(CELLS, min_size=1, max_size=8))
def test_csv_gives_back_what_it_was_given_and_no_cell_is_a_formula(words: list[str]) -> None:
    entries = [Entry(word, "mask", category="own", severity=3, apart=True) for word in words]
    text = written("csv", entries)
    read = entries_of("csv", text, "own")
    assert [replace(entry, list="", line=None) for entry in read] == entries
    assert [entry.line for entry in read] == list(range(2, len(words) + 2))
    for line in text.splitlines()[1:]:
        assert not line.lstrip('"').startswith(("=", "+", "-", "@"))


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ("word\nx\n", 1),
        ("text,text\nx,y\n", 1),
        ("text,action\nfine,deny\nbad,burn\n", 3),
        ("text\n\nfine\n" + "x" * 101 + "\n", 4),
        ("text\none,two\n", 2),
        ('text\n"open\n', 2),
    ],
)
def test_a_fault_in_csv_names_its_line(body: str, line: int) -> None:
    with pytest.raises(WordListError) as caught:
        entries_of("csv", body, "own")
    assert [problem.line for problem in caught.value.problems] == [line]


def test_all_faults_of_a_sheet_are_told_at_once() -> None:
    body = "text,severity,match,category\nfine,1,,\nbad,9,,\nbad,1,maybe,No Name\n{a,2,,\n"
    with pytest.raises(WordListError) as caught:
        entries_of("csv", body, "own")
    assert [problem.line for problem in caught.value.problems] == [3, 4, 4, 5]
