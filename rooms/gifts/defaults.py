"""The gifts that a new catalogue has."""

from __future__ import annotations

from rooms.gifts.catalogue import GiftTerms
from rooms.gifts.rules import Effect, Tier


def _gift(en: str, zh: str, picture: str, price: int, tier: Tier, effect: Effect, position: int) -> GiftTerms:
    return GiftTerms(
        names={"en": en, "zh": zh},
        picture=f"/gifts/{picture}.svg",
        price=price,
        tier=tier,
        effect=effect,
        position=position,
    )


DEFAULT_GIFTS: dict[str, GiftTerms] = {
    "rose": _gift("Rose", "玫瑰", "rose", 1, "small", "none", 10),
    "heart": _gift("Heart", "比心", "heart", 2, "small", "float", 20),
    "tea": _gift("Cup of tea", "清茶", "tea", 5, "small", "float", 30),
    "clover": _gift("Lucky clover", "四叶草", "clover", 9, "small", "none", 40),
    "lantern": _gift("Lantern", "灯笼", "lantern", 30, "medium", "float", 50),
    "cake": _gift("Cake", "蛋糕", "cake", 66, "medium", "shower", 60),
    "crown": _gift("Crown", "皇冠", "crown", 188, "medium", "shower", 70),
    "fireworks": _gift("Fireworks", "烟花", "fireworks", 520, "large", "firework", 80),
    "dragon": _gift("Dragon boat", "龙舟", "dragon", 1314, "large", "parade", 90),
    "rocket": _gift("Rocket", "火箭", "rocket", 5000, "large", "parade", 100),
}
