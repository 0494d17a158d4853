"""Reads playlists the way a strict player does, and knows the rules of RFC 8216bis that servers break."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise

_ATTRIBUTE = re.compile(r'([A-Z0-9-]+)=("[^"]*"|[^,]*)(?:,|$)')


@dataclass
class PartLine:
    uri: str
    duration: float
    independent: bool
    gap: bool = False


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
    gap: bool = False


@dataclass
class Playlist:
    lines: list[str]
    tags: dict[str, str]
    segments: list[SegmentLines]
    skipped: int
    hint: str
    ended: bool
    reports: list[dict[str, str]] = field(default_factory=list)

    @property
    def target(self) -> int:
        return int(self.tags["TARGETDURATION"])

    @property
    def part_target(self) -> float:
        return float(attributes(self.tags["PART-INF"])["PART-TARGET"])

    def segments_alike(self, other: Playlist, *, but_gaps: bool = False) -> bool:
        """Whether the renditions line up as far as this one goes (6.2.4): players switch between them."""
        for mine, its in zip(self.segments, other.segments, strict=False):
            if (mine.number, mine.started, mine.discontinuity) != (
                its.number,
                its.started,
                its.discontinuity,
            ):
                return False
            if mine.uri and (mine.duration != its.duration or len(mine.parts) != len(its.parts)):
                return False
            for part, its_part in zip(mine.parts, its.parts, strict=False):
                if part.duration != its_part.duration:
                    return False
                if part.independent != its_part.independent and not (but_gaps and part.gap):
                    return False
        return bool(self.segments) and abs(len(self.segments) - len(other.segments)) <= 1


def variants(text: str) -> list[tuple[dict[str, str], str]]:
    """The variants of a multivariant playlist, with the rules of 4.4.6.2 and the Authoring Specification."""
    lines = text.splitlines()
    assert lines[0] == "#EXTM3U"
    found = []
    for line, uri in pairwise(lines):
        if line.startswith("#EXT-X-STREAM-INF:"):
            has = attributes(line.partition(":")[2])
            assert {"BANDWIDTH", "AVERAGE-BANDWIDTH", "CODECS", "RESOLUTION", "FRAME-RATE"} <= set(has)
            assert int(has["BANDWIDTH"]) >= int(has["AVERAGE-BANDWIDTH"])
            assert not uri.startswith("#")
            found.append((has, uri))
    assert found
    assert len({uri for _, uri in found}) == len(found)
    return found


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
        if name in {"PART", "MAP", "DISCONTINUITY", "PROGRAM-DATE-TIME", "GAP"} or line.startswith("#EXTINF"):
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
        elif name in {"PRELOAD-HINT", "RENDITION-REPORT", "ENDLIST"}:
            _end(playlist, name, value)
        else:
            assert not playlist.segments, f"{name} belongs to the head"
            playlist.tags[name] = value
            if name == "MEDIA-SEQUENCE":
                number = int(value)
    return playlist


def _end(playlist: Playlist, name: str, value: str) -> None:
    if name == "PRELOAD-HINT":
        assert attributes(value)["TYPE"] == "PART"
        assert not playlist.hint, "one hint of a type"
        assert not playlist.reports, "reports come last"
        playlist.hint = attributes(value)["URI"]
    elif name == "RENDITION-REPORT":
        report = attributes(value)
        assert {"URI", "LAST-MSN", "LAST-PART"} <= set(report)  # 4.4.5.4, with parts in the playlist
        playlist.reports.append(report)
    else:
        playlist.ended = True


def _into(segment: SegmentLines, name: str, value: str, line: str, init: str) -> None:
    segment.init = init
    if name == "PART":
        found = attributes(value)
        independent = found.get("INDEPENDENT") == "YES"
        gap = found.get("GAP") == "YES"
        segment.parts.append(PartLine(found["URI"], float(found["DURATION"]), independent, gap))
    elif name == "DISCONTINUITY":
        segment.discontinuity = True
    elif name == "GAP":
        segment.gap = True
    elif name == "PROGRAM-DATE-TIME":
        segment.started = datetime.fromisoformat(value)
    elif line.startswith("#EXTINF"):
        segment.duration = float(line.removeprefix("#EXTINF:").rstrip(","))


def check(text: str, *, even: bool = False) -> Playlist:
    """The rules for servers; returns the playlist. ``even``: pictures come regularly, so parts must too."""
    playlist = read(text)
    control = attributes(playlist.tags["SERVER-CONTROL"])
    assert control["CAN-BLOCK-RELOAD"] == "YES"
    assert float(control["PART-HOLD-BACK"]) >= 3 * playlist.part_target  # 4.4.3.8
    assert float(control["CAN-SKIP-UNTIL"]) >= 6 * playlist.target  # 4.4.3.8
    assert "CAN-SKIP-DATERANGES" not in control  # there are none
    if "HOLD-BACK" in control:
        assert float(control["HOLD-BACK"]) >= 3 * playlist.target  # 4.4.3.8
    assert int(playlist.tags["VERSION"]) >= 9
    left = sum(segment.duration or sum(p.duration for p in segment.parts) for segment in playlist.segments)
    for segment in playlist.segments:
        left -= segment.duration or sum(p.duration for p in segment.parts)
        assert segment.init or playlist.skipped
        assert round(segment.duration) <= playlist.target  # 4.4.3.1
        assert all(part.duration <= playlist.part_target for part in segment.parts)  # 4.4.4.9
        if segment.uri:
            assert segment.started is not None  # the Authoring Specification: in live playlists
            assert segment.gap == any(part.gap for part in segment.parts) or not segment.parts
        # 4.4.4.9: but for a segment's last, and what comes before a keyframe.
        for part, following in pairwise(segment.parts if even else []):
            assert part.duration >= 0.85 * playlist.part_target or following.independent or part.gap
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
