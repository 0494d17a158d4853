"""The draw, as docs/draws.md specifies it: exact, the same in Python and in the browser. Pure.

Hashes are SHA-256 over a line that says what is hashed, followed by the bytes; numbers are integers
throughout. ``clients/web/src/verify/draw.ts`` is the same; both are held to ``tests/vectors/draws.json``.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import orjson

FORMAT = "danmart-draw-1"
SEED_BYTES = 32
NONCE_BYTES = 16
TAG_BYTES = 16
WEIGHT_MAX = 10**6
_WORD = 1 << 64


def canonical(value: Any) -> bytes:
    """JSON in one form (RFC 8785, of objects with ASCII keys, arrays, texts, integers, true, false, null)."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def _hash(about: str, *parts: bytes) -> bytes:
    digest = hashlib.sha256(f"{FORMAT} {about}\n".encode())
    for part in parts:
        digest.update(part)
    return digest.digest()


def rules_hash(rules: dict[str, Any]) -> bytes:
    return _hash("rules", canonical(rules))


def prizes_hash(prizes: Sequence[dict[str, Any]]) -> bytes:
    return _hash("prizes", canonical(list(prizes)))


def commitment(seed: bytes, rules: bytes, prizes: bytes) -> bytes:
    """What is shown before anybody enters: of the seed and the two hashes, 32 bytes each."""
    return _hash("commitment", seed, rules, prizes)


def tag_of(secret: bytes, user_id: str) -> str:
    """What an entrant is called in the published list: the user's id, hashed with a secret of the
    lottery that is never published: only the entrant is told which one it is. 32 hexadecimal digits."""
    return hashlib.blake2b(user_id.encode(), key=secret, digest_size=TAG_BYTES).hexdigest()


def line_of(tag: str, nonce: str, weight: int) -> str:
    """An entrant as the list has it."""
    return f"{tag}:{nonce}:{weight}"


class EntrantsHash:
    """Hashes the sorted list of entrants, a part at a time: every line with a newline at its end."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256(f"{FORMAT} entrants\n".encode())

    def update(self, lines: Iterable[str]) -> None:
        """The next lines. The list is in the order of its lines' bytes."""
        if text := "\n".join(lines):
            self._digest.update(f"{text}\n".encode("ascii"))

    def digest(self) -> bytes:
        return self._digest.copy().digest()


class Stream:
    """Unbiased random integers that follow from the seed and the entrants: SHA-256 in counter mode."""

    def __init__(self, seed: bytes, entrants: bytes) -> None:
        self._words = _words(_hash("key", seed, entrants))

    def below(self, bound: int) -> int:
        """Uniform in ``0 … bound - 1`` for ``1 <= bound <= 2**64``: words beyond the largest multiple of
        ``bound`` are thrown away, so no number is likelier than another."""
        limit = _WORD - _WORD % bound
        while (word := next(self._words)) >= limit:
            pass
        return word % bound


def _words(key: bytes) -> Iterator[int]:
    """64-bit words: block *n* is SHA-256 of the key and *n* as eight bytes, big-endian, and has four."""
    block = 0
    while True:
        digest = hashlib.sha256(key + block.to_bytes(8, "big")).digest()
        for start in range(0, 32, 8):
            yield int.from_bytes(digest[start : start + 8], "big")
        block += 1


def places(weights: Sequence[int], seed: bytes, entrants: bytes, count: int) -> list[int]:
    """Who has the first ``count`` places, by index: each place is drawn among those who have none yet, with
    chances by their weights. More places are the same ones and others after them.

    O(n + count * log n); ``weights`` are at least 1.
    """
    stream, tree = Stream(seed, entrants), _Tree(weights)
    return [tree.take(stream.below(tree.total)) for _ in range(min(count, len(weights)))]


class _Tree:
    """Sums of weights by binary indexing (Fenwick 1994): finding and taking one out are O(log n)."""

    def __init__(self, weights: Sequence[int]) -> None:
        size = len(weights)
        tree = array("Q", [0])
        tree.extend(weights)
        for at in range(1, size + 1):
            above = at + (at & -at)
            if above <= size:
                tree[above] += tree[at]
        self._tree = tree
        self._weights = weights
        self._top = 1 << size.bit_length() >> 1
        self.total = sum(weights)

    def take(self, point: int) -> int:
        """The index of the first whose weights up to its own exceed ``point``; it is taken out."""
        tree, size, at, step = self._tree, len(self._tree), 0, self._top
        while step:
            if at + step < size and tree[at + step] <= point:
                at += step
                point -= tree[at]
            step >>= 1
        weight, place = self._weights[at], at + 1
        while place < size:
            tree[place] -= weight
            place += place & -place
        self.total -= weight
        return at
