"""Who somebody is in a room, from what is known of them."""

from __future__ import annotations

import pytest

from moderation.permissions import Role
from moderation.standing import RoomStanding, role_of


@pytest.mark.parametrize(
    ("user_id", "operator", "member_role", "role"),
    [
        (None, False, None, Role.GUEST),
        ("lin", False, None, Role.VIEWER),
        ("lin", False, "moderator", Role.MODERATOR),
        ("lin", False, "senior_moderator", Role.SENIOR_MODERATOR),
        ("mei", False, None, Role.HOST),
        ("mei", False, "moderator", Role.HOST),  # the host stays the host, whatever else was given
        ("lin", True, None, Role.OPERATOR),
        ("lin", True, "moderator", Role.OPERATOR),
        ("mei", True, None, Role.OPERATOR),
    ],
)
def test_role(user_id: str | None, operator: bool, member_role: str | None, role: Role) -> None:
    assert role_of(user_id, operator=operator, host_id="mei", member_role=member_role) is role


def test_a_role_in_the_database_that_nobody_knows_is_no_role() -> None:
    with pytest.raises(ValueError, match="owner"):
        role_of("lin", operator=False, host_id="mei", member_role="owner")


@pytest.mark.parametrize(
    ("role", "badges"),
    [
        ("guest", []),
        ("viewer", []),
        ("moderator", ["moderator"]),
        ("senior_moderator", ["moderator"]),
        ("host", ["host"]),
        ("operator", ["operator"]),
    ],
)
def test_badges(role: str, badges: list[str]) -> None:
    assert RoomStanding().badges(role) == badges
