"""Files that attach later, response_url's budget, the guard against foreign pages, control."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from deploy.playground.slack import SlackEmulator
from deploy.playground.slack.state import ALICE, INCIDENTS

from .bolt import until

PCAP = bytes(range(256)) * 8192
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 64


async def put(slack: SlackEmulator, web: AsyncWebClient, session: aiohttp.ClientSession, name: str, data: bytes) -> str:
    ticket = await web.files_getUploadURLExternal(filename=name, length=len(data))
    async with session.post(ticket["upload_url"], data=io.BytesIO(data)) as answer:
        assert answer.status == 200
        assert await answer.text() == f"OK - {len(data)}"
    return str(ticket["file_id"])


async def test_file_lands_in_its_thread_after_a_later_message(
    slack: SlackEmulator, web: AsyncWebClient, session: aiohttp.ClientSession
) -> None:
    slack.context.attach_delay = 30.0
    parent = slack.people.say("alice", "#incidents", "capture please")
    file_id = await put(slack, web, session, "shop_web-1_2026.pcap", PCAP)
    await web.files_completeUploadExternal(
        files=[{"id": file_id, "title": "web-1"}], channel_id=INCIDENTS, thread_ts=parent.ts
    )
    later = await web.chat_postMessage(channel=INCIDENTS, thread_ts=parent.ts, text="posted after the upload")
    assert (await web.files_info(file=file_id))["file"].get("shares") is None
    slack.context.clock.advance(30)
    await slack.wait_for(lambda: len(slack.workspace.replies(INCIDENTS, parent.ts)) == 3)
    thread = slack.workspace.replies(INCIDENTS, parent.ts)
    assert [bool(m.files) for m in thread] == [False, False, True]
    info = (await web.files_info(file=file_id))["file"]
    assert info["shares"]["public"][INCIDENTS][0]["thread_ts"] == parent.ts
    assert info["name"] == "shop_web-1_2026.pcap"
    assert thread[1].ts == later["ts"]


async def test_download_needs_the_page_or_the_token(
    slack: SlackEmulator, web: AsyncWebClient, session: aiohttp.ClientSession
) -> None:
    file_id = await put(slack, web, session, "a.pcap", PCAP)
    await web.files_completeUploadExternal(files=[{"id": file_id}], channel_id=INCIDENTS)
    url = (await web.files_info(file=file_id))["file"]["url_private_download"]
    async with session.get(url) as answer:
        assert answer.status == 403
    async with session.get(url, headers={"Authorization": f"Bearer {slack.bot_token}"}) as answer:
        assert hashlib.sha256(await answer.read()).digest() == hashlib.sha256(PCAP).digest()
        assert 'filename="a.pcap"' in answer.headers["Content-Disposition"]
    async with session.get(slack.base_url + "/"):
        pass
    async with session.get(url) as answer:
        assert await answer.read() == PCAP


async def test_upload_refusals(slack: SlackEmulator, web: AsyncWebClient, session: aiohttp.ClientSession) -> None:
    ticket = await web.files_getUploadURLExternal(filename="a.pcap", length=10)
    with pytest.raises(SlackApiError, match="file_not_found"):
        await web.files_completeUploadExternal(files=[{"id": ticket["file_id"]}], channel_id=INCIDENTS)
    async with session.post(ticket["upload_url"], data=b"x" * 11) as answer:
        assert answer.status == 400
    async with session.post(ticket["upload_url"], data=b"x" * 10) as answer:
        assert answer.status == 404
    with pytest.raises(SlackApiError, match="file_upload_size_restricted"):
        await web.files_getUploadURLExternal(filename="a.pcap", length=(1 << 30) + 1)
    file_id = await put(slack, web, session, "b.pcap", b"x")
    with pytest.raises(SlackApiError, match="invalid_arguments"):
        await web.files_completeUploadExternal(files=[{"id": file_id}], thread_ts="1.000001")


async def test_slack_file_block_fails_until_the_file_is_ready(
    slack: SlackEmulator, web: AsyncWebClient, session: aiohttp.ClientSession
) -> None:
    slack.context.attach_delay = 30.0
    file_id = await put(slack, web, session, "chart.png", PNG)
    await web.files_completeUploadExternal(files=[{"id": file_id}])
    image = [{"type": "image", "slack_file": {"id": file_id}, "alt_text": "throughput"}]
    with pytest.raises(SlackApiError, match="invalid_blocks") as refused:
        await web.chat_postMessage(channel=INCIDENTS, text="chart", blocks=image)
    assert "invalid slack file" in refused.value.response["errors"][0]
    slack.context.clock.advance(30)
    await asyncio.gather(*slack.context._tasks)
    assert (await web.chat_postMessage(channel=INCIDENTS, text="chart", blocks=image))["ok"]


async def test_sdks_own_upload_helper_and_delete(slack: SlackEmulator, web: AsyncWebClient) -> None:
    done = await web.files_upload_v2(content="hello", filename="notes.txt", channel=INCIDENTS)
    await slack.wait_for(lambda: bool(slack.workspace.messages[INCIDENTS]))
    assert slack.workspace.messages[INCIDENTS][0].files[0]["mimetype"] == "text/plain"
    await web.files_delete(file=done["files"][0]["id"])
    assert slack.workspace.messages[INCIDENTS][0].files[0]["mode"] == "tombstone"


async def test_response_url_serves_five_times_and_thirty_minutes(
    slack: SlackEmulator, session: aiohttp.ClientSession
) -> None:
    url = slack.people.responses.issue(ALICE, INCIDENTS)
    statuses = []
    for number in range(6):
        kind = "in_channel" if number == 0 else "ephemeral"
        async with session.post(url, json={"text": str(number), "response_type": kind}) as answer:
            statuses.append(answer.status)
    assert statuses == [200] * 5 + [404]
    assert [m.text for m in slack.workspace.messages[INCIDENTS]] == ["0"]
    assert {m.ephemeral_to for m in slack.workspace.ephemerals} == {ALICE}
    old = slack.people.responses.issue(ALICE, INCIDENTS)
    slack.context.clock.advance(30 * 60 + 1)
    async with session.post(old, json={"text": "late"}) as answer:
        assert answer.status == 404


async def test_response_url_replaces_the_original(
    slack: SlackEmulator, web: AsyncWebClient, session: aiohttp.ClientSession
) -> None:
    await web.chat_postEphemeral(channel=INCIDENTS, user=ALICE, text="choose")
    url = slack.people.responses.issue(ALICE, INCIDENTS, slack.workspace.ephemerals[0])
    async with session.post(url, json={"replace_original": True, "text": "chosen"}):
        pass
    assert slack.workspace.ephemerals[0].text == "chosen"
    async with session.post(url, json={"delete_original": True}):
        pass
    assert slack.workspace.ephemerals == []


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "http://192.0.2.9"}, {"Origin": "null"}, {"Host": "rebound.test"}, {"Sec-Fetch-Site": "cross-site"}],
)
async def test_foreign_pages_are_refused(
    slack: SlackEmulator, session: aiohttp.ClientSession, headers: dict[str, str]
) -> None:
    body = {"user": "alice", "channel": "incidents", "text": "boo"}
    async with session.post(slack.base_url + "/_page/message", json=body, headers=headers) as answer:
        assert answer.status in (403, 421)
    assert slack.workspace.messages[INCIDENTS] == []


async def test_link_from_elsewhere_may_open_the_page_and_nothing_else(
    slack: SlackEmulator, session: aiohttp.ClientSession
) -> None:
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    async with session.get(slack.base_url + "/", headers=headers) as answer:
        assert answer.status == 200
    async with session.get(slack.base_url + "/_page/state", headers=headers) as answer:
        assert answer.status == 403


async def test_page_streams_only_what_its_person_sees(
    slack: SlackEmulator, web: AsyncWebClient, session: aiohttp.ClientSession
) -> None:
    async with session.get(slack.base_url + "/_page/events?user=bob") as stream:
        await stream.content.readline()
        await web.chat_postEphemeral(channel=INCIDENTS, user=ALICE, text="secret")
        slack.people.say("alice", "#private-room", "hidden")
        body = {"user": "alice", "channel": "#general", "text": "hello all"}
        async with session.post(slack.base_url + "/_page/message", json=body) as answer:
            assert (await answer.json())["ok"]
        async with asyncio.timeout(5):
            while not (line := await stream.content.readline()).startswith(b"data:"):
                pass
        assert b"hello all" in line


async def test_page_refuses_in_slacks_words(slack: SlackEmulator, session: aiohttp.ClientSession) -> None:
    for body, error in (
        ({"user": "nobody", "channel": "incidents", "text": "x"}, "user_not_found"),
        ({"user": "bob", "channel": "private-room", "text": "x"}, "channel_not_found"),
        ({"user": "bob", "channel": "incidents", "text": "x" * 20_000}, "msg_too_long"),
        ({"user": "bob"}, "bad request: KeyError('text')"),
    ):
        async with session.post(slack.base_url + "/_page/message", json=body) as answer:
            assert answer.status == 400
            assert (await answer.json())["error"] == error
    huge = io.BytesIO(json.dumps({"user": "bob", "channel": "incidents", "text": "x" * 10_000_000}).encode())
    headers = {"Content-Type": "application/json"}
    async with session.post(slack.base_url + "/_page/message", data=huge, headers=headers) as answer:
        assert answer.status == 413


async def test_control_resets_and_journals(
    slack: SlackEmulator, web: AsyncWebClient, session: aiohttp.ClientSession
) -> None:
    await web.chat_postMessage(channel=INCIDENTS, text="x")
    async with session.get(slack.base_url + "/_control/journal?kind=call&name=chat.postMessage") as answer:
        entries = (await answer.json())["entries"]
    assert entries[0]["args"]["text"] == "x"
    assert slack.bot_token not in str(entries)
    faults = {"ratelimit": {"chat.update": 2}, "duplicate_events": 1, "fail_calls": {"users.info": [1, "fatal_error"]}}
    async with session.post(slack.base_url + "/_control/faults", json=faults) as answer:
        assert answer.status == 200
    with pytest.raises(SlackApiError, match="fatal_error"):
        await web.users_info(user=ALICE)
    async with session.post(slack.base_url + "/_control/reset", json={}) as answer:
        assert answer.status == 200
    async with session.get(slack.base_url + "/_control/state") as answer:
        assert (await answer.json())["messages"][INCIDENTS] == []
    assert slack.context.faults.duplicate_events == 0


async def test_reset_ends_what_is_under_way(
    slack: SlackEmulator, web: AsyncWebClient, session: aiohttp.ClientSession
) -> None:
    slack.people.say("alice", "#incidents", "nobody listens")
    trigger = slack.people.triggers.issue(ALICE)
    url = slack.people.responses.issue(ALICE, INCIDENTS)
    view = {"type": "modal", "title": {"type": "plain_text", "text": "x"}, "blocks": []}
    await web.views_open(trigger_id=slack.people.triggers.issue(ALICE), view=view)
    assert slack.context.under_way() == 1, "a retry is to come"
    async with session.post(slack.base_url + "/_control/reset", json={}) as answer:
        assert answer.status == 200
    assert slack.context.under_way() == 0
    assert slack.people.views.stacks == {}
    with pytest.raises(SlackApiError, match="invalid_trigger_id"):
        await web.views_open(trigger_id=trigger, view=view)
    async with session.post(url, json={"text": "x"}) as answer:
        assert (answer.status, (await answer.json())["error"]) == (404, "invalid_url")


async def test_journal_has_every_way_in(
    slack: SlackEmulator, web: AsyncWebClient, session: aiohttp.ClientSession
) -> None:
    file_id = await put(slack, web, session, "a.pcap", PCAP)
    await web.files_completeUploadExternal(files=[{"id": file_id}])
    url = (await web.files_info(file=file_id))["file"]["url_private"]
    async with session.get(url, headers={"Authorization": f"Bearer {slack.bot_token}"}):
        pass
    async with session.post(slack.people.responses.issue(ALICE, INCIDENTS), json={"text": "x"}):
        pass
    slack.people.say("alice", "#incidents", "hello")
    await until(lambda: slack.context.journal.find("delivery", "message"))
    kinds = [entry["kind"] for entry in slack.context.journal.entries]
    assert list(dict.fromkeys(kinds)) == ["call", "upload", "download", "response_url", "delivery"]
