"""Whoever has no mouse: the main job from the first Tab to another person, lists, panes and where the focus goes."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Browser, expect
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from deploy.playground.slack import SlackEmulator
from deploy.playground.slack.state import INCIDENTS

from ..bolt import Seen, until
from ..browser import open_page, screenshot, serious_faults
from ..forms import MENU
from .keys import focused, tab_to

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_command_stop_thread_and_other_person_by_keyboard_alone(
    slack: SlackEmulator, app: AsyncApp, seen: Seen, browser: Browser
) -> None:
    page = await open_page(browser, slack)
    await tab_to(page, "Skip to message box")
    await page.keyboard.press("Enter")
    await page.keyboard.type("/ca")
    option = page.get_by_role("option", name="/capture")
    await expect(option).to_have_attribute("aria-selected", "true")
    await page.keyboard.press("Enter")
    await page.keyboard.type("web for 30s")
    await expect(page.get_by_test_id("usage")).to_contain_text("TARGET [-n NAMESPACE]")
    await page.keyboard.press("Enter")
    await until(lambda: seen)
    assert seen[0][1]["text"] == "web for 30s"

    card = str((await app.client.chat_postMessage(channel=INCIDENTS, text="card", blocks=MENU))["ts"])
    message = page.get_by_test_id(f"message-{card}")
    await message.wait_for()
    await tab_to(page, "messages", "Shift+Tab")
    await page.keyboard.press("ArrowUp")
    await expect(message).to_be_focused()
    await tab_to(page, "button-stop")
    await page.keyboard.press("Enter")
    await until(lambda: seen[-1][0] == "stop")

    await tab_to(page, f"thread-open-{card}")
    await page.keyboard.press("Enter")
    await expect(page.get_by_test_id("thread-composer")).to_be_focused()
    await page.keyboard.type("looks good")
    await page.keyboard.press("Enter")
    await expect(page.get_by_test_id("thread-pane")).to_contain_text("looks good")
    await page.keyboard.press("Escape")
    await expect(page.get_by_test_id("thread-pane")).to_have_count(0)
    await expect(page.get_by_test_id(f"thread-open-{card}")).to_be_focused()

    await tab_to(page, "me", "Shift+Tab")
    await page.keyboard.press("ArrowDown")
    await expect(page.get_by_test_id("me")).to_have_value("bob")
    await expect(page).to_have_url(re.compile("user=bob"))
    assert await focused(page) == "me"


async def test_people_and_channels_are_completed_where_one_writes(
    slack: SlackEmulator, web: AsyncWebClient, browser: Browser
) -> None:
    parent = slack.people.say("bob", "#incidents", "checkout is slow")
    page = await open_page(browser, slack, f"channel=incidents&thread={parent.ts}")
    box = page.get_by_test_id("thread-composer")
    await expect(box).to_be_focused()
    await page.keyboard.type("ask @")
    people = page.get_by_role("listbox").get_by_role("option")
    await expect(people.locator("b")).to_have_text(["@bob", "@carol", "@mallory", "@threadcap"])
    await page.keyboard.press("ArrowUp")
    await expect(people.last).to_have_attribute("aria-selected", "true")
    assert await box.get_attribute("aria-activedescendant") == await people.last.get_attribute("id")
    await page.keyboard.press("Escape")
    await expect(people).to_have_count(0)
    await expect(page.get_by_test_id("thread-pane")).to_be_visible()
    await page.keyboard.type("mend")
    await page.keyboard.press("Tab")
    await expect(box).to_have_value("ask @carol ")
    await page.keyboard.type("about #gen")
    await page.keyboard.press("Enter")
    await expect(box).to_have_value("ask @carol about #general ")
    for _ in "general ":
        await page.keyboard.press("ArrowLeft")
    await page.keyboard.press("Backspace")
    await page.keyboard.type("@al")
    await expect(people).to_have_count(0)  # oneself is not offered
    await page.keyboard.press("Enter")
    await expect(box).to_have_value("")
    await expect(page.get_by_test_id("thread-pane").locator("article")).to_have_count(2)
    said = (await web.conversations_replies(channel=INCIDENTS, ts=parent.ts))["messages"][-1]["text"]
    assert said == "ask <@U00000CAROL> about @algeneral"


async def test_dialogs_give_the_focus_back(slack: SlackEmulator, app: AsyncApp, browser: Browser) -> None:
    page = await open_page(browser, slack)
    opener = page.get_by_test_id("shortcuts")
    await opener.press("Enter")
    await page.keyboard.press("Enter")
    await expect(page.get_by_test_id("modal")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.get_by_test_id("modal")).to_have_count(0)
    await expect(opener).to_be_focused()
    await opener.press("ArrowDown")
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("menu")).to_have_count(0)
    await expect(opener).to_be_focused()


async def test_shift_enter_makes_a_line_and_the_box_grows(
    slack: SlackEmulator, web: AsyncWebClient, browser: Browser
) -> None:
    page = await open_page(browser, slack)
    box = page.get_by_test_id("composer")
    height = "e => e.clientHeight"
    low = await box.evaluate(height)
    await box.press_sequentially("one")
    await box.press("Shift+Enter")
    await box.press_sequentially("two " * 120)
    grown = await box.evaluate(height)
    assert grown > low * 2
    # what is written stays where it was written
    await page.get_by_test_id("channel-general").click()
    await expect(box).to_have_value("")
    await page.get_by_test_id("channel-incidents").click()
    await expect(box).to_have_value(re.compile("^one\ntwo two"))
    assert await box.evaluate(height) == grown
    await box.press("Enter")
    await expect(box).to_have_value("")
    assert await box.evaluate(height) == low
    await expect(page.locator("article")).to_have_count(1)
    assert (await web.conversations_history(channel=INCIDENTS))["messages"][0]["text"].startswith("one\ntwo")


async def test_ctrl_k_jumps_to_a_conversation(slack: SlackEmulator, browser: Browser) -> None:
    page = await open_page(browser, slack)
    await page.get_by_test_id("composer").focus()
    await page.keyboard.press("Control+k")
    await page.keyboard.type("P")
    switcher = page.get_by_test_id("switcher")
    await expect(switcher.get_by_role("option").locator("b")).to_have_text(["private-room", "threadcap"])
    await screenshot(page, "switcher")
    assert await serious_faults(page) == []
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await expect(switcher).to_have_count(0)
    await expect(page.get_by_test_id("channel-threadcap")).to_have_attribute("aria-current", "page")
    await expect(page.get_by_label("Message threadcap")).to_be_focused()
    await page.keyboard.press("Control+k")
    await page.keyboard.press("Escape")
    await expect(switcher).to_have_count(0)
    await expect(page.get_by_label("Message threadcap")).to_be_focused()
