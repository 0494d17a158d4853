"""Every page by axe-core's rules: nothing that keeps people out, in both languages, in light and dark."""

from __future__ import annotations

import itertools
import time
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from playwright.async_api import Browser, Page, expect

from server.auth.own import sign
from tests.e2e.test_avatars import choose, portrait
from tests.e2e.test_filter import SECRET
from tests.e2e.test_lottery import open_lottery
from tests.e2e.world import WAIT_MS, Person, arrive, demo_node, get_browser
from tests.support.node import Node

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

AXE = Path(__file__).parents[2] / "clients" / "web" / "node_modules" / "axe-core" / "axe.min.js"
BARRIERS = {"serious", "critical"}
# What moves must have come to rest first, or its colours are those of a moment. Behind a sheet nothing can be
# reached: the page was looked at before.
RUN = """async (rules) => {
    await Promise.all(document.getAnimations().filter((a) => a.effect.getTiming().iterations !== Infinity)
        .map((a) => a.finished.catch(() => null)))
    const how = { resultTypes: ['violations'], ...(rules && { runOnly: { type: 'rule', values: rules } }) }
    const { violations } = await axe.run(document.querySelector('dialog[open]') ?? document, how)
    const why = (checks) => checks.map(({ message }) => message).join(' ')
    return violations.map(({ id, impact, nodes }) => ({ id, impact,
        nodes: nodes.map(({ target, any, none }) => [target.join(' '), why(any) + why(none)]) }))
}"""


class Look(NamedTuple):
    """How somebody has a page before them."""

    locale: str
    size: tuple[int, int]


DESKTOP, PHONE = (1440, 900), (390, 844)
EVERY_LOOK = list(itertools.starmap(Look, itertools.product(("en-US", "zh-CN"), (DESKTOP, PHONE))))


class Audit:
    """Looks at pages, and remembers what is wrong with them."""

    def __init__(self) -> None:
        self.faults: list[str] = []
        self._source = AXE.read_text()

    async def look(self, person: Person, where: str) -> None:
        """In the light by all rules, then in the dark at what is different there: the colours."""
        page = person.page
        await page.evaluate(self._source)
        await self._note(page, f"{where}, light", None)
        await page.emulate_media(color_scheme="dark")
        await self._note(page, f"{where}, dark", ["color-contrast"])
        await page.emulate_media(color_scheme="light")
        if await page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            self.faults.append(f"{where}: is wider than the window")

    async def _note(self, page: Page, where: str, rules: list[str] | None) -> None:
        found: list[dict[str, Any]] = await page.evaluate(RUN, rules)
        self.faults += [f"{where}: {fault}" for fault in found if fault["impact"] in BARRIERS]


async def walk(browser: Browser, node: Node, staff: Look, guest: Look) -> list[str]:
    """Through all pages, with everything open that selling and buying opens; gives what is wrong."""
    audit = Audit()
    host = await arrive(browser, node, "studio", "Mei", "host", **staff._asdict())
    viewer = await arrive(browser, node, "r", "Lin", "viewer", **guest._asdict())
    await host_sells(host, audit)
    await host_plays(host, audit)
    await viewer_buys(viewer, audit)
    await viewer_plays(viewer, audit)
    await host_ends_it(host, audit)
    await guest_comes(host, viewer, audit)
    await host_filters(host, audit)
    await host_records(host, viewer, audit)
    for person in (host, viewer):
        assert person.errors == []
        await person.context.close()
    await moderators_work(browser, node, audit, staff, guest)
    await operators_look(browser, node, audit, staff)
    await without_signing_in(browser, node, audit, guest)
    return [f"{staff}, {guest}: {fault}" for fault in audit.faults]


async def host_sells(host: Person, audit: Audit) -> None:
    await host.see("shelf-row")
    await audit.look(host, "studio: shelf")
    await host.at("tab-sales").click()
    await host.at("new-sale").click()
    await host.at("sale-begin-now").check(force=True)
    await audit.look(host, "studio: a new sale")
    await host.at("sale-start").click()
    await host.see("sale-row")
    await host.at("coupon-seconds").select_option("180")  # so that it is there for all that follows
    await host.at("coupon-drop-button").click()
    await host.see("coupon-close")
    await audit.look(host, "studio: sales")
    await host.at("tab-settings").click()
    await audit.look(host, "studio: settings")
    await host.at("tab-transparency").click()
    await host.see("entry")
    await host.at("day-bars").or_(host.at("chain")).first.wait_for()
    await audit.look(host, "studio: transparency")


async def host_plays(host: Person, audit: Audit) -> None:
    await open_lottery(host, phrase="tea please", winners=1)
    await audit.look(host, "studio: play")
    for kind in ("lottery", "quiz", "poll"):
        await host.at(f"new-{kind}").click()
        await host.see(f"{kind}-form")
        await audit.look(host, f"studio: a new {kind}")
        await host.page.keyboard.press("Escape")


