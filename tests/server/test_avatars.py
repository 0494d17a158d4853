"""People's own pictures over HTTP and the socket: taken, cut square, shown, refused, taken down."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from PIL import Image, PngImagePlugin

from rooms.errors import Refused
from server.avatars import PLACES, SIDE, TRIES, AvatarDesk, squared
from server.config.sections import Avatars as AvatarSettings
from tests.server.problems import is_problem
from tests.server.test_pictures import picture
from tests.server.world import World, fresh, shared_node
from tests.support.node import Node

PATH = "/api/v1/me/avatar"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    with shared_node(tmp_path_factory.mktemp("avatars"), DANMART_AVATARS__PER_HOUR="4") as node:
        yield node


async def put(world: World, user: str | None, body: bytes, kind: str = "image/jpeg") -> Any:
    return await world.request("PUT", PATH, user, data=io.BytesIO(body), headers={"Content-Type": kind})


async def given(world: World, user: str, body: bytes | None = None) -> str:
    status, _, answer = await put(world, user, body or picture("JPEG", (64, 48)))
    assert status == 200, answer
    digest: str = answer["avatar"]
    return digest


async def shown(world: World, digest: str) -> tuple[int, Any, Any]:
    return await world.request("GET", f"/avatars/{digest}")


def halves() -> Image.Image:
    """Red, green and blue side by side: the middle third is green."""
    image = Image.new("RGB", (900, 300), "red")
    image.paste("green", (300, 0, 600, 300))
    image.paste("blue", (600, 0, 900, 300))
    return image


def encoded(image: Image.Image, form: str, **more: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, form, **more)
    return out.getvalue()


def text_bomb() -> bytes:
    """A PNG whose text is small here and very large when it is read."""
    info = PngImagePlugin.PngInfo()
    info.add_text("c", "a" * 3_000_000, zip=True)
    return encoded(Image.new("RGB", (8, 8)), "PNG", pnginfo=info)


def lying() -> bytes:
    """A PNG that says that it is larger than anything, with next to nothing in it."""
    head = struct.pack(">IIBBBBB", 2**31 - 1, 2**31 - 1, 8, 2, 0, 0, 0)

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(b"\0"))
        + chunk(b"IEND", b"")
    )


# What becomes of the bytes


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_the_middle_is_cut_square(form: str) -> None:
    with Image.open(io.BytesIO(squared(encoded(halves(), form)))) as cut:
        assert (cut.format, cut.size) == ("WEBP", (SIDE, SIDE))
        for place in ((4, 4), (SIDE // 2, SIDE // 2), (SIDE - 5, SIDE - 5)):
            red, green, blue = cut.convert("RGB").getpixel(place)  # type: ignore[misc]
            assert green > red + 80
            assert green > blue + 80


def test_it_stands_upright_and_says_nothing_of_where_it_was_taken() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side
    exif[0x010E] = "at home"
    sideways = Image.new("RGB", (400, 400), "red")
    sideways.paste("green", (0, 200, 400, 400))
    cut = squared(encoded(sideways, "JPEG", exif=exif, comment=b"<script>"))
    assert b"at home" not in cut
    assert b"<script>" not in cut
    with Image.open(io.BytesIO(cut)) as image:
        assert not image.getexif()
        red, green, _ = image.convert("RGB").getpixel((20, SIDE // 2))  # type: ignore[misc]
        assert green > red, "the lower half has come to the left"


def test_of_a_moving_one_it_is_the_first_picture() -> None:
    frames = [Image.new("RGB", (40, 40), colour) for colour in ("green", "red", "blue")]
    for form in ("WEBP", "PNG"):
        moving = encoded(frames[0], form, save_all=True, append_images=frames[1:], duration=50)
        with Image.open(io.BytesIO(squared(moving))) as cut:
            assert getattr(cut, "n_frames", 1) == 1
            red, green, _ = cut.convert("RGB").getpixel((9, 9))  # type: ignore[misc]
            assert green > red


async def test_what_is_no_picture_is_refused(world: World) -> None:
    user = fresh("viewer")
    svg = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
    jpeg = picture("JPEG", (200, 200))
    gif = encoded(Image.new("P", (9, 9)), "GIF", save_all=True, append_images=[Image.new("P", (9, 9), 1)])
    for body, kind, code in (
        (svg, "image/svg+xml", "unsupported_media_type"),
        (svg, "image/png", "bad_picture"),
        (gif, "image/gif", "unsupported_media_type"),
        (gif, "image/webp", "bad_picture"),
        (gif + jpeg, "image/jpeg", "bad_picture"),  # one thing to one reader, another to another
        (b"", "image/png", "bad_picture"),
        (jpeg[: len(jpeg) // 2], "image/jpeg", "bad_picture"),
        (encoded(halves(), "PNG")[:-40], "image/png", "bad_picture"),
        (encoded(Image.new("1", (9000, 9000)), "PNG"), "image/png", "bad_picture"),
        (text_bomb(), "image/png", "bad_picture"),
        (lying(), "image/png", "bad_picture"),
        (b"\xff" * 5_242_881, "image/jpeg", "too_large"),
    ):
        assert is_problem(await put(world, user, body, kind), code), (kind, body[:8])
    await given(world, user)  # none of those counted
    # Its kind is what is in it, whatever it is called; and nothing that hangs on behind is kept.
    digest = await given(world, user, encoded(halves(), "PNG") + b"<script>alert(1)</script>")
    assert b"<script>" not in (await shown(world, digest))[2]


# Who may, and what is shown


async def test_it_is_served_as_what_it_is(world: World) -> None:
    digest = await given(world, fresh("viewer"))
    status, headers, body = await shown(world, digest)
    assert (status, headers["Content-Type"]) == (200, "image/webp")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "public, max-age=3600"  # nobody has looked at it
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert len(body) < 60_000
    for name in ("A" * 22, "nothing", "..%2f..%2fetc%2fpasswd", digest + "A", digest[:-1]):
        assert is_problem(await world.request("GET", f"/avatars/{name}"), "not_found")


async def test_guests_have_none_and_nobody_too_many(world: World) -> None:
    jpeg = picture("JPEG", (64, 64))
    assert is_problem(await put(world, None, jpeg), "unauthenticated")
    assert is_problem(await world.request("DELETE", PATH), "unauthenticated")
    user = fresh("viewer")
    for _ in range(4):
        await given(world, user)
    answer = await put(world, user, jpeg)
    assert is_problem(answer, "rate_limited")
    assert 3500 <= int(answer[1]["Retry-After"]) <= 3600
    assert (await world.request("DELETE", PATH, user))[0] == 200


async def test_whoever_only_sends_what_is_no_picture_is_asked_to_wait(world: World) -> None:
    user = fresh("viewer")
    for _ in range(4 * TRIES):
        assert is_problem(await put(world, user, b"nothing", "image/png"), "bad_picture")
    assert is_problem(await put(world, user, picture("PNG", (9, 9)), "image/png"), "rate_limited")


def test_so_many_at_a_time() -> None:
    nowhere: Any = None
    desk = AvatarDesk(AvatarSettings(), nowhere, nowhere, lambda: 0)
    with ExitStack() as places:
        for _ in range(PLACES):
            places.enter_context(desk.place())
        with pytest.raises(Refused) as refused, desk.place():
            pass
        assert (refused.value.code, refused.value.temporary) == ("busy", True)
    with desk.place():
        pass


async def test_what_people_say_has_their_picture_as_soon_as_they_are_told(world: World) -> None:
    room, host = await world.room()
    lin = await world.viewer(room)
    assert lin.user is not None
    before = await lin.ok("comment", text="before")
    assert "avatar" not in before["event"]["user"]
    other_tab = await world.join(lin.user, "Lin")
    entered = await other_tab.enter(room)
    assert entered["you"]["user"] == {"id": lin.user, "name": "Lin"}

    digest = await given(world, lin.user)
    for tab in (lin, other_tab):
        told = await tab.until("you", lambda event: event["kind"] == "avatar")
        assert told["data"] == {"avatar": digest}
        said = await tab.ok("comment", text="after")
        assert said["event"]["user"]["avatar"] == digest
    seen = await host.event("comment", lambda event: event["data"]["text"] == "after")
    assert seen["user"]["avatar"] == digest
    late = await world.viewer(room)
    newcomer = await late.enter(room)
    assert [c["user"].get("avatar") for c in newcomer["snapshot"]["comments"]] == [None, digest, digest]
    assert (await world.get("/api/v1/me", lin.user))[1]["user"]["avatar"] == digest

    # Somebody who comes back is known by then.
    await lin.close()
    await other_tab.close()
    back = await world.join(lin.user, "Lin")
    assert (await back.enter(room))["you"]["user"]["avatar"] == digest
    assert (await back.ok("comment", text="again"))["event"]["user"]["avatar"] == digest
    assert (await world.request("DELETE", PATH, lin.user))[0] == 200
    await back.until("you", lambda event: event["kind"] == "avatar" and event["data"]["avatar"] is None)
    assert "avatar" not in (await back.ok("comment", text="gone"))["event"]["user"]
    assert is_problem(await shown(world, digest), "not_found")


async def test_the_hosts_is_where_the_host_is_named(world: World) -> None:
    room, host = await world.room()
    assert host.user is not None
    digest = await given(world, host.user)
    guest = await world.join()
    assert (await guest.enter(room))["you"]["host_avatar"] == digest
    assert (await world.get(f"/api/v1/rooms/{room}"))[1]["host"]["avatar"] == digest
    listed = (await world.get("/api/v1/rooms?limit=200"))[1]["items"]
    assert next(one for one in listed if one["id"] == room)["host"]["avatar"] == digest


async def test_staff_see_it_where_they_see_people(world: World) -> None:
    room, host = await world.room()
    lin = await world.viewer(room)
    assert lin.user is not None
    digest = await given(world, lin.user)
    await lin.ok("follow")
    person = f"/api/v1/rooms/{room}/people/{lin.user}"
    assert (await world.get(person, host.user))[1]["user"]["avatar"] == digest
    (follower,) = (await world.get(f"/api/v1/rooms/{room}/followers", host.user))[1]["items"]
    assert follower["user"]["avatar"] == digest
    await host.ok("room.grant", user=lin.user, role="moderator")
    (member,) = (await world.get(f"/api/v1/rooms/{room}/members", host.user))[1]["items"]
    assert member["user"]["avatar"] == digest
    await host.ok("room.grant", user=lin.user, role="viewer")
    await host.ok("moderate.restrict", user=lin.user, seconds=600, reason="")
    held = (await lin.ok("comment", text="may I?"))["held"]["id"]
    (item,) = (await world.get(f"/api/v1/rooms/{room}/review", host.user))[1]["items"]
    whole = (await world.get(f"/api/v1/rooms/{room}/review/{held}", host.user))[1]
    entered = await host.enter(room)
    for one in (item, whole, *entered["staff"]["review"]["items"]):
        assert one["user"]["avatar"] == digest


# Taken down


async def test_a_moderator_takes_it_down(world: World) -> None:
    room, host = await world.room()
    moderator, lin = await world.moderator(room, host), await world.viewer(room)
    assert lin.user is not None
    digest = await given(world, lin.user)
    await lin.until("you", lambda event: event["kind"] == "avatar")
    await lin.ok("comment", text="look at me")
    await moderator.ok("avatar.remove", user=lin.user, reason="not here")
    told = await lin.until("you", lambda event: event["kind"] == "avatar_removed")
    assert told["data"]["reason"] == "not here"
    assert (await host.event("avatar.removed"))["data"] == {"user": lin.user}
    assert (await moderator.until("staff", lambda event: event["kind"] == "avatar_removed"))["data"]["by"]
    assert "avatar" not in (await lin.ok("comment", text="and now?"))["event"]["user"]
    answer = await shown(world, digest)
    assert is_problem(answer, "not_found")
    assert answer[1]["Cache-Control"] == "no-store"
    snapshot = (await (await world.viewer(room)).enter(room))["snapshot"]
    assert ["avatar" in comment["user"] for comment in snapshot["comments"]] == [False, False]
    refused = await put(world, lin.user, picture("JPEG", (64, 64)))
    assert (refused[0], refused[2]["code"], refused[2]["temporary"]) == (422, "picture_refused", True)
    assert 86_000 <= int(refused[1]["Retry-After"]) <= 86_400
    assert (await world.get("/api/v1/me", lin.user))[1]["user"] == {"id": lin.user, "name": lin.user}


async def test_erasing_a_person_erases_the_picture(world: World) -> None:
    user = fresh("viewer")
    digest = await given(world, user)
    assert (await shown(world, digest))[0] == 200
    status, _ = await world.post(
        "/api/v1/audit/erase", {"user": user}, fresh("op"), claims={"operator": True}
    )
    assert status == 200
    assert is_problem(await shown(world, digest), "not_found")
