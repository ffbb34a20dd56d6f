"""One row a limit: how it is provoked, and the error that Slack documents for it (after a colon, its explanation).

Errors of the Web API and of response_url are Slack's strings. What Slack shows to people without a documented
string (a command in a thread, a submission nobody answers) is in the tests of what people do. Not here because it
has no error at all: single delivery, order, ephemeral visibility; see test_faults_archive_and_groups,
test_deliveries_follow_slacks_rules and test_web_api_speaks_slack_sdk.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from deploy.playground.slack import AppConfig, SlackEmulator
from deploy.playground.slack.errors import SlackError
from deploy.playground.slack.methods import TABLE
from deploy.playground.slack.state import ALICE, BOT_USER, GENERAL, INCIDENTS, PRIVATE_ROOM

from .forms import field, option, plain

Json = dict[str, Any]
SECTION = {"type": "section", "text": {"type": "mrkdwn", "text": "x" * 2900}}
CHART = {
    "type": "data_visualization", "title": "x",
    "chart": {"type": "pie", "segments": [{"label": "TCP", "value": 1}]},
}  # fmt: skip

MENU = {"type": "static_select", "options": [option("x")] * 101}
HOME: Json = {"type": "home", "blocks": []}


def modal(**more: Any) -> Json:
    return {"type": "modal", "title": plain("x"), "blocks": []} | more


@dataclass
class Lab:
    """One workspace and a client of its app."""

    slack: SlackEmulator
    web: AsyncWebClient
    session: aiohttp.ClientSession

    async def call(self, method: str, **args: Any) -> Any:
        return await self.web.api_call(method, json=args)

    async def read(self, method: str, **args: Any) -> Any:
        return await self.web.api_call(method, params=args)

    async def post(self, **args: Any) -> Any:
        return await self.call("chat.postMessage", **{"channel": INCIDENTS, "text": "x"} | args)

    async def open(self, method: str = "views.open", **view: Any) -> Any:
        return await self.call(method, trigger_id=self.slack.people.triggers.issue(ALICE), view=modal(**view))

    async def many(self, times: int, method: str, **args: Any) -> Any:
        """The same call again and again, on a clock that stands still; the last one raises."""
        self.slack.context.clock.stop()
        for _ in range(times - 1):
            await self.web.api_call(method, params=args)
        await self.web.api_call(method, params=args)

    async def response(self, url: str) -> None:
        async with self.session.post(url, json={"text": "x"}) as answer:
            if answer.status != 200:
                raise SlackError((await answer.json())["error"], status=answer.status)

    async def upload(self, name: str, sent: int = 1) -> str:
        ticket = await self.read("files.getUploadURLExternal", filename=name, length=1)
        async with self.session.post(ticket["upload_url"], data=b"x" * sent):
            return str(ticket["file_id"])


async def with_token(lab: Lab, token: str | None, method: str = "users.info") -> None:
    lab.web.token = token
    await lab.read(method, user=ALICE)


async def revoked(lab: Lab) -> None:
    assert (await lab.call("auth.revoke", test=True))["revoked"] is False
    await lab.call("auth.revoke")
    await lab.call("auth.test")


async def app_removed(lab: Lab) -> None:
    lab.slack.installed.home.withdraw()
    await lab.call("auth.test")


async def trigger(lab: Lab, seconds: float, times: int = 1) -> None:
    trigger_id = lab.slack.people.triggers.issue(ALICE)
    lab.slack.context.clock.advance(seconds)
    for _ in range(times):
        await lab.call("views.open", trigger_id=trigger_id, view=modal())


async def responses(lab: Lab, times: int, seconds: float = 0.0) -> None:
    url = lab.slack.people.responses.issue(ALICE, INCIDENTS)
    lab.slack.context.clock.advance(seconds)
    for _ in range(times):
        await lab.response(url)


async def fourth_view(lab: Lab) -> None:
    await lab.open()
    for _ in range(3):
        await lab.open("views.push")


async def stale_hash(lab: Lab) -> None:
    opened = (await lab.open())["view"]
    for _ in range(2):
        await lab.call("views.update", view_id=opened["id"], hash=opened["hash"], view=modal())


async def stale_home(lab: Lab) -> None:
    old = (await lab.call("views.publish", user_id=ALICE, view=HOME))["view"]["hash"]
    for _ in range(2):
        await lab.call("views.publish", user_id=ALICE, hash=old, view=HOME)


async def same_external_id(lab: Lab) -> None:
    await lab.open(external_id="one")
    await lab.open("views.push", external_id="one")


async def of_another(lab: Lab, method: str) -> None:
    message = lab.slack.people.say("bob", "#incidents", "mine")
    await lab.call(method, channel=INCIDENTS, ts=message.ts, text="x")


async def long_update(lab: Lab) -> None:
    await lab.call("chat.update", channel=INCIDENTS, ts=(await lab.post())["ts"], text="x" * 4001)


async def archived(lab: Lab) -> None:
    lab.slack.workspace.channels[GENERAL].is_archived = True
    await lab.post(channel=GENERAL)


async def archived_meanwhile(lab: Lab) -> None:
    posted = await lab.post()
    lab.slack.workspace.channels[INCIDENTS].is_archived = True
    await lab.call("chat.update", channel=INCIDENTS, ts=posted["ts"], text="y")


async def not_invited(lab: Lab, method: str) -> None:
    lab.slack.workspace.channels[GENERAL].members.discard(BOT_USER)
    await lab.read(method, channel=GENERAL, text="x")


async def outsider(lab: Lab) -> None:
    lab.slack.workspace.channels[INCIDENTS].members.discard(ALICE)
    await lab.call("chat.postEphemeral", channel=INCIDENTS, user=ALICE, text="x")


async def by_name_and_id(lab: Lab) -> None:
    lab.slack.context.clock.stop()
    for channel in (INCIDENTS, "#incidents", INCIDENTS, "#incidents"):
        await lab.post(channel=channel)


async def unready_picture(lab: Lab) -> None:
    lab.slack.context.attach_delay = 600.0
    file_id = await lab.upload("chart.png")
    await lab.call("files.completeUploadExternal", files=[{"id": file_id}])
    await lab.post(blocks=[{"type": "image", "slack_file": {"id": file_id}, "alt_text": "x"}])


async def short_upload(lab: Lab) -> None:
    file_id = await lab.upload("a.pcap", sent=2)
    await lab.call("files.completeUploadExternal", files=[{"id": file_id}])


async def uploaded_twice(lab: Lab) -> None:
    file_id = await lab.upload("a.pcap")
    for _ in range(2):
        await lab.call("files.completeUploadExternal", files=[{"id": file_id}])


LIMITS: dict[str, tuple[Callable[[Lab], Awaitable[object]], str]] = {
    # who asks
    "no token": (lambda lab: with_token(lab, None), "not_authed"),
    "a token nobody made": (lambda lab: with_token(lab, "xoxb-nobody"), "invalid_auth"),
    "the bot's token for the app's": (lambda lab: lab.call("apps.connections.open"), "not_allowed_token_type"),
    "the app's token for the bot's": (lambda lab: with_token(lab, lab.slack.app_token), "not_allowed_token_type"),
    "a revoked token": (revoked, "token_revoked"),
    "the app was removed": (app_removed, "account_inactive"),
    "a method that is none": (lambda lab: lab.call("chat.postMessages"), "unknown_method"),
    "a JSON body where only forms are read": (
        lambda lab: lab.call("users.info", user=ALICE), "invalid_arguments: missing required field: user",
    ),
    # where
    "an unknown channel": (lambda lab: lab.post(channel="C0NOWHERE"), "channel_not_found"),
    "a private channel without the app": (lambda lab: lab.post(channel=PRIVATE_ROOM), "channel_not_found"),
    "a public channel without the app": (lambda lab: not_invited(lab, "chat.postMessage"), "not_in_channel"),
    "its history": (lambda lab: not_invited(lab, "conversations.history"), "not_in_channel"),
    "an archived channel": (archived, "is_archived"),
    "a message in one, updated": (archived_meanwhile, "is_inactive"),
    "an ephemeral to who is not there": (outsider, "user_not_in_channel"),
    "an unknown person": (lambda lab: lab.read("users.info", user="U0NOBODY"), "user_not_found"),
    "an unknown user group": (lambda lab: lab.read("usergroups.users.list", usergroup="S0"), "no_such_subteam"),
    "a thread that is none": (lambda lab: lab.post(thread_ts="1.000001"), "thread_not_found"),
    "somebody's message, updated": (lambda lab: of_another(lab, "chat.update"), "cant_update_message"),
    "somebody's message, deleted": (lambda lab: of_another(lab, "chat.delete"), "cant_delete_message"),
    # what
    "nothing said": (lambda lab: lab.post(text=""), "no_text"),
    "text of 40,001 characters": (lambda lab: lab.post(text="x" * 40_001), "msg_too_long"),
    "an update of 4,001": (long_update, "msg_too_long"),
    "blocks that are no JSON": (lambda lab: lab.post(blocks="[{"), "invalid_blocks_format"),
    "51 blocks": (
        lambda lab: lab.post(blocks=[{"type": "divider"}] * 51), "invalid_blocks: no more than 50 items allowed",
    ),
    "a section of 3,001 characters": (
        lambda lab: lab.post(blocks=[{"type": "section", "text": plain("x" * 3001)}]),
        "invalid_blocks: must be less than 3001 characters",
    ),
    "a header of 151": (
        lambda lab: lab.post(blocks=[{"type": "header", "text": plain("x" * 151)}]),
        "invalid_blocks: must be less than 151 characters",
    ),
    "a button of 76": (
        lambda lab: lab.post(blocks=[{"type": "actions", "elements": [{"type": "button", "text": plain("x" * 76)}]}]),
        "invalid_blocks: must be less than 76 characters",
    ),
    "over 12,000 characters in all blocks": (lambda lab: lab.post(blocks=[SECTION] * 5), "msg_blocks_too_long"),
    "three charts": (lambda lab: lab.post(blocks=[CHART] * 3), "invalid_blocks: no more than 2 data_visualization"),
    "a picture whose file is not ready": (unready_picture, "invalid_blocks: invalid slack file"),
    "metadata without a payload": (lambda lab: lab.post(metadata={"event_type": "x"}), "invalid_metadata_format"),
    # files
    "a file of no bytes": (
        lambda lab: lab.read("files.getUploadURLExternal", filename="a", length=0), "missing_argument",
    ),
    "1,001 characters of alt text": (
        lambda lab: lab.read("files.getUploadURLExternal", filename="a", length=1, alt_txt="x" * 1001),
        "alt_txt_too_large",
    ),
    "a file over 1 GB": (
        lambda lab: lab.read("files.getUploadURLExternal", filename="a", length=(1 << 30) + 1),
        "file_upload_size_restricted",
    ),
    "bytes that are not as many as announced": (short_upload, "file_not_found"),
    "an upload completed twice": (uploaded_twice, "file_not_found"),
    # how often
    "a fourth message in a second, same channel": (
        lambda lab: lab.many(4, "chat.postMessage", channel=INCIDENTS, text="x"), "ratelimited",
    ),
    "the same, by name and by id": (by_name_and_id, "ratelimited"),
    "tier 2, 21st": (lambda lab: lab.many(21, "usergroups.list"), "ratelimited"),
    "tier 3, 51st": (lambda lab: lab.many(51, "bots.info"), "ratelimited"),
    "tier 4, 101st": (lambda lab: lab.many(101, "users.info", user=ALICE), "ratelimited"),
    # triggers and response_urls
    "a trigger after three seconds": (lambda lab: trigger(lab, 3.1), "expired_trigger_id"),
    "a trigger used twice": (lambda lab: trigger(lab, 0, times=2), "exchanged_trigger_id"),
    "a trigger nobody gave": (
        lambda lab: lab.call("views.open", trigger_id="1.2.x", view=modal()), "invalid_trigger_id",
    ),
    "a response_url's sixth use": (lambda lab: responses(lab, 6), "used_url"),
    "a response_url after 30 minutes": (lambda lab: responses(lab, 1, 30 * 60 + 1), "expired_url"),
    # modals and Home
    "101 blocks in a modal": (
        lambda lab: lab.open(blocks=[{"type": "divider"}] * 101), "invalid_arguments: no more than 100 items allowed",
    ),
    "a title of 25 characters": (
        lambda lab: lab.open(title=plain("x" * 25)), "invalid_arguments: must be less than 25 characters",
    ),
    "private_metadata of 3,001": (
        lambda lab: lab.open(private_metadata="x" * 3001), "invalid_arguments: must be less than 3001 characters",
    ),
    "inputs without submit": (
        lambda lab: lab.open(blocks=[field("why", {"type": "plain_text_input"})]),
        "invalid_arguments: missing required field: submit",
    ),
    "101 options in a menu": (
        lambda lab: lab.open(blocks=[field("x", MENU)], submit=plain("x")),
        "invalid_arguments: no more than 100 items allowed",
    ),
    "a view over 250 kB": (lambda lab: lab.open(blocks=[SECTION] * 90), "view_too_large"),
    "a fourth view on the stack": (fourth_view, "push_limit_reached"),
    "a view changed meanwhile": (stale_hash, "hash_conflict"),
    "a Home changed meanwhile": (stale_home, "hash_conflict"),
    "an external_id twice": (same_external_id, "duplicate_external_id"),
    "a view that is none": (lambda lab: lab.call("views.update", view_id="V0", view=modal()), "not_found"),
    "101 blocks in a Home": (
        lambda lab: lab.call("views.publish", user_id=ALICE, view=HOME | {"blocks": [{"type": "divider"}] * 101}),
        "invalid_arguments: no more than 100 items allowed",
    ),
}  # fmt: skip


SCOPES = {
    **dict.fromkeys(("chat.postMessage", "chat.postEphemeral", "chat.update", "chat.delete"), "chat:write"),
    **dict.fromkeys(("reactions.add", "reactions.remove"), "reactions:write"),
    **dict.fromkeys(("conversations.info", "conversations.list", "conversations.members"), "channels:read"),
    "users.conversations": "channels:read",
    **dict.fromkeys(("conversations.replies", "conversations.history"), "channels:history"),
    "conversations.open": "im:write",
    **dict.fromkeys(("users.info", "bots.info"), "users:read"),
    **dict.fromkeys(("usergroups.list", "usergroups.users.list"), "usergroups:read"),
    **dict.fromkeys(("files.getUploadURLExternal", "files.completeUploadExternal", "files.delete"), "files:write"),
    "files.info": "files:read",
}
"""The scope that Slack's reference asks for, the first where several kinds of conversation have one each."""


