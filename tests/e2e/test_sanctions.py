"""What a viewer sees who is warned, muted, shadow-muted and banned, and what the desk sees of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.e2e.world import WAIT_MS, Person, arrive, demo_node

pytestmark = [pytest.mark.browser, pytest.mark.soak, pytest.mark.timeout(150)]


async def act(host: Person, who: str, kind: str, reason: str, seconds: str | None = None) -> None:
    """By the sheet, from a comment of theirs at the desk."""
    row = host.at("comment").filter(has_text=who).first
    await row.hover()
    await row.get_by_test_id("mute-button").click()
    await host.at(f"sanction-kind-{kind}").click()
    if seconds is not None:
        await host.at(f"mute-for-{seconds}").click()
    await host.at("mute-reason-input").fill(reason)
    await host.at("mute-confirm").click()
    await expect(host.at("mute-sheet")).to_have_count(0, timeout=WAIT_MS)


async def test_what_each_sanction_looks_like(browser: Browser, tmp_path: Path) -> None:
    async with demo_node(tmp_path) as node:
        host = await arrive(browser, node, "desk", "Mei", "host")
        viewer = await arrive(browser, node, "r", "Lin", "viewer", size=(390, 844))
        witness = await arrive(browser, node, "r", "Wu", "viewer")
        await viewer.say("hello from Lin")
        await host.see("comment", "hello from Lin")

        await act(host, "hello from Lin", "warn", "be kind")
        await viewer.see("warning-reason", "be kind")
        await host.at("tab-mutes").click()
        await host.see("active-warn", "be kind")
        await viewer.page.keyboard.press("Escape")
        await viewer.page.keyboard.press("Escape")
        await viewer.page.reload()
        await viewer.see("warning-reason", "be kind")  # until it is acknowledged
        await viewer.at("warning-accept").click()
        await expect(viewer.at("warning-dialog")).to_have_count(0, timeout=WAIT_MS)
        await expect(host.at("active-warn")).to_have_count(0, timeout=WAIT_MS)
        await viewer.say("sorry")
        await witness.see("comment", "sorry")

        await act(host, "hello from Lin", "warn", "never mind")
        await viewer.see("warning-reason", "never mind")
        await host.at("tab-mutes").click()
        await host.at("active-warn").get_by_test_id("unwarn-button").click()
        await expect(viewer.at("warning-dialog")).to_have_count(0, timeout=WAIT_MS)
        await expect(host.at("active-warn")).to_have_count(0, timeout=WAIT_MS)

        await act(host, "hello from Lin", "shadow", "adverts", "600")
        await viewer.say("buy at my place")
        await viewer.see("comment", "buy at my place")
        await host.at("tab-refused").click()
        await host.see("refused-comment", "buy at my place")
        await witness.say("anything new?")
        await viewer.see("comment", "anything new?")
        await expect(witness.at("comment").filter(has_text="buy at my place")).to_have_count(0)

        await act(host, "hello from Lin", "ban", "threats", "open")
        await viewer.see("banned")
        await expect(viewer.at("ban-reason")).to_have_text("threats")
        await viewer.page.reload()
        await viewer.see("banned")
        await host.at("tab-mutes").click()
        await host.at("active-ban").get_by_test_id("unban-button").click()
        await viewer.see("comment", "anything new?")  # and is back by itself
        for person in (host, viewer, witness):
            assert person.errors == []
