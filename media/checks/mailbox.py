"""What waits to be checked: of each stream the newest, so that nothing ever queues up. Pure."""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, Protocol, TypeVar

STREAMS_MAX = 256
SIZE_MAX = 4 * 1024 * 1024


class Piece(Protocol):
    """Something of a stream that is to be checked."""

    @property
    def size(self) -> int:
        """In bytes."""
        ...


P = TypeVar("P", bound=Piece)


class Mailbox(Generic[P]):
    """A place for each stream; who waits longest comes first, however often its piece is renewed."""

    def __init__(self, streams_max: int = STREAMS_MAX, size_max: int = SIZE_MAX) -> None:
        self._streams_max, self._size_max = streams_max, size_max
        self._pieces: OrderedDict[str, P] = OrderedDict()

    def __len__(self) -> int:
        return len(self._pieces)

    def put(self, stream: str, piece: P) -> bool:
        """Whether nothing is left out by it: neither an older piece of the stream, nor this one because it is
        too large or too many streams wait."""
        if piece.size > self._size_max:
            return False
        known = stream in self._pieces
        if not known and len(self._pieces) >= self._streams_max:
            return False
        self._pieces[stream] = piece
        return not known

    def take(self) -> tuple[str, P] | None:
        """The piece of the stream that has waited longest."""
        return self._pieces.popitem(last=False) if self._pieces else None

    def drop(self, stream: str) -> None:
        self._pieces.pop(stream, None)
