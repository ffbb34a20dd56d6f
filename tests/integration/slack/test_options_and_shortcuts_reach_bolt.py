"""block_suggestion, global and message shortcuts, and elements of views, as slack_bolt receives them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from slack_bolt.async_app import AsyncApp

from deploy.playground.slack import SlackEmulator
from deploy.playground.slack.errors import SlackError
from deploy.playground.slack.state import ALICE, INCIDENTS

from .bolt import Seen, connected, make_app
from .forms import CONFIG, HOME, MENU, answer_forms, option


@pytest.fixture
def seen() -> Seen:
    return []


@pytest.fixture
async def pair(way: str, seen: Seen) -> AsyncIterator[tuple[SlackEmulator, AsyncApp]]:
    def make(slack: SlackEmulator) -> AsyncApp:
        app = make_app(slack, seen)
        answer_forms(app, seen)
        return app

    async with connected(way, make, config=CONFIG) as pair:
        yield pair


@pytest.fixture
def slack(pair: tuple[SlackEmulator, AsyncApp]) -> SlackEmulator:
    return pair[0]


@pytest.fixture
def app(pair: tuple[SlackEmulator, AsyncApp]) -> AsyncApp:
    return pair[1]


async def test_external_select_takes_only_what_the_app_offered(slack: SlackEmulator, app: AsyncApp, seen: Seen) -> None:
    posted = await app.client.chat_postMessage(channel=INCIDENTS, text="menu", blocks=MENU)
    place = {"channel": INCIDENTS, "ts": posted["ts"]}
    with pytest.raises(SlackError, match="option_not_found"):
        await slack.people.click("alice", INCIDENTS, posted["ts"], "pod", value="web-1")
    assert await slack.people.suggest("alice", place, "pod", "web") == {"options": [option("web-1"), option("web-2")]}
    asked = seen[-1][1]
    assert (asked["type"], asked["value"], asked["block_id"], asked["user"]["id"]) == (
        "block_suggestion", "web", "row", ALICE,
    )  # fmt: skip
    await slack.people.click("alice", INCIDENTS, posted["ts"], "pod", value="web-1")
    assert seen[-1][1]["actions"][0]["selected_option"] == option("web-1")


async def test_options_that_nobody_answers_are_refused() -> None:
    async with SlackEmulator() as slack:
        message = slack.people.say("alice", "#incidents", "menu")
        message.blocks = MENU
        with pytest.raises(SlackError, match="options_timeout"):
            await slack.people.suggest("alice", {"channel": INCIDENTS, "ts": message.ts}, "pod", "web")
        with pytest.raises(SlackError, match="action_not_found"):
            await slack.people.suggest("alice", {"channel": INCIDENTS, "ts": message.ts}, "side", "web")


async def test_more_than_a_hundred_options_are_refused(slack: SlackEmulator, app: AsyncApp) -> None:
    posted = await app.client.chat_postMessage(channel=INCIDENTS, text="menu", blocks=MENU)
    with pytest.raises(SlackError, match="invalid_options") as refused:
        await slack.people.suggest("alice", {"channel": INCIDENTS, "ts": posted["ts"]}, "pod", "many")
    assert refused.value.extra["errors"] == ["no more than 100 items allowed [json-pointer:/options]"]


async def test_menus_and_pickers_send_what_was_chosen(slack: SlackEmulator, app: AsyncApp, seen: Seen) -> None:
    posted = await app.client.chat_postMessage(channel=INCIDENTS, text="menu", blocks=MENU)
    await slack.people.click("bob", INCIDENTS, posted["ts"], "more", value="extend")
    assert seen[-1][1]["actions"][0]["selected_option"]["value"] == "extend"
    values = {"row": {"side": {"type": "static_select", "selected_option": option("client")}}}
    await slack.people.click("bob", INCIDENTS, posted["ts"], "day", value="2030-01-02", values=values)
    assert seen[-1][1]["actions"][0]["selected_date"] == "2030-01-02"
    assert seen[-1][1]["state"]["values"] == values


async def test_shortcuts_arrive_with_a_trigger(slack: SlackEmulator, app: AsyncApp, seen: Seen) -> None:
    await slack.people.shortcut("alice", "new")
    assert slack.people.views.stacks[ALICE][0].shape["callback_id"] == "all"
    message = slack.people.say("bob", "#incidents", "checkout is slow")
    await slack.people.shortcut("alice", "from", "#incidents", message.ts)
    body = next(body for name, body in seen if name == "from")
    assert (body["type"], body["message"]["text"], body["channel"]["id"]) == (
        "message_action", "checkout is slow", INCIDENTS,
    )  # fmt: skip
    assert body["response_url"].startswith(slack.base_url)
    with pytest.raises(SlackError, match="shortcut_not_found"):
        await slack.people.shortcut("alice", "from")


async def test_home_buttons_come_with_their_view(slack: SlackEmulator, app: AsyncApp, seen: Seen) -> None:
    published = await app.client.views_publish(user_id=ALICE, view=HOME)
    await slack.people.use("alice", published["view"]["id"], "stop")
    body = seen[-1][1]
    assert (body["container"]["type"], body["view"]["type"]) == ("view", "home")
    with pytest.raises(SlackError, match="not_found"):
        await slack.people.use("bob", published["view"]["id"], "stop")


async def test_submission_without_an_answer_leaves_the_modal_open(slack: SlackEmulator, app: AsyncApp) -> None:
    await slack.people.shortcut("alice", "new")
    view = slack.people.views.stacks[ALICE][0]
    slack.context.faults.ack_delay = 3.1
    with pytest.raises(SlackError, match="app_did_not_respond"):
        await slack.people.submit("alice", view.id, {"reason": {"reason": {"value": "why not"}}})
    assert slack.people.views.stacks[ALICE] == [view]
