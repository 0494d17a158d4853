"""The permission table, cell by cell, against one that was written out on its own."""

from __future__ import annotations

import pytest

from moderation.permissions import Action, Role, actions, highest, may, mute_action, outranks

# guest, viewer, moderator, senior moderator, host, operator
TABLE = """
comment          - x x x x x
like             - x x x x x
buy              - x x x x x
gift             - x x x x x
play             - x x x x x
follow           - x x x x x
join_stage       - x x x x x
style            - - x x x x
report           - x x x x x
mute             - - x x x x
mute_long        - - - x x x
warn             - - x x x x
delete_comment   - - x x x x
purge            - - - x x x
ban              - - - x x x
ban_address      - - - - x x
shadow           - - - x x x
sanction_everywhere - - - - - x
note_user        - - x x x x
review           - - x x x x
answer_appeal    - - - x x x
set_modes        - - - x x x
manage_filter    - - - - x x
manage_platform_filter - - - - - x
erase            - - - - - x
see_staff        - - x x x x
manage_products  - - - - x x
pin              - - - - x x
manage_stage     - - - x x x
manage_room      - - - - x x
end_room         - - - - x x
grant_role       - - - - x x
publish          - - - - x x
record           - - - - x x
see_orders       - - - - x x
refund           - - - - x x
run_play         - - - - x x
see_earnings     - - - - x x
see_audit        - - - - x x
manage_wallets   - - - - - x
manage_gifts     - - - - - x
"""
ROLES = ["guest", "viewer", "moderator", "senior_moderator", "host", "operator"]
CELLS = [
    (role, row.split()[0], cell == "x")
    for row in TABLE.strip().splitlines()
    for role, cell in zip(ROLES, row.split()[1:], strict=True)
]


@pytest.mark.parametrize(("role", "action", "allowed"), CELLS)
def test_cell(role: str, action: str, allowed: bool) -> None:
    assert may(Role(role), Action(action)) is allowed
    assert (action in actions(Role(role))) is allowed


def test_the_table_written_out_here_has_every_role_and_action() -> None:
    assert {role for role, _, _ in CELLS} == set(Role)
    assert {action for _, action, _ in CELLS} == set(Action)


@pytest.mark.parametrize("actor", range(6))
@pytest.mark.parametrize("target", range(6))
def test_one_acts_only_on_who_stands_strictly_below(actor: int, target: int) -> None:
    assert outranks(Role(ROLES[actor]), Role(ROLES[target])) is (actor > target)


def test_the_highest_of_several_roles() -> None:
    # by rank, not by alphabet: "host" < "moderator" < "viewer" as text
    assert highest([Role.VIEWER, Role.HOST, Role.MODERATOR]) is Role.HOST
    assert highest([Role.SENIOR_MODERATOR, Role.MODERATOR]) is Role.SENIOR_MODERATOR
    assert highest([]) is Role.GUEST


@pytest.mark.parametrize(
    ("seconds", "moderator", "senior"),
    [(10, True, True), (86_400, True, True), (86_401, False, True), (None, False, True)],
)
def test_mutes_beyond_a_day_are_for_senior_moderators(
    seconds: int | None, moderator: bool, senior: bool
) -> None:
    assert may(Role.MODERATOR, mute_action(seconds)) is moderator
    assert may(Role.SENIOR_MODERATOR, mute_action(seconds)) is senior
