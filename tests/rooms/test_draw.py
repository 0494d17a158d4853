"""The draw and its verification: vectors that the browser shares, fairness, and every single change found."""

from __future__ import annotations

import copy
import hashlib
import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rooms.play.lotteries import draw
from rooms.play.lotteries.drawing import PART, Entrants
from rooms.play.lotteries.published import Finding, verify
from tests.support.draws import draw_file

VECTORS: dict[str, Any] = json.loads((Path(__file__).parents[1] / "vectors" / "draws.json").read_text())
# The critical values of chi-square at p = 0.001, by degrees of freedom: a fair draw fails one in a thousand,
# and these draws are always the same.
CRITICAL = {9: 27.88, 19: 43.82}


@pytest.mark.parametrize("vector", VECTORS["canonical"], ids=lambda v: v["name"])
def test_canonical_json(vector: dict[str, Any]) -> None:
    assert draw.canonical(vector["value"]).decode() == vector["text"]


@pytest.mark.parametrize("vector", VECTORS["streams"], ids=lambda v: str(v["bounds"]))
def test_the_stream_of_numbers(vector: dict[str, Any]) -> None:
    stream = draw.Stream(bytes.fromhex(vector["seed"]), bytes.fromhex(vector["entrants"]))
    bounds = [int(bound) for bound in vector["bounds"]]
    assert [str(stream.below(bound)) for bound in bounds] == vector["numbers"]


@pytest.mark.parametrize("vector", VECTORS["files"], ids=lambda v: v["name"])
def test_files_of_draws(vector: dict[str, Any]) -> None:
    found = verify(vector["file"], **vector["seen"])
    assert [finding.part for finding in found] == vector["wrong"]


