"""The page in headless Chromium: type, watch, click, download, as people do. Needs the page to be built."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from playwright.async_api import Browser, expect
from slack_sdk.web.async_client import AsyncWebClient

from deploy.playground.slack import SlackEmulator
from deploy.playground.slack.state import ALICE, INCIDENTS

from ..bolt import Seen, make_app, socket_app, until
from ..browser import open_page

pytestmark = pytest.mark.asyncio(loop_scope="session")


def card(packets: int) -> list[dict[str, Any]]:
    button = {"type": "button", "action_id": "stop", "value": "job-1", "text": {"type": "plain_text", "text": "Stop"}}
    cells = [[{"type": "raw_text", "text": "To"}], [{"type": "raw_number", "value": 5432}]]
    return [
        {"type": "section", "text": {"type": "mrkdwn", "text": f"*{packets} packets* since 14:03:07"}},
        {"type": "table", "rows": cells},
        {"type": "actions", "elements": [button]},
    ]


async def test_command_card_stop_and_download(
    slack: SlackEmulator, web: AsyncWebClient, session: aiohttp.ClientSession, browser: Browser
) -> None:
    seen: Seen = []
    async with socket_app(slack, make_app(slack, seen)):
        page = await open_page(browser, slack)
        composer = page.get_by_test_id("composer")
        await composer.press_sequentially("/ca")
        await composer.press("Tab")
        await composer.press_sequentially("web --for 30s")
        await composer.press("Enter")
        await until(lambda: seen)
        assert seen[0][1]["text"] == "web –for 30s"

        posted = await web.chat_postMessage(channel=INCIDENTS, text="card", blocks=card(1))
        message = page.get_by_test_id(f"message-{posted['ts']}")
        await expect(message).to_contain_text("1 packets since 14:03:07")
        await expect(message).to_contain_text("5432")
        await web.chat_update(channel=INCIDENTS, ts=posted["ts"], text="card", blocks=card(77))
        await expect(message).to_contain_text("77 packets")
        await expect(message).to_contain_text("(edited)")
        await message.get_by_test_id("button-stop").click()
        await until(lambda: seen[-1][0] == "stop")

        ticket = await web.files_getUploadURLExternal(filename="web-1.pcap", length=5000)
        async with session.post(ticket["upload_url"], data=io.BytesIO(b"\xd4" * 5000)):
            pass
        await web.files_completeUploadExternal(
            files=[{"id": ticket["file_id"]}], channel_id=INCIDENTS, thread_ts=posted["ts"]
        )
        await page.get_by_test_id(f"thread-open-{posted['ts']}").get_by_text("1 reply").click()
        pane = page.get_by_test_id("thread-pane")
        async with page.expect_download() as waiting:
            await pane.get_by_test_id(f"file-{ticket['file_id']}").click()
        download = await waiting.value
        assert download.suggested_filename == "web-1.pcap"
        saved = Path(await download.path())
        assert await asyncio.to_thread(saved.read_bytes) == b"\xd4" * 5000

        await page.get_by_test_id("thread-composer").fill("/capture web")
        await page.get_by_test_id("thread-composer").press("Enter")
        await expect(pane.get_by_role("alert")).to_contain_text("not supported in threads")


async def test_ephemeral_is_marked_and_hidden_from_others(
    slack: SlackEmulator, web: AsyncWebClient, browser: Browser
) -> None:
    page = await open_page(browser, slack)
    await web.chat_postEphemeral(channel=INCIDENTS, user=ALICE, text="psst")
    await expect(page.get_by_test_id("ephemeral")).to_have_text("Only visible to you")
    await page.get_by_test_id("me").select_option("bob")
    await web.chat_postMessage(channel=INCIDENTS, text="for all")
    await expect(page.get_by_text("for all")).to_be_visible()
    await expect(page.get_by_text("psst")).to_have_count(0)
    await expect(page.get_by_test_id("channel-private-room")).to_have_count(0)


async def test_phone_width_shows_one_pane_without_scrolling_sideways(
    slack: SlackEmulator, web: AsyncWebClient, browser: Browser
) -> None:
    posted = await web.chat_postMessage(channel=INCIDENTS, text="card", blocks=card(1))
    await web.chat_postMessage(channel=INCIDENTS, text="x" * 300, thread_ts=posted["ts"])
    page = await open_page(browser, slack, viewport={"width": 390, "height": 844})
    await page.get_by_test_id(f"thread-open-{posted['ts']}").click()
    await expect(page.get_by_test_id("thread-pane")).to_be_visible()
    await expect(page.get_by_test_id("composer")).to_be_hidden()
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await page.get_by_test_id("thread-close").click()
    await expect(page.get_by_test_id("composer")).to_be_visible()


async def test_modal_is_filled_in_and_its_errors_are_shown(slack: SlackEmulator, browser: Browser) -> None:
    seen: Seen = []
    app = make_app(slack, seen)
    label = {"type": "plain_text", "text": "Why"}
    block = {"type": "input", "block_id": "why", "label": label}
    view = {
        "type": "modal", "callback_id": "form", "title": label, "submit": {"type": "plain_text", "text": "Send"},
        "blocks": [block | {"element": {"type": "plain_text_input", "action_id": "text"}}],
    }  # fmt: skip
    async with socket_app(slack, app):
        page = await open_page(browser, slack)
        await app.client.views_open(trigger_id=slack.people.triggers.issue(ALICE), view=view)
        await page.get_by_test_id("input-text").fill("because")
        await page.get_by_test_id("modal-submit").click()
        await expect(page.get_by_test_id("modal").get_by_role("alert")).to_have_text("Say more")
    assert seen[0][1]["view"]["state"]["values"]["why"]["text"]["value"] == "because"
