"""Danmart's own credentials: the demo's tokens, the studio's, stream keys, signed addresses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.permissions import Role
from rooms.errors import Refused
from server.auth import GUEST, DemoTokens, PublishTokens, SignedPaths, StreamKeys, Tokens
from server.auth.derive import derive

SECRET = b"s" * 32
OTHER_SECRET = b"o" * 32
NOW_MS = 1_800_000_000_000
NODE_SECRET = b"n" * 64


async def no_fetch(url: str) -> bytes:
    raise AssertionError(url)


def test_a_guest_is_nobody_and_may_look_everywhere() -> None:
    assert GUEST.is_guest
    assert GUEST.may_enter("any")


async def test_a_demo_token_reaches_the_demo_room_only_and_is_no_operator() -> None:
    demo = DemoTokens(SECRET, public=False)
    token, minted = demo.mint(" An\u202en ", Role.HOST, NOW_MS)
    identity = await Tokens([], no_fetch, demo=demo).verify(token, NOW_MS)
    assert identity == minted
    assert (identity.name, identity.demo_role) == ("Ann", Role.HOST)
    assert not (identity.operator)
    assert not (identity.may_host)
    assert not identity.is_guest
    assert identity.may_enter("demo")
    assert not identity.may_enter("other")


async def test_demo_tokens_of_another_node_or_without_a_demo_are_refused() -> None:
    token, _ = DemoTokens(SECRET, public=False).mint("Ann", Role.VIEWER, NOW_MS)
    for tokens in (Tokens([], no_fetch), Tokens([], no_fetch, demo=DemoTokens(OTHER_SECRET, public=False))):
        with pytest.raises(Refused, match="bad_token"):
            await tokens.verify(token, NOW_MS)


def test_demo_tokens_run_out() -> None:
    demo = DemoTokens(SECRET, public=False)
    token, identity = demo.mint("Ann", Role.VIEWER, NOW_MS)
    assert identity.expires_at_ms == NOW_MS + 12 * 3_600_000
    with pytest.raises(Refused, match="token_expired"):
        demo.verify(token, identity.expires_at_ms)


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.GUEST, Role.SENIOR_MODERATOR])
def test_the_demo_hands_out_no_other_roles(role: Role) -> None:
    with pytest.raises(Refused, match="forbidden"):
        DemoTokens(SECRET, public=False).mint("Ann", role, NOW_MS)


@pytest.mark.parametrize("role", [Role.MODERATOR, Role.HOST])
def test_a_public_demo_hands_out_viewers_only(role: Role) -> None:
    demo = DemoTokens(SECRET, public=True)
    demo.mint("Ann", Role.VIEWER, NOW_MS)
    with pytest.raises(Refused, match="forbidden"):
        demo.mint("Ann", role, NOW_MS)


def test_demo_people_without_a_name_get_one_and_ids_differ() -> None:
    demo = DemoTokens(SECRET, public=False)
    people = [demo.mint("\u200b", Role.VIEWER, NOW_MS)[1] for _ in range(20)]
    assert all(person.name for person in people)
    assert len({person.id for person in people}) == 20


def test_a_publish_token_says_its_room_and_user_on_every_node_for_five_minutes() -> None:
    token, expires_at_ms = PublishTokens(NODE_SECRET).mint("demo", "ann", NOW_MS)
    assert expires_at_ms == NOW_MS + 300_000
    elsewhere = PublishTokens(NODE_SECRET)
    assert elsewhere.verify(token, expires_at_ms - 1) == ("demo", "ann")
    with pytest.raises(Refused, match="token_expired"):
        elsewhere.verify(token, expires_at_ms)
    with pytest.raises(Refused, match="bad_token"):
        PublishTokens(b"x" * 64).verify(token, NOW_MS)


async def test_a_publish_token_is_no_callers_token_and_the_other_way_round() -> None:
    demo = DemoTokens(SECRET, public=False)
    publish, _ = PublishTokens(NODE_SECRET).mint("demo", "ann", NOW_MS)
    with pytest.raises(Refused, match="bad_token"):
        await Tokens([], no_fetch, demo=demo).verify(publish, NOW_MS)
    caller, _ = demo.mint("Ann", Role.HOST, NOW_MS)
    with pytest.raises(Refused, match="bad_token"):
        PublishTokens(NODE_SECRET).verify(caller, NOW_MS)


def test_demo_tokens_outlive_a_restart() -> None:
    token, identity = DemoTokens(SECRET, public=False).mint("Ann", Role.HOST, NOW_MS)
    assert DemoTokens(SECRET, public=False).verify(token, NOW_MS) == identity


def test_stream_keys_are_unguessable_and_stored_as_a_hash() -> None:
    key, digest = StreamKeys.new_key()
    other, _ = StreamKeys.new_key()
    assert key != other
    assert StreamKeys.is_key(key)
    assert len(key) == len("dm_live_") + 32
    assert StreamKeys.hash_key(key) == digest
    assert key not in digest
    assert not StreamKeys.is_key(PublishTokens(NODE_SECRET).mint("demo", "ann", NOW_MS)[0])


def test_a_signed_path_is_the_same_for_all_in_a_quarter_of_an_hour() -> None:
    paths, start = SignedPaths(NODE_SECRET), NOW_MS // 900_000 * 900_000
    assert paths.sign("a", start) == SignedPaths(NODE_SECRET).sign("a", start + 899_999)
    assert paths.sign("a", start) != paths.sign("a", start + 900_000)
    assert paths.sign("a", start) != paths.sign("b", start)


def test_a_signed_path_is_good_until_the_end_of_the_next_quarter() -> None:
    paths, start = SignedPaths(NODE_SECRET), NOW_MS // 900_000 * 900_000
    segment = paths.sign("a", start)
    for now_ms, good in [
        (start - 60_001, False),
        (start - 60_000, True),
        (start, True),
        (start + 1_799_999, True),
        (start + 1_800_000, False),
    ]:
        assert paths.verify(segment, "a", now_ms) is good
    assert not paths.verify(segment, "b", start)
    assert not SignedPaths(b"x" * 64).verify(segment, "a", start)
    assert not paths.verify("0" + segment, "a", start)


@given(st.text(max_size=40), st.text(max_size=20), st.integers(0, 10**13))
def test_no_made_up_segment_is_taken(segment: str, room: str, now_ms: int) -> None:
    assert not SignedPaths(NODE_SECRET).verify(segment, room, now_ms)


@given(st.text(max_size=20), st.integers(0, 10**13))
def test_every_signed_segment_is_taken_at_once(room: str, now_ms: int) -> None:
    paths = SignedPaths(NODE_SECRET)
    assert paths.verify(paths.sign(room, now_ms), room, now_ms)


def test_keys_for_different_purposes_differ() -> None:
    assert derive(NODE_SECRET, "a") == derive(NODE_SECRET, "a")
    assert derive(NODE_SECRET, "a") != derive(NODE_SECRET, "b")
