"""One app in two workspaces: Bolt finds each one's token, and what is known in one is unknown in the other."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from slack_bolt.async_app import AsyncApp, AsyncBoltContext, AsyncSay
from slack_bolt.authorization import AuthorizeResult
from slack_sdk.errors import SlackApiError
from slack_sdk.oauth.installation_store import FileInstallationStore, Installation
from slack_sdk.web.async_client import AsyncWebClient

from deploy.playground.slack import PARTNER, AppConfig, SlackEmulator
from deploy.playground.slack.context import DEFAULT_EVENTS
from deploy.playground.slack.seed import DAVE, OUTAGES
from deploy.playground.slack.state import ALICE, INCIDENTS, TEAM_ID

from .bolt import connected, until

CONFIG = AppConfig(events=(*DEFAULT_EVENTS, "tokens_revoked", "app_uninstalled"))
Make = Callable[[SlackEmulator], AsyncApp]


def with_authorize(slack: SlackEmulator) -> AsyncApp:
    async def authorize(enterprise_id: str | None, team_id: str) -> AuthorizeResult:
        there = slack.installed.all[team_id]
        return AuthorizeResult(
            enterprise_id=enterprise_id, team_id=team_id, bot_token=there.bot_token,
            bot_user_id=there.workspace.bot_user, bot_id=there.workspace.team.bot_id,
        )  # fmt: skip

    client = AsyncWebClient(base_url=slack.api_url)
    return AsyncApp(client=client, signing_secret=slack.signing_secret, authorize=authorize)


def with_store(slack: SlackEmulator, folder: Path) -> AsyncApp:
    store = FileInstallationStore(base_dir=str(folder))
    for team_id, there in slack.installed.all.items():
        installation = Installation(
            user_id="U1", team_id=team_id, bot_token=there.bot_token, bot_user_id=there.workspace.bot_user
        )
        store.save(installation)
    client = AsyncWebClient(base_url=slack.api_url)
    return AsyncApp(client=client, signing_secret=slack.signing_secret, installation_store=store)


@pytest.fixture(params=["authorize", "installation store"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    return with_authorize if request.param == "authorize" else lambda slack: with_store(slack, tmp_path)


@pytest.fixture
async def both() -> AsyncIterator[SlackEmulator]:
    async with SlackEmulator(others=(PARTNER,), config=CONFIG) as slack:
        yield slack


async def test_bolt_answers_each_workspace_with_its_own_token(way: str, make: Make) -> None:
    async with connected(way, make, others=(PARTNER,)) as (slack, app):

        @app.event("app_mention")
        async def mention(context: AsyncBoltContext, say: AsyncSay) -> None:
            await say(f"here is {context.team_id} for {context.user_id}")

        partner = slack.at(PARTNER)
        slack.people.say("alice", "#incidents", "@threadcap hello")
        partner.people.say("dave", "#outages", "@threadcap hello")
        for workspace, channel, words in (
            (slack.workspace, INCIDENTS, f"here is {TEAM_ID} for {ALICE}"),
            (partner.workspace, OUTAGES, f"here is {PARTNER.team.id} for {DAVE}"),
        ):
            await until(lambda w=workspace, c=channel: len(w.messages[c]) == 2)
            assert [m.text for m in workspace.messages[channel] if m.bot] == [words]
        calls = slack.context.journal.find("call", "chat.postMessage")
        assert {call["team"] for call in calls} == {TEAM_ID, PARTNER.team.id}


async def test_ids_of_one_are_unknown_in_the_other(both: SlackEmulator, session: aiohttp.ClientSession) -> None:
    partner = both.at(PARTNER)
    theirs = partner.people.say("dave", "#outages", "ours")
    there = AsyncWebClient(token=partner.bot_token, base_url=both.api_url, session=session)
    here = AsyncWebClient(token=both.bot_token, base_url=both.api_url, session=session)
    ticket = await there.files_getUploadURLExternal(filename="a.txt", length=1)
    async with session.post(ticket["upload_url"], data=b"x") as answer:
        assert answer.status == 200
    await there.files_completeUploadExternal(files=[{"id": ticket["file_id"]}])
    view = {"type": "modal", "title": {"type": "plain_text", "text": "x"}, "blocks": []}
    opened = await there.views_open(trigger_id=partner.people.triggers.issue(DAVE), view=view)
    trigger = partner.people.triggers.issue(DAVE)
    refusals: list[tuple[Any, str]] = [
        (here.chat_postMessage(channel=OUTAGES, text="x"), "channel_not_found"),
        (here.conversations_info(channel=OUTAGES), "channel_not_found"),
        (here.chat_update(channel=INCIDENTS, ts=theirs.ts, text="x"), "message_not_found"),
        (here.users_info(user=DAVE), "user_not_found"),
        (here.files_info(file=ticket["file_id"]), "file_not_found"),
        (here.views_open(trigger_id=trigger, view=view), "invalid_trigger_id"),
        (here.views_update(view_id=opened["view"]["id"], view=view), "not_found"),
        (there.usergroups_users_list(usergroup="S0ONCALLENG"), "no_such_subteam"),
    ]
    for call, error in refusals:
        with pytest.raises(SlackApiError, match=error):
            await call
    url = (await there.files_info(file=ticket["file_id"]))["file"]["url_private"]
    async with session.get(url, headers={"Authorization": f"Bearer {both.bot_token}"}) as answer:
        assert answer.status == 403
    assert both.workspace.messages[INCIDENTS] == []


async def test_rates_are_counted_by_workspace(both: SlackEmulator, session: aiohttp.ClientSession) -> None:
    both.context.limits.force("users.info", 1)
    for place, person, refused in ((both.at(PARTNER), DAVE, False), (both.installed.home, ALICE, True)):
        web = AsyncWebClient(token=place.bot_token, base_url=both.api_url, session=session)
        if refused:
            with pytest.raises(SlackApiError, match="ratelimited"):
                await web.users_info(user=person)
        else:
            assert (await web.users_info(user=person))["ok"]


async def test_withdrawn_app_is_told_and_refused_there_alone(
    both: SlackEmulator, session: aiohttp.ClientSession
) -> None:
    body = {"team": PARTNER.team.id, "error": "account_inactive"}
    async with session.post(f"{both.base_url}/_control/withdraw", json=body) as answer:
        assert answer.status == 200
    there = AsyncWebClient(token=both.at(PARTNER).bot_token, base_url=both.api_url, session=session)
    with pytest.raises(SlackApiError, match="account_inactive"):
        await there.auth_test()
    here = AsyncWebClient(token=both.bot_token, base_url=both.api_url, session=session)
    assert (await here.auth_test())["team_id"] == TEAM_ID
    for name in ("tokens_revoked", "app_uninstalled"):
        await until(lambda name=name: both.context.journal.find("delivery", name))
        assert {e["team"] for e in both.context.journal.find("delivery", name)} == {PARTNER.team.id}
    async with session.post(f"{both.base_url}/_control/reset", json={}) as answer:
        assert answer.status == 200
    assert (await there.auth_test())["team_id"] == PARTNER.team.id


async def test_control_shows_both_workspaces(both: SlackEmulator, session: aiohttp.ClientSession) -> None:
    both.at(PARTNER).people.say("dave", "#outages", "ours")
    async with session.get(f"{both.base_url}/_control/state") as answer:
        state = await answer.json()
    assert state["team"]["id"] == TEAM_ID
    assert [m["text"] for m in state["teams"][PARTNER.team.id]["messages"][OUTAGES]] == ["ours"]
    ids = [{u["id"] for u in team["users"]} | set(team["messages"]) for team in state["teams"].values()]
    assert ids[0] & ids[1] == set()
