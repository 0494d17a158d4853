"""What an operator may set about media; the server fills it from its own configuration."""

from __future__ import annotations

from dataclasses import dataclass

from media.turn import Turn


@dataclass(frozen=True, slots=True)
class MediaConfig:
    """Settings of one node's media layer. Times in seconds, sizes in bytes.

    ``udp_host`` is the address of the one UDP socket (``"::"`` takes IPv4 too); ``announced_addresses`` are
    the IP addresses told to clients, instead of those of the machine's interfaces, for a node behind a NAT.
    ``include_loopback`` adds 127.0.0.1 (and ::1), for a demo or a test on one machine. ``turn`` is handed to
    clients with 201 (RFC 9725, 4.6), and so are ``link_headers``, as they are; none by default.

    Beyond ``whep_capacity`` sessions, or while the event loop takes over ``busy_max`` (0..1) of a core or
    is ``lag_max_s`` behind, further viewers are refused.
    """

    node_id: str
    udp_host: str = "0.0.0.0"  # noqa: S104  media has to be reachable from outside
    udp_port: int = 0
    announced_addresses: tuple[str, ...] = ()
    include_loopback: bool = False
    grace_s: float = 30.0
    linger_s: float = 10.0  # viewers are kept this long after a goodbye: the next host may follow at once
    takeover_silence_s: float = 2.0
    connect_timeout_s: float = 15.0
    consent_timeout_s: float = 20.0  # RFC 7675 allows 30
    keyframe_interval_s: float = 2.0  # while a packager or recorder reads the room
    whep_capacity: int = 100
    busy_max: float = 1.0
    lag_max_s: float = 60.0
    max_sdp_bytes: int = 64 * 1024
    turn: Turn | None = None
    link_headers: tuple[str, ...] = ()
    rtmp_port: int | None = None  # None: no RTMP; 0 picks one
    rtmp_host: str = "0.0.0.0"  # noqa: S104  as above
    rtmp_publishers_max: int = 50
