"""Endpoints and messages as the OpenAPI document has them."""

from __future__ import annotations

from typing import Any

from server.webhooks.events import PING, TYPES

_ORDER = "`order` as docs/protocol.md has it, as of this change."
_WHAT = {
    "order.held": f"Stock is reserved for an unpaid order. {_ORDER}",
    "order.paid": f"An order was paid. {_ORDER}",
    "order.cancelled": f"The buyer let a hold go. {_ORDER}",
    "order.expired": f"A hold ran out. {_ORDER}",
    "order.addressed": f"A winner said where a prize goes to, which the order itself has. {_ORDER}",
    "order.refunded": f"An order was refunded. {_ORDER}",
    "payment.succeeded": "`payment`: `{order, amount_minor, currency}`.",
    "payment.refunded": "`payment`: `{order, amount_minor, currency}`.",
    "payment.failed": "An attempt to pay was declined, or given up: `payment`.",
    "payment.refund_due": "Money came too late for its order, and is on its way back: `payment`.",
    "stock.changed": "How much there is of a SKU when this is sent: `{sku, product, stock, held}`.",
    "room.created": "A room was created.",
    "room.idle": "A room waits for its publisher.",
    "room.live": "A room is live.",
    "room.interrupted": "A room's publisher is away.",
    "room.ended": "A room's stream is over.",
    "room.changed": "A room's title or settings were changed; what was changed is there.",
    "stream.blurred": "A picture is blurred because of what a check found in it, or no longer (`on`).",
    "room.pause": "The host has pressed pause, or goes on (`on`); `picture` is shown meanwhile.",
    "recording.ready": "A recording is complete and can be played: `recording`.",
    "recording.failed": "A recording came to nothing: `recording`.",
    "recording.trouble": "Something can't be written to a recording (`trouble`); null: it goes on.",
    "comment.created": "A comment, `text` only where the endpoint asks for texts; `shown`: to everybody.",
    "comment.deleted": "A comment was deleted.",
    "comment.masked": "A comment was masked: `id`, and what it says from now on.",
    "comment.purged": "All comments of `user` from the offset `from` up to `to` were deleted.",
    "comment.restored": "A comment that had been hidden after reports is shown again.",
    "avatar.removed": "A moderator removed the picture of `user`: what shows it falls back to a letter.",
    "moderation.muted": "Somebody was muted: `sanction`.",
    "moderation.unmuted": "A mute was lifted, or ran out (`by: null`).",
    "moderation.banned": "Somebody was banned: `sanction`.",
    "moderation.unbanned": "A ban was lifted, or ran out (`by: null`).",
    "moderation.shadowed": "Somebody was shadow-muted, and isn't to know: `sanction`.",
    "moderation.unshadowed": "A shadow mute was lifted, or ran out (`by: null`).",
    "moderation.watched": "Somebody is suspicious, and isn't to know: `sanction`.",
    "moderation.unwatched": "Not any more (`by: null`: it ran out).",
    "moderation.restricted": "Somebody's comments wait for a moderator from now on: `sanction`.",
    "moderation.unrestricted": "Not any more (`by: null`: it ran out).",
    "moderation.evasion_hint": "Somebody may be a person who is banned here: `user`, `like`, `by`.",
    "moderation.address_banned": "Newcomers from where somebody came from are kept out: `ban`.",
    "moderation.address_unbanned": "Not any more: `ban`, `by`.",
    "moderation.warned": "Somebody was warned: `sanction`.",
    "moderation.warning_accepted": "Somebody acknowledged a warning, or it was lifted: `warning`.",
    "moderation.review_changed": "Something waits for a moderator, is taken, or was decided.",
    "moderation.review_full": "So many comments wait for moderators that another one was refused.",
    "moderation.comment_deleted": "A moderator deleted a comment.",
    "moderation.comment_masked": "A moderator masked a comment.",
    "moderation.comments_purged": "A moderator deleted all of somebody's comments: `user`, `count`.",
    "moderation.avatar_removed": "A moderator removed somebody's picture: `user`, `reason`, `by`.",
    "moderation.modes_changed": "A moderator changed who may comment, or how: `changes`.",
    "moderation.shield": "The room's shield went up (`on`) or came down, by itself with `by: null`.",
    "moderation.picture_hit": "The picture check found something: `stream`, `measure`, `classes`, `picture`.",
    "moderation.picture_over": "That picture was cleared, or is clean (`by: null`): `stream`, `by`.",
    "moderation.sound_hit": "The sound check hit: `stream`, `measure`, `classes`, `text`, `sound`.",
    "moderation.sound_over": "What was said there was cleared: `stream`, `by`.",
    "moderation.comment_refused": "The filter refused a comment.",
    "moderation.role_changed": "Somebody was given another role in a room.",
}
_HEADERS = [
    {
        "name": name,
        "in": "header",
        "required": True,
        "schema": {"type": "string"},
        "description": description,
    }
    for name, description in (
        ("webhook-id", "The same for each attempt at the same message."),
        ("webhook-timestamp", "When this attempt was made, Unix seconds."),
        ("webhook-signature", "`v1,` and base64 of HMAC-SHA256; two of them while a secret is replaced."),
    )
]


def described_webhooks() -> dict[str, Any]:
    """The document's ``webhooks``: what a receiver is sent, a type each."""
    return {name: {"post": _message(name)} for name in (*TYPES, PING)}


def _message(name: str) -> dict[str, Any]:
    place = {
        "room": {"type": "string"},
        "log": {"type": "string", "enum": ["room", "staff"]},
        "offset": {"type": "integer", "description": "In that log of that room: the order of things."},
    }
    schema = {
        "type": "object",
        "required": ["type", "timestamp", "data"],
        "properties": {
            "type": {"const": name},
            "timestamp": {"type": "string", "format": "date-time", "description": "When it happened."},
            "data": {"type": "object", "properties": {} if name == PING else place},
        },
    }
    return {
        "summary": _WHAT.get(name, "The event of the room's log, with its `data`."),
        "tags": ["Webhooks: what is sent"],
        "parameters": _HEADERS,
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
        "responses": {
            "2XX": {"description": "Taken"},
            "410": {"description": "Don't come again: disables the endpoint"},
            "default": {"description": "Tried again later"},
        },
    }