async def choose_a_picture(viewer: Person) -> None:
    """From the settings on."""
    await viewer.at("settings-profile").click()
    await choose(viewer, portrait(), "face.jpg", "image/jpeg")
    await viewer.at("avatar-use").click()
    await viewer.see("avatar-remove")


async def viewer_plays(viewer: Person, audit: Audit) -> None:
    await viewer.at("lottery-open").click()
    await viewer.see("lottery-say")
    await audit.look(viewer, "viewer: a lottery")
    await viewer.page.keyboard.press("Escape")
    await viewer.at("gift-button").click()
    await viewer.see("gift-choice")
    await audit.look(viewer, "viewer: gifts")
    await viewer.at("gift-sheet").get_by_test_id("wallet-chip").click()
    await audit.look(viewer, "viewer: wallet")
    await viewer.at("wallet-points").click()
    await viewer.see("task-share")
    await audit.look(viewer, "viewer: points")
    await viewer.page.keyboard.press("Escape")


async def viewer_buys(viewer: Person, audit: Audit) -> None:
    await viewer.see("sale-card")
    await viewer.see("coupon-drop")
    await viewer.say("你好, hello")
    await viewer.see("comment", "hello")
    await audit.look(viewer, "viewer: a sale and a coupon")
    await viewer.at("claim-button").click()
    await viewer.at("sale-buy").click()
    await viewer.at("delivery").locator("summary").click()
    await audit.look(viewer, "viewer: choosing")
    await viewer.at("hold-button").click()
    await viewer.see("hold-countdown")
    await audit.look(viewer, "viewer: paying")
    await viewer.at("pay-button").click()
    await viewer.see("buy-done")
    await audit.look(viewer, "viewer: paid")
    await viewer.at("buy-done").click()
    await viewer.at("shelf-button").click()
    await audit.look(viewer, "viewer: shelf")
    await viewer.at("my-orders-button").click()
    await viewer.at("my-order-open").click()
    await viewer.see("order-history")
    await audit.look(viewer, "viewer: orders")
    await viewer.page.keyboard.press("Escape")


async def host_ends_it(host: Person, audit: Audit) -> None:
    await host.at("lottery-cancel").click()
    await host.at("confirm-yes").click()
    await expect(host.at("lottery-row")).to_have_count(0, timeout=WAIT_MS)
    await host.at("tab-orders").click()
    await host.at("order-open").first.click()
    await host.see("order-sheet")
    await audit.look(host, "studio: an order")
    await host.page.keyboard.press("Escape")
    await host.at("tab-sales").click()
    await host.at("sale-end").click()
    await host.at("confirm-yes").click()
    # On a slow machine the drop has ended by itself, or does so right now.
    await host.page.evaluate("""document.querySelector('[data-testid="coupon-close"]')?.click()""")
    await expect(host.at("sale-row")).to_have_count(0, timeout=WAIT_MS)
    await host.see("coupon-drop-button")


async def guest_comes(host: Person, viewer: Person, audit: Audit) -> None:
    await host.at("tab-guests").click()
    await audit.look(host, "studio: no guests")
    await (await viewer.see("guest-ask")).click()
    await viewer.see("guest-asked")
    await host.see("guest-invite")
    await audit.look(host, "studio: somebody asks")
    await host.at("guest-invite").click()
    await viewer.see("guest-sheet")
    await audit.look(viewer, "viewer: invited on stage")
    await viewer.at("guest-devices").click()
    await viewer.see("guest-level")
    await audit.look(viewer, "viewer: before going on stage")
    await viewer.at("guest-go").click()
    await viewer.see("own-video")
    await host.see("layout-grid")
    await audit.look(viewer, "viewer: on stage")
    await audit.look(host, "studio: a guest on stage")
    await viewer.at("guest-leave").click()
    await viewer.see("guest-ask")


async def host_filters(host: Person, audit: Audit) -> None:
    await host.at("tab-filter").click()
    await host.at("try-text").fill("wtf")
    await host.at("try-do").click()
    await host.see("tried")
    await audit.look(host, "studio: filter")
    await host.at("new-list").click()
    await audit.look(host, "studio: a word list")
    await host.page.keyboard.press("Escape")


async def host_records(host: Person, viewer: Person, audit: Audit) -> None:
    await host.at("record-switch").click()
    await viewer.see("rec-sign")
    await host.at("tab-recordings").click()
    await host.see("recording")
    await host.at("pause").click()
    await viewer.see("stage-overlay")
    await audit.look(viewer, "viewer: recorded and paused")
    await audit.look(host, "studio: recorded and paused")
    await host.at("pause").click()
    await expect(viewer.at("stage-overlay")).to_have_count(0, timeout=WAIT_MS)
    await host.at("record-switch").click()
    await expect(viewer.at("rec-sign")).to_have_count(0, timeout=WAIT_MS)


