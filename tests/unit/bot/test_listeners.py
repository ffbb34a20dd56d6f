"""Listeners on twins: ack before work, each delivery once, and only plain words when something breaks."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest
import structlog.testing
from slack_bolt.app.async_app import AsyncApp

from bot.commands import Commands
from bot.listeners import Listeners, Tasks
from bot.messages.blocks import STOP
from tests.support import jobs
from tests.support.twins import FakeChat, FakeQueue
from workers.contract.errors import StoreUnavailable
from workers.contract.job import Job, JobState, Person
from workers.contract.limits import Limits
from workers.memory import InMemoryJobStore
from workers.policy import Rules

MENTION = "<@UBOT> capture deploy/checkout -n shop"


class Handlers:
    """An app that only remembers what was registered."""

    def __init__(self) -> None:
        self.by_name: dict[str, Any] = {}

    def _remember(self, name: Any) -> Callable[[Any], None]:
        return lambda handler: self.by_name.__setitem__(str(name), handler)

    command = event = action = _remember


class Breaking(InMemoryJobStore):
    """Breaks when a job is to be made."""

    error: Exception | None = None

    def create(self, job: Job) -> bool:
        if self.error:
            raise self.error
        return super().create(job)


class Desk:
    """Listeners with all their twins, and Slack's deliveries by hand."""

    def __init__(self) -> None:
        self.store, self.queue, self.tasks = Breaking(), FakeQueue(), Tasks()
        self.chat = FakeChat(lambda: 0.0)
        commands = Commands(self.store, self.queue, Rules(), lambda: 1.0)
        self.app = Handlers()
        listeners = Listeners(commands, self.store, self.chat, Limits(), self.tasks, command="/capture")
        listeners.register(cast(AsyncApp, self.app))
        self.acks = 0

    async def ack(self) -> None:
        self.acks += 1

    async def command(self, text: str, trigger: str = "t1", channel_id: str = "C1") -> None:
        body = {
            "channel_id": channel_id, "user_id": "U1", "user_name": "alice", "text": text, "trigger_id": trigger,
            "response_url": "https://hooks.example/1",
        }  # fmt: skip
        await self.app.by_name["/capture"](ack=self.ack, body=body)

    async def mention(self, text: str, event_id: str = "E1", **more: str) -> None:
        event = {"user": "U1", "channel": "C1", "ts": "5.0", "text": text} | more
        await self.app.by_name["app_mention"](event=event, body={"event_id": event_id}, context={"bot_user_id": "UBOT"})

    async def message(self, **more: str) -> None:
        event = {"user": "U1", "channel": "D1", "ts": "5.0", "text": "list", "channel_type": "im"} | more
        await self.app.by_name["message"](event=event, body={"event_id": "E1"})

    async def click(
        self, action: str, value: str, trigger: str = "t1", channel: str = "C1", user: Person = jobs.ALICE
    ) -> None:
        body = {
            "actions": [{"action_id": action, "value": value}], "channel": {"id": channel}, "trigger_id": trigger,
            "message": {"ts": "9.0"}, "user": {"id": user.id, "username": user.name},
        }  # fmt: skip
        await self.app.by_name[action](ack=self.ack, body=body)

    def told(self) -> list[str]:
        alone = [post.message.text for post in self.chat.posts if post.message and post.only_for]
        return alone + [message.text for _, message in self.chat.responses]


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def test_a_command_delivered_twice_starts_one_capture(desk: Desk) -> None:
    await desk.command("deploy/checkout -n shop")
    await desk.command("deploy/checkout -n shop")
    await desk.tasks.drain(5)
    assert desk.acks == 2
    assert len(desk.queue.jobs) == 1
    await desk.command("deploy/checkout -n shop --anyway", trigger="t2")
    await desk.tasks.drain(5)
    assert len(desk.queue.jobs) == 2


async def test_the_word_capture_may_be_said_or_left_out(desk: Desk) -> None:
    await desk.command("capture deploy/checkout -n shop", "t1")
    await desk.command("deploy/checkout -n shop --anyway", "t2")
    await desk.command("status", "t3")
    await desk.tasks.drain(5)
    first, second = desk.store.recent()
    assert first.spec == second.spec


