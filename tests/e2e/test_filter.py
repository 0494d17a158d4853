"""A host's word lists and rules, from the studio to what viewers may write."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from server.auth.own import sign
from tests.e2e.world import WAIT_MS, Person, arrive, demo_node, get_browser

pytestmark = [pytest.mark.browser, pytest.mark.soak, pytest.mark.timeout(90)]

SECRET = "a secret of this test's node, long enough"


async def refused(viewer: Person, text: str) -> None:
    await viewer.say(text)
    said = viewer.page.get_by_role("alert").filter(has_text="words that aren't allowed")
    await expect(said).to_be_visible(timeout=WAIT_MS)
    await expect(viewer.at("comment").filter(has_text=text)).to_have_count(0)


async def test_a_word_that_the_host_adds_is_refused_at_once(browser: Browser, tmp_path: Path) -> None:
    async with demo_node(tmp_path) as node:
        host = await arrive(browser, node, "studio", "Mei", "host")
        viewer = await arrive(browser, node, "r", "Lin", "viewer")
        await viewer.say("a zorblax is fine")
        await viewer.see("comment", "zorblax")
        await host.at("tab-filter").click()
        # By keyboard alone, with a fault that is told at its line.
        await host.at("new-list").press("Enter")
        await host.at("list-name").fill("ours")
        await host.at("list-form").select_option("csv")
        await host.at("list-words").fill("text,action\nzorblax,burn\n")
        await host.at("list-save").press("Enter")
        faults = await host.see("list-faults", re.compile("Line 2"))
        await faults.get_by_role("button").press("Enter")
        selected = "[...document.querySelectorAll('textarea')].map((a) => [a.selectionStart, a.selectionEnd])"
        assert [12, 24] in await host.page.evaluate(selected)
        await host.at("list-words").fill("text,action\nzorblax,deny\n")
        await host.at("list-save").press("Enter")
        await expect(host.at("list-editor")).to_have_count(0, timeout=WAIT_MS)
        await refused(viewer, "one zorblax more")
        await host.at("try-text").fill("a Z-O-R-B-L-A-X")
        await host.at("try-text").press("Enter")
        tried = await host.see("tried")
        assert await tried.get_attribute("data-verdict") == "deny"
        await expect(tried.locator("mark").first).to_have_text("Z-O-R-B-L-A-X")
        async with host.page.expect_download() as download:
            await host.at("list-export").select_option("txt")
        saved = await (await download.value).path()
        assert "zorblax" in saved.read_text()
        await host.at("list-delete").click()
        await host.at("confirm-yes").click()
        await expect(host.at("word-list")).to_have_count(0, timeout=WAIT_MS)
        await viewer.say("zorblax again")
        await viewer.see("comment", "zorblax again")
        assert (host.errors, viewer.errors) == ([], [])


async def test_what_the_platform_is_firm_on_the_studio_cant_loosen(browser: Browser, tmp_path: Path) -> None:
    async with demo_node(tmp_path, DANMART_NODE__SECRET=SECRET) as node:
        operator = await get_browser(browser)
        now_ms = time.time_ns() // 1_000_000
        token = sign(SECRET.encode(), "root", "Root", now_ms=now_ms, life_s=600, operator=True, may_host=True)
        await operator.page.goto(f"{node.url}/platform#token={token}")
        await operator.at("rule-links").select_option("hold")
        await operator.at("firm-links").click()
        await expect(operator.at("firm-links")).to_be_checked(timeout=WAIT_MS)
        await operator.at("level-insult").press("ArrowRight")
        await expect(operator.at("filter")).not_to_have_attribute("aria-busy", "true", timeout=WAIT_MS)
        await operator.at("firm-levels.insult").click()
        await expect(operator.at("firm-levels.insult")).to_be_checked(timeout=WAIT_MS)
        host = await arrive(browser, node, "studio", "Mei", "host")
        await host.at("tab-filter").click()
        await expect(host.at("level-insult")).to_have_value("3", timeout=WAIT_MS)
        await host.at("level-insult").press("Home")
        await expect(host.at("level-insult")).to_have_value("3")
        await expect(host.at("rule-links").locator("option[value=allow]")).to_be_disabled()
        await host.at("rule-links").select_option("deny")
        await host.see("reset-links")
        await host.at("reset-links").click()
        await expect(host.at("rule-links")).to_have_value("hold", timeout=WAIT_MS)
        await operator.page.evaluate("sessionStorage.clear()")
        await operator.page.reload()
        await operator.see("closed")
        assert (host.errors, operator.errors) == ([], [])
