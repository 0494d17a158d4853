"""The settings as the rules that the rooms go by."""

from __future__ import annotations

from moderation.pictures.acts import PictureRules
from moderation.review.holding import HoldRules
from moderation.sounds.acts import SoundRules
from rooms.avatars import HOUR_MS, AvatarRules
from rooms.budget import BudgetRules
from rooms.comments import CommentRules
from rooms.gifts.fans import FanRules
from rooms.gifts.rules import GiftRules
from rooms.guests.rules import GuestRules
from rooms.modes import ShieldRules
from rooms.points.rules import PointRules, Task
from rooms.recordings.service import RecordingRules
from rooms.wallet.coins import CoinPack, CoinRules
from server.config.hearing import Hearing
from server.config.recording import Recording
from server.config.sections import Avatars, Coins, Media, Moderation, Rooms
from server.config.sections import Gifts as GiftSettings
from server.config.sections import Points as PointSettings
from server.config.vision import Vision

COMMENT_WINDOW_MS = 10_000


def comment_rules(rules: Rooms, *, shared: bool) -> CommentRules:
    """``shared``: people may be on several nodes, which count together."""
    per_s = rules.shown_comments_per_s
    return CommentRules(
        per_window=rules.comments_per_10s,
        window_ms=COMMENT_WINDOW_MS,
        shared=shared,
        budget=BudgetRules(per_s=per_s, burst=per_s),
    )


def avatar_rules(avatars: Avatars) -> AvatarRules:
    return AvatarRules(
        per_hour=avatars.per_hour,
        removed_ms=avatars.removed_h * HOUR_MS,
        replaced_ms=avatars.replaced_h * HOUR_MS,
    )


def shield_rules(rules: Rooms) -> ShieldRules:
    return ShieldRules(
        followed_for_s=rules.shield_followed_for_s,
        slow_mode_s=rules.shield_slow_mode_s,
        newcomer_s=rules.shield_newcomer_s,
        hold_first=rules.shield_hold_first,
        filter_level=rules.shield_filter_level,
    )


def coin_rules(coins: Coins) -> CoinRules:
    packs = [CoinPack(pack.id, pack.coins, pack.price_minor, pack.currency) for pack in coins.packs]
    return CoinRules(packs, coins.worth_minor)


def hold_rules(rules: Moderation) -> HoldRules:
    return HoldRules(held_ms=rules.held_s * 1000, per_user=rules.held_per_user, per_room=rules.held_per_room)


def gift_rules(gifts: GiftSettings, coins: Coins) -> GiftRules:
    return GiftRules(coins.share_percent, gifts.banner_coins)


def fan_rules(rules: GiftSettings) -> FanRules:
    return FanRules(
        per_coin=rules.fan_per_coin,
        per_minute=rules.fan_per_minute,
        per_comment=rules.fan_per_comment,
        minutes_a_day=rules.fan_minutes_a_day,
        comments_a_day=rules.fan_comments_a_day,
    )


def guest_rules(rules: Rooms, media: Media) -> GuestRules:
    return GuestRules(
        guests_max=rules.guests_max,
        waiting_max=rules.guests_waiting_max,
        grace_ms=round(media.grace_s * 1000),
    )


def point_rules(points: PointSettings) -> PointRules:
    tasks = {
        "visit": Task(points.visit),
        "watch": Task(points.watch, points.watch_minutes * 60_000, points.watch_times),
        "comment": Task(points.comment, 1, points.comment_times),
        "like": Task(points.like, points.like_count, points.like_times),
        "share": Task(points.share),
        "purchase": Task(points.purchase, 1, points.purchase_times),
        "gift": Task(points.gift, points.gift_coins, points.gift_times),
    }
    asked = {name: task for name, task in tasks.items() if task.points}
    return PointRules(asked, points.a_day, points.levels)


def recording_rules(recording: Recording) -> RecordingRules:
    return RecordingRules(
        by_default=recording.default == "on",
        public=recording.public,
        archive="s3" if recording.s3.bucket else "folder",
        room_max_bytes=recording.room_max_bytes,
        max_bytes=recording.max_bytes,
    )


def sound_rules(hearing: Hearing) -> SoundRules:
    return SoundRules(quiet_ms=hearing.quiet_s * 1000, refuse_ms=hearing.refuse_s * 1000)


def picture_rules(vision: Vision) -> PictureRules:
    return PictureRules(quiet_ms=vision.quiet_s * 1000, refuse_ms=vision.refuse_s * 1000)
