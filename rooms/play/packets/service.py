"""The red packets' commands: sent, opened; and how they end by themselves.

An open takes the packet's lock and then the next share, so openers of one packet stand in one line, on all
nodes together; a group of them is written as one. Coins go from the sender's wallet into escrow, from there
to the openers, and what is left back, so that the ledger says at any time what is still in a packet.
"""

from __future__ import annotations

import secrets
from typing import Any

from rooms.errors import Refused
from rooms.follows import FOLLOWING
from rooms.heads import ROOMS, TIMERS, USERS, TimerRow
from rooms.hosts import HOSTS, host_of
from rooms.play.packets import rules
from rooms.play.packets.commands import OpenPacket, SendPacket
from rooms.play.packets.rules import Packet
from rooms.play.packets.store import OPENS, PACKETS, SHARES, OpenRow, SharesRow, count_open
from rooms.ports import About, Caller, Standing, TextRules
from rooms.rows import Steps, new_id
from rooms.unit import Unit
from rooms.wallet import ledger
from rooms.wallet.news import tell_wallet
from rooms.wallet.rules import Account, wallet
from rooms.wording import worded

PACKET_TIMER = "packet"
GREETING_CHARS = 40


class Packets:
    """Every method is a handler for the writer."""

    def __init__(self, standing: Standing, texts: TextRules) -> None:
        self._standing = standing
        self._texts = texts

    def send(self, tx: Unit, cmd: SendPacket, caller: Caller) -> Steps[Any]:
        """Refuses with ``forbidden``, ``not_live``, ``too_many_packets``, ``insufficient_coins``; because of
        its greeting with ``muted``, ``text_…``: without one it says nothing."""
        sender_id, packet_id = caller.id or "", new_id()
        yield PACKETS.rows(packet_id)
        yield ledger.accounts(wallet(sender_id), escrow(packet_id))
        yield USERS.rows(sender_id)
        yield ROOMS.rows(cmd.room)
        yield from self._standing.load(cmd.room, sender_id)
        room = tx.room(cmd.room)
        self._standing.require(tx, cmd.room, caller, "gift")
        greeting = self._greeting(tx, cmd, caller)
        if room.status not in rules.ON_AIR:
            raise Refused("not_live")
        fresh = [row for row in tx.fresh(PACKETS) if row.room_id == cmd.room]
        in_room, of_sender = count_open(tx.conn, cmd.room, sender_id)
        mine = [row for row in fresh if row.sender_id == sender_id]
        rules.refuse_too_many(in_room + len(fresh), of_sender + len(mine))
        movement = ledger.pay(
            tx,
            "packet",
            packet_id,
            wallet(sender_id),
            escrow(packet_id),
            cmd.coins,
            room_id=cmd.room,
            actor_id=sender_id,
        )
        tell_wallet(tx, sender_id, movement, -cmd.coins)
        packet = Packet(
            id=packet_id,
            room_id=cmd.room,
            sender_id=sender_id,
            sender_name=caller.name,
            coins=cmd.coins,
            count=cmd.count,
            split=cmd.split,
            greeting=greeting,
            sent_at_ms=tx.now_ms,
            closes_at_ms=tx.now_ms + cmd.seconds * 1000,
            opened=0,
            left_coins=cmd.coins,
            ended=None,
            ended_at_ms=None,
            best_id=None,
            best_name=None,
            best_coins=0,
            who=cmd.who,
        )
        shares = rules.split(cmd.coins, cmd.count, cmd.split, secrets.token_bytes(rules.SEED_BYTES))
        tx.put(PACKETS, packet)
        tx.put(SHARES, SharesRow(packet_id, shares))
        tx.wake(PACKET_TIMER, packet_id, cmd.room, packet.closes_at_ms)
        tx.append(cmd.room, "packet.opened", {"packet": packet.card()}, user=caller.card)
        return {"packet": packet.card(), "coins": ledger.balance(tx, wallet(sender_id))}

    def open(self, tx: Unit, cmd: OpenPacket, caller: Caller) -> Steps[Any]:
        """The next share, once for each: for the sender too, and for who is muted, as it says nothing. The
        stream may have ended meanwhile.

        Refuses with ``not_found``, ``already_opened`` (with the share), ``packet_empty``, ``over``,
        ``followers_only``.
        """
        user_id = caller.id or ""
        yield HOSTS.rows(cmd.room)
        yield PACKETS.rows(cmd.packet)
        yield OPENS.rows((cmd.packet, user_id))
        yield SHARES.rows(cmd.packet)
        host_id, asks = host_of(tx, cmd.room), _asks_followers(tx.get(PACKETS, cmd.packet))
        yield FOLLOWING.rows(*([(host_id, user_id)] if asks else []))
        yield ledger.accounts(escrow(cmd.packet), wallet(user_id))
        yield USERS.rows(user_id)
        yield ROOMS.rows(cmd.room)
        yield from self._standing.load(cmd.room, user_id)
        tx.room(cmd.room)
        self._standing.require(tx, cmd.room, caller, "play")
        packet, shares = tx.get(PACKETS, cmd.packet), tx.get(SHARES, cmd.packet)
        if packet is None or shares is None or packet.room_id != cmd.room:
            raise Refused("not_found", "There is no such packet in this room.")
        if (known := tx.get(OPENS, packet.id, user_id)) is not None:
            raise Refused("already_opened", details={"share": known.wire()})
        rules.refuse_unless_open(packet, tx.now_ms)
        follows = asks and tx.get(FOLLOWING, host_id, user_id) is not None
        rules.refuse_strangers(packet, user_id, host_id, follows=follows)
        coins = shares.shares[packet.opened]
        movement = ledger.pay(
            tx,
            "packet_open",
            f"{packet.id}:{user_id}",
            escrow(packet.id),
            wallet(user_id),
            coins,
            room_id=cmd.room,
            actor_id=user_id,
        )
        tell_wallet(tx, user_id, movement, coins)
        share = OpenRow(packet.id, user_id, caller.name, packet.opened + 1, coins, tx.now_ms)
        tx.put(OPENS, share)
        packet = tx.put(PACKETS, rules.opened_by(packet, user_id, caller.name, coins, tx.now_ms))
        tx.count(cmd.room, packet.id, left=packet.count - packet.opened)
        if packet.ended:
            _say_ended(tx, packet, 0)
        return {"share": share.wire(), "coins": ledger.balance(tx, wallet(user_id))}

    def run_out(self, tx: Unit, timer: TimerRow) -> Steps[Any]:
        """The timer of the closing time: what nobody opened goes back to its sender."""
        yield TIMERS.rows(timer.id)
        yield PACKETS.rows(timer.ref)
        found = tx.get(PACKETS, timer.ref)
        if found is not None:
            yield ledger.accounts(escrow(found.id), wallet(found.sender_id))
            yield USERS.rows(found.sender_id)
            yield ROOMS.rows(found.room_id)
        if tx.get(TIMERS, timer.id) is None:
            return {}
        packet = tx.get(PACKETS, timer.ref)
        if packet is None or packet.ended is not None:
            tx.drop(TIMERS, timer.id)
        elif packet.closes_at_ms <= tx.now_ms:
            tx.drop(TIMERS, timer.id)
            _give_back(tx, packet)
        return {}

    def _greeting(self, tx: Unit, cmd: SendPacket, caller: Caller) -> str:
        if cmd.greeting is None or not cmd.greeting.strip():
            return ""
        self._standing.refuse_muted(tx, cmd.room, caller)
        self._standing.refuse_warned(tx, cmd.room, caller)
        words = worded(self._texts, cmd.greeting, GREETING_CHARS, About("comment", cmd.room))
        # Whose words nobody is to see, or not before a moderator has: neither beside coins.
        unseen = self._standing.is_shadowed(tx, cmd.room, caller)
        return "" if unseen or self._standing.is_restricted(tx, cmd.room, caller) else words


def escrow(packet_id: str) -> Account:
    """Where a packet's coins are until they are opened."""
    return Account("escrow", packet_id)


def _asks_followers(packet: Packet | None) -> bool:
    return packet is not None and packet.who == "followers"


def _give_back(tx: Unit, packet: Packet) -> None:
    left = packet.left_coins
    sender = wallet(packet.sender_id)
    movement = ledger.pay(
        tx, "packet_back", packet.id, escrow(packet.id), sender, left, room_id=packet.room_id
    )
    tell_wallet(tx, packet.sender_id, movement, left)
    _say_ended(tx, tx.put(PACKETS, rules.ended(packet, "expired", tx.now_ms)), left)


def _say_ended(tx: Unit, packet: Packet, coins_back: int) -> None:
    data = {
        "id": packet.id,
        "reason": packet.ended,
        "opened": packet.opened,
        "coins_back": coins_back,
        "luckiest": packet.luckiest(),
    }
    tx.append(packet.room_id, "packet.ended", data)
