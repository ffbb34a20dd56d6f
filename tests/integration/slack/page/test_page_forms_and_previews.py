"""In headless Chromium: Home, modals with every input, menus, shortcuts, previews; axe without serious faults."""

from __future__ import annotations

import io

import aiohttp
import pytest
from playwright.async_api import Browser, Page, expect
from slack_bolt.async_app import AsyncApp

from deploy.playground.slack import SlackEmulator
from deploy.playground.slack.state import ALICE, INCIDENTS

from ..bolt import Seen, until
from ..browser import open_page, screenshot, serious_faults
from ..forms import HOME, MENU, option
from .samples import HTTP, PNG, PSH_ACK, RST, SYN, ethernet, ipv4, ipv6, pcap, sll2, tcp, udp

pytestmark = pytest.mark.asyncio(loop_scope="session")

FRAMES = [
    ethernet(0x0800, ipv4(6, tcp(SYN))),
    ethernet(0x0800, ipv4(6, tcp(PSH_ACK, HTTP)), vlan=7),
    ethernet(0x86DD, ipv6(17, udp(b"query"))),
    ethernet(0x0800, ipv4(6, tcp(SYN), fragment=100)),
    ethernet(0x0806, bytes(28)),
    ethernet(0x0800, ipv4(6, tcp(SYN)))[:40],
    ethernet(0x9999, b"?"),
]
LISTED = [
    "1|0.000000|198.18.0.7|198.18.0.9|TCP|54|40000 → 8080 [SYN] 0 bytes",
    "2|0.500000|198.18.0.7|198.18.0.9|HTTP|93|GET /health HTTP/1.1",
    "3|1.000000|2001:db8::1|2001:db8::1:0:0:2|DNS|67|40001 → 53 5 bytes",
    "4|1.500000|198.18.0.7|198.18.0.9|TCP|54|a later fragment",
    "5|2.000000|||ARP|42|",
    "6|2.500000|||?|40|too short to read",
    "7|3.000000|||?|15|",
]


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
    people = page.get_by_label("People")
    for name in ("bob", "ali"):
        await people.press_sequentially(name)
        await people.press("Enter")
    await page.get_by_role("button", name="Remove Bob Lindqvist").press("Enter")
    await expect(page.get_by_role("button", name="Remove Alice Okafor")).to_be_visible()
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
    capture = pcap([(1700000000.5 + at / 2, frame) for at, frame in enumerate(FRAMES)])
    contents = {"web-1.pcap": capture, "report.html": html, "chart.png": PNG}
    files = {name: await upload("alice", slack, session, name, data) for name, data in contents.items()}
    page = await open_page(browser, slack, viewport={"width": width, "height": 900})
    await open_previews(page, files)
    table = page.get_by_role("region", name="Packets of web-1.pcap")
    cells = "rows => rows.map(row => [...row.cells].map(cell => cell.innerText).join('|'))"
    await expect(table.locator("tbody tr")).to_have_count(len(FRAMES))
    assert await table.locator("tbody tr").evaluate_all(cells) == LISTED
    frame = page.frame_locator("iframe")
    await expect(frame.locator("h1")).to_have_text("Report")
    await expect(frame.locator("#t")).to_have_text("still")
    assert await page.locator("iframe").get_attribute("sandbox") == ""
    assert await page.evaluate("document.querySelector('img').naturalWidth") == 1
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await screenshot(page, f"previews-{width}")
    assert await serious_faults(page) == []


async def test_frames_of_other_link_types_are_read(
    slack: SlackEmulator, session: aiohttp.ClientSession, browser: Browser
) -> None:
    packet = ipv4(6, tcp(RST))
    files = {
        "any.pcap": pcap([(1.0, sll2(0x0800, packet))], link=276),
        "raw.pcap": pcap([(1.0, packet)], link=101),
        "null.pcap": pcap([(1.0, bytes([2, 0, 0, 0]) + packet)], link=0),
    }
    page = await open_page(browser, slack)
    for name, data in files.items():
        file = await upload("alice", slack, session, name, data)
        await page.get_by_test_id(f"preview-{file}").locator("summary").click()
        await expect(page.get_by_role("region", name=f"Packets of {name}")).to_contain_text("40000 → 8080 [RST]")


async def test_what_is_no_capture_says_so(
    slack: SlackEmulator, session: aiohttp.ClientSession, browser: Browser
) -> None:
    file = await upload("alice", slack, session, "odd.pcap", b"\x00" * 40)
    page = await open_page(browser, slack)
    await page.get_by_test_id(f"preview-{file}").locator("summary").click()
    await expect(page.get_by_text("not a capture")).to_be_visible()
