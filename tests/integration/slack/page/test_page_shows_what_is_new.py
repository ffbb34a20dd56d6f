"""Unread marks, the line above what is new, reactions, files with words, and being told of what one doesn't see."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Browser, expect
from slack_sdk.web.async_client import AsyncWebClient

from deploy.playground.slack import SlackEmulator
from deploy.playground.slack.state import ALICE, GENERAL, INCIDENTS

from ..browser import open_page, screenshot
from .samples import PNG

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_unread_channels_are_marked_until_they_are_read(
    slack: SlackEmulator, web: AsyncWebClient, browser: Browser
) -> None:
    slack.people.say("bob", "#general", "before")
    page = await open_page(browser, slack)
    general = page.get_by_test_id("channel-general")
    await expect(general).to_have_accessible_name("general 1 unread")
    await general.click()
    await expect(general).to_have_accessible_name("general")
    await page.get_by_test_id("channel-incidents").click()
    slack.people.say("bob", "#general", "psst @alice")
    await expect(general).to_have_accessible_name("general 1 unread")
    await expect(general.locator(".calls")).to_have_text("1")
    await expect(page.get_by_test_id("announcer")).to_have_text("Bob Lindqvist wrote in general")
    await expect(page).to_have_title("(1) incidents · Playground")
    await screenshot(page, "unread")
    await general.click()
    line = page.get_by_role("separator", name="New messages")
    await expect(line).to_be_visible()
    assert await line.evaluate("e => e.nextElementSibling.innerText.includes('psst')")
    await page.reload()
    await expect(general).to_have_accessible_name("general")
    own = slack.people.say("alice", "#incidents", "my own words")
    await web.chat_postMessage(channel=INCIDENTS, text="reply", thread_ts=own.ts)
    await expect(page.get_by_test_id("announcer")).to_have_text("Threadcap replied in a thread of incidents")
    await expect(page.get_by_test_id("channel-incidents")).to_have_accessible_name("incidents")


async def test_list_stays_at_its_newest_or_offers_the_way_there(
    slack: SlackEmulator, web: AsyncWebClient, browser: Browser
) -> None:
    for number in range(40):
        slack.people.say("bob", "#incidents", f"line {number}")
    page = await open_page(browser, slack, viewport={"width": 1280, "height": 600})
    await expect(page.get_by_text("line 39")).to_be_in_viewport()
    await page.get_by_text("line 0", exact=True).scroll_into_view_if_needed()
    newest = page.get_by_test_id("newest")
    await expect(newest).to_be_visible()
    slack.people.say("bob", "#incidents", "later")
    await expect(page.get_by_text("later")).to_have_count(1)
    await expect(page.get_by_text("later")).not_to_be_in_viewport()
    await newest.click()
    await expect(page.get_by_text("later")).to_be_in_viewport()
    await expect(newest).to_have_count(0)
    await page.get_by_text("line 0", exact=True).scroll_into_view_if_needed()
    await web.chat_postEphemeral(channel=INCIDENTS, user=ALICE, text="answer to you")
    await expect(page.get_by_text("answer to you")).to_be_in_viewport()


async def test_threads_tell_who_replied_and_when(slack: SlackEmulator, web: AsyncWebClient, browser: Browser) -> None:
    parent = slack.people.say("alice", "#incidents", "checkout is slow")
    slack.people.say("bob", "#incidents", "on it", thread_ts=parent.ts)
    await web.chat_postMessage(channel=INCIDENTS, text="me too", thread_ts=parent.ts)
    await web.chat_postEphemeral(channel=INCIDENTS, user=ALICE, text="for you", thread_ts=parent.ts)
    page = await open_page(browser, slack)
    replies = page.get_by_test_id(f"thread-open-{parent.ts}")
    await expect(replies).to_contain_text("2 replies Last reply today at")
    await expect(replies.locator(".avatar")).to_have_count(2)
    await expect(page.get_by_text("for you")).to_have_count(0)
    await replies.click()
    await expect(page.get_by_test_id("thread-pane").get_by_text("2 replies")).to_be_visible()
    await expect(page.get_by_text("for you")).to_be_visible()


async def test_reactions_come_and_go(slack: SlackEmulator, web: AsyncWebClient, browser: Browser) -> None:
    message = slack.people.say("bob", "#general", "deployed")
    await web.reactions_add(channel=GENERAL, timestamp=message.ts, name="eyes")
    page = await open_page(browser, slack, "channel=general")
    own = page.get_by_role("button", name=re.compile("eyes: Threadcap$"))
    await own.click()
    both = page.get_by_role("button", name="eyes: Threadcap, Alice Okafor")
    await expect(both).to_contain_text("👀 2")
    await expect(both).to_have_attribute("aria-pressed", "true")
    await both.click()
    await expect(own).to_contain_text("👀 1")
    await page.get_by_test_id(f"message-{message.ts}").hover()
    await page.get_by_test_id(f"react-{message.ts}").click()
    await page.get_by_role("menuitem", name="fire").click()
    await expect(page.get_by_role("button", name="fire: Alice Okafor")).to_contain_text("🔥 1")


async def test_files_go_with_words_and_pictures_open_large(
    slack: SlackEmulator, web: AsyncWebClient, browser: Browser
) -> None:
    page = await open_page(browser, slack)
    chosen = [
        {"name": "graph.png", "mimeType": "image/png", "buffer": PNG},
        {"name": "wrong.txt", "mimeType": "text/plain", "buffer": b"no"},
    ]
    await page.get_by_test_id("upload").set_input_files(chosen)  # type: ignore[arg-type]
    await page.get_by_role("button", name="Remove wrong.txt").click()
    await page.get_by_test_id("composer").fill("see @bob")
    await page.get_by_test_id("send").click()
    picture = page.get_by_role("button", name="graph.png", exact=True)
    await picture.press("Enter")
    viewer = page.get_by_test_id("viewer")
    await expect(viewer).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(viewer).to_have_count(0)
    await expect(picture).to_be_focused()
    (message,) = (await web.conversations_history(channel=INCIDENTS))["messages"]
    assert message["text"] == "see <@U000000BOB>"
    assert [file["name"] for file in message["files"]] == ["graph.png"]
