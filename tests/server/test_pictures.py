"""Pictures of products: taken from hosts, encoded anew, given to everybody."""

from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image

from tests.server.problems import is_problem
from tests.server.world import World, fresh


def picture(form: str, size: tuple[int, int] = (1600, 800)) -> bytes:
    out = io.BytesIO()
    Image.effect_noise(size, 40).convert("RGB").save(out, form)
    return out.getvalue()


def bomb() -> bytes:
    """A small file of very many pixels."""
    out = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(out, "PNG", optimize=True)
    return out.getvalue()


async def upload(world: World, room: str, user: str | None, body: bytes, kind: str) -> tuple[int, Any, Any]:
    return await world.request(
        "POST", f"/api/v1/rooms/{room}/pictures", user, data=io.BytesIO(body), headers={"Content-Type": kind}
    )


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
async def test_a_picture_is_encoded_anew(world: World, form: str) -> None:
    room, host = await world.room()
    marked = picture(form) + b"<script>alert(1)</script>"
    status, _, made = await upload(world, room, host.user, marked, f"image/{form.lower()}")
    assert (status, set(made)) == (201, {"url"})
    status, headers, body = await world.request("GET", made["url"])
    assert (status, headers["Content-Type"]) == (200, "image/webp")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "immutable" not in headers["Cache-Control"]  # nobody has looked at it
    again = {"If-None-Match": headers["ETag"]}
    assert (await world.request("GET", made["url"], headers=again))[0] == 304
    with Image.open(io.BytesIO(body)) as shown:
        assert (shown.format, shown.size) == ("WEBP", (1024, 512))
    assert b"<script>" not in body
    answer = await host.ok(
        "product.add", title="Tea", price_minor=1, currency="CNY", stock=1, picture=made["url"]
    )
    assert answer["product"]["picture"] == made["url"]


async def test_what_is_no_picture_is_refused(world: World) -> None:
    room, host = await world.room()
    svg = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
    jpeg = picture("JPEG")
    for body, kind, code in (
        (svg, "image/svg+xml", "unsupported_media_type"),
        (svg, "image/png", "bad_picture"),
        (picture("GIF"), "image/gif", "unsupported_media_type"),
        (picture("GIF"), "image/png", "bad_picture"),
        (b"", "image/png", "bad_picture"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 100, "image/png", "bad_picture"),
        (jpeg[: len(jpeg) // 2], "image/jpeg", "bad_picture"),
        (bomb(), "image/png", "bad_picture"),
        (b"\xff" * 5_242_881, "image/jpeg", "too_large"),
    ):
        assert is_problem(await upload(world, room, host.user, body, kind), code), kind
    assert is_problem(await upload(world, room, fresh("viewer"), jpeg, "image/jpeg"), "forbidden")
    assert is_problem(await upload(world, room, None, jpeg, "image/jpeg"), "unauthenticated")
    for name in ("nothing.webp", "..%2f..%2fetc%2fpasswd", "x.svg"):
        assert is_problem(await world.request("GET", f"/pictures/{name}"), "not_found")
