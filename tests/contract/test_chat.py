"""One suite, two backends: what SlackChat does on Slack's emulator, its twin does in memory."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import aiohttp
import pytest

from bot.chat import SlackChat, web_client
from bot.messages import Message
from bot.ports import Chat, ChatLimited, ChatRefused, FileState, Key, Upload
from deploy.playground.slack import SlackEmulator
from tests.support.twins import FakeChat

CHANNEL, ELSEWHERE, ALICE = "C0INCIDENTS", "C000GENERAL", "U00000ALICE"
HELLO = Message("hello")
ATTACH = 0.2
WAIT = 20.0


@dataclass
class Side:
    """A chat, and how the test makes its next call of a kind meet a rate limit."""

    chat: Chat
    slack: SlackEmulator | None = None
    faults: list[str] = field(default_factory=list)

    def limit_next(self, method: str) -> None:
        if self.slack is not None:
            self.slack.context.limits.force(method, 1, 30)
        else:
            self.faults.append("limited")

    def shared(self) -> list[str]:
        """Names of the files in the channel."""
        if self.slack is not None:
            return [f["name"] for m in self.slack.workspace.messages[CHANNEL] for f in m.files]
        assert isinstance(self.chat, FakeChat)
        return self.chat.shared()


@pytest.fixture(params=["twin", "slack"])
async def side(request: pytest.FixtureRequest) -> AsyncIterator[Side]:
    if request.param == "twin":
        side = Side(FakeChat(time.time, attach=ATTACH))
        side.chat.faults = iter(lambda: side.faults.pop(0) if side.faults else "ok", "")  # type: ignore[attr-defined]
        yield side
        return
    async with SlackEmulator(attach_delay=ATTACH) as slack, aiohttp.ClientSession() as session:
        yield Side(SlackChat(web_client(slack.bot_token, slack.api_url, session), session, patience=2.0), slack)


async def _chunks(data: bytes) -> AsyncIterator[bytes]:
    for at in range(0, len(data), 1000):
        yield data[at : at + 1000]


def _upload(name: str, data: bytes, size: int | None = None) -> Upload:
    return Upload(name, name, len(data) if size is None else size, lambda: _chunks(data))


async def test_posts_have_their_own_ts_and_can_be_edited(side: Side) -> None:
    root = await side.chat.post(CHANNEL, "", HELLO)
    reply = await side.chat.post(CHANNEL, root, HELLO)
    assert root
    assert reply not in ("", root)
    await side.chat.update(CHANNEL, root, Message("edited"))
    assert root.replace(".", "") in (await side.chat.permalink(CHANNEL, root)).replace(".", "")


async def test_what_is_not_there_is_refused_in_slacks_words(side: Side) -> None:
    with pytest.raises(ChatRefused) as refused:
        await side.chat.post("C0NOWHERE", "", HELLO)
    assert refused.value.reason == "channel_not_found"
    with pytest.raises(ChatRefused) as refused:
        await side.chat.update(CHANNEL, "1.000001", HELLO)
    assert refused.value.reason == "message_not_found"
    assert not await side.chat.is_member("C0NOWHERE")
    assert await side.chat.is_member(CHANNEL)


async def test_a_part_is_found_again_where_it_was_posted(side: Side) -> None:
    card, verdict, since = Key("abcd2345", "card"), Key("abcd2345", "verdict"), time.time() - 60
    root = await side.chat.post(CHANNEL, "", HELLO, key=card)
    reply = await side.chat.post(CHANNEL, root, HELLO, key=verdict)
    assert await side.chat.find_post(CHANNEL, "", card, since) == root
    assert await side.chat.find_post(CHANNEL, root, verdict, since) == reply
    assert await side.chat.find_post(CHANNEL, root, Key("other234", "verdict"), since) is None


async def test_a_rate_limit_means_that_nothing_happened(side: Side) -> None:
    root = await side.chat.post(CHANNEL, "", HELLO)
    key = Key("abcd2345", "card")
    side.limit_next("chat.postMessage")
    with pytest.raises(ChatLimited) as limited:
        await side.chat.post(CHANNEL, root, HELLO, key=key)
    assert limited.value.retry_after > 0
    assert await side.chat.find_post(CHANNEL, root, key, time.time() - 60) is None


async def test_a_file_shows_after_its_id_is_known(side: Side) -> None:
    root = await side.chat.post(CHANNEL, "", HELLO)
    told: list[str] = []

    async def on_id(file_id: str) -> None:
        assert side.shared() == []
        told.append(file_id)

    file_id = await side.chat.upload(CHANNEL, root, _upload("a.pcap", b"x" * 5000), on_id)
    assert told == [file_id]
    state = FileState()
    deadline = time.monotonic() + WAIT
    while not state.shared:
        assert time.monotonic() < deadline, "the file never showed"
        await asyncio.sleep(ATTACH / 4)
        state = await side.chat.file_state(file_id, CHANNEL)
    assert state == FileState(exists=True, ready=True, shared=True)
    assert not (await side.chat.file_state(file_id, ELSEWHERE)).shared
    assert side.shared() == ["a.pcap"]
    assert await side.chat.file_state("F0NOTHING") == FileState()


async def test_a_file_of_another_size_is_refused_and_not_shared(side: Side) -> None:
    root = await side.chat.post(CHANNEL, "", HELLO)

    async def never(file_id: str) -> None:
        raise AssertionError("nothing may become visible")

    with pytest.raises(ChatRefused, match="another size"):
        await side.chat.upload(CHANNEL, root, _upload("a.pcap", b"x" * 5000, size=6000), never)
    assert side.shared() == []


async def test_a_note_for_one_person_is_no_message_of_the_channel(side: Side) -> None:
    key = Key("abcd2345", "card")
    await side.chat.ephemeral(CHANNEL, ALICE, "", HELLO)
    assert await side.chat.find_post(CHANNEL, "", key, time.time() - 60) is None
    assert await side.chat.name_of(ALICE) == "alice"
