"""Bolt's documented features, each in Socket Mode and over signed HTTP: the app's code is what the documentation shows.

Options, shortcuts and what is pressed in a Home are in test_options_and_shortcuts_reach_bolt; left out, as the emulator
lacks what they need: assistants, custom workflow steps (`function`), the OAuth installation pages.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from slack_bolt.async_app import AsyncAck, AsyncApp, AsyncBoltContext, AsyncRespond, AsyncSay
from slack_bolt.error import BoltError
from slack_sdk.web.async_client import AsyncWebClient

from deploy.playground.slack import SlackEmulator
from deploy.playground.slack.state import ALICE, BOB, BOT_USER, INCIDENTS, TEAM_ID

from .bolt import connected, until
from .forms import CONFIG, field, plain

Json = dict[str, Any]


@pytest.fixture
async def pair(way: str) -> AsyncIterator[tuple[SlackEmulator, AsyncApp]]:
    async with connected(way, config=CONFIG) as pair:
        yield pair


@pytest.fixture
def slack(pair: tuple[SlackEmulator, AsyncApp]) -> SlackEmulator:
    return pair[0]


@pytest.fixture
def app(pair: tuple[SlackEmulator, AsyncApp]) -> AsyncApp:
    return pair[1]


def said(slack: SlackEmulator, channel: str = INCIDENTS) -> list[str]:
    """What the app said in the channel, oldest first."""
    return [m.text for m in slack.workspace.messages[channel] if m.bot]


def button(action_id: str, value: str = "1") -> Json:
    return {"type": "button", "action_id": action_id, "value": value, "text": plain("Go")}


def form(title: str, **more: Any) -> Json:
    fields = [field("why", {"type": "plain_text_input"})]
    return {
        "type": "modal",
        "callback_id": "form",
        "title": plain(title),
        "submit": plain("Go"),
        "blocks": fields,
    } | more


async def opened(slack: SlackEmulator, app: AsyncApp, **more: Any) -> str:
    """The id of a modal of alice's that the app opened."""
    answer = await app.client.views_open(trigger_id=slack.people.triggers.issue(ALICE), view=form("First", **more))
    return str(answer["view"]["id"])


def titles(slack: SlackEmulator) -> list[str]:
    return [view.shape["title"]["text"] for view in slack.people.views.stacks[ALICE]]


WHY = {"why": {"why": {"type": "plain_text_input", "value": "because"}}}


async def test_message_listeners_by_word_and_by_pattern(slack: SlackEmulator, app: AsyncApp) -> None:
    @app.message("hello")
    async def greet(message: Json, say: AsyncSay) -> None:
        await say(f"hello <@{message['user']}>")

    @app.message(re.compile(r"capture (\w+)$"))
    async def capture(context: AsyncBoltContext, say: AsyncSay, message: Json) -> None:
        await say(text=context["matches"][0], thread_ts=message["ts"])

    slack.people.say("alice", "#incidents", "hello there")
    asked = slack.people.say("bob", "#incidents", "please capture checkout")
    await until(lambda: sorted(said(slack)) == ["checkout", f"hello <@{ALICE}>"])
    assert [m.text for m in slack.workspace.replies(INCIDENTS, asked.ts)][1:] == ["checkout"]


async def test_event_listener_answers_in_a_direct_message(slack: SlackEmulator, app: AsyncApp) -> None:
    @app.event({"type": "message", "subtype": None})
    async def direct(event: Json, say: AsyncSay) -> None:
        if event["channel_type"] == "im":
            await say(event["text"])

    message = slack.people.say("alice", slack.workspace.direct_message(ALICE).id, "are you there")
    await until(lambda: said(slack, message.channel) == ["are you there"])


async def test_command_acknowledges_with_text_and_responds(slack: SlackEmulator, app: AsyncApp) -> None:
    @app.command("/capture")
    async def capture(ack: AsyncAck, respond: AsyncRespond, command: Json, client: AsyncWebClient) -> None:
        await ack(f"working on {command['text']}")
        await respond("only you see this")
        await respond("all see this", response_type="in_channel")
        await client.chat_postEphemeral(channel=command["channel_id"], user=BOB, text="and only bob this")

    await slack.people.command("alice", "#incidents", "/capture web")
    wanted = [(BOB, "and only bob this"), (ALICE, "only you see this"), (ALICE, "working on web")]
    await until(lambda: sorted((m.ephemeral_to or "", m.text) for m in slack.workspace.ephemerals) == wanted)
    assert said(slack) == ["all see this"]


async def test_action_constraints_choose_the_listener(slack: SlackEmulator, app: AsyncApp) -> None:
    pressed: list[str] = []

    @app.action({"block_id": "first", "action_id": re.compile("^go")})
    async def first(ack: AsyncAck, action: Json, respond: AsyncRespond) -> None:
        await ack()
        pressed.append(f"first {action['value']}")
        await respond("done", replace_original=True)

    @app.block_action("go_on")
    async def second(ack: AsyncAck, payload: Json) -> None:
        await ack()
        pressed.append(f"second {payload['value']}")

    blocks = [
        {"type": "actions", "block_id": name, "elements": [button("go_on", name)]} for name in ("second", "first")
    ]
    card = await app.client.chat_postMessage(channel=INCIDENTS, text="card", blocks=blocks)
    for block in ("second", "first"):
        await slack.people.click("bob", "#incidents", card["ts"], "go_on", block_id=block)
    await until(lambda: said(slack) == ["done"])
    assert pressed == ["second second", "first first"]


