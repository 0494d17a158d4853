"""The hash chain of the audit trails: its rules by hand, and that no change of anything goes unseen."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from moderation.audit.chain import START, Details, Link, facts_of, what_digest, who_digest
from moderation.audit.ranges import holds, merged, parsed, spans_of, written
from moderation.audit.trail import Note, chain
from moderation.audit.verify import ERASE, Anchors, Checker, Erased, Head, Problem
from rooms.ports import Caller

Row = tuple[Link, Details | None]
ACTOR = Caller("u-1", "Lin 林")


def note(n: int, facts: str = '{"by":"host"}', action: str = "moderate.mute") -> Note:
    return Note("tea", 1000 + n, ACTOR, action, f"u-{n}", b'{"text":"%d"}' % n, facts)


def trail_of(count: int, *, erased: dict[int, tuple[str, ...]] | None = None) -> list[Row]:
    """A trail of so many entries, of which some halves are erased, as the last one says."""
    rows: list[Row] = []
    of = {half: [seq for seq, halves in (erased or {}).items() if half in halves] for half in HALVES}
    spans = {half: written(spans_of(seqs)) for half, seqs in of.items() if seqs}
    for n in range(1, count + 1):
        last = rows[-1][0].hash if rows else START
        if n == count and erased:
            rows.append(chain(note(n, orjson.dumps(spans).decode(), ERASE), n, last))
        else:
            rows.append(chain(note(n), n, last))
    for seq, halves in (erased or {}).items():
        link, details = rows[seq - 1]
        assert details is not None
        for half in halves:
            details = without(details, half)
        rows[seq - 1] = link, details
    return rows


HALVES = ("who", "what")


def without(details: Details, half: str) -> Details:
    if half == "who":
        return replace(details, who_salt=None, actor_id=None, actor_name=None)
    return replace(details, what_salt=None, target=None, detail=None)


def problems(rows: Sequence[Row], head: Head | None, anchors: Anchors | None = None) -> list[Problem]:
    erased = Erased()
    for link, _ in rows:
        if link.action == ERASE:
            erased.take(link.facts)
    checker = Checker("tea", erased, anchors)
    found = [problem for row in rows for problem in checker.take(*row)]
    return found + list(checker.end(head))


def head_of(rows: Sequence[Row]) -> Head:
    return rows[-1][0].seq, rows[-1][0].hash


def test_hashes_are_what_the_page_says() -> None:
    # Written a second time, from docs/protocol.md, so that neither can change alone.
    def sha(*parts: bytes) -> bytes:
        return hashlib.sha256(b"".join(struct.pack(">I", len(part)) + part for part in parts)).digest()

    link, details = chain(note(7), 7, bytes(range(32)))
    assert details.who_salt is not None
    assert details.what_salt is not None
    entry = link.id.encode()
    who = sha(b"danmart audit who 1", details.who_salt, entry, b"u-1", "Lin 林".encode())
    what = sha(b"danmart audit what 1", details.what_salt, entry, b"u-7", b'{"text":"7"}')
    row = [b"tea", b"7", entry, b"1007", b"moderate.mute", b'{"by":"host"}', who, what]
    assert (link.who_digest, link.what_digest) == (who, what)
    assert link.hash == sha(b"danmart audit row 1", bytes(range(32)), *row)
    assert len(details.who_salt) == len(details.what_salt) == 16
    assert details.who_salt != details.what_salt, "the salt that stays would give the erased half away"


def test_fields_cannot_run_into_one_another() -> None:
    salt = bytes(16)
    assert who_digest(salt, "id", "ab", "c") != who_digest(salt, "id", "a", "bc")
    assert what_digest(salt, "id", "ab", b"c") != what_digest(salt, "id", "a", b"bc")
    assert who_digest(salt, "id", "a", "b") != what_digest(salt, "id", "a", b"b"), "nor for each other"


# What is whole


@given(st.integers(1, 8), st.data())
def test_a_trail_is_whole_with_any_halves_erased(count: int, data: st.DataObject) -> None:
    halves = st.sampled_from([("who",), ("what",), ("who", "what")])
    erased = data.draw(st.dictionaries(st.integers(1, count), halves)) if count > 1 else {}
    erased.pop(count, None)
    rows = trail_of(count, erased=erased)
    assert problems(rows, head_of(rows)) == []
    anchors = {link.seq: link.hash for link, _ in rows}
    assert problems(rows, head_of(rows), anchors) == []


# What isn't


def other(value: Any) -> st.SearchStrategy[Any]:
    """Any other value of a column, of its type or NULL or, as SQLite would let it be, of another type."""
    kind: st.SearchStrategy[Any]
    if isinstance(value, int):
        kind = st.integers(-(2**63), 2**63 - 1)
    elif isinstance(value, bytes):
        kind = st.binary(max_size=40) | st.text(max_size=5)
    else:
        kind = st.text(max_size=20) | st.binary(max_size=5)
    return kind.filter(lambda new: new != value)


@given(st.integers(2, 6), st.data())
def test_one_changed_value_anywhere_is_found(count: int, data: st.DataObject) -> None:
    rows = trail_of(count, erased={1: ("who",)})
    head = head_of(rows)
    place = data.draw(st.integers(0, count - 1))
    link, details = rows[place]
    assert details is not None
    # Places and trails are the key: changing one is a row that is missing here and one too many elsewhere.
    names = [f.name for f in fields(Link) if f.name != "trail"]
    names += [f.name for f in fields(Details) if f.name not in ("trail", "seq")]
    name = data.draw(st.sampled_from(names))
    if name in Link.__slots__:
        value = data.draw(other(getattr(link, name)))
        rows[place] = replace(link, **{name: value}), details
        if name == "seq":
            rows.sort(key=lambda row: row[0].seq)
            if len({row[0].seq for row in rows}) < count:
                return  # two rows with one key can't be
    else:
        value = data.draw(other(getattr(details, name)) | st.none())
        if value == getattr(details, name):
            return
        gone: Any = {name: value}
        rows[place] = link, replace(details, **gone)
    assert problems(rows, head) != [], f"{name} of entry {place + 1}"


@given(st.integers(1, 6), st.data())
def test_a_missing_entry_is_found_wherever_it_was(count: int, data: st.DataObject) -> None:
    rows = trail_of(count)
    head = head_of(rows)
    place = data.draw(st.integers(0, count - 1))
    del rows[place]
    found = problems(rows, head)
    assert [(p.code, p.seq) for p in found if p.code == "missing"] == [("missing", place + 1)]


@given(st.integers(1, 6), st.data())
def test_missing_details_are_found_erased_or_not(count: int, data: st.DataObject) -> None:
    rows = trail_of(count, erased={1: ("who", "what")} if count > 1 else {})
    place = data.draw(st.integers(0, count - 1))
    rows[place] = rows[place][0], None
    assert [(p.code, p.seq) for p in problems(rows, head_of(rows))] == [("details_missing", place + 1)]


@given(st.integers(2, 6), st.data())
def test_half_of_an_entry_gone_without_a_word_is_found(count: int, data: st.DataObject) -> None:
    rows = trail_of(count, erased={1: ("who",)})
    place, half = data.draw(st.integers(0, count - 1)), data.draw(st.sampled_from(["who", "what"]))
    link, details = rows[place]
    assert details is not None
    rows[place] = link, without(details, half)
    expected = [] if (place, half) == (0, "who") else [("erased_unnoted", place + 1)]
    assert [(p.code, p.seq) for p in problems(rows, head_of(rows))] == expected


@given(st.integers(2, 6), st.data())
def test_swapped_entries_are_found(count: int, data: st.DataObject) -> None:
    rows = trail_of(count)
    head = head_of(rows)
    one, two = data.draw(st.lists(st.integers(0, count - 1), min_size=2, max_size=2, unique=True))
    (a, of_a), (b, of_b) = rows[one], rows[two]
    rows[one], rows[two] = (replace(b, seq=a.seq), of_b), (replace(a, seq=b.seq), of_a)
    assert {p.seq for p in problems(rows, head) if p.code == "altered"} == {one + 1, two + 1}


def test_an_entry_put_in_between_is_found_even_with_all_places_moved() -> None:
    rows = trail_of(4)
    head = head_of(rows)
    put_in, details = chain(note(9), 3, rows[1][0].hash)
    moved = [(replace(link, seq=link.seq + 1), beside) for link, beside in rows[2:]]
    found = problems([*rows[:2], (put_in, details), *moved], head)
    assert {p.code for p in found} >= {"altered", "head_wrong"}


def test_a_changed_head_is_found() -> None:
    rows = trail_of(3)
    seq, last = head_of(rows)
    for head in (None, (seq, bytes(32)), (seq - 1, rows[1][0].hash), (seq + 1, last)):
        assert problems(rows, head) != [], head


def test_a_trail_that_was_written_anew_shows_by_a_head_kept_elsewhere() -> None:
    rows = trail_of(5)
    anchors = {4: rows[3][0].hash}
    anew: list[Row] = []
    for n in range(1, 6):
        last = anew[-1][0].hash if anew else START
        anew.append(chain(replace(note(n), target="somebody else") if n == 2 else note(n), n, last))
    assert problems(anew, head_of(anew)) == [], "of itself it is whole"
    assert [(p.code, p.seq) for p in problems(anew, head_of(anew), anchors)] == [("anchor", 4)]
    short = anew[:3]
    assert [(p.code, p.seq) for p in problems(short, head_of(short), anchors)] == [("anchor", 4)]


# What stays when people are erased


NAMES = st.sampled_from(["text", "user", "reason", "kind", "decision", "rules", "seconds", "waited_ms"])
PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=40)
VALUES = PLAIN | st.lists(PLAIN, max_size=3) | st.lists(st.dictionaries(st.just("code"), PLAIN), max_size=3)


@given(st.dictionaries(NAMES, VALUES))
def test_facts_hold_words_and_numbers_only(detail: dict[str, Any]) -> None:
    facts = orjson.loads(facts_of(detail, "host"))
    assert facts.pop("by") == "host"
    assert set(facts) <= {"kind", "decision", "waited_ms", "seconds", "everywhere", "codes"}
    for value in facts.values():
        for each in value if isinstance(value, list) else [value]:
            assert isinstance(each, int) or (each.isascii() and len(each) <= 32 and each == each.lower())


def test_facts_are_what_the_filter_found_and_not_what_was_said() -> None:
    rules = [
        {"check": "words", "code": "insult", "rule": "fool"},
        {"check": "links", "code": "link", "rule": "x.example"},
        {"check": "words", "code": "insult", "rule": "idiot"},
    ]
    detail = {"user": {"id": "u-1", "name": "Lin"}, "text": "you fool", "rules": rules}
    assert facts_of(detail, "system") == '{"by":"system","codes":["insult","link"]}'


@given(st.sets(st.integers(1, 200)))
def test_spans_are_the_same_numbers(numbers: set[int]) -> None:
    spans = spans_of(numbers)
    assert parsed(written(spans)) == spans == merged(spans)
    assert {n for n in range(202) if holds(spans, n)} == numbers