async def moderators_work(browser: Browser, node: Node, audit: Audit, staff: Look, guest: Look) -> None:
    """Somebody is reported, looked at, muted, and appeals."""
    moderator = await arrive(browser, node, "desk", "Bao", "moderator", **staff._asdict())
    await moderator.see("comment")
    await audit.look(moderator, "desk")
    lin = await arrive(browser, node, "r", "Lin", "viewer", **guest._asdict())
    wu = await arrive(browser, node, "r", "Wu", "viewer", **guest._asdict())
    await lin.at("settings-button").click()
    await audit.look(lin, "viewer: settings")
    await choose_a_picture(lin)
    await audit.look(lin, "viewer: a picture of one's own")
    await lin.page.keyboard.press("Escape")
    text = f"only quoting in {staff.size[0]} {staff.locale}"  # each walk's own: the room remembers all
    await lin.say(text)
    row = await wu.see("comment", text)
    await row.hover()
    await row.get_by_test_id("report-button").click()
    await wu.see("report-sheet")
    await audit.look(wu, "viewer: a report")
    await wu.at("report-send").click()
    await moderator.see("queue-item")
    await moderator.page.keyboard.press("q")
    await moderator.see("queue-record")
    await audit.look(moderator, "desk: the queue")
    await moderator.page.keyboard.press("a")
    await moderator.page.keyboard.press("Escape")
    await moderator.at("tab-modes").click()
    await moderator.see("modes-panel")
    await audit.look(moderator, "desk: modes")
    row = moderator.at("comment").filter(has_text=text)
    await row.click()
    await moderator.see("background")
    await moderator.at("note-input").fill("asked twice")
    await moderator.at("note-save").click()
    await moderator.see("user-note")
    await audit.look(moderator, "desk: what is known of somebody")
    await moderator.at("avatar-take-down").click()
    await moderator.see("take-down-sheet")
    await audit.look(moderator, "desk: taking a picture down")
    await moderator.page.keyboard.press("Escape")
    await row.hover()
    await row.get_by_test_id("mute-button").click()
    await moderator.see("mute-sheet")
    await audit.look(moderator, "desk: a sanction")
    await moderator.at("mute-confirm").click()
    await lin.see("mute-notice")
    await lin.at("appeal-open").click()
    await lin.see("appeal-sheet")
    await audit.look(lin, "viewer: an appeal")
    await lin.at("appeal-text").fill("I was only quoting the host")
    await lin.at("appeal-send").click()
    await lin.see("appeal-state")
    await audit.look(lin, "viewer: muted")
    for person in (moderator, lin, wu):
        assert person.errors == []
        await person.context.close()


async def operators_look(browser: Browser, node: Node, audit: Audit, look: Look) -> None:
    operator = await get_browser(browser, **look._asdict())
    now_ms = time.time_ns() // 1_000_000
    token = sign(SECRET.encode(), "root", "Root", now_ms=now_ms, life_s=600, operator=True, may_host=False)
    await operator.page.goto(f"{node.url}/platform#token={token}")
    await operator.see("rule-links")
    await audit.look(operator, "platform: filter")
    await operator.at("tab-transparency").click()
    await operator.at("moderated-room").first.locator("summary").click()
    await operator.see("trails")
    await audit.look(operator, "platform: transparency")
    assert operator.errors == []
    await operator.context.close()


async def without_signing_in(browser: Browser, node: Node, audit: Audit, look: Look) -> None:
    stranger = await get_browser(browser, **look._asdict())
    await stranger.page.goto(f"{node.url}/")
    await expect(stranger.page.locator("main h1, main h2, h1").first).to_be_visible(timeout=WAIT_MS)
    await audit.look(stranger, "lobby")
    await stranger.page.goto(f"{node.url}/verify")
    await expect(stranger.page.locator("h1").first).to_be_visible(timeout=WAIT_MS)
    await audit.look(stranger, "verify")
    await stranger.page.goto(f"{node.url}/api/docs")
    await expect(stranger.page.locator(".operation").first).to_be_visible(timeout=WAIT_MS)
    # A few operations have all that the others have, and take a tenth of the time.
    await stranger.page.fill("#search", "order.paid")
    await audit.look(stranger, "documents")
    await stranger.context.close()


@pytest.mark.soak
async def test_nobody_is_kept_out(browser: Browser, tmp_path: Path) -> None:
    async with demo_node(tmp_path, DANMART_NODE__SECRET=SECRET) as node:
        faults = await walk(browser, node, Look("en-US", DESKTOP), Look("zh-CN", PHONE))
    assert faults == [], "\n".join(faults)


@pytest.mark.soak
@pytest.mark.timeout(900)
async def test_nobody_is_kept_out_whatever_their_language_and_window(
    browser: Browser, tmp_path: Path
) -> None:
    faults = []
    async with demo_node(tmp_path, DANMART_NODE__SECRET=SECRET) as node:
        for look in EVERY_LOOK:
            faults += await walk(browser, node, look, look)
    assert faults == [], "\n".join(faults)
