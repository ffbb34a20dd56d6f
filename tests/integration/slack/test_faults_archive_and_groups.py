"""Events out of order, archived channels, user groups, and the strict rate of history."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from deploy.playground.slack import SlackEmulator
from deploy.playground.slack.errors import SlackError
from deploy.playground.slack.state import ALICE, INCIDENTS, PRIVATE_ROOM

from .bolt import Seen, make_app, socket_app, until


async def control(slack: SlackEmulator, session: aiohttp.ClientSession, what: str, body: dict[str, Any]) -> None:
    async with session.post(f"{slack.base_url}/_control/{what}", json=body) as answer:
        assert answer.status == 200


async def test_events_arrive_out_of_order(slack: SlackEmulator, session: aiohttp.ClientSession) -> None:
    seen: Seen = []
    async with socket_app(slack, make_app(slack, seen)):
        await control(slack, session, "faults", {"reorder_events": 1})
        for text in ("first", "second", "third"):
            slack.people.say("alice", "#incidents", text)
        await until(lambda: len(seen) == 3)
    texts = [body["event"]["text"] for _, body in seen]
    assert texts.index("second") < texts.index("first")


async def test_held_event_comes_even_when_nothing_follows(slack: SlackEmulator) -> None:
    seen: Seen = []
    slack.context.faults.reorder_events = 1
    async with socket_app(slack, make_app(slack, seen)):
        slack.people.say("alice", "#incidents", "alone")
        await until(lambda: seen)


async def test_archived_channel_is_read_only(
    slack: SlackEmulator, web: AsyncWebClient, session: aiohttp.ClientSession
) -> None:
    parent = slack.people.say("alice", "#incidents", "before")
    await control(slack, session, "archive", {"channel": "incidents"})
    with pytest.raises(SlackApiError, match="is_archived"):
        await web.chat_postMessage(channel=INCIDENTS, text="x")
    with pytest.raises(SlackError, match="is_archived"):
        slack.people.say("alice", "#incidents", "after")
    with pytest.raises(SlackError, match="is_archived"):
        await slack.people.command("alice", "#incidents", "/capture web")
    assert (await web.conversations_info(channel=INCIDENTS))["channel"]["is_archived"]
    assert len((await web.conversations_replies(channel=INCIDENTS, ts=parent.ts))["messages"]) == 1
    assert INCIDENTS not in [c["id"] for c in (await web.conversations_list(exclude_archived=True))["channels"]]
    await control(slack, session, "archive", {"channel": "incidents", "archived": False})
    assert (await web.chat_postMessage(channel=INCIDENTS, text="x"))["ok"]


async def test_private_channel_is_heard_once_the_app_is_invited(
    slack: SlackEmulator, web: AsyncWebClient, session: aiohttp.ClientSession
) -> None:
    seen: Seen = []
    async with socket_app(slack, make_app(slack, seen)):
        slack.people.say("alice", "#private-room", "@threadcap before")
        await slack.people.command("alice", "#private-room", "/invite @threadcap")
        slack.people.say("alice", "#private-room", "@threadcap after")
        await until(lambda: seen)
    assert [body["event"]["text"] for _, body in seen] == ["<@U0THREADCP> after"]
    assert (await web.chat_postMessage(channel=PRIVATE_ROOM, text="x"))["ok"]
    with pytest.raises(SlackError, match="already_in_channel"):
        await slack.people.command("alice", "#private-room", "/invite @threadcap")


async def test_user_groups_are_listed_and_mentioned(slack: SlackEmulator, web: AsyncWebClient) -> None:
    groups = (await web.usergroups_list(include_users=True))["usergroups"]
    oncall = next(group for group in groups if group["handle"] == "oncall")
    assert ALICE in oncall["users"]
    assert slack.people.say("bob", "#incidents", "ask @oncall").text == f"ask <!subteam^{oncall['id']}>"


async def test_strict_history_takes_one_call_a_minute_and_fifteen_messages(
    slack: SlackEmulator, web: AsyncWebClient, session: aiohttp.ClientSession
) -> None:
    parent = slack.people.say("alice", "#incidents", "0")
    for number in range(20):
        slack.people.say("alice", "#incidents", str(number), parent.ts)
    await control(slack, session, "faults", {"strict_history": True})
    thread = await web.conversations_replies(channel=INCIDENTS, ts=parent.ts, limit=200)
    assert (len(thread["messages"]), thread["has_more"]) == (15, True)
    with pytest.raises(SlackApiError) as refused:
        await web.conversations_replies(channel=INCIDENTS, ts=parent.ts)
    assert refused.value.response.status_code == 429
    slack.context.clock.advance(60)
    assert (await web.conversations_replies(channel=INCIDENTS, ts=parent.ts))["ok"]
