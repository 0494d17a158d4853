"""Who may do what in a room: one table of roles and actions, and who stands above whom."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from types import MappingProxyType

LONG_MUTE_S = 86_400
"""A mute longer than this, or without an end, takes ``Action.MUTE_LONG``."""


class Role(StrEnum):
    """A person's role in a room, lowest first. Roles are compared by ``rank``, never as text."""

    GUEST = "guest"
    VIEWER = "viewer"
    MODERATOR = "moderator"
    SENIOR_MODERATOR = "senior_moderator"
    HOST = "host"
    OPERATOR = "operator"

    @property
    def rank(self) -> int:
        return _RANKS[self]


class Action(StrEnum):
    """What the table rules on; the values are the wire's ``can``."""

    COMMENT = "comment"
    LIKE = "like"
    BUY = "buy"
    GIFT = "gift"
    """Gifts and red packets: giving one's coins away."""
    PLAY = "play"
    """Taking part: lotteries, opening red packets, quizzes, polls."""
    FOLLOW = "follow"
    JOIN_STAGE = "join_stage"
    """Asking to come on stage as a guest, and coming when invited."""
    STYLE = "style"
    """Coloured comments, and comments that stand at the top or the bottom."""
    REPORT = "report"
    """Telling the moderators of somebody's comment."""
    MUTE = "mute"
    MUTE_LONG = "mute_long"
    WARN = "warn"
    DELETE_COMMENT = "delete_comment"
    """Deleting a comment, or masking what it says."""
    PURGE = "purge"
    """Deleting all that somebody has said in the room."""
    BAN = "ban"
    BAN_ADDRESS = "ban_address"
    """Refusing a range of addresses the room."""
    SHADOW = "shadow"
    """Muting somebody without their seeing it."""
    SANCTION_EVERYWHERE = "sanction_everywhere"
    """The same in all rooms at once."""
    NOTE_USER = "note_user"
    """Notes on somebody, and marking somebody as suspicious, for the room's staff."""
    REVIEW = "review"
    """Working on the queue of what waits for a moderator."""
    ANSWER_APPEAL = "answer_appeal"
    SET_MODES = "set_modes"
    """Who may comment, how often, and what: slow, followers-only, emoji-only and so on; the shield."""
    MANAGE_FILTER = "manage_filter"
    """A room's word lists, and what else its filter goes by."""
    MANAGE_PLATFORM_FILTER = "manage_platform_filter"
    """The same for all rooms."""
    ERASE = "erase"
    """Erasing what a trail says of a person; the trail itself stays whole."""
    SEE_STAFF = "see_staff"
    MANAGE_PRODUCTS = "manage_products"
    PIN = "pin"
    MANAGE_STAGE = "manage_stage"
    """Who is on stage beside the host, and how it is laid out."""
    MANAGE_ROOM = "manage_room"
    END_ROOM = "end_room"
    GRANT_ROLE = "grant_role"
    PUBLISH = "publish"
    RECORD = "record"
    """Recording the stream, and what becomes of recordings."""
    SEE_ORDERS = "see_orders"
    REFUND = "refund"
    RUN_PLAY = "run_play"
    """Beginning and ending lotteries, quizzes and polls."""
    SEE_EARNINGS = "see_earnings"
    SEE_AUDIT = "see_audit"
    MANAGE_WALLETS = "manage_wallets"
    """Corrections, payouts, refunds of gifts."""
    MANAGE_GIFTS = "manage_gifts"
    """The catalogue of gifts, and the rules of points."""


_RANKS = {role: rank for rank, role in enumerate(Role)}

# Each role with what it adds to the one below it.
_ADDED: dict[Role, tuple[Action, ...]] = {
    Role.GUEST: (),
    Role.VIEWER: (
        Action.COMMENT,
        Action.LIKE,
        Action.BUY,
        Action.GIFT,
        Action.PLAY,
        Action.FOLLOW,
        Action.JOIN_STAGE,
        Action.REPORT,
    ),
    Role.MODERATOR: (
        Action.STYLE,
        Action.MUTE,
        Action.WARN,
        Action.DELETE_COMMENT,
        Action.SEE_STAFF,
        Action.NOTE_USER,
        Action.REVIEW,
    ),
    Role.SENIOR_MODERATOR: (
        Action.MUTE_LONG,
        Action.PURGE,
        Action.BAN,
        Action.SHADOW,
        Action.ANSWER_APPEAL,
        Action.SET_MODES,
        Action.MANAGE_STAGE,
    ),
    Role.HOST: (
        Action.MANAGE_PRODUCTS,
        Action.PIN,
        Action.MANAGE_ROOM,
        Action.END_ROOM,
        Action.GRANT_ROLE,
        Action.PUBLISH,
        Action.RECORD,
        Action.SEE_ORDERS,
        Action.REFUND,
        Action.RUN_PLAY,
        Action.SEE_EARNINGS,
        Action.SEE_AUDIT,
        Action.BAN_ADDRESS,
        Action.MANAGE_FILTER,
    ),
    Role.OPERATOR: (
        Action.MANAGE_WALLETS,
        Action.MANAGE_GIFTS,
        Action.SANCTION_EVERYWHERE,
        Action.MANAGE_PLATFORM_FILTER,
        Action.ERASE,
    ),
}


def _table() -> dict[Role, tuple[Action, ...]]:
    table: dict[Role, tuple[Action, ...]] = {}
    allowed: tuple[Action, ...] = ()
    for role in Role:
        allowed += _ADDED[role]
        table[role] = allowed
    return table


TABLE = MappingProxyType(_table())


def may(role: Role, action: Action) -> bool:
    """Whether the table gives ``action`` to ``role``."""
    return action in TABLE[role]


def actions(role: Role) -> tuple[Action, ...]:
    """All that ``role`` may do: the wire's ``can``."""
    return TABLE[role]


def outranks(actor: Role, target: Role) -> bool:
    """Whether ``actor`` may act on somebody with the role ``target``: only on who stands strictly below."""
    return actor.rank > target.rank


def highest(roles: Iterable[Role]) -> Role:
    """The highest of ``roles``; nobody's role is ``guest``."""
    return max(roles, key=lambda role: role.rank, default=Role.GUEST)


def mute_action(seconds: int | None) -> Action:
    """The action that a mute of so many seconds takes (None: until it is lifted)."""
    return Action.MUTE_LONG if seconds is None or seconds > LONG_MUTE_S else Action.MUTE