async def test_a_direct_message_between_two_people_starts_nothing_and_says_where_to_ask(desk: Desk) -> None:
    desk.chat.members = False
    await desk.command("deploy/checkout -n shop", channel_id="D9")
    await desk.command("deploy/checkout -n shop", "t2")
    await desk.tasks.drain(5)
    assert desk.queue.jobs == []
    between_two, private = desk.told()
    assert "direct message to me" in between_two
    assert "/invite" in private


async def test_a_retried_event_starts_one_capture(desk: Desk) -> None:
    for _ in range(3):
        await desk.mention(MENTION)
    await desk.tasks.drain(5)
    assert len(desk.queue.jobs) == 1
    assert desk.store.recent()[0].origin.thread_ts == "5.0"


async def test_what_stands_before_the_mention_is_talk(desk: Desk) -> None:
    await desk.mention(f"could you please, {MENTION}", thread_ts="1.0")
    await desk.tasks.drain(5)
    job = desk.store.recent()[0]
    assert (str(job.spec.target), job.origin.thread_ts) == ("deploy/checkout", "1.0")


@pytest.mark.parametrize("more", [{"bot_id": "B1"}, {"subtype": "message_changed"}, {"channel_type": "channel"}])
async def test_messages_that_are_not_for_us(desk: Desk, more: dict[str, str]) -> None:
    await desk.message(**more)
    await desk.tasks.drain(5)
    assert desk.chat.posts == []


async def test_acked_before_any_work(desk: Desk) -> None:
    asked: list[int] = []

    def once(key: str, ttl: float) -> bool:
        asked.append(desk.acks)
        return True

    desk.store.once = once  # type: ignore[method-assign]
    await desk.command("deploy/checkout -n shop")
    assert desk.acks == 1
    assert asked == []
    await desk.tasks.drain(5)
    assert asked == [1]


async def test_broken_code_is_told_without_its_words(desk: Desk) -> None:
    desk.store.error = RuntimeError("password=hunter2 at line 3")
    with structlog.testing.capture_logs() as logs:
        await desk.command("deploy/checkout -n shop")
        await desk.tasks.drain(5)
    assert len(desk.told()) == 1
    assert "Something went wrong on our side" in desk.told()[0]
    assert "hunter2" not in str(desk.chat.responses)
    assert logs[-1]["incident"] in desk.told()[0]


async def test_a_store_that_is_away_is_told(desk: Desk) -> None:
    desk.store.error = StoreUnavailable("The job store cannot be reached right now. Try again in a minute.")
    await desk.mention(MENTION)
    await desk.tasks.drain(5)
    assert "cannot be reached" in desk.told()[0]


async def test_a_channel_without_the_bot_starts_nothing(desk: Desk) -> None:
    desk.chat.members = False
    await desk.command("deploy/checkout -n shop")
    await desk.tasks.drain(5)
    assert "/invite" in desk.told()[0]
    assert desk.store.recent() == []


async def test_a_double_click_stops_once_and_the_second_is_silent(desk: Desk) -> None:
    desk.store.create(jobs.job("abcd2345"))
    desk.store.change("abcd2345", lambda old: old.to(JobState.RESOLVING).to(JobState.CAPTURING))
    await desk.click(STOP, "abcd2345", "t1")
    await desk.click(STOP, "abcd2345", "t1")
    await desk.click(STOP, "abcd2345", "t2")
    await desk.tasks.drain(5)
    assert desk.store.get("abcd2345").stop_by == jobs.ALICE
    assert desk.told() == []


async def test_a_button_of_a_forgotten_job(desk: Desk) -> None:
    await desk.click(STOP, "zzzz9999")
    await desk.tasks.drain(5)
    assert "zzzz9999" in desk.told()[0]


async def test_drain_waits_and_then_cancels() -> None:
    tasks, ended = Tasks(), []

    async def quick() -> None:
        await asyncio.sleep(0.01)
        ended.append("quick")

    async def endless() -> None:
        await asyncio.Event().wait()

    tasks.spawn(quick())
    tasks.spawn(endless())
    await tasks.drain(0.2)
    assert ended == ["quick"]
