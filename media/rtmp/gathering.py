"""Which tracks a publisher has: known from its first tags, which wait here until then. Pure."""

from __future__ import annotations

from typing import Any

from media.rtmp.chunks import AUDIO, VIDEO
from media.rtmp.session import Tag

# An encoder sends both configurations before anything else; one that doesn't has only one of them.
_WAIT_MS = 1000
_MOST_TAGS = 256
_MOST_BYTES = 4 * 1024 * 1024


class FirstTags:
    """``kinds`` is what the publisher sends, None until that is known."""

    def __init__(self) -> None:
        self.kinds: frozenset[int] | None = None
        self._expected: set[int] = set()
        self._configured: set[int] = set()
        self._held: list[Tag] = []
        self._bytes = 0

    def metadata(self, values: dict[str, Any]) -> None:
        """What the encoder says that it will send."""
        for kind, name in ((VIDEO, "videocodecid"), (AUDIO, "audiocodecid")):
            if values.get(name):
                self._expected.add(kind)

    def push(self, tag: Tag, *, configures: bool) -> list[Tag]:
        """The tags that may go on now, this one included, or none yet. ``configures``: it is a codec's
        configuration."""
        if self.kinds is not None:
            return [tag] if tag.kind in self.kinds else []
        if configures:
            self._configured.add(tag.kind)
        self._held.append(tag)
        self._bytes += len(tag.body)
        if not self._known(tag):
            return []
        self.kinds = frozenset(self._configured)
        held, self._held = self._held, []
        return [one for one in held if one.kind in self.kinds]

    def _known(self, tag: Tag) -> bool:
        if {AUDIO, VIDEO} <= self._configured or (self._expected and self._expected <= self._configured):
            return True
        late = (tag.timestamp - self._held[0].timestamp) & 0xFFFFFFFF
        full = len(self._held) >= _MOST_TAGS or self._bytes >= _MOST_BYTES
        return bool(self._configured) and (_WAIT_MS <= late < 0x80000000 or full)
