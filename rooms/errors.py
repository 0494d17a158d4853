"""The one catalogue of errors: what can be refused, how HTTP says it, and whether trying again may help.

The same codes go out over Socket.IO (``error.code``) and HTTP (RFC 9457 problem details). A code is part of
the wire protocol: never rename one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ErrorKind:
    """One entry of the catalogue. ``http`` is the status code; ``temporary`` means: later it may succeed."""

    code: str
    http: int
    message: str
    temporary: bool = False


_KINDS = (
    ErrorKind("bad_request", 400, "The request is malformed; `details` says where."),
    ErrorKind("unknown_command", 400, "There is no such command."),
    ErrorKind("too_large", 413, "The request is larger than allowed."),
    ErrorKind("unauthenticated", 401, "This needs a token: sign in first."),
    ErrorKind("bad_token", 401, "The token is not valid: get a new one from the shop."),
    ErrorKind("token_expired", 401, "The token has run out: get a new one from the shop."),
    ErrorKind("forbidden", 403, "Your role in this room does not allow that."),
    ErrorKind("outranked", 403, "You can't act on somebody of your own rank or above."),
    ErrorKind("not_found", 404, "There is no such thing."),
    ErrorKind("room_not_found", 404, "There is no such room."),
    ErrorKind("method_not_allowed", 405, "This address doesn't take that method."),
    ErrorKind("not_acceptable", 406, "That can't be answered in the form asked for."),
    ErrorKind("unsupported_media_type", 415, "The body has a content type that isn't taken here."),
    ErrorKind("room_exists", 409, "A room with this id exists already."),
    ErrorKind("not_entered", 409, "Enter the room first."),
    ErrorKind("key_conflict", 409, "This key was used for another request: choose a new key."),
    ErrorKind("muted", 403, "You are muted; `details` has the reason and the time left."),
    ErrorKind("banned", 403, "You are banned; `details` has the reason and the time left."),
    ErrorKind("warned", 403, "You were warned; `details` says why: acknowledge it with `warning.accept`."),
    ErrorKind("comments_closed", 403, "Only moderators may comment at the moment.", temporary=True),
    ErrorKind(
        "members_only",
        403,
        "Only the host's fans may comment at the moment; `details` has the level it takes, and yours.",
        temporary=True,
    ),
    ErrorKind(
        "buyers_only",
        403,
        "Only who has bought from this host may comment at the moment.",
        temporary=True,
    ),
    ErrorKind("emoji_only", 403, "Only emoji may be sent at the moment.", temporary=True),
    ErrorKind("slow_mode", 429, "Slow mode is on: wait a moment.", temporary=True),
    ErrorKind("rate_limited", 429, "Too fast: wait a moment.", temporary=True),
    ErrorKind(
        "too_many_connections", 429, "Too many connections are open already; close some.", temporary=True
    ),
    ErrorKind("text_refused", 422, "The text contains words that are not allowed here."),
    ErrorKind("list_invalid", 422, "This word list has a fault; `details` says in which line, and which."),
    ErrorKind("text_empty", 422, "There is no text left after cleaning."),
    ErrorKind("text_too_long", 422, "The text is too long."),
    ErrorKind("style_not_allowed", 403, "This colour or lane is for moderators and the host."),
    ErrorKind("sold_out", 409, "Nothing is left of this product."),
    ErrorKind("over", 409, "The time for this is over."),
    ErrorKind("already_claimed", 409, "You have as many as one person may; `details.limit` says how many."),
    ErrorKind("coupon_used", 409, "This coupon has been redeemed, or is reserved by an order of yours."),
    ErrorKind("coupon_expired", 409, "This coupon is no longer good."),
    ErrorKind("stock_held", 409, "The rest is reserved; some may come back.", temporary=True),
    ErrorKind("not_enough_stock", 409, "Fewer are left than you asked for; `details.left` says how many."),
    ErrorKind("stale_version", 409, "The stock has changed since; `details.version` is what it is now."),
    ErrorKind("external_id_taken", 409, "Another product or SKU of this seller has this external id."),
    ErrorKind(
        "not_started",
        409,
        "It hasn't begun; `details.starts_at_ms` says when it does, if that is known.",
        temporary=True,
    ),
    ErrorKind("sale_ended", 409, "This sale is over."),
    ErrorKind(
        "in_use",
        409,
        "Something depends on it still; `details.reason` says what: `held`, `sale` or `drop`.",
        temporary=True,
    ),
    ErrorKind("sale_exists", 409, "A sale of this product is announced or running already."),
    ErrorKind(
        "buyer_limit", 409, "The sale has a limit for each buyer; `details.left` says what you may buy."
    ),
    ErrorKind(
        "coupon_not_applicable", 409, "The coupon can't be used with this order; `details.reason` says why."
    ),
    ErrorKind("order_not_paid", 409, "Only a paid order can be refunded; `details.status` says what it is."),
    ErrorKind(
        "order_not_held", 409, "This order is not waiting for payment; `details.status` says what it is."
    ),
    ErrorKind("insufficient_coins", 409, "You haven't enough coins; `details` says how many you have."),
    ErrorKind("insufficient_points", 409, "You haven't enough points; `details` says how many you have."),
    ErrorKind("insufficient_funds", 409, "There isn't enough in this account; `details.balance` is what is."),
    ErrorKind("below_minimum", 409, "Too few to be paid out; `details.minimum` says how many can be."),
    ErrorKind("payout_settled", 409, "This payout was settled already; `details.status` says how."),
    ErrorKind("gift_to_self", 409, "A host can't give gifts in a room of their own."),
    ErrorKind("gift_withdrawn", 409, "This gift is no longer offered."),
    ErrorKind("gift_refunded", 409, "This gift was given back already."),
    ErrorKind("follow_self", 409, "Nobody follows themselves."),
    ErrorKind("payment_declined", 402, "The payment was declined: try another way.", temporary=True),
    ErrorKind("payment_pending", 409, "A payment of this order is under way.", temporary=True),
    ErrorKind("payment_mismatch", 409, "That is not the amount or the currency that was asked for."),
    ErrorKind(
        "refund_not_failed", 409, "Nothing is to be done about this refund; `details.status` says why."
    ),
    ErrorKind("bad_signature", 401, "The signature doesn't prove who sent this, or it is too old."),
    ErrorKind(
        "followers_only",
        403,
        "Only followers of the host may do this; `details` says for how long they must have been.",
        temporary=True,
    ),
    ErrorKind("packet_empty", 409, "All of this red packet's coins are gone."),
    ErrorKind("already_opened", 409, "You have opened this red packet; `details.share` is what you got."),
    ErrorKind(
        "too_many_packets", 429, "Enough red packets are open: wait until one has ended.", temporary=True
    ),
    ErrorKind("too_many", 409, "There are too many of these already; `details.limit` says how many may be."),
    ErrorKind("already_entered", 409, "You have entered already; `details.entry` is what you entered with."),
    ErrorKind(
        "conditions_unmet",
        409,
        "You haven't done all that is asked; `details.conditions` has what is done and what isn't.",
        temporary=True,
    ),
    ErrorKind("not_won", 409, "You have won nothing here."),
    ErrorKind("question_open", 409, "A question is open: close it first.", temporary=True),
    ErrorKind("wrong_question", 409, "That question isn't the open one; `details.question` says which is."),
    ErrorKind(
        "already_answered", 409, "You have answered this question; `details.option` is what you chose."
    ),
    ErrorKind("already_voted", 409, "You have voted, and votes can't be changed in this poll."),
    ErrorKind("unknown_option", 422, "There is no such option; `details.options` says how many there are."),
    ErrorKind("duplicate_options", 422, "The same option is named more than once."),
    ErrorKind(
        "too_many_options", 422, "These are more options than one may choose; `details.limit` says how many."
    ),
    ErrorKind(
        "stage_full",
        409,
        "As many are on stage as may be; `details.limit` says how many.",
        temporary=True,
    ),
    ErrorKind("already_reported", 409, "You have reported this comment already."),
    ErrorKind("already_appealed", 409, "This has been appealed already; `details.state` is how it stands."),
    ErrorKind(
        "claimed",
        409,
        "Another moderator has this item at the moment; `details.by` says who.",
        temporary=True,
    ),
    ErrorKind("user_muted", 409, "This user is muted here: lift the mute first.", temporary=True),
    ErrorKind("not_live", 404, "Nobody is live in this room at the moment.", temporary=True),
    ErrorKind(
        "not_ready",
        409,
        "The recording isn't complete; `details.status` says what it is.",
        temporary=True,
    ),
    ErrorKind("publisher_busy", 409, "Somebody is publishing in this room already.", temporary=True),
    ErrorKind("not_recording", 409, "Nothing is being recorded in this room."),
    ErrorKind("recording_running", 409, "This recording is still being made.", temporary=True),
    ErrorKind("recordings_full", 409, "There is no room for another recording: delete some first."),
    ErrorKind("bad_sdp", 400, "The body is not a usable SDP offer."),
    ErrorKind("bad_sdp_fragment", 400, "The body is not a usable ICE fragment (RFC 8840)."),
    ErrorKind("no_common_codec", 406, "Send H.264 (or VP8) video and Opus audio."),
    ErrorKind("precondition_failed", 412, "The ETag doesn't match this session."),
    ErrorKind("precondition_required", 428, "This request needs an If-Match header."),
    ErrorKind("node_full", 503, "This node has no room for another WebRTC viewer: use HLS.", temporary=True),
    ErrorKind("bad_picture", 422, "This is not a JPEG, PNG or WebP picture that can be read."),
    ErrorKind("picture_refused", 422, "The picture shows what is not allowed here."),
    ErrorKind("sound_refused", 422, "What is said there is not allowed here."),
    ErrorKind("was_blurred", 409, "Its picture was blurred for viewers there, and isn't handed out."),
    ErrorKind("busy", 503, "The server has too much to do at the moment.", temporary=True),
    ErrorKind(
        "temporarily_unavailable", 503, "Something the server needs is away: try again.", temporary=True
    ),
    ErrorKind("internal", 500, "The server made a mistake; it has been logged."),
)

CATALOGUE: dict[str, ErrorKind] = {kind.code: kind for kind in _KINDS}


class Refused(Exception):  # noqa: N818  it is an answer, not a fault
    """A request is refused, by a code of the catalogue; nothing has changed.

    Raised by rules and services; turned into a wire answer in one place (``server.answers``). ``temporary``
    is the catalogue's unless it is given: what isn't known for sure is never final.
    """

    def __init__(
        self,
        code: str,
        message: str | None = None,
        *,
        retry_after_ms: int | None = None,
        details: Any = None,
        temporary: bool | None = None,
    ) -> None:
        self.kind = CATALOGUE[code]
        self.temporary = self.kind.temporary if temporary is None else temporary
        self.message = message or self.kind.message
        self.retry_after_ms = retry_after_ms
        self.details = details
        super().__init__(f"{code}: {self.message}")

    @property
    def code(self) -> str:
        return self.kind.code