@pytest.mark.parametrize(
    ("answer", "left"),
    [
        ({"response_action": "errors", "errors": {"why": "Say more"}}, ["First"]),
        ({"response_action": "update", "view": form("Second")}, ["Second"]),
        ({"response_action": "push", "view": form("Second")}, ["First", "Second"]),
        ({"response_action": "clear"}, []),
        ({}, []),
    ],
    ids=["errors", "update", "push", "clear", "nothing"],
)
async def test_submission_is_answered_in_the_ack(
    slack: SlackEmulator, app: AsyncApp, answer: Json, left: list[str]
) -> None:
    @app.view("form")
    async def submitted(ack: AsyncAck, view: Json) -> None:
        assert view["state"]["values"] == WHY
        await ack(**answer)

    changes: list[Json] = []
    view_id = await opened(slack, app)
    slack.workspace.listen(changes.append)
    await slack.people.submit("alice", view_id, WHY)
    assert titles(slack) == left
    errors = [change["errors"] for change in changes if change["type"] == "view_errors"]
    assert errors == ([answer["errors"]] if "errors" in answer else [])


async def test_modals_are_pushed_updated_and_closed(slack: SlackEmulator, app: AsyncApp) -> None:
    closed: list[tuple[str, bool]] = []

    @app.action("more")
    async def more(ack: AsyncAck, body: Json, client: AsyncWebClient) -> None:
        await ack()
        await client.views_push(trigger_id=body["trigger_id"], view=form("Second", notify_on_close=True))
        await client.views_update(view_id=body["view"]["id"], hash=body["view"]["hash"], view=form("Updated"))

    @app.view_closed("form")
    async def gone(ack: AsyncAck, body: Json) -> None:
        await ack()
        closed.append((body["view"]["title"]["text"], body["is_cleared"]))

    blocks = [{"type": "actions", "elements": [button("more")]}, *form("x")["blocks"]]
    first = await opened(slack, app, blocks=blocks, notify_on_close=True)
    await slack.people.use("alice", first, "more")
    await until(lambda: titles(slack) == ["Updated", "Second"])
    top = slack.people.views.stacks[ALICE][-1]
    await slack.people.close_view("alice", top.id)
    assert (titles(slack), closed) == (["Updated"], [("Second", False)])
    await slack.people.close_view("alice", first)
    assert closed == [("Second", False)], "the updated view did not ask to be told"
    await slack.people.close_view("alice", await opened(slack, app, notify_on_close=True), everything=True)
    assert closed[1:] == [("First", True)]


async def test_home_is_published_when_somebody_looks(slack: SlackEmulator, app: AsyncApp) -> None:
    @app.event("app_home_opened")
    async def home(event: Json, client: AsyncWebClient) -> None:
        blocks = [{"type": "header", "text": plain(f"For {event['user']}")}]
        await client.views_publish(user_id=event["user"], view={"type": "home", "blocks": blocks})

    slack.people.open_home("alice")
    await until(lambda: ALICE in slack.people.views.homes)
    assert slack.people.views.homes[ALICE].shape["blocks"][0]["text"]["text"] == f"For {ALICE}"


async def test_middleware_matchers_and_context(slack: SlackEmulator, app: AsyncApp) -> None:
    order: list[str] = []

    @app.use
    async def everywhere(context: AsyncBoltContext, next: Any) -> None:  # noqa: A002 - Bolt hands it over by this name
        context["greeting"] = "hello"
        order.append("global")
        await next()

    async def here(context: AsyncBoltContext, next: Any) -> None:  # noqa: A002
        order.append(f"listener {context['greeting']}")
        await next()

    async def by_bob(body: Json) -> bool:
        return bool(body["user_id"] == BOB)

    @app.command("/capture", matchers=[by_bob], middleware=[here])
    async def for_bob(ack: AsyncAck, context: AsyncBoltContext) -> None:
        order.append(f"{context.team_id} {context.user_id} {context.channel_id} {context.bot_user_id}")
        await ack()

    @app.command("/capture")
    async def for_others(ack: AsyncAck) -> None:
        order.append("others")
        await ack()

    await slack.people.command("bob", "#incidents", "/capture web")
    await slack.people.command("alice", "#incidents", "/capture web")
    assert order == ["global", "listener hello", f"{TEAM_ID} {BOB} {INCIDENTS} {BOT_USER}", "global", "others"]


async def test_error_handler_gets_what_a_listener_raised(slack: SlackEmulator, app: AsyncApp) -> None:
    seen: list[str] = []

    @app.event("app_mention")
    async def broken() -> None:
        raise BoltError("out of order")

    @app.error
    async def report(error: Exception, body: Json) -> None:
        seen.append(f"{body['event']['text']}: {error}")

    slack.people.say("alice", "#incidents", "@threadcap hello")
    await until(lambda: seen == [f"<@{BOT_USER}> hello: out of order"])
    await until(lambda: all(e["acked"] for e in slack.context.journal.find("delivery", "app_mention")))


async def test_lazy_listener_works_on_after_the_ack(slack: SlackEmulator, app: AsyncApp) -> None:
    acked = asyncio.Event()

    async def at_once(ack: AsyncAck) -> None:
        await ack("a moment")

    async def later(respond: AsyncRespond) -> None:
        await acked.wait()
        await respond("done")

    app.command("/capture")(ack=at_once, lazy=[later])
    await slack.people.command("alice", "#incidents", "/capture web")
    assert [m.text for m in slack.workspace.ephemerals] == ["a moment"]
    acked.set()
    await until(lambda: [m.text for m in slack.workspace.ephemerals] == ["a moment", "done"])


async def test_what_no_listener_takes_is_not_acknowledged(slack: SlackEmulator, app: AsyncApp) -> None:
    card = await app.client.chat_postMessage(
        channel=INCIDENTS, text="card", blocks=[{"type": "actions", "elements": [button("unknown")]}]
    )
    await slack.people.click("alice", "#incidents", card["ts"], "unknown")
    assert slack.workspace.ephemerals[-1].text.startswith("This app")
