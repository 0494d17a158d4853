"""The hash chain: what is hashed, and how. Pure; docs/protocol.md has it for those who verify without us.

Everything is fed to SHA-256 as a list of byte strings, each after its length as four bytes, big-endian: so
no two lists look the same. Texts are in UTF-8, numbers in decimal.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from struct import Struct
from typing import Any

import orjson

ROW, WHO, WHAT = b"danmart audit row 1", b"danmart audit who 1", b"danmart audit what 1"
"""What a hash is of, and by which version of the rules."""
START = bytes(32)
"""What the first link of a trail has in place of the hash before it."""
SALT_BYTES = 16

_LENGTH = Struct(">I").pack
_CODE = re.compile(r"[a-z0-9][a-z0-9_.:-]{0,31}")
_CODES_MAX = 8
_BOUND = 2**53


@dataclass(frozen=True, slots=True)
class Link:
    """A row of ``audit_chain``, its columns in their order. ``facts`` is JSON with nothing personal in it."""

    trail: str
    seq: int
    id: str
    at_ms: int
    action: str
    facts: str
    who_digest: bytes
    what_digest: bytes
    prev_hash: bytes
    hash: bytes

    def computed(self) -> bytes:
        """The hash that the other columns ask for."""
        return digest(
            ROW,
            self.prev_hash,
            self.trail.encode(),
            b"%d" % self.seq,
            self.id.encode(),
            b"%d" % self.at_ms,
            self.action.encode(),
            self.facts.encode(),
            self.who_digest,
            self.what_digest,
        )


@dataclass(frozen=True, slots=True)
class Details:
    """A row of ``audit_details``, its columns in their order. A half that is erased is None throughout."""

    trail: str
    seq: int
    who_salt: bytes | None
    actor_id: str | None
    actor_name: str | None
    what_salt: bytes | None
    target: str | None
    detail: bytes | None

    @property
    def who(self) -> tuple[bytes | None, str | None, str | None]:
        return self.who_salt, self.actor_id, self.actor_name

    @property
    def what(self) -> tuple[bytes | None, str | None, bytes | None]:
        return self.what_salt, self.target, self.detail


def digest(*parts: bytes) -> bytes:
    """SHA-256 over the parts, each after its length."""
    return hashlib.sha256(b"".join([_LENGTH(len(part)) + part for part in parts])).digest()


def who_digest(salt: bytes, entry_id: str, actor_id: str, actor_name: str) -> bytes:
    """The commitment to who did it. Without the salt nobody can find out by trying whom it stood for."""
    return digest(WHO, salt, entry_id.encode(), actor_id.encode(), actor_name.encode())


def what_digest(salt: bytes, entry_id: str, target: str, detail: bytes) -> bytes:
    """The commitment to the target and to the detail, byte for byte as it is stored."""
    return digest(WHAT, salt, entry_id.encode(), target.encode(), detail)


def link(
    trail: str,
    seq: int,
    prev_hash: bytes,
    *,
    entry_id: str,
    at_ms: int,
    action: str,
    facts: str,
    who: bytes,
    what: bytes,
) -> Link:
    """The link that follows the one whose hash is ``prev_hash`` (``START`` for the first)."""
    bare = Link(trail, seq, entry_id, at_ms, action, facts, who, what, prev_hash, b"")
    return Link(trail, seq, entry_id, at_ms, action, facts, who, what, prev_hash, bare.computed())


def facts_of(detail: Mapping[str, Any], by: str) -> str:
    """What of an entry stays when the people in it are erased, as JSON: ``by``, the role of who did it (or
    ``system``), and of the detail what can't tell of anybody: kinds, categories, durations.

    Only what looks like that is taken, whoever wrote the detail: a word of lower case, a number, true."""
    facts: dict[str, Any] = {"by": by} if by else {}
    for name in ("kind", "decision"):
        if _is_code(value := detail.get(name)):
            facts[name] = value
    for name in ("waited_ms", "seconds"):
        if type(value := detail.get(name)) is int and 0 <= value < _BOUND:
            facts[name] = value
    if detail.get("everywhere") is True:
        facts["everywhere"] = True
    if codes := _codes(detail.get("rules")):
        facts["codes"] = codes
    return canonical(facts)


def canonical(facts: Mapping[str, Any]) -> str:
    """JSON without spaces, keys in order."""
    return orjson.dumps(facts, option=orjson.OPT_SORT_KEYS).decode()


def _is_code(value: object) -> bool:
    return isinstance(value, str) and _CODE.fullmatch(value) is not None


def _codes(rules: object) -> list[str]:
    """The categories that hit, each once."""
    if not isinstance(rules, list | tuple):
        return []
    found = {rule["code"] for rule in rules if isinstance(rule, dict) and _is_code(rule.get("code"))}
    return sorted(found)[:_CODES_MAX]
