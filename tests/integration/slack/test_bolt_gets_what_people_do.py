"""What slack_bolt's AsyncApp is told, either way: commands, mentions, clicks; and acks, retries, reconnects."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from deploy.playground.slack import AppConfig, SlackEmulator
from deploy.playground.slack.errors import SlackError
from deploy.playground.slack.state import ALICE, BOT_USER, INCIDENTS

from .bolt import Seen, connected, make_app, socket_app, until

CARD: list[dict[str, Any]] = [
    {
        "type": "actions",
        "elements": [
            {"type": "button", "action_id": "stop", "value": "job-1", "text": {"type": "plain_text", "text": "Stop"}}
        ],
    }
]


def names(seen: Seen) -> list[str]:
    return [name for name, _ in seen]


async def test_command_text_arrives_mangled(way: str) -> None:
    seen: Seen = []
    async with connected(way, lambda slack: make_app(slack, seen)) as (slack, _):
        await slack.people.command("alice", "#incidents", '/capture web --for 30s "port 443" http://a.b/c & @bob')
    body = seen[0][1]
    assert body["text"] == "web –for 30s “port 443” <http://a.b/c> &amp; <@U000000BOB|bob>"
    assert (body["user_id"], body["channel_id"]) == (ALICE, INCIDENTS)


async def test_commands_do_not_run_in_threads_nor_unknown_ones(slack: SlackEmulator) -> None:
    parent = slack.people.say("alice", "#incidents", "hello")
    with pytest.raises(SlackError, match="command_not_allowed_in_thread"):
        await slack.people.command("alice", "#incidents", "/capture web", parent.ts)
    with pytest.raises(SlackError, match="unknown_command"):
        await slack.people.command("alice", "#incidents", "/frobnicate web")


async def test_slow_ack_is_told_to_the_user_alone(slack: SlackEmulator) -> None:
    seen: Seen = []
    async with socket_app(slack, make_app(slack, seen, stall=3.3)):
        await slack.people.command("alice", "#incidents", "/capture web")
        note = slack.workspace.ephemerals[-1]
        assert note.text == '/capture failed with the error "operation_timeout"'
        assert note.ephemeral_to == ALICE
        await until(lambda: slack.sockets.connected)
    assert len(slack.context.journal.find("delivery", "/capture")) == 1


async def test_ack_lost_on_its_way_looks_like_a_timeout_though_it_worked(slack: SlackEmulator) -> None:
    seen: Seen = []
    slack.context.faults.ack_delay = 3.1
    async with socket_app(slack, make_app(slack, seen)):
        await slack.people.command("alice", "#incidents", "/capture web")
    assert names(seen) == ["command"]
    assert "operation_timeout" in slack.workspace.ephemerals[-1].text


async def test_command_without_an_app_says_dispatch_failed(slack: SlackEmulator) -> None:
    await slack.people.command("alice", "#incidents", "/capture web")
    assert "dispatch_failed" in slack.workspace.ephemerals[-1].text


async def test_mention_arrives_as_mention_and_as_message(way: str) -> None:
    seen: Seen = []
    async with connected(way, lambda slack: make_app(slack, seen)) as (slack, _):
        parent = slack.people.say("alice", "#incidents", "is it us?")
        slack.people.say("bob", "#incidents", "@threadcap capture web", parent.ts)
        await until(lambda: len(seen) == 3)
    mention = next(body for name, body in seen if name == "app_mention")
    assert mention["event"]["text"] == f"<@{BOT_USER}> capture web"
    assert mention["event"]["thread_ts"] == parent.ts
    assert sorted(names(seen)) == ["app_mention", "message", "message"]
    assert len({body["event_id"] for _, body in seen}) == 3


async def test_nothing_is_heard_of_channels_without_the_app(slack: SlackEmulator) -> None:
    seen: Seen = []
    async with socket_app(slack, make_app(slack, seen)):
        slack.people.say("alice", "#private-room", "@threadcap capture web")
        slack.people.say("alice", "#incidents", "hello")
        await until(lambda: seen)
    assert names(seen) == ["message"]


async def test_duplicated_event_keeps_its_event_id(slack: SlackEmulator) -> None:
    seen: Seen = []
    slack.context.faults.duplicate_events = 1
    async with socket_app(slack, make_app(slack, seen)):
        slack.people.say("alice", "#incidents", "once")
        await until(lambda: len(seen) == 2)
    assert seen[0][1]["event_id"] == seen[1][1]["event_id"]


async def test_unacknowledged_event_is_retried_at_once_then_after_one_and_five_minutes(slack: SlackEmulator) -> None:
    slack.people.say("alice", "#incidents", "nobody listens")

    def tries() -> list[int]:
        return [e["retry_num"] for e in slack.context.journal.find("delivery", "message")]

    await until(lambda: tries() == [0, 1])
    slack.context.clock.advance(59)
    await asyncio.sleep(0)
    assert tries() == [0, 1]
    slack.context.clock.advance(1)
    await until(lambda: tries() == [0, 1, 2])
    slack.context.clock.advance(300)
    await until(lambda: tries() == [0, 1, 2, 3])


async def test_click_carries_trigger_and_response_url(way: str) -> None:
    seen: Seen = []
    async with connected(way, lambda slack: make_app(slack, seen)) as (slack, app):
        posted = await app.client.chat_postMessage(channel=INCIDENTS, text="card", blocks=CARD)
        await slack.people.click("bob", "#incidents", posted["ts"], "stop")
        body = next(body for name, body in seen if name == "stop")
    assert body["actions"][0]["value"] == "job-1"
    assert body["user"]["username"] == "bob"
    assert body["message"]["ts"] == posted["ts"]
    assert body["trigger_id"]
    assert body["response_url"].startswith(slack.base_url)


async def test_socket_refresh_loses_nothing(slack: SlackEmulator) -> None:
    seen: Seen = []
    async with socket_app(slack, make_app(slack, seen)):
        await slack.sockets.refresh()
        slack.people.say("alice", "#incidents", "during the refresh")
        await until(lambda: seen)
        assert seen[0][1]["event"]["text"] == "during the refresh"
        # the library ends its old socket first, then opens the new one
        await until(lambda: [e["name"] for e in slack.context.journal.find("socket")] == ["open", "close", "open"])


async def test_dropped_socket_is_reopened_by_the_client(slack: SlackEmulator) -> None:
    seen: Seen = []
    async with socket_app(slack, make_app(slack, seen)):
        assert await slack.sockets.drop() == 1
        await until(lambda: slack.sockets.connected == 0)
        await slack.sockets.wait_connected()
        await slack.people.command("alice", "#incidents", "/capture web")
        assert names(seen) == ["command"]


async def test_manifest_decides_what_is_heard() -> None:
    manifest = {
        "features": {"slash_commands": [{"command": "/pcap", "usage_hint": "TARGET"}]},
        "oauth_config": {"scopes": {"bot": ["chat:write", "app_mentions:read"]}},
        "settings": {"event_subscriptions": {"bot_events": ["app_mention"]}},
    }
    seen: Seen = []
    async with (
        SlackEmulator(config=AppConfig.from_manifest(manifest)) as slack,
        socket_app(slack, make_app(slack, seen)),
    ):
        slack.people.say("alice", "#incidents", "hello")
        slack.people.say("alice", "#incidents", "@threadcap hello")
        await until(lambda: seen)
    assert names(seen) == ["app_mention"]


async def test_apps_own_posts_and_edits_come_back_and_bolt_ignores_them(slack: SlackEmulator) -> None:
    seen: Seen = []
    app = make_app(slack, seen)
    async with socket_app(slack, app):
        posted = await app.client.chat_postMessage(channel=INCIDENTS, text="card")
        await app.client.chat_update(channel=INCIDENTS, ts=posted["ts"], text="card, edited")
        await app.client.chat_delete(channel=INCIDENTS, ts=posted["ts"])

        def acked() -> list[Any]:
            deliveries = slack.context.journal.find("delivery", "message")
            return [e["payload"]["event"].get("subtype") for e in deliveries if e["acked"]]

        await until(lambda: acked() == [None, "message_changed", "message_deleted"])
    assert seen == []
