"""Reads playlists the way a strict player does, and knows the rules of RFC 8216bis that servers break."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime

_ATTRIBUTE = re.compile(r'([A-Z0-9-]+)=("[^"]*"|[^,]*)(?:,|$)')


@dataclass
class PartLine:
    uri: str
    duration: float
    independent: bool


@dataclass
class SegmentLines:
    """``uri`` is empty while the segment is not complete."""

    number: int
    parts: list[PartLine] = field(default_factory=list)
    uri: str = ""
    duration: float = 0.0
    discontinuity: bool = False
    init: str = ""
    started: datetime | None = None


@dataclass
class Playlist:
    lines: list[str]
    tags: dict[str, str]
    segments: list[SegmentLines]
    skipped: int
    hint: str
    ended: bool

    @property
    def target(self) -> int:
        return int(self.tags["TARGETDURATION"])

    @property
    def part_target(self) -> float:
        return float(attributes(self.tags["PART-INF"])["PART-TARGET"])


def attributes(text: str) -> dict[str, str]:
    return {name: value.strip('"') for name, value in _ATTRIBUTE.findall(text)}


def read(text: str) -> Playlist:
    """Raises ``AssertionError`` where a tag is unknown or out of place."""
    lines = text.splitlines()
    assert lines[0] == "#EXTM3U"
    assert text.endswith("\n")
    playlist = Playlist(lines, {}, [], 0, "", False)
    number, init, segment = 0, "", None
    for line in lines[1:]:
        name, _, value = line.removeprefix("#EXT-X-").partition(":")
        assert not playlist.ended, "nothing comes after EXT-X-ENDLIST"
        if not line.startswith("#EXT-X-") and not line.startswith("#EXTINF"):
            assert segment is not None
            assert segment.duration
            segment.uri, segment = line, None
            continue
        if name in {"PART", "MAP", "DISCONTINUITY", "PROGRAM-DATE-TIME"} or line.startswith("#EXTINF"):
            if segment is None:
                segment = SegmentLines(number, init=init)
                playlist.segments.append(segment)
                number += 1
            if name == "MAP":
                init = attributes(value)["URI"]
            _into(segment, name, value, line, init)
        elif name == "SKIP":
            assert not playlist.segments
            playlist.skipped = int(attributes(value)["SKIPPED-SEGMENTS"])
            number += playlist.skipped
        elif name == "PRELOAD-HINT":
            assert attributes(value)["TYPE"] == "PART"
            playlist.hint = attributes(value)["URI"]
        elif name == "ENDLIST":
            playlist.ended = True
        else:
            assert not playlist.segments, f"{name} belongs to the head"
            playlist.tags[name] = value
            if name == "MEDIA-SEQUENCE":
                number = int(value)
    return playlist


def _into(segment: SegmentLines, name: str, value: str, line: str, init: str) -> None:
    segment.init = init
    if name == "PART":
        found = attributes(value)
        independent = found.get("INDEPENDENT") == "YES"
        segment.parts.append(PartLine(found["URI"], float(found["DURATION"]), independent))
    elif name == "DISCONTINUITY":
        segment.discontinuity = True
    elif name == "PROGRAM-DATE-TIME":
        segment.started = datetime.fromisoformat(value)
    elif line.startswith("#EXTINF"):
        segment.duration = float(line.removeprefix("#EXTINF:").rstrip(","))


def check(text: str) -> Playlist:
    """The rules for servers; returns the playlist."""
    playlist = read(text)
    control = attributes(playlist.tags["SERVER-CONTROL"])
    assert control["CAN-BLOCK-RELOAD"] == "YES"
    assert float(control["PART-HOLD-BACK"]) >= 3 * playlist.part_target  # 4.4.3.8
    assert float(control["CAN-SKIP-UNTIL"]) >= 6 * playlist.target  # 4.4.3.8
    assert int(playlist.tags["VERSION"]) >= 9
    left = sum(segment.duration or sum(p.duration for p in segment.parts) for segment in playlist.segments)
    for segment in playlist.segments:
        left -= segment.duration or sum(p.duration for p in segment.parts)
        assert segment.init or playlist.skipped
        assert round(segment.duration) <= playlist.target  # 4.4.3.1
        assert all(part.duration <= playlist.part_target for part in segment.parts)  # 4.4.4.9
        if segment.uri and segment.parts:
            assert abs(sum(part.duration for part in segment.parts) - segment.duration) < 0.001
        if left > 3 * playlist.target + 0.001:
            assert not segment.parts  # 6.2.2
        if not segment.uri:
            assert segment is playlist.segments[-1]
            assert segment.parts
    assert playlist.ended != bool(playlist.hint)
    return playlist


def merge(full: str, delta: str) -> str:
    """What a player makes of an earlier full playlist and a delta update (5.2, 4.4.5.2)."""
    new = read(delta)
    if not new.skipped:
        return delta
    old = read(full)
    first = int(new.tags["MEDIA-SEQUENCE"])
    kept = _blocks(full, int(old.tags["MEDIA-SEQUENCE"]))
    head, tail = delta.split("#EXT-X-SKIP:", 1)
    lines = tail.split("\n", 1)[1]
    return head + "".join(kept[number] for number in range(first, first + new.skipped)) + lines


def _blocks(text: str, number: int) -> dict[int, str]:
    """Each complete segment's lines, without parts, by media sequence number."""
    blocks: dict[int, str] = {}
    current: list[str] = []
    started = False
    for line in text.splitlines(keepends=True):
        started = started or line.startswith(("#EXT-X-MAP", "#EXT-X-PROGRAM", "#EXT-X-DISCONTINUITY\n"))
        if not started or line.startswith(("#EXT-X-PART:", "#EXT-X-PRELOAD", "#EXT-X-SKIP")):
            continue
        current.append(line)
        if not line.startswith("#"):
            blocks[number] = "".join(current)
            number += 1
            current = []
    return blocks
