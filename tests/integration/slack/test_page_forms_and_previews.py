"""In headless Chromium: Home, modals with every input, menus, shortcuts, previews; axe without serious faults."""

from __future__ import annotations

import io
import struct
from collections.abc import AsyncIterator

import aiohttp
import pytest
from playwright.async_api import Browser, Page, expect
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from deploy.playground.slack import SlackEmulator
from deploy.playground.slack.state import ALICE, INCIDENTS

from .bolt import Seen, make_app, socket_app, until
from .browser import chromium, open_page, screenshot, serious_faults
from .forms import CONFIG, HOME, MENU, answer_forms, option

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
    "0000000c49444154789c63f8cfc0000003010100c9fe92ef0000000049454e44ae426082"
)


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as running:
        yield running


@pytest.fixture
async def slack() -> AsyncIterator[SlackEmulator]:
    async with SlackEmulator(config=CONFIG, attach_delay=0.01) as emulator:
        yield emulator


@pytest.fixture
def seen() -> Seen:
    return []


@pytest.fixture
async def app(slack: SlackEmulator, seen: Seen) -> AsyncIterator[AsyncApp]:
    app = make_app(slack, seen)
    answer_forms(app, seen)
    async with socket_app(slack, app):
        yield app


def pcap(times: list[float], length: int = 60) -> bytes:
    head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1)
    packets = (struct.pack("<IIII", int(t), round(t % 1 * 1e6), length, length + 40) + bytes(length) for t in times)
    return head + b"".join(packets)


async def upload(page_user: str, slack: SlackEmulator, session: aiohttp.ClientSession, name: str, data: bytes) -> str:
    url = f"{slack.base_url}/_page/upload?user={page_user}&channel=incidents&name={name}"
    async with session.post(url, data=io.BytesIO(data)) as answer:
        return str((await answer.json())["file"]["id"])


async def test_form_is_filled_in_by_keyboard(slack: SlackEmulator, app: AsyncApp, seen: Seen, browser: Browser) -> None:
    page = await open_page(browser, slack)
    shortcuts = page.get_by_test_id("shortcuts")
    await shortcuts.focus()
    await shortcuts.press("Enter")
    await expect(page.get_by_role("menuitem", name="New capture")).to_be_focused()
    await page.keyboard.press("Enter")
    reason = page.get_by_label("Reason")
    await expect(reason).to_be_focused()
    await reason.fill("no")
    await page.get_by_label("Side").select_option("server")
    await page.get_by_label("People").select_option([ALICE])
    target = page.get_by_label("Target")
    await target.press_sequentially("web")
    await expect(page.get_by_role("option", name="Web-2")).to_be_visible()
    await target.press("ArrowDown")
    await screenshot(page, "modal-options")
    await target.press("Enter")
    await page.get_by_label("Pcap").check()
    await page.get_by_label("Node").check()
    assert await serious_faults(page) == []
    await page.get_by_test_id("modal-submit").press("Enter")
    await expect(page.get_by_role("alert")).to_have_text("Say more")
    await expect(reason).to_be_focused()
    await screenshot(page, "modal-error")
    assert await serious_faults(page) == []
    await reason.fill("checkout is slow")
    await page.get_by_test_id("modal-submit").click()
    await expect(page.get_by_test_id("modal")).to_have_count(0)
    values = {name: held[name] for name, held in seen[-1][1]["view"]["state"]["values"].items()}
    assert values["reason"]["value"] == "checkout is slow"
    assert values["seconds"]["value"] == "30"
    assert values["side"]["selected_option"] == option("server")
    assert values["people"]["selected_users"] == [ALICE]
    assert values["target"]["selected_option"] == option("web-2")
    assert values["keep"]["selected_options"] == [option("pcap")]
    assert values["way"]["selected_option"]["value"] == "node"
    assert values["day"]["selected_date"] == "2030-01-02"


async def test_escape_closes_the_modal(slack: SlackEmulator, app: AsyncApp, browser: Browser) -> None:
    page = await open_page(browser, slack)
    await slack.people.shortcut("alice", "new")
    await expect(page.get_by_test_id("modal")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.get_by_test_id("modal")).to_have_count(0)
    assert slack.people.views.stacks[ALICE] == []


