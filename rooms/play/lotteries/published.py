"""The published file of a draw, and what anybody can recompute of it (docs/draws.md). Pure."""

from __future__ import annotations

import operator
import re
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

from rooms.play.lotteries import draw
from rooms.play.lotteries.store import LotteryRow, WinnerRow

Part = Literal["format", "rules", "prizes", "seed", "entrants", "weights", "winners"]

PARTS: tuple[Part, ...] = ("rules", "prizes", "seed", "entrants", "weights", "winners")
"""What is checked one by one, of a file that has the right form."""

_LINE = re.compile(r"[0-9a-f]{32}:[0-9a-f]{32}:[1-9][0-9]{0,6}")
_HEX = re.compile(r"[0-9a-f]{64}")
_STATUSES = frozenset({"waiting", "claimed", "unclaimed"})


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that isn't as it must be: in which part of the file, and what."""

    part: Part
    what: str


def head_of(lottery: LotteryRow, winners: Sequence[WinnerRow]) -> dict[str, Any]:
    """The file but for ``entries``, its last member. The lottery must have been drawn."""
    return {
        "format": draw.FORMAT,
        "rules": lottery.rules,
        "prizes": lottery.prizes,
        "opened": lottery.hashes,
        "closed": lottery.closing(),
        "seed": lottery.seed.hex(),
        "winners": [winner.wire() for winner in winners if winner.status != "reserve"],
    }


class _MalformedError(Exception):
    pass


def verify(file: Any, *, commitment: str | None = None, entrants: str | None = None) -> list[Finding]:
    """Recompute everything; nothing found means that the winners are who they must be.

    ``commitment`` and ``entrants`` are what the verifier saw in the room itself (hexadecimal), when it opened
    and when it closed: without them the file is only held against itself.
    """
    try:
        _check_form(file)
    except (_MalformedError, KeyError, TypeError, ValueError) as error:
        return [Finding("format", f"This is not a {draw.FORMAT} file: {error}")]
    found = _check_opening(file, commitment)
    counted = _check_entrants(file, entrants)
    found += counted
    if any(finding.part in ("entrants", "seed") for finding in found):
        return found
    return found + list(_check_winners(file))


def _check_form(file: Any) -> None:
    if not isinstance(file, dict) or file.get("format") != draw.FORMAT:
        raise _MalformedError("format says otherwise")
    opened, closed = file["opened"], file["closed"]
    hashes = [opened["commitment"], opened["rules_hash"], opened["prizes_hash"], closed["hash"], file["seed"]]
    if not all(isinstance(each, str) and _HEX.fullmatch(each) for each in hashes):
        raise _MalformedError("a hash is not 64 hexadecimal digits")
    if not (isinstance(file["rules"], dict) and isinstance(file["prizes"], list)):
        raise _MalformedError("rules or prizes are missing")
    if not (isinstance(file["entries"], list) and isinstance(file["winners"], list)):
        raise _MalformedError("entries or winners are missing")
    for each in (closed["count"], closed["weight"], *(prize["count"] for prize in file["prizes"])):
        if type(each) is not int or each < 0:
            raise _MalformedError("a count is not a number")
    for winner in file["winners"]:
        if type(winner["place"]) is not int or type(winner["prize"]) is not int:
            raise _MalformedError("a winner's place or prize is not a number")


def _check_opening(file: Mapping[str, Any], seen: str | None) -> list[Finding]:
    opened, found = file["opened"], []
    if seen is not None and seen != opened["commitment"]:
        found.append(Finding("seed", f"The room was shown the commitment {seen}."))
    if draw.rules_hash(file["rules"]).hex() != opened["rules_hash"]:
        found.append(Finding("rules", "The rules are not those whose hash was shown when it opened."))
    if draw.prizes_hash(file["prizes"]).hex() != opened["prizes_hash"]:
        found.append(Finding("prizes", "The prizes are not those whose hash was shown when it opened."))
    hashes = [bytes.fromhex(each) for each in (file["seed"], opened["rules_hash"], opened["prizes_hash"])]
    if draw.commitment(*hashes).hex() != opened["commitment"]:
        found.append(
            Finding("seed", "The commitment is not that of this seed, these rules and these prizes.")
        )
    return found


def _check_entrants(file: Mapping[str, Any], seen: str | None) -> list[Finding]:
    lines, closed, found = file["entries"], file["closed"], []
    if seen is not None and seen != closed["hash"]:
        found.append(Finding("entrants", f"The room was shown {seen} as the entrants' hash."))
    try:
        good = all(map(_LINE.fullmatch, lines))
    except TypeError:
        good = False
    if not good:
        bad = next(n for n, line in enumerate(lines, 1) if not _is_line(line))
        return [*found, Finding("entrants", f"Entry {bad} is malformed.")]
    if len(lines) != closed["count"]:
        found.append(
            Finding("entrants", f"There are {len(lines)} entries, {closed['count']} when it closed.")
        )
    if (unsorted := _unsorted(lines)) is not None:
        found.append(Finding("entrants", f"Entry {unsorted} is out of order, or there twice."))
    hashed = draw.EntrantsHash()
    hashed.update(lines)
    if hashed.digest().hex() != closed["hash"]:
        found.append(Finding("entrants", "The entries are not those whose hash was shown when it closed."))
    weight = sum(weights_of(lines))
    if weight != closed["weight"]:
        found.append(
            Finding("weights", f"The weights sum to {weight}, it was {closed['weight']} when it closed.")
        )
    return found


def _is_line(line: Any) -> bool:
    return isinstance(line, str) and _LINE.fullmatch(line) is not None


def _unsorted(lines: Sequence[str]) -> int | None:
    """The first entry, from 1, whose tag doesn't come after that of the one before."""
    tags = [line[:32] for line in lines]
    if all(map(operator.lt, tags, tags[1:])):
        return None
    return next(n for n, (one, other) in enumerate(pairwise(tags), 2) if one >= other)


def weights_of(lines: Sequence[str]) -> array[int]:
    return array("Q", [int(line[66:]) for line in lines])


def _check_winners(file: Mapping[str, Any]) -> Iterator[Finding]:
    """Places are handed out in the order of the draw, each prize to the next place when its winner didn't
    claim it."""
    lines, winners = file["entries"], file["winners"]
    total = sum(prize["count"] for prize in file["prizes"])
    drawn = draw.places(
        weights_of(lines), bytes.fromhex(file["seed"]), bytes.fromhex(file["closed"]["hash"]), len(winners)
    )
    if len(winners) < min(total, len(lines)):
        yield Finding("winners", f"There are {len(winners)} winners of {min(total, len(lines))}.")
    holders: dict[int, str] = {}
    for n, winner in enumerate(winners):
        if winner["place"] != n or n >= len(drawn):
            yield Finding("winners", f"Place {n} is missing, or one is there that can't be.")
            return
        tag = lines[drawn[n]][:32]
        if winner["entry"] != tag:
            yield Finding("winners", f"Place {n} is {tag}'s, not {winner['entry']}'s.")
        if winner["status"] not in _STATUSES:
            yield Finding("winners", f"Place {n} has no status that there is.")
        prize = winner["prize"]
        if n < total and prize != n:
            yield Finding("winners", f"Place {n} wins prize {n}, not {prize}.")
        elif n >= total and (file["rules"].get("unclaimed") != "redraw" or holders.get(prize) != "unclaimed"):
            yield Finding("winners", f"Place {n} was given prize {prize}, which wasn't to be drawn again.")
        holders[prize] = winner["status"]
