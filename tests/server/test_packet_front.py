"""A no from memory: only of packets that are known to be empty, only to new keys, and never for good."""

from __future__ import annotations

from rooms.errors import Refused
from rooms.play.packets.commands import OpenPacket
from server.packet_front import EMPTY_MAX, PacketFront
from server.store.group import accepted, refused


def opening(packet: str, key: str = "the-key-1") -> OpenPacket:
    return OpenPacket(room="tea", packet=packet, key=key)


def test_only_what_the_database_called_empty_is_refused() -> None:
    front = PacketFront()
    assert front.refusal(opening("p"), "lin", 0) is None
    for answer in (accepted({}), refused(Refused("over")), refused(Refused("already_opened"))):
        front.heard(opening("p"), answer)
    assert front.refusal(opening("p", "the-key-2"), "lin", 0) is None
    front.heard(opening("p"), refused(Refused("packet_empty")))
    refusal = front.refusal(opening("p", "the-key-3"), "lin", 0)
    assert refusal is not None
    assert (refusal.code, refusal.temporary) == ("packet_empty", True)
    assert front.refusal(opening("other", "the-key-4"), "lin", 0) is None


def test_a_key_that_was_seen_is_never_refused_from_memory() -> None:
    front = PacketFront()
    assert front.refusal(opening("p"), "lin", 0) is None
    front.heard(opening("p"), refused(Refused("packet_empty")))
    assert front.refusal(opening("p"), "lin", 0) is None
    assert front.refusal(opening("p"), "wu", 0) is not None
    assert front.refusal(opening("p"), "wu", 0) is None


def test_memory_is_bounded_and_lets_the_oldest_go() -> None:
    front = PacketFront()
    for n in range(EMPTY_MAX + 1):
        front.heard(opening(f"p{n}"), refused(Refused("packet_empty")))
    assert front.refusal(opening("p0"), "lin", 0) is None
    assert front.refusal(opening("p1"), "wu", 0) is not None
