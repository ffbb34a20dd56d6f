"""axe-core finds nothing serious or critical on any surface, at a desktop's and a phone's width, light and dark."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Literal

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from deploy.playground.slack import SlackEmulator
from deploy.playground.slack.state import ALICE, INCIDENTS

from ..browser import open_page, screenshot, serious_faults
from ..forms import CONFIG, HOME, MENU
from .samples import PNG, SYN, ethernet, ipv4, pcap, tcp
from .test_page_forms_and_previews import upload
from .test_page_scene_panel import Stage

pytestmark = pytest.mark.asyncio(loop_scope="session")

RICH = "*Done* `port 8080` in <#C000GENERAL>, asked by <@U00000ALICE> :eyes: <http://example.com|example>\n>quoted"


@pytest_asyncio.fixture(loop_scope="session")
async def slack() -> AsyncIterator[SlackEmulator]:
    async with SlackEmulator(config=CONFIG, attach_delay=0.01, panels=[Stage()]) as emulator:
        yield emulator


async def fill(slack: SlackEmulator, web: AsyncWebClient, session: aiohttp.ClientSession) -> str:
    """Something of everything in #incidents; the thread's ts."""
    parent = slack.people.say("bob", "#incidents", "checkout is slow")
    await web.chat_postMessage(channel=INCIDENTS, text="menu", blocks=MENU, thread_ts=parent.ts)
    await web.chat_postMessage(channel=INCIDENTS, text=RICH, thread_ts=parent.ts)
    await web.chat_postMessage(channel=INCIDENTS, text=RICH)
    await web.chat_postEphemeral(channel=INCIDENTS, user=ALICE, text=RICH)
    await web.reactions_add(channel=INCIDENTS, timestamp=parent.ts, name="eyes")
    contents = {
        "web-1.pcap": pcap([(1.0, ethernet(0x0800, ipv4(6, tcp(SYN))))]),
        "report.html": b"<!doctype html><html lang=en><title>Report</title><h1>Report</h1>",
        "notes.txt": b"plain words",
        "graph.png": PNG,
    }
    for name, data in contents.items():
        await upload("alice", slack, session, name, data)
    return parent.ts


async def look(page: Page, name: str) -> list[str]:
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{name} is too wide"
    await expect(page.locator("main h1:visible, aside h2:visible").last).to_be_in_viewport()
    await screenshot(page, f"axe-{name}")
    return [f"{name}: {fault}" for fault in await serious_faults(page)]


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "light"), (1280, "dark")])
async def test_no_surface_has_serious_faults(
    slack: SlackEmulator, web: AsyncWebClient, session: aiohttp.ClientSession, app: AsyncApp, browser: Browser,
    width: int, scheme: Literal["light", "dark"],
) -> None:  # fmt: skip
    thread = await fill(slack, web, session)
    place = f"{scheme}-{width}"
    page = await open_page(browser, slack, viewport={"width": width, "height": 900}, color_scheme=scheme)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await page.reload()
    await page.get_by_text("graph.png").first.wait_for()
    for summary in await page.locator(".preview summary").all():
        await summary.click()
    await expect(page.frame_locator("iframe").locator("h1")).to_have_text("Report")
    await expect(page.get_by_role("region", name="Start of notes.txt")).to_have_text("plain words")
    found = await look(page, f"previews-{place}")
    await page.get_by_role("button", name="graph.png", exact=True).press("Enter")
    await expect(page.get_by_test_id("viewer")).to_be_visible()
    found += await look(page, f"viewer-{place}")
    await page.keyboard.press("Escape")
    slack.people.say("bob", "#general", "psst @alice")
    await page.get_by_test_id("composer").fill("ask @")
    await expect(page.get_by_role("listbox")).to_be_visible()
    found += await look(page, f"channel-{place}")
    await page.get_by_test_id("composer").fill("")
    await page.get_by_test_id(f"thread-open-{thread}").click()
    await expect(page.get_by_test_id("thread-pane")).to_be_visible()
    found += await look(page, f"thread-{place}")
    await page.get_by_test_id("scene-open").click()
    await expect(page.get_by_test_id("log")).to_contain_text("Worker ready")
    found += await look(page, f"scene-{place}")
    await page.get_by_test_id("fault-checkout-1").click()
    found += await look(page, f"fault-{place}")
    await page.keyboard.press("Escape")
    await page.get_by_test_id("scene-close").click()
    await slack.people.shortcut("alice", "new")
    await expect(page.get_by_test_id("modal")).to_be_visible()
    found += await look(page, f"modal-{place}")
    await page.keyboard.press("Escape")
    await app.client.views_publish(user_id=ALICE, view=HOME)
    await page.get_by_test_id("channel-threadcap").click()
    await page.get_by_test_id("tab-home").click()
    await expect(page.get_by_test_id("home")).to_contain_text("Running captures")
    found += await look(page, f"home-{place}")
    assert found == []
    assert [url for url in asked if not url.startswith((slack.base_url, "data:", "about:"))] == []
    # axe does not judge a select's colours
    shown = "e => getComputedStyle(e).color + getComputedStyle(e).backgroundColor"
    assert await page.get_by_test_id("me").evaluate(shown) == "rgb(255, 255, 255)rgb(44, 65, 80)"
