"""A recording in memory: what a tap was given, as segments that a movie can be made of."""

from __future__ import annotations

from dataclasses import dataclass, field

from media.movie import Movie, MovieBuilder
from media.movie.pieces import OWN
from media.ports import CmafPart, Period


@dataclass
class Tape:
    """A ``PartTap``. Segment n + 1 is ``segments[n]``: the number of its period, and its bytes."""

    inits: list[bytes] = field(default_factory=list)
    segments: list[tuple[int, bytes]] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    _open: bool = False

    def period(self, period: Period) -> None:
        self.inits.append(period.init)
        self._open = False

    def part(self, part: CmafPart) -> None:
        if part.first or not self._open:
            self.segments.append((len(self.inits) - 1, b""))
            self.starts.append(part.start)
        number, data = self.segments[-1]
        self.segments[-1] = (number, data + part.data)
        self._open = not part.last

    def interrupted(self) -> None:
        self._open = False

    async def close(self) -> None:
        pass

    def movie(self, begin: int = 0, end: int | None = None) -> Movie:
        builder, known = MovieBuilder(begin, end), -1
        for number, (period, data) in enumerate(self.segments, 1):
            if period != known:
                builder.period(self.inits[period], 0)
                known = period
            builder.segment(number, data)
        return builder.finish()

    def file(self, movie: Movie) -> bytes:
        return movie.head + self.media(movie, 0, movie.pieces.size)

    def media(self, movie: Movie, start: int, stop: int) -> bytes:
        made = []
        for segment, at, length in movie.pieces.between(start, stop):
            source = movie.pieces.own if segment == OWN else self.segments[segment - 1][1]
            made.append(source[at : at + length])
        return b"".join(made)
