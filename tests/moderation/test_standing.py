"""Who somebody is in a room, from what is known of them; and which mutes are in force."""

from __future__ import annotations

from dataclasses import replace

import pytest

from moderation.permissions import Role
from moderation.standing import RoomStanding, SanctionRow, in_force, role_of


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


MUTE = SanctionRow("tea", "lin", "mute", "Lin", "", "mei", "Mei", at_ms=0, until_ms=100, serial=1)


def test_a_mute_is_in_force_until_its_end() -> None:
    assert in_force(MUTE, 99)
    assert not in_force(MUTE, 100)
    assert in_force(replace(MUTE, until_ms=None), 10**15)
    assert not in_force(replace(MUTE, until_ms=0), 0)
    assert not in_force(None, 0)


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