async def test_menus_in_messages_send_their_choice(
    slack: SlackEmulator, app: AsyncApp, seen: Seen, browser: Browser
) -> None:
    posted = await app.client.chat_postMessage(channel=INCIDENTS, text="menu", blocks=MENU)
    page = await open_page(browser, slack)
    message = page.get_by_test_id(f"message-{posted['ts']}")
    await message.get_by_test_id("input-side").select_option("client")
    await until(lambda: seen[-1:] and seen[-1][0] == "side")
    await message.get_by_test_id("input-day").fill("2030-05-06")
    await until(lambda: seen[-1][0] == "day")
    body = seen[-1][1]
    assert body["actions"][0]["selected_date"] == "2030-05-06"
    assert body["state"]["values"]["row"]["side"]["selected_option"] == option("client")
    await message.get_by_test_id("input-pod").press_sequentially("db")
    await page.get_by_role("option", name="Db-1").click()
    await until(lambda: seen[-1][0] == "pod")
    assert seen[-1][1]["actions"][0]["selected_option"] == option("db-1")
    await message.get_by_test_id("input-more").click()
    await screenshot(page, "message-menus")
    await page.get_by_role("menuitem", name="Extend").click()
    await until(lambda: seen[-1][0] == "more")
    await message.hover()
    await message.get_by_test_id(f"more-{posted['ts']}").click()
    await page.get_by_role("menuitem", name="Capture from this").click()
    await until(lambda: seen[-1][0] == "from")
    assert await serious_faults(page) == []


async def test_home_tab_is_published_and_pressed(
    slack: SlackEmulator, app: AsyncApp, seen: Seen, browser: Browser
) -> None:
    page = await open_page(browser, slack)
    await page.get_by_test_id("channel-threadcap").click()
    await page.get_by_test_id("tab-messages").press("ArrowRight")
    await until(lambda: seen and seen[-1][0] == "app_home_opened")
    await app.client.views_publish(user_id=ALICE, view=HOME)
    home = page.get_by_test_id("home")
    await expect(home).to_contain_text("Running captures")
    await home.get_by_test_id("button-stop").click()
    await until(lambda: seen[-1][0] == "stop")
    assert seen[-1][1]["view"]["type"] == "home"
    await screenshot(page, "home")
    assert await serious_faults(page) == []


async def open_previews(page: Page, files: dict[str, str]) -> None:
    for name in ("web-1.pcap", "report.html"):
        await page.get_by_test_id(f"preview-{files[name]}").locator("summary").click()


@pytest.mark.parametrize("width", [1280, 390])
async def test_files_are_previewed(
    slack: SlackEmulator, session: aiohttp.ClientSession, browser: Browser, width: int
) -> None:
    html = b"<h1>Report</h1><p id=t>still</p><script>document.getElementById('t').textContent='ran'</script>"
    contents = {"web-1.pcap": pcap([1700000000.5, 1700000001.0, 1700000003.25]), "report.html": html, "chart.png": PNG}
    files = {name: await upload("alice", slack, session, name, data) for name, data in contents.items()}
    page = await open_page(browser, slack, viewport={"width": width, "height": 900})
    await open_previews(page, files)
    table = page.get_by_role("region", name="Packets of web-1.pcap")
    assert await table.locator("tbody tr").all_inner_texts() == [
        "1\t0.000000\t100",
        "2\t0.500000\t100",
        "3\t2.750000\t100",
    ]
    frame = page.frame_locator("iframe")
    await expect(frame.locator("h1")).to_have_text("Report")
    await expect(frame.locator("#t")).to_have_text("still")
    assert await page.locator("iframe").get_attribute("sandbox") == ""
    assert await page.evaluate("document.querySelector('img').naturalWidth") == 1
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await screenshot(page, f"previews-{width}")
    assert await serious_faults(page) == []


async def test_what_is_no_capture_says_so(
    slack: SlackEmulator, session: aiohttp.ClientSession, browser: Browser
) -> None:
    file = await upload("alice", slack, session, "odd.pcap", b"\x00" * 40)
    page = await open_page(browser, slack)
    await page.get_by_test_id(f"preview-{file}").locator("summary").click()
    await expect(page.get_by_text("not a capture")).to_be_visible()


async def test_channel_and_thread_have_no_serious_faults(
    slack: SlackEmulator, web: AsyncWebClient, browser: Browser
) -> None:
    parent = slack.people.say("alice", "#incidents", "checkout is slow")
    await web.chat_postMessage(channel=INCIDENTS, text="looking `here`", thread_ts=parent.ts)
    await web.chat_postEphemeral(channel=INCIDENTS, user=ALICE, text="only you")
    page = await open_page(browser, slack, f"channel=incidents&thread={parent.ts}")
    await page.get_by_test_id("thread-pane").wait_for()
    assert await serious_faults(page) == []
    # axe does not judge a select's colours.
    shown = "e => getComputedStyle(e).color + getComputedStyle(e).backgroundColor"
    assert await page.get_by_test_id("me").evaluate(shown) == "rgb(255, 255, 255)rgb(44, 65, 80)"
    await page.set_viewport_size({"width": 390, "height": 844})
    assert await serious_faults(page) == []