@pytest.mark.parametrize("limit", LIMITS)
async def test_limit_is_refused(
    slack: SlackEmulator, web: AsyncWebClient, session: aiohttp.ClientSession, limit: str
) -> None:
    provoke, expected = LIMITS[limit]
    error, _, detail = expected.partition(": ")
    with pytest.raises((SlackApiError, SlackError)) as refused:
        await provoke(Lab(slack, web, session))
    if isinstance(refused.value, SlackError):
        assert (refused.value.code, refused.value.status) == (error, 404)
        return
    assert isinstance(refused.value, SlackApiError)
    answer = refused.value.response
    assert (answer["ok"], answer["error"]) == (False, error)
    assert detail in str(answer.get("response_metadata"))
    assert answer.status_code == (429 if error == "ratelimited" else 200)
    assert ("Retry-After" in answer.headers) == (error == "ratelimited")


async def test_every_method_asks_for_its_scope(session: aiohttp.ClientSession) -> None:
    answers: dict[str, tuple[str, str, str]] = {}
    async with SlackEmulator(config=AppConfig(scopes=("commands",))) as slack:
        web = AsyncWebClient(token=slack.bot_token, base_url=slack.api_url, session=session)
        for name in (name for name, method in TABLE.items() if method.scopes):
            with pytest.raises(SlackApiError) as refused:
                await web.api_call(name)
            answer = refused.value.response
            answers[name] = (answer["error"], answer["needed"], answer["provided"])
    assert answers == {name: ("missing_scope", scope, "commands") for name, scope in SCOPES.items()}


@pytest.mark.parametrize(
    ("method", "args", "needed"),
    [
        ("conversations.list", {"types": "public_channel,private_channel"}, "groups:read"),
        ("users.conversations", {"types": "im"}, "im:read"),
        ("conversations.info", {"channel": "D00000ALICE"}, "im:read"),
        ("conversations.history", {"channel": "D00000ALICE"}, "im:history"),
    ],
)
async def test_each_kind_of_conversation_has_its_scope(
    session: aiohttp.ClientSession, method: str, args: Json, needed: str
) -> None:
    async with SlackEmulator(config=AppConfig(scopes=("channels:read", "channels:history"))) as slack:
        web = AsyncWebClient(token=slack.bot_token, base_url=slack.api_url, session=session)
        with pytest.raises(SlackApiError, match="missing_scope") as refused:
            await web.api_call(method, params=args)
    assert refused.value.response["needed"] == needed


async def test_home_must_be_enabled(session: aiohttp.ClientSession) -> None:
    async with SlackEmulator(config=AppConfig(home=False)) as slack:
        web = AsyncWebClient(token=slack.bot_token, base_url=slack.api_url, session=session)
        with pytest.raises(SlackApiError, match="not_enabled"):
            await web.views_publish(user_id=ALICE, view=HOME)
