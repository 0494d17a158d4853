"""One's own picture in real browsers: chosen, cut, seen by others, taken down by a moderator."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image
from playwright.async_api import Browser, Locator, expect

from tests.e2e.world import WAIT_MS, Person, arrive, demo_node

pytestmark = [pytest.mark.browser, pytest.mark.soak, pytest.mark.timeout(120)]


def portrait() -> bytes:
    """Wide: green in the middle, red on both sides."""
    image = Image.new("RGB", (1200, 400), "red")
    image.paste((20, 140, 60), (400, 0, 800, 400))
    out = io.BytesIO()
    image.save(out, "JPEG")
    return out.getvalue()


def face(where: Locator) -> Locator:
    return where.locator(".avatar img")


async def is_drawn(picture: Locator) -> None:
    await expect(picture).to_be_visible(timeout=WAIT_MS)
    await expect(picture).to_have_js_property("naturalWidth", 256, timeout=WAIT_MS)


async def choose(viewer: Person, body: bytes, name: str, kind: str) -> None:
    await viewer.at("avatar-file").set_input_files({"name": name, "mimeType": kind, "buffer": body})


async def test_a_picture_is_chosen_shown_and_taken_down(browser: Browser, tmp_path: Path) -> None:
    async with demo_node(tmp_path) as node:
        desk = await arrive(browser, node, "desk", "Mei", "host")
        viewer = await arrive(browser, node, "r", "Lin", "viewer", size=(390, 844))
        await viewer.say("without a face")
        await expect(face(viewer.at("comment").filter(has_text="without a face"))).to_have_count(0)
        await it_is_chosen(viewer)
        await viewer.say("with a face")
        for person in (viewer, desk):
            await is_drawn(face(person.at("comment").filter(has_text="with a face")))
        await it_is_taken_down(desk, viewer)
        for person in (viewer, desk):
            await expect(face(person.at("comment"))).to_have_count(0, timeout=WAIT_MS)
        await viewer.page.reload()
        await viewer.see("comment", "with a face")
        await expect(face(viewer.at("comment"))).to_have_count(0)
        for person in (desk, viewer):
            assert person.errors == []


async def it_is_chosen(viewer: Person) -> None:
    await viewer.at("settings-button").click()
    await viewer.at("settings-profile").click()
    await choose(viewer, b"<svg/>", "face.jpg", "image/jpeg")
    await expect(await viewer.see("avatar-refused")).to_contain_text("JPEG, PNG or WebP")
    await choose(viewer, portrait(), "face.jpg", "image/jpeg")
    await viewer.see("avatar-preview")
    await expect(viewer.at("avatar-refused")).to_have_count(0)
    await viewer.at("avatar-use").click()
    await is_drawn(face(viewer.at("own-avatar")))
    drawn = await face(viewer.at("own-avatar")).evaluate(
        """(image) => {
          const canvas = document.createElement("canvas");
          canvas.width = canvas.height = 3;
          const pen = canvas.getContext("2d");
          pen.drawImage(image, 0, 0, 3, 3);
          return [...pen.getImageData(0, 1, 3, 1).data];
        }"""
    )
    for red, green, *_ in (drawn[0:4], drawn[4:8], drawn[8:12]):
        assert green > red + 40, "the middle of it"
    await viewer.page.keyboard.press("Escape")


async def it_is_taken_down(desk: Person, viewer: Person) -> None:
    await desk.at("comment").filter(has_text="with a face").click()
    await is_drawn(face(desk.at("user-panel")).first)
    await desk.at("avatar-take-down").click()
    await desk.at("take-down-reason").fill("not here")
    await desk.at("take-down-confirm").click()
    await expect(desk.at("avatar-take-down")).to_have_count(0, timeout=WAIT_MS)
    await viewer.at("settings-button").click()
    await viewer.at("settings-profile").click()
    await expect(await viewer.see("avatar-removed")).to_contain_text("not here")
    await choose(viewer, portrait(), "again.jpg", "image/jpeg")
    await viewer.at("avatar-use").click()
    await expect(await viewer.see("avatar-refused")).to_contain_text("later")
    await viewer.page.keyboard.press("Escape")