def test_the_specification_followed_by_the_letter() -> None:
    """Another way to the same places, straight from docs/draws.md: no tree, no stream."""
    weights, seed, entrants = [3, 1, 4, 1, 5], b"s" * 32, b"e" * 32
    key = hashlib.sha256(b"danmart-draw-1 key\n" + seed + entrants).digest()
    blocks = [hashlib.sha256(key + n.to_bytes(8, "big")).digest() for n in range(8)]
    words = iter(int.from_bytes(b[i : i + 8], "big") for b in blocks for i in (0, 8, 16, 24))
    left, places = list(range(5)), []
    while left:
        total = sum(weights[i] for i in left)
        word = next(w for w in words if w < 2**64 // total * total)
        point = word % total
        for i in left:
            if point < weights[i]:
                break
            point -= weights[i]
        places.append(i)
        left.remove(i)
    assert draw.places(weights, seed, entrants, 5) == places


@given(
    weights=st.lists(st.integers(1, draw.WEIGHT_MAX), min_size=1, max_size=60),
    seed=st.binary(min_size=32, max_size=32),
    entrants=st.binary(min_size=32, max_size=32),
)
def test_everybody_has_one_place_and_more_places_change_none(
    weights: list[int], seed: bytes, entrants: bytes
) -> None:
    places = draw.places(weights, seed, entrants, len(weights) + 5)
    assert sorted(places) == list(range(len(weights)))
    for count in (0, 1, len(weights) // 2):
        assert draw.places(weights, seed, entrants, count) == places[:count]


def chi_square(found: Counter[int], expected: dict[int, float]) -> float:
    return sum((found[key] - want) ** 2 / want for key, want in expected.items())


def seeds(count: int, about: str) -> list[bytes]:
    return [hashlib.sha256(f"{about} {n}".encode()).digest() for n in range(count)]


@pytest.mark.parametrize("place", [0, 1, 4])
def test_each_place_goes_to_everybody_alike(place: int) -> None:
    draws = 4000
    won = Counter(draw.places([1] * 20, seed, b"e" * 32, place + 1)[place] for seed in seeds(draws, "fair"))
    assert chi_square(won, dict.fromkeys(range(20), draws / 20)) < CRITICAL[19]


@pytest.mark.parametrize("side", ["host", "entrants"])
def test_weights_are_chances_whichever_side_the_luck_comes_from(side: str) -> None:
    weights, draws = list(range(1, 11)), 6000
    expected = {n: draws * weight / sum(weights) for n, weight in enumerate(weights)}
    pairs = [(s, b"e" * 32) if side == "host" else (b"s" * 32, s) for s in seeds(draws, "weights")]
    won = Counter(draw.places(weights, seed, entrants, 1)[0] for seed, entrants in pairs)
    assert chi_square(won, expected) < CRITICAL[9]


def test_the_second_place_is_weighted_among_those_who_are_left() -> None:
    """Of weights 1, 2, 3: the sum over who is first of P(first) * P(n second | first)."""
    weights, draws = [1, 2, 3], 6000
    chance = {
        n: sum(weights[f] / 6 * weights[n] / (6 - weights[f]) for f in range(3) if f != n) for n in range(3)
    }
    won = Counter(draw.places(weights, seed, b"e" * 32, 2)[1] for seed in seeds(draws, "second"))
    assert chi_square(won, {n: draws * p for n, p in chance.items()}) < 13.82


def test_numbers_below_a_bound_that_doesnt_divide_are_alike() -> None:
    bound = 2**63 + 1  # half of all words are thrown away; taken modulo, small numbers would come twice
    stream = draw.Stream(b"s" * 32, b"e" * 32)
    low = sum(stream.below(bound) < bound // 2 for _ in range(2000))
    assert 900 < low < 1100


def test_a_list_taken_in_by_parts_is_the_list() -> None:
    lines = draw_file(PART + 7, winners=1)["entries"]
    parts, whole = Entrants(), draw.EntrantsHash()
    whole.update(lines)
    for start in range(0, len(lines), PART):
        parts.add(lines[start : start + PART])
    assert (parts.count, parts.digest()) == (len(lines), whole.digest())
    weights = [int(line[66:]) for line in lines]
    places = draw.places(weights, b"s" * 32, whole.digest(), 50)
    assert parts.places(b"s" * 32, 50) == [lines[place][:32] for place in places]


GOOD = draw_file(40, winners=4, late=2)


def test_a_true_file_is_found_true() -> None:
    assert verify(GOOD) == []
    seen = {"commitment": GOOD["opened"]["commitment"], "entrants": GOOD["closed"]["hash"]}
    assert verify(GOOD, **seen) == []
    assert verify(json.loads(json.dumps(GOOD))) == []


def other(digits: str) -> str:
    return ("1" if digits[0] == "0" else "0") + digits[1:]


def swapped(entries: list[str]) -> list[str]:
    return [entries[1], entries[0], *entries[2:]]


def reweighed(line: str) -> str:
    return f"{line[:66]}{int(line[66:]) + 1}"


CHANGES: dict[str, tuple[list[Any], Any, str]] = {
    "a rule": (["rules", "claim_s"], lambda v: v + 1, "rules"),
    "a condition": (["rules", "conditions"], lambda v: [{"kind": "follow"}], "rules"),
    "a prize's amount": (["prizes", 0, "amount"], lambda v: v + 1, "prizes"),
    "the number of prizes": (["prizes", 0, "count"], lambda v: v + 1, "prizes"),
    "the seed": (["seed"], other, "seed"),
    "the commitment": (["opened", "commitment"], other, "seed"),
    "an entrant's tag": (["entries", 0], other, "entrants"),
    "an entrant's nonce": (["entries", 5], lambda v: v[:33] + other(v[33:]), "entrants"),
    "an entrant's weight": (["entries", 5], reweighed, "weights"),
    "an entrant left out": (["entries"], lambda v: v[1:], "entrants"),
    "an entrant added": (["entries"], lambda v: [*v, "f" * 32 + ":" + "0" * 32 + ":1"], "entrants"),
    "two entrants swapped": (["entries"], swapped, "entrants"),
    "the same entrant twice": (["entries"], lambda v: [v[0], *v], "entrants"),
    "the number of entrants": (["closed", "count"], lambda v: v + 1, "entrants"),
    "a winner": (["winners", 1, "entry"], other, "winners"),
    "a winner's prize": (["winners", 1, "prize"], lambda v: v + 1, "winners"),
    "a winner left out": (["winners"], lambda v: v[:3], "winners"),
    "a first winner left out": (["winners"], lambda v: v[1:], "winners"),
    "an heir to a claimed prize": (["winners", 0, "status"], lambda v: "claimed", "winners"),
    "an unheard-of status": (["winners", 5, "status"], lambda v: "robbed", "winners"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_each_single_change_is_found_and_named(change: str) -> None:
    path, how, part = CHANGES[change]
    file = copy.deepcopy(GOOD)
    *way, last = path
    at: Any = file
    for step in way:
        at = at[step]
    at[last] = how(at[last])
    found = verify(file)
    assert part in {finding.part for finding in found}, found


@given(place=st.integers(0, 39), digit=st.integers(0, 64), seed=st.integers(0, 2**32))
def test_any_changed_digit_of_any_entrant_is_found(place: int, digit: int, seed: int) -> None:
    file = copy.deepcopy(GOOD)
    line = file["entries"][place]
    new = random.Random(seed).choice([c for c in "0123456789abcdef:" if c != line[digit]])
    file["entries"][place] = line[:digit] + new + line[digit + 1 :]
    assert "entrants" in {finding.part for finding in verify(file)}


@pytest.mark.parametrize("part", ["commitment", "entrants"])
def test_a_file_made_up_as_a_whole_is_not_what_the_room_was_shown(part: str) -> None:
    forged = draw_file(41, winners=4, seed=b"another seed")
    seen = {"commitment": GOOD["opened"]["commitment"], "entrants": GOOD["closed"]["hash"]}
    assert verify(forged) == []
    assert {f.part for f in verify(forged, **{part: seen[part]})} & {"seed", "entrants"}


@pytest.mark.parametrize(
    "junk", [None, [], {}, {"format": draw.FORMAT}, {**GOOD, "seed": 7}, {**GOOD, "winners": [{}]},
             {**GOOD, "entries": [1]}, {**GOOD, "prizes": [1]}, {**GOOD, "rules": {}}]
)  # fmt: skip
def test_junk_is_wrong_and_nothing_worse(junk: Any) -> None:
    found = verify(junk)
    assert found
    assert all(isinstance(finding, Finding) for finding in found)
