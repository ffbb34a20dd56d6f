"""slack_sdk's AsyncWebClient against the emulator: methods, refusals, rates."""

from __future__ import annotations

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler
from slack_sdk.web.async_client import AsyncWebClient

from deploy.playground.slack import SlackEmulator
from deploy.playground.slack.state import ALICE, BOT_USER, INCIDENTS, MALLORY


async def refusal(call: object) -> SlackApiError:
    with pytest.raises(SlackApiError) as caught:
        await call  # type: ignore[misc]
    return caught.value


async def test_post_update_delete_in_a_thread(slack: SlackEmulator, web: AsyncWebClient) -> None:
    auth = await web.auth_test()
    assert auth["user_id"] == BOT_USER
    parent = slack.people.say("alice", "#incidents", "checkout is slow")
    posted = await web.chat_postMessage(channel=INCIDENTS, thread_ts=parent.ts, text="looking")
    await web.chat_update(channel=INCIDENTS, ts=posted["ts"], text="looked")
    thread = await web.conversations_replies(channel=INCIDENTS, ts=parent.ts)
    assert [m["text"] for m in thread["messages"]] == ["checkout is slow", "looked"]
    assert thread["messages"][1]["edited"]["user"] == BOT_USER
    link = await web.chat_getPermalink(channel=INCIDENTS, message_ts=posted["ts"])
    assert f"thread_ts={parent.ts}" in link["permalink"]
    await web.chat_delete(channel=INCIDENTS, ts=posted["ts"])
    assert len(slack.workspace.replies(INCIDENTS, parent.ts)) == 1


async def test_update_without_blocks_keeps_them(slack: SlackEmulator, web: AsyncWebClient) -> None:
    posted = await web.chat_postMessage(channel=INCIDENTS, text="a", blocks=[{"type": "divider"}])
    kept = await web.chat_update(channel=INCIDENTS, ts=posted["ts"], text="b")
    assert kept["message"]["blocks"][0]["type"] == "divider"
    gone = await web.chat_update(channel=INCIDENTS, ts=posted["ts"], text="c", blocks=[])
    assert "blocks" not in gone["message"]


async def test_posting_faster_than_slack_allows_gets_429(slack: SlackEmulator, web: AsyncWebClient) -> None:
    slack.context.clock.stop()
    for _ in range(3):
        await web.chat_postMessage(channel=INCIDENTS, text="burst")
    refused = await refusal(web.chat_postMessage(channel=INCIDENTS, text="one too many"))
    assert refused.response.status_code == 429
    assert refused.response["error"] == "ratelimited"
    assert refused.response.headers["Retry-After"] == "3"
    slack.context.clock.advance(3)
    await web.chat_postMessage(channel=INCIDENTS, text="now it goes")


async def test_updates_are_limited_to_50_a_minute_for_the_app(slack: SlackEmulator, web: AsyncWebClient) -> None:
    posted = await web.chat_postMessage(channel=INCIDENTS, text="card")
    for number in range(50):
        await web.chat_update(channel=INCIDENTS, ts=posted["ts"], text=str(number))
    refused = await refusal(web.chat_update(channel=INCIDENTS, ts=posted["ts"], text="more"))
    assert refused.response["error"] == "ratelimited"


async def test_forced_ratelimit_is_ridden_out_by_the_sdks_retry(slack: SlackEmulator, web: AsyncWebClient) -> None:
    slack.context.limits.force("chat.postMessage", times=1)
    web.retry_handlers.append(AsyncRateLimitErrorRetryHandler(max_retry_count=1))
    assert (await web.chat_postMessage(channel=INCIDENTS, text="x"))["ok"]
    assert [e["ok"] for e in slack.context.journal.find("call", "chat.postMessage")] == [False, True]


async def test_ephemeral_is_seen_by_one_person(
    slack: SlackEmulator, web: AsyncWebClient, session: aiohttp.ClientSession
) -> None:
    await web.chat_postEphemeral(channel=INCIDENTS, user=ALICE, text="only you")

    async def seen_by(user: str) -> list[str]:
        async with session.get(f"{slack.base_url}/_page/state", params={"user": user}) as answer:
            return [m["text"] for m in (await answer.json())["messages"]]

    assert await seen_by("alice") == ["only you"]
    assert await seen_by("bob") == []
    history = await web.conversations_history(channel=INCIDENTS)
    assert history["messages"] == []


async def test_people_and_places_are_listed(web: AsyncWebClient) -> None:
    listed = await web.conversations_list(types="public_channel,private_channel", limit=1)
    names = [c["name"] for c in listed["channels"]]
    cursor = listed["response_metadata"]["next_cursor"]
    more = await web.conversations_list(types="public_channel,private_channel", limit=1, cursor=cursor)
    assert names + [c["name"] for c in more["channels"]] == ["incidents", "general"]
    assert (await web.users_info(user=MALLORY))["user"]["name"] == "mallory"
    assert ALICE in (await web.conversations_members(channel=INCIDENTS))["members"]
    group = await web.usergroups_users_list(usergroup="S0ONCALLENG")
    assert ALICE in group["users"]
    opened = await web.conversations_open(users=ALICE)
    await web.chat_postMessage(channel=opened["channel"]["id"], text="hello")


async def test_reactions_come_and_go_once(slack: SlackEmulator, web: AsyncWebClient) -> None:
    message = slack.people.say("alice", "#incidents", "hello")
    await web.reactions_add(channel=INCIDENTS, timestamp=message.ts, name="eyes")
    again = await refusal(web.reactions_add(channel=INCIDENTS, timestamp=message.ts, name="eyes"))
    assert again.response["error"] == "already_reacted"
    await web.reactions_remove(channel=INCIDENTS, timestamp=message.ts, name="eyes")
    assert message.reactions == {}


async def test_call_that_took_effect_can_lose_its_answer(slack: SlackEmulator, web: AsyncWebClient) -> None:
    slack.context.faults.lose_answers["chat.postMessage"] = 1
    refused = await refusal(web.chat_postMessage(channel=INCIDENTS, text="did it land?"))
    assert refused.response.status_code == 500
    assert [m.text for m in slack.workspace.messages[INCIDENTS]] == ["did it land?"]
