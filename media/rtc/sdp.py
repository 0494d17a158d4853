"""Session descriptions as WHIP and WHEP need them (RFC 8866, RFC 9429): read an offer, write an answer.

Nothing of an offer is trusted: what can't be understood is ``Refused("bad_sdp")``, what isn't needed is
left out of the answer.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from media.rtc.dtls import Fingerprint
from media.rtc.ice import Credentials
from rooms.errors import Refused

MAX_SECTIONS = 16
MID_URI = "urn:ietf:params:rtp-hdrext:sdes:mid"
ABS_SEND_TIME_URI = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
TRANSPORT_CC_URI = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
REPAIR_FEEDBACK = ("nack", "nack pli", "ccm fir")

Direction = Literal["sendrecv", "sendonly", "recvonly", "inactive"]
_DIRECTIONS: tuple[Direction, ...] = ("sendrecv", "sendonly", "recvonly", "inactive")


@dataclass(frozen=True, slots=True)
class Codec:
    """A payload type of an offer. ``name`` is in upper case; ``rtx`` is the one that repeats it, if any."""

    payload_type: int
    name: str
    clock_rate: int
    channels: int = 1
    parameters: str = ""
    feedback: tuple[str, ...] = ()
    rtx: int | None = None

    def parameter(self, key: str) -> str | None:
        for part in self.parameters.split(";"):
            name, _, value = part.strip().partition("=")
            if name.lower() == key:
                return value.strip()
        return None


@dataclass(frozen=True, slots=True)
class Section:
    """One m= section of an offer. ``port`` is 0 for one that the offerer has given up."""

    kind: str
    protocol: str
    formats: tuple[str, ...]
    mid: str = ""
    port: int = 9
    direction: Direction = "sendrecv"
    rtcp_mux: bool = False
    reduced_size: bool = False
    codecs: tuple[Codec, ...] = ()
    extensions: dict[str, int] = field(default_factory=dict)
    streams: frozenset[str] = frozenset()
    """The MediaStreams that its tracks belong to (RFC 8830, 2); "-" stands for none and is left out."""

    @property
    def usable(self) -> bool:
        return self.kind in ("audio", "video") and "RTP/SAVP" in self.protocol

    @property
    def sends(self) -> bool:
        return self.usable and self.direction in ("sendrecv", "sendonly")

    @property
    def receives(self) -> bool:
        return self.usable and self.direction in ("sendrecv", "recvonly")


@dataclass(frozen=True, slots=True)
class Offer:
    """What an offer says. All its media use one transport (BUNDLE), whose credentials these are."""

    sections: tuple[Section, ...]
    ice: Credentials
    fingerprints: tuple[Fingerprint, ...]
    setup: str


@dataclass(frozen=True, slots=True)
class Chosen:
    """What the answer takes of a section: its codecs in order of preference, and how we send."""

    codecs: tuple[Codec, ...]
    direction: Direction
    extensions: tuple[str, ...] = (MID_URI,)
    feedback: tuple[str, ...] = REPAIR_FEEDBACK
    ssrc: int | None = None
    rtx_ssrc: int | None = None


@dataclass(frozen=True, slots=True)
class Local:
    """Our side of the transport."""

    ice: Credentials
    fingerprint: Fingerprint
    addresses: Sequence[str]
    port: int
    cname: str


def _bad(reason: str) -> Refused:
    return Refused("bad_sdp", f"The body is not a usable SDP offer: {reason}.")


def parse_offer(text: str) -> Offer:
    """Reads an offer. Raises ``Refused("bad_sdp")``."""
    try:
        return _parse_offer(text)
    except (ValueError, IndexError, OverflowError) as error:
        raise _bad("a line of it can't be read") from error


def _parse_offer(text: str) -> Offer:
    lines = text.replace("\r\n", "\n").split("\n")
    if lines[0].strip() != "v=0":
        raise _bad("it does not begin with v=0")
    blocks: list[list[str]] = [[]]
    for line in lines:
        if line.startswith("m="):
            blocks.append([])
        blocks[-1].append(line.strip())
    session, *media = blocks
    if not media:
        raise _bad("it has no media")
    if len(media) > MAX_SECTIONS:
        raise _bad("it has too many media sections")
    sections = tuple(_section(block) for block in media)
    bundle = _bundle(session, sections)
    transport = media[bundle]
    return Offer(
        sections,
        _credentials(session, transport),
        _fingerprints(session, transport),
        _setup(session, transport),
    )


def _attributes(block: Iterable[str], name: str) -> list[str]:
    """The values of ``a=name:value`` lines; an empty string for ``a=name``."""
    found = []
    for line in block:
        if line.startswith("a="):
            key, _, value = line[2:].partition(":")
            if key == name:
                found.append(value.strip())
    return found


def _bundle(session: list[str], sections: tuple[Section, ...]) -> int:
    """The index of the section whose transport all media share (RFC 9143)."""
    active = [index for index, section in enumerate(sections) if section.usable and section.port]
    if not active:
        raise Refused("no_common_codec")
    groups = [value.split()[1:] for value in _attributes(session, "group") if value.split()[:1] == ["BUNDLE"]]
    if len(groups) > 1:
        raise _bad("all its media must be in one BUNDLE group")
    mids = groups[0] if groups else []
    if len(active) > 1 and not all(sections[index].mid in mids for index in active):
        raise _bad("all its media must be in one BUNDLE group")
    if not all(sections[index].rtcp_mux for index in active):
        raise _bad("it must multiplex RTP and RTCP (a=rtcp-mux)")
    tagged = [index for index, section in enumerate(sections) if mids and section.mid == mids[0]]
    return tagged[0] if tagged else active[0]


def _credentials(session: list[str], transport: list[str]) -> Credentials:
    ufrag = _attributes([*transport, *session], "ice-ufrag")
    password = _attributes([*transport, *session], "ice-pwd")
    if not ufrag or not password:
        raise _bad("ICE user name and password are missing")
    return checked_credentials(ufrag[0], password[0])


def checked_credentials(ufrag: str, password: str) -> Credentials:
    """Raises ``ValueError`` unless both are as RFC 8839, 5.4 has them."""
    for value, least in ((ufrag, 4), (password, 22)):
        if not least <= len(value) <= 256 or not all(char.isalnum() or char in "+/-_=" for char in value):
            raise ValueError("malformed ICE credentials")
    return Credentials(ufrag, password)


def _fingerprints(session: list[str], transport: list[str]) -> tuple[Fingerprint, ...]:
    values = _attributes(transport, "fingerprint") or _attributes(session, "fingerprint")
    if not values:
        raise _bad("a DTLS fingerprint is missing")
    return tuple(Fingerprint(*value.split(maxsplit=1)) for value in values if " " in value)


def _setup(session: list[str], transport: list[str]) -> str:
    values = [*_attributes(transport, "setup"), *_attributes(session, "setup")]
    setup = values[0] if values else "actpass"
    if setup not in ("actpass", "active", "passive"):
        raise _bad("a=setup must be actpass, active or passive")
    return setup


def _section(block: list[str]) -> Section:
    kind, port, protocol, *formats = block[0][2:].split()
    mids = _attributes(block, "mid")
    section = Section(
        kind,
        protocol,
        tuple(formats),
        mid=mids[0] if mids else "",
        port=9 if _attributes(block, "bundle-only") else int(port),  # RFC 9143, 7.1.2: 0 and not given up
        direction=_direction(block),
        rtcp_mux=bool(_attributes(block, "rtcp-mux")),
        reduced_size=bool(_attributes(block, "rtcp-rsize")),
        streams=frozenset(value.split()[0] for value in _attributes(block, "msid") if value) - {"-"},
    )
    if not section.usable:
        return section
    if not all(32 < ord(char) < 127 for char in section.mid) or len(section.mid) > 32:
        raise ValueError("malformed mid")
    return replace(section, codecs=_codecs(block, section.formats), extensions=_extensions(block))


def _direction(block: list[str]) -> Direction:
    for direction in _DIRECTIONS:
        if f"a={direction}" in block:
            return direction
    return "sendrecv"


def _extensions(block: list[str]) -> dict[str, int]:
    found = {}
    for value in _attributes(block, "extmap"):
        number, uri = value.split()[:2]
        found[uri] = int(number.partition("/")[0])
    return found


def _codecs(block: list[str], formats: tuple[str, ...]) -> tuple[Codec, ...]:
    maps = dict(value.split(maxsplit=1) for value in _attributes(block, "rtpmap"))
    parameters = dict(value.split(maxsplit=1) for value in _attributes(block, "fmtp") if " " in value)
    feedback = [value.split(maxsplit=1) for value in _attributes(block, "rtcp-fb")]
    codecs = []
    for payload_type in formats:
        if payload_type not in maps or not 0 <= int(payload_type) <= 127:
            continue
        name, rate, *channels = maps[payload_type].split("/")
        codecs.append(
            Codec(
                int(payload_type),
                name.upper(),
                int(rate),
                int(channels[0]) if channels else 1,
                parameters.get(payload_type, ""),
                tuple(entry[1] for entry in feedback if entry[0] in (payload_type, "*") and len(entry) > 1),
            )
        )
    repeats = {
        codec.parameter("apt"): codec.payload_type for codec in reversed(codecs) if codec.name == "RTX"
    }
    return tuple(
        replace(codec, rtx=repeats.get(str(codec.payload_type))) for codec in codecs if codec.name != "RTX"
    )


# --- choosing


def pick_h264(codecs: Iterable[Codec], profile: str = "42e01f") -> Codec | None:
    """The H.264 with packetization-mode 1 that is nearest to ``profile``, within the baseline profiles."""
    best: tuple[int, Codec] | None = None
    for codec in codecs:
        if codec.name != "H264" or codec.parameter("packetization-mode") != "1":
            continue
        offered = (codec.parameter("profile-level-id") or "42e01f").lower()
        rank = _h264_rank(offered, profile)
        if rank is not None and (best is None or rank < best[0]):
            best = (rank, codec)
    return best[1] if best else None


def _h264_rank(offered: str, wanted: str) -> int | None:
    if offered[:4] == wanted[:4]:
        return 0
    if offered[:4] == "42e0":
        return 1
    return 2 if offered[:2] == "42" else None


def pick(codecs: Iterable[Codec], name: str) -> Codec | None:
    """The first codec of that name; VP8 or OPUS."""
    return next((codec for codec in codecs if codec.name == name), None)


# --- answering


def write_answer(offer: Offer, chosen: dict[int, Chosen], local: Local) -> str:
    """The answer: ``chosen`` by index of the section, all others rejected (RFC 9429, 5.3.1)."""
    mids = " ".join(offer.sections[index].mid for index in sorted(chosen) if offer.sections[index].mid)
    lines = ["v=0", f"o=- {secrets.randbits(62)} 1 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=ice-lite"]
    if mids:
        lines.append(f"a=group:BUNDLE {mids}")
    lines.append("a=msid-semantic: WMS *")
    transport_done = False
    for index, section in enumerate(offer.sections):
        if index in chosen:
            lines += _accepted(section, chosen[index], local)
            lines += _transport(offer, local, candidates=not transport_done)
            transport_done = True
        else:
            lines += _rejected(section)
    return "\r\n".join(lines) + "\r\n"


def _rejected(section: Section) -> list[str]:
    lines = [f"m={section.kind} 0 {section.protocol} {' '.join(section.formats)}", "c=IN IP4 0.0.0.0"]
    if section.mid:
        lines.append(f"a=mid:{section.mid}")
    return [*lines, "a=inactive"]


def _accepted(section: Section, chosen: Chosen, local: Local) -> list[str]:
    """An answer never says rtcp-mux-only, whatever RFC 9725, 4.4.1 wants: RFC 8858, 4.3 forbids that."""
    formats = [str(codec.payload_type) for codec in chosen.codecs]
    formats += [str(codec.rtx) for codec in chosen.codecs if codec.rtx is not None]
    lines = [f"m={section.kind} 9 {section.protocol} {' '.join(formats)}", "c=IN IP4 0.0.0.0"]
    if section.mid:
        lines.append(f"a=mid:{section.mid}")
    lines += [f"a={chosen.direction}", "a=rtcp-mux"]
    if section.reduced_size:
        lines.append("a=rtcp-rsize")
    for uri, number in section.extensions.items():
        if uri in chosen.extensions:
            lines.append(f"a=extmap:{number} {uri}")
    for codec in chosen.codecs:
        lines += _codec(codec, chosen.feedback)
    if chosen.ssrc is not None:
        lines += _sources(section.kind, chosen, local.cname)
    return lines


def _codec(codec: Codec, feedback: tuple[str, ...]) -> list[str]:
    number = codec.payload_type
    name = "opus" if codec.name == "OPUS" else codec.name
    channels = f"/{codec.channels}" if codec.channels > 1 else ""
    lines = [f"a=rtpmap:{number} {name}/{codec.clock_rate}{channels}"]
    lines += [f"a=rtcp-fb:{number} {kind}" for kind in feedback if kind in codec.feedback]
    if codec.parameters:
        lines.append(f"a=fmtp:{number} {codec.parameters}")
    if codec.rtx is not None:
        lines += [f"a=rtpmap:{codec.rtx} rtx/{codec.clock_rate}", f"a=fmtp:{codec.rtx} apt={number}"]
    return lines


def _sources(kind: str, chosen: Chosen, cname: str) -> list[str]:
    lines = [f"a=msid:{cname} {kind}"]
    if chosen.rtx_ssrc is not None:
        lines.append(f"a=ssrc-group:FID {chosen.ssrc} {chosen.rtx_ssrc}")
    for ssrc in (chosen.ssrc, chosen.rtx_ssrc):
        if ssrc is not None:
            lines += [f"a=ssrc:{ssrc} cname:{cname}", f"a=ssrc:{ssrc} msid:{cname} {kind}"]
    return lines


def _transport(offer: Offer, local: Local, *, candidates: bool) -> list[str]:
    lines = [
        f"a=ice-ufrag:{local.ice.ufrag}",
        f"a=ice-pwd:{local.ice.password}",
        f"a=fingerprint:{local.fingerprint.algorithm} {local.fingerprint.value}",
        f"a=setup:{'active' if offer.setup == 'passive' else 'passive'}",
    ]
    if candidates:
        lines += [*candidate_lines(local), "a=end-of-candidates"]
    return lines


def candidate_lines(local: Local) -> list[str]:
    """Host candidates (RFC 8839, 5.1), the first address preferred."""
    lines = []
    for index, address in enumerate(local.addresses):
        priority = 126 << 24 | (65535 - index) << 8 | 255
        lines.append(f"a=candidate:{index + 1} 1 udp {priority} {address} {local.port} typ host")
    return lines


# --- trickled fragments (RFC 8840)


def parse_fragment(text: str) -> Credentials:
    """The credentials of an ``application/trickle-ice-sdpfrag`` body. Raises ``Refused("bad_sdp_fragment")``.

    Its candidates are not read: a lite agent learns paths from the checks that arrive over them.
    """
    lines = [line.strip() for line in text.replace("\r\n", "\n").split("\n")]
    if not any(lines) or not all(line == "" or (len(line) > 2 and line[1] == "=") for line in lines):
        raise Refused("bad_sdp_fragment")
    ufrag, password = _attributes(lines, "ice-ufrag"), _attributes(lines, "ice-pwd")
    if not ufrag or not password:
        raise Refused("bad_sdp_fragment", "The ICE fragment lacks a=ice-ufrag or a=ice-pwd.")
    try:
        return checked_credentials(ufrag[0], password[0])
    except ValueError as error:
        raise Refused("bad_sdp_fragment") from error


def write_fragment(local: Local) -> str:
    """The answer to an ICE restart (RFC 9725, 4.3.3)."""
    lines = ["a=ice-lite", f"a=ice-ufrag:{local.ice.ufrag}", f"a=ice-pwd:{local.ice.password}"]
    return "\r\n".join([*lines, *candidate_lines(local), "a=end-of-candidates"]) + "\r\n"
