"""SlackChat against the emulator: streams, rate limits, errors in our words, and no token in them."""

import resource
import time
from collections.abc import AsyncIterator

import aiohttp
import pytest

from bot.chat import SlackChat, web_client
from bot.messages import Message
from bot.ports import ChatLimited, ChatRefused, FileState, Key, Upload
from bot.uploads import read_chunks
from tests.integration.bot.conftest import CHANNEL, Scene, until
from workers.contract.errors import ChatUnavailable

MEGABYTE = 1 << 20
HELLO = Message("hello")


@pytest.fixture
async def chat(scene: Scene) -> AsyncIterator[SlackChat]:
    async with aiohttp.ClientSession() as session:
        yield SlackChat(web_client(scene.slack.bot_token, scene.slack.api_url, session), session, patience=3.0)


async def ignore(_: str) -> None:
    """Take an id and forget it."""


async def zeros(size: int) -> AsyncIterator[bytes]:
    """Yield `size` zero bytes, a megabyte at a time."""
    for at in range(0, size, MEGABYTE):
        yield bytes(min(MEGABYTE, size - at))


async def test_big_upload_in_constant_memory(scene: Scene, chat: SlackChat) -> None:
    size = 300 * MEGABYTE
    root = await chat.post(CHANNEL, "", HELLO)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    upload = Upload("big.pcap", "big", size, lambda: zeros(size))
    file_id = await chat.upload(CHANNEL, root, upload, ignore)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    await until(lambda: scene.files() == ["big.pcap"])
    assert scene.slack.workspace.files[file_id].size == size
    assert grown < 40, f"{grown:.0f} MB more"
    assert (await chat.file_state(file_id, CHANNEL)) == FileState(exists=True, ready=True, shared=True)
    assert not (await chat.file_state(file_id, "C000GENERAL")).shared
    assert await chat.file_state("F0") == FileState()


async def test_a_long_description_is_cut_to_what_slack_takes(scene: Scene, chat: SlackChat) -> None:
    upload = Upload("x.png", "x", 10, lambda: zeros(10), alt_text="Traffic of a pod. " * 200)
    file_id = await chat.upload(CHANNEL, await chat.post(CHANNEL, "", HELLO), upload, ignore)
    said = scene.slack.workspace.files[file_id].alt_text
    assert 900 < len(said) <= 1000
    assert said.endswith(" ...")


@pytest.mark.parametrize("claimed", [10, 3 * MEGABYTE])
async def test_file_of_another_size_is_not_shared(scene: Scene, chat: SlackChat, claimed: int) -> None:
    root = await chat.post(CHANNEL, "", HELLO)
    with pytest.raises(ChatRefused, match="another size"):
        await chat.upload(CHANNEL, root, Upload("x.pcap", "x", claimed, lambda: zeros(2 * MEGABYTE)), ignore)
    assert scene.files() == []


async def test_file_that_is_gone_is_told_from_a_lost_connection(scene: Scene, chat: SlackChat) -> None:
    upload = Upload("x.pcap", "x", 10, lambda: read_chunks(scene.artifacts, "jobs/none"))
    with pytest.raises(KeyError):
        await chat.upload(CHANNEL, "", upload, ignore)


async def test_rate_limit_is_waited_out_or_told(scene: Scene, chat: SlackChat) -> None:
    ts = await chat.post(CHANNEL, "", HELLO)
    scene.slack.context.limits.force("chat.postMessage", 1, 1)
    scene.slack.context.limits.force("chat.update", 1, 2)
    started = time.monotonic()
    await chat.post(CHANNEL, "", HELLO)
    assert 0.9 < time.monotonic() - started < 3
    with pytest.raises(ChatLimited) as limited:
        await chat.update(CHANNEL, ts, HELLO)
    assert 1 < limited.value.retry_after <= 2
    calls = len(scene.slack.context.journal.find("call", "chat.update"))
    with pytest.raises(ChatLimited):
        await chat.update(CHANNEL, ts, HELLO)
    assert len(scene.slack.context.journal.find("call", "chat.update")) == calls, "asked Slack again in between"


async def test_errors_are_told_apart_and_hold_no_token(scene: Scene, chat: SlackChat) -> None:
    with pytest.raises(ChatRefused) as refused:
        await chat.post("C0NOWHERE", "", HELLO)
    assert refused.value.reason == "channel_not_found"
    scene.slack.context.faults.fail_calls["chat.postMessage"] = (1, "fatal_error")
    with pytest.raises(ChatUnavailable) as away:
        await chat.post(CHANNEL, "", HELLO)
    assert "fatal_error" in str(away.value)
    async with aiohttp.ClientSession() as session:
        nobody = SlackChat(web_client("xoxb-wrong-token", scene.slack.api_url, session), session)
        with pytest.raises(ChatUnavailable) as wrong:
            await nobody.post(CHANNEL, "", HELLO)
        gone = SlackChat(web_client("xoxb-wrong-token", "http://127.0.0.1:9/api/", session), session)
        with pytest.raises(ChatUnavailable) as unreachable:
            await gone.post(CHANNEL, "", HELLO)
    assert not any("xoxb" in str(one.value) for one in (wrong, unreachable))


async def test_a_part_is_found_again_in_thread_and_channel(scene: Scene, chat: SlackChat) -> None:
    card, verdict = Key("abcd2345", "card"), Key("abcd2345", "verdict")
    since = time.time() - 60
    root = await chat.post(CHANNEL, "", HELLO, key=card)
    reply = await chat.post(CHANNEL, root, HELLO, key=verdict)
    assert await chat.find_post(CHANNEL, "", card, since) == root
    assert await chat.find_post(CHANNEL, root, verdict, since) == reply
    assert await chat.find_post(CHANNEL, root, Key("other", "verdict"), since) is None


async def test_who_and_where(scene: Scene, chat: SlackChat) -> None:
    assert await chat.is_member(CHANNEL)
    assert not await chat.is_member("C0PRIVATERM")
    assert not await chat.is_member("D0BETWEENTWO")
    assert await chat.name_of("U000000BOB") == "bob"
    assert await chat.name_of("U0NOBODY") == ""
    ts = await chat.post(CHANNEL, "", HELLO)
    assert ts.replace(".", "") in await chat.permalink(CHANNEL, ts)
