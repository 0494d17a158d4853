"""LL-HLS playlists as a player reads them (RFC 8216bis, 4)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise

_ATTRIBUTE = re.compile(r'([A-Z0-9-]+)=("[^"]*"|[^,]*)')


@dataclass(frozen=True, slots=True)
class Part:
    """``number``: media sequence number; ``index``: place in its segment; ``started_ms``: Unix, if told."""

    number: int
    index: int
    uri: str
    duration_s: float
    independent: bool
    init: str
    started_ms: float | None


@dataclass(frozen=True, slots=True)
class MediaPlaylist:
    """``next_number`` and ``next_index`` are what a blocking reload asks for."""

    parts: tuple[Part, ...]
    hint: str | None
    next_number: int
    next_index: int
    hold_back_s: float
    part_target_s: float
    can_block: bool
    can_skip: bool
    ended: bool


def attributes(text: str) -> dict[str, str]:
    """An attribute list (4.2), quotes taken off."""
    return {name: value.strip('"') for name, value in _ATTRIBUTE.findall(text)}


def first_variant(text: str) -> str | None:
    """The address of a multivariant playlist's first variant; ``None``: it is a media playlist itself."""
    lines = text.splitlines()
    for line, following in pairwise(lines):
        if line.startswith("#EXT-X-STREAM-INF"):
            return following.strip()
    return None


@dataclass
class _Reading:
    number: int = 0
    index: int = 0
    init: str = ""
    started_ms: float | None = None
    hint: str | None = None
    hold_back_s: float = 0.0
    part_target_s: float = 0.0
    target_s: float = 0.0
    can_block: bool = False
    can_skip: bool = False
    ended: bool = False
    parts: list[Part] = field(default_factory=list)

    def tag(self, name: str, value: str) -> None:
        if name == "EXT-X-PART":
            self._part(attributes(value))
        elif name == "EXT-X-MAP":
            self.init = attributes(value)["URI"]
        elif name == "EXT-X-PROGRAM-DATE-TIME":
            self.started_ms = datetime.fromisoformat(value).timestamp() * 1000
        elif name == "EXT-X-MEDIA-SEQUENCE":
            self.number = int(value)
        elif name == "EXT-X-SKIP":
            self.number += int(attributes(value)["SKIPPED-SEGMENTS"])
        elif name == "EXT-X-PRELOAD-HINT" and attributes(value).get("TYPE") == "PART":
            self.hint = attributes(value)["URI"]
        else:
            self._head(name, value)

    def _head(self, name: str, value: str) -> None:
        if name == "EXT-X-SERVER-CONTROL":
            control = attributes(value)
            self.hold_back_s = float(control.get("PART-HOLD-BACK", 0))
            self.can_block = control.get("CAN-BLOCK-RELOAD") == "YES"
            self.can_skip = "CAN-SKIP-UNTIL" in control
        elif name == "EXT-X-PART-INF":
            self.part_target_s = float(attributes(value)["PART-TARGET"])
        elif name == "EXT-X-TARGETDURATION":
            self.target_s = float(value)
        elif name == "EXT-X-ENDLIST":
            self.ended = True

    def _part(self, told: dict[str, str]) -> None:
        duration = float(told["DURATION"])
        independent = told.get("INDEPENDENT") == "YES"
        part = Part(self.number, self.index, told["URI"], duration, independent, self.init, self.started_ms)
        self.parts.append(part)
        self.index += 1
        if self.started_ms is not None:
            self.started_ms += duration * 1000

    def segment(self) -> None:
        self.number, self.index, self.started_ms = self.number + 1, 0, None


def parse_media(text: str) -> MediaPlaylist:
    """The parts of a media playlist, or a delta update of one. Raises ``ValueError`` for anything else."""
    if not text.startswith("#EXTM3U"):
        raise ValueError("not a playlist: it doesn't begin with #EXTM3U")
    reading = _Reading()
    try:
        for line in text.splitlines():
            if line.startswith("#"):
                name, _, value = line[1:].partition(":")
                reading.tag(name, value.strip())
            elif line.strip():
                reading.segment()
    except KeyError as error:
        raise ValueError(f"a tag lacks its attribute {error}") from error
    return MediaPlaylist(
        tuple(reading.parts),
        reading.hint,
        reading.number,
        reading.index,
        reading.hold_back_s or 3 * (reading.part_target_s or reading.target_s),
        reading.part_target_s,
        reading.can_block,
        reading.can_skip,
        reading.ended,
    )


def holds_back(playlist: MediaPlaylist, start: int) -> bool:
    """Whether what follows from that part on is as long as PART-HOLD-BACK: a player of a stream that has only
    begun waits for that (RFC 8216bis, 4.4.3.8)."""
    return sum(part.duration_s for part in playlist.parts[start:]) >= playlist.hold_back_s


def starting_part(playlist: MediaPlaylist) -> int | None:
    """Where a player begins: the last independent part that begins PART-HOLD-BACK before the end, or before
    it, else the first one that is independent; ``None`` without any."""
    left = sum(part.duration_s for part in playlist.parts)
    chosen = None
    for index, part in enumerate(playlist.parts):
        if part.independent and (chosen is None or left >= playlist.hold_back_s):
            chosen = index
        left -= part.duration_s
    return chosen
