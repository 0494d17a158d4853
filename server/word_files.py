"""Word lists in files: those that come with Danmart, and those of the settings, read again if they change."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from moderation.filter.word_lists import Entry, bundled, read
from moderation.rulebook.book import Layer, compiled

Stamp = tuple[tuple[int, int, int] | None, ...]


class WordFiles:
    """The lowest layer of every rulebook. Its methods read files: not for the event loop.

    Making one raises ``WordListError`` if a file can't be used; later the last good ones stay.
    """

    def __init__(self, paths: Sequence[Path] = ()) -> None:
        self._paths = tuple(paths)
        self._tried = self._stamp()
        self.layer: Layer = self._compiled()

    def reload(self, *, anyway: bool = False) -> bool:
        """Read them again if one has changed since they were last tried, or ``anyway``; says whether there is
        a new layer. Raises ``WordListError``, and the old layer stays."""
        stamp = self._stamp()
        if stamp == self._tried and not anyway:
            return False
        self._tried = stamp
        self.layer = self._compiled()
        return True

    def _compiled(self) -> Layer:
        if not self._paths:
            return came_along()
        entries: list[Entry] = bundled()
        for path in self._paths:
            entries += read(path)
        return compiled(entries)

    def _stamp(self) -> Stamp:
        return tuple(_looks(path) for path in self._paths)


def _looks(path: Path) -> tuple[int, int, int] | None:
    """What of a file changes when it is written or replaced; None: it isn't there."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


@lru_cache(1)
def came_along() -> Layer:
    """The lists that come with Danmart, which can't change while the process runs."""
    return compiled(bundled())
