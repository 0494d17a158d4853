"""What the media layer needs from outside, as protocols; the server hands it the implementations.

``media`` knows nothing of rooms' rules, users or SQL: it asks the ``Gate`` who may publish and watch, and
tells the ``Stage`` what the picture does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

from aiohttp import web


@dataclass(frozen=True, slots=True)
class Principal:
    """Who a publishing session belongs to: a stream key or a host's identity.

    ``id`` is stable for all credentials of one principal, so that PATCH, DELETE and takeover work after the
    credential was renewed. ``is_host`` is true for an identity that may take over anybody's session in the
    room; ``steps_aside`` marks a stand-in (the demo's host) who gives way to every other principal.
    """

    id: str
    label: str
    is_host: bool = False
    steps_aside: bool = False


class Whence(NamedTuple):
    """Where a request comes from, as far as it can be seen here: the other end of the connection, and what
    proxies say of those before it, with the headers' names in lower case. Whom to believe is the gate's."""

    peer: str | None
    told: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, request: web.BaseRequest) -> Whence:
        names = [name for name in PROXIES_SAY if name in request.headers]
        told = [(name, value) for name in names for value in request.headers.getall(name)]
        return cls(request.remote, tuple(told))


PROXIES_SAY = ("x-forwarded-for", "forwarded")


class Gate(Protocol):
    """Answers who may publish and who may watch."""

    async def may_publish(self, room: str, bearer: str | None) -> Principal:
        """The principal behind a WHIP bearer credential.

        Raises ``Refused`` (``unauthenticated``, ``bad_token``, ``token_expired``, ``forbidden``,
        ``room_not_found``; ``publisher_busy`` with ``retry_after_ms`` for a stand-in that must wait).
        """
        ...

    async def may_begin(self, room: str, principal: Principal, *, takeover: bool) -> None:
        """Returns if ``principal`` may begin to publish as far as other nodes go; this one's publisher is the
        caller's to look after. ``takeover``: it was said explicitly that another one is to give way.

        Raises ``Refused`` (``publisher_busy`` with ``retry_after_ms``, ``temporarily_unavailable``).
        """
        ...

    async def may_watch(self, room: str, bearer: str | None, whence: Whence | None = None) -> str | None:
        """Returns if the caller may watch, with who that is where a credential says so; raises ``Refused``
        (``room_not_found``, ``forbidden``, ``banned``, …). ``whence`` None: it doesn't matter."""
        ...


class OpenGate(Protocol):
    """Who may watch, as far as it can be said without waiting; asked for each part by each player."""

    def is_open(self, room: str, whence: Whence) -> bool:
        """Whether everybody may watch who comes from there, as of a moment ago. False: ask
        ``Gate.may_watch``."""
        ...

    async def look(self, room: str) -> None:
        """Find out anew for ``is_open``; called every second for rooms with players. Must not raise."""
        ...

    def opens(self, room: str, key: str) -> bool:
        """Whether ``key``, a segment of the path, proves that its bearer may watch the room."""
        ...


class Stage(Protocol):
    """Told of the picture's life, in order, one call at a time per room. Must not raise."""

    async def live(self, room: str, principal: Principal) -> None:
        """Packets arrive (the first, again after an interruption, or from a new publisher)."""
        ...

    async def interrupted(self, room: str, principal: Principal) -> None:
        """The publisher is away without a goodbye; its tracks are kept for the grace period."""
        ...

    async def ended(self, room: str, reason: str) -> None:
        """The publisher said goodbye (``"stopped"``), or the grace period ran out (``"lost"``)."""
        ...


MediaKind = Literal["video", "audio"]


@dataclass(frozen=True, slots=True)
class TrackInfo:
    """One track of a room as negotiated with its publisher. ``clock_rate`` in Hz, ``channels`` for audio."""

    kind: MediaKind
    codec: Literal["H264", "VP8", "opus"]
    clock_rate: int
    channels: int = 1


class RtpSink(Protocol):
    """Something that reads a room's packets beside the viewers: the HLS packager, a recorder.

    All calls come from the event loop and must return at once. Sequence numbers and timestamps are those of
    the room's tracks: they go on over a publisher's interruption or replacement.
    """

    def start(self, tracks: Sequence[TrackInfo], request_keyframe: Callable[[], None]) -> None:
        """A publisher's packets begin (again). A change of tracks is a discontinuity."""
        ...

    def rtp(self, kind: MediaKind, packet: bytes, arrival_ms: int) -> None:
        """One decrypted RTP packet (RFC 3550), RTX unwrapped, in order of arrival (not of sequence)."""
        ...

    def sender_report(self, kind: MediaKind, ntp_ms: float, rtp_timestamp: int) -> None:
        """The publisher's clock: wall time in Unix milliseconds at an RTP timestamp (RFC 3550, 6.4.1)."""
        ...

    def interrupted(self) -> None:
        """The publisher is away; packets may come again after another ``start``."""
        ...

    async def close(self) -> None:
        """The stream has ended: publish what is complete and release everything. Called once."""
        ...


@dataclass(frozen=True, slots=True)
class Period:
    """What follows shares one init section. ``codecs`` as in RFC 6381; sizes in pixels."""

    init: bytes
    codecs: str
    width: int
    height: int
    has_audio: bool


@dataclass(frozen=True, slots=True)
class CmafPart:
    """One part as players get it: moof and mdat.

    ``start`` and ``duration`` are media time in 90 kHz ticks, going on over periods; ``started_ms`` is the
    wall clock at its first picture (EXT-X-PROGRAM-DATE-TIME). ``first`` and ``last``: of its segment (which a
    new period or an interruption ends too, without a last part). ``independent``: it begins with a keyframe.
    """

    data: bytes
    start: int
    duration: int
    started_ms: int
    independent: bool
    first: bool
    last: bool


class PartTap(Protocol):
    """Reads the parts that are made of a room's picture: a recorder.

    All calls come from the event loop and must return at once. One that raises is left out from then on.
    """

    def period(self, period: Period) -> None:
        """The parts that follow need this init section."""
        ...

    def part(self, part: CmafPart) -> None:
        """A part was published."""
        ...

    def interrupted(self) -> None:
        """The publisher is away: the segment is complete; a period follows, or the end."""
        ...

    async def close(self) -> None:
        """The stream has ended. Called once."""
        ...
