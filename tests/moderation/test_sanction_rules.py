"""Sanctions without I/O: what is in force, and who may give and lift what."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.permissions import TABLE, Action, Role
from moderation.sanctions.rules import (
    SanctionKind,
    Terms,
    guarded,
    may_lift,
    needs,
    needs_to_lift,
    refuse_giving,
    refuse_lifting,
    refuse_undoing,
    stricter,
)
from moderation.sanctions.store import NO_KINDS, StandingRow, strictest
from rooms.errors import Refused

DAY_S = 86_400

roles = st.sampled_from(list(Role))
kinds = st.sampled_from(list(SanctionKind))
moments = st.integers(0, 100)
seconds = st.none() | st.sampled_from([10, DAY_S, DAY_S + 1, 14 * DAY_S])
terms = st.builds(
    Terms,
    id=st.uuids().map(str),
    until_ms=st.none() | moments,
    reason=st.text(max_size=5),
    by_id=st.sampled_from(["a", "b"]),
    by_role=st.sampled_from([role.value for role in Role]),
    at_ms=moments,
)


def code(refuse: object) -> str | None:
    try:
        refuse()  # type: ignore[operator]
    except Refused as error:
        return error.code
    return None


@given(terms, moments)
def test_once_over_always_over(sanction: Terms, now_ms: int) -> None:
    if not sanction.in_force(now_ms):
        assert not sanction.in_force(now_ms + 1)
    assert (sanction.left_ms(now_ms) == 0) == (not sanction.in_force(now_ms))


@given(st.none() | terms, st.none() | terms, moments)
def test_of_a_room_and_everywhere_the_one_that_lasts_longer_counts(
    here: Terms | None, all_over: Terms | None, now_ms: int
) -> None:
    found = stricter(here, all_over, now_ms)
    active = [each for each in (here, all_over) if each is not None and each.in_force(now_ms)]
    assert (found is None) == (not active)
    if found is not None:
        assert found in active
        for other in active:  # whoever is let in when the strictest is over is kept out by none
            assert found.until_ms is None or (other.until_ms or 10**9) <= found.until_ms
    same = stricter(all_over, here, now_ms)
    assert (found and found.until_ms) == (same and same.until_ms)


@given(st.lists(st.tuples(kinds, st.none() | terms), max_size=8), moments)
def test_a_standing_holds_what_was_last_said_of_each_kind(
    changes: list[tuple[SanctionKind, Terms | None]], now_ms: int
) -> None:
    row: StandingRow | None = None
    model: dict[SanctionKind, Terms] = {}
    for kind, change in changes:
        row = (row or StandingRow("tea", "lin", NO_KINDS)).having(kind, change)
        if change is None:
            model.pop(kind, None)
        else:
            model[kind] = change
    assert (row is None) == (not model)
    for kind in SanctionKind:
        assert (row.terms(kind) if row else None) == model.get(kind)
        for here, all_over in ((row, None), (None, row)):
            found = strictest(here, all_over, kind, now_ms)
            in_force = kind in model and model[kind].in_force(now_ms)
            assert (found is not None) == in_force
            assert found is None or found.everywhere == (all_over is not None)


@given(roles, roles, kinds, seconds, st.booleans())
def test_nobody_gives_or_lifts_at_their_own_rank_or_above(
    actor: Role, target: Role, kind: SanctionKind, length: int | None, everywhere: bool
) -> None:
    gives = code(lambda: refuse_giving(actor, target, kind, length, everywhere=everywhere))
    lifts = code(lambda: refuse_lifting(actor, target, kind, everywhere=everywhere))
    if target.rank >= actor.rank:
        assert gives is not None
        assert lifts is not None
    if gives is None:
        assert all(action in TABLE[actor] for action in needs(kind, length, everywhere=everywhere))
        assert lifts is None  # whoever can do it can undo it
    if everywhere and actor is not Role.OPERATOR:
        assert gives in ("forbidden", "outranked", "unauthenticated")
    assert (gives == "unauthenticated") == (actor is Role.GUEST)


@given(roles, st.sampled_from(["a", "b", None]), terms)
def test_nobody_lifts_what_somebody_above_them_imposed_but_themselves(
    actor: Role, actor_id: str | None, given_: Terms
) -> None:
    below = actor.rank < Role(given_.by_role).rank
    allowed = may_lift(actor, actor_id, given_.by_role, given_.by_id)
    assert allowed == (not below or actor_id == given_.by_id or actor is Role.OPERATOR)
    assert code(lambda: refuse_undoing(actor, actor_id, given_)) == (None if allowed else "outranked")


@pytest.mark.parametrize(
    ("kind", "length", "everywhere", "lowest"),
    [
        (SanctionKind.MUTE, 60, False, Role.MODERATOR),
        (SanctionKind.MUTE, DAY_S, False, Role.MODERATOR),
        (SanctionKind.MUTE, DAY_S + 1, False, Role.SENIOR_MODERATOR),
        (SanctionKind.MUTE, None, False, Role.SENIOR_MODERATOR),
        (SanctionKind.MUTE, 60, True, Role.OPERATOR),
        (SanctionKind.BAN, 60, False, Role.SENIOR_MODERATOR),
        (SanctionKind.BAN, None, False, Role.SENIOR_MODERATOR),
        (SanctionKind.BAN, None, True, Role.OPERATOR),
        (SanctionKind.SHADOW, 60, False, Role.SENIOR_MODERATOR),
        (SanctionKind.WARN, None, False, Role.MODERATOR),
    ],
)
def test_from_which_role_on(kind: SanctionKind, length: int | None, everywhere: bool, lowest: Role) -> None:
    for role in Role:
        refused = code(lambda role=role: refuse_giving(role, Role.GUEST, kind, length, everywhere=everywhere))
        assert (refused is None) == (role.rank >= lowest.rank), role


def test_lifting_asks_for_no_more_than_the_shortest_of_the_kind() -> None:
    assert needs_to_lift(SanctionKind.MUTE, everywhere=False) == (Action.MUTE,)
    assert needs_to_lift(SanctionKind.BAN, everywhere=True) == (Action.BAN, Action.SANCTION_EVERYWHERE)


@given(st.dictionaries(st.sampled_from("abc"), roles, min_size=3), st.text("abc", min_size=1, max_size=5))
def test_what_is_given_in_the_place_of_another_is_no_easier_to_lift(
    role_of: dict[str, Role], givers: str
) -> None:
    """However often somebody is warned again: only who could have lifted each of them may lift the last."""
    stands: Terms | None = None
    for at_ms, giver in enumerate(givers):
        given_ = Terms(str(at_ms), None, "", giver, role_of[giver].value, at_ms)
        stands = guarded(given_, stands, role_of[giver], at_ms)
        assert (stands.id, stands.at_ms) == (given_.id, at_ms)
    assert stands is not None
    highest = max(role_of[giver].rank for giver in givers)
    for actor_id, actor in role_of.items():
        assert may_lift(actor, actor_id, stands.by_role, stands.by_id) == (actor.rank >= highest)
