"""The parts of the API."""

from __future__ import annotations

from server.api import (
    audit,
    clips,
    coupons,
    desk,
    files,
    gifts,
    lotteries,
    orders,
    packets,
    payments,
    people,
    points,
    posters,
    products,
    quizzes,
    recordings,
    replays,
    rooms,
    sanctions,
    stills,
    wallets,
    webhooks,
)

# Files before products: a product's path could be taken for theirs.
PARTS = (
    rooms,
    posters,
    stills,
    recordings,
    replays,
    clips,
    desk,
    sanctions,
    audit,
    people,
    payments,
    orders,
    coupons,
    lotteries,
    quizzes,
    packets,
    gifts,
    points,
    wallets,
    webhooks,
    files,
    products,
)
