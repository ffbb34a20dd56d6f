"""A bot, run as it ships, against the Slack emulator and a real Redis; the worker is played by the test."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.__main__ import Bot
from bot.settings import Mode, Settings
from deploy.playground.slack import SlackEmulator
from deploy.playground.slack.state import Message
from tests.support import jobs
from tests.support.twins import FakeQueue
from workers.artifacts import ObjectArtifacts, open_artifacts
from workers.contract.job import Job
from workers.state import RedisJobStore

CHANNEL = "C0INCIDENTS"
WAIT = 30.0


class Scene:
    """One workspace, one store, any number of bots, and the worker's part."""

    def __init__(self, slack: SlackEmulator, store: RedisJobStore, artifacts: ObjectArtifacts, url: str, files: str):
        self.slack = slack
        self.store = store
        self.artifacts = artifacts
        self.queue = FakeQueue()
        self.redis_url = url
        self.artifacts_url = files

    def settings(self, **more: Any) -> Settings:
        """Return settings for a bot of this scene."""
        values: dict[str, Any] = {
            "slack_bot_token": self.slack.bot_token, "slack_app_token": self.slack.app_token,
            "slack_signing_secret": self.slack.signing_secret, "slack_base_url": self.slack.api_url,
            "redis_url": self.redis_url, "artifacts_url": self.artifacts_url, "claim_seconds": 12.0,
        }  # fmt: skip
        return Settings(**(values | more))

    @contextlib.asynccontextmanager
    async def bot(self, **more: Any) -> AsyncIterator[Bot]:
        """Run a bot in this process."""
        bot = Bot(self.settings(**more), self.store, self.queue, self.artifacts)
        running = asyncio.create_task(bot.run())
        try:
            await asyncio.wait_for(bot.ready.wait(), WAIT)
            if self.slack.http is None:
                await until(lambda: self.slack.sockets.connected > 0)
            yield bot
        finally:
            bot.stop()
            await asyncio.wait_for(running, WAIT)

    async def job(self, count: int = 1) -> Job:
        """Return the newest job once there are `count`."""
        await until(lambda: len(self.store.recent()) >= count)
        return self.store.recent()[0]

    async def finish(self, job_id: str, **more: Any) -> Job:
        """Move a job to its end, as a worker does."""
        job = self.store.get(job_id)
        while not job.final:
            job = jobs.advance(self.store, self.artifacts, job_id, **more)
            await asyncio.sleep(0)
        return job

    async def complete(self, job_id: str) -> None:
        """Wait until the thread has everything, files shown included."""
        await until(lambda: self.store.posted(job_id).get("complete") == "1")
        pcaps = [a.name for a in self.store.get(job_id).artifacts if a.kind == "pcap"]
        await until(lambda: len(self.files()) >= len(pcaps))

    def messages(self, channel: str = CHANNEL) -> list[Message]:
        return list(self.slack.workspace.messages[channel])

    def parts(self) -> list[str]:
        """Return the parts of jobs in the channel, in order."""
        return [m.metadata["event_payload"]["part"] for m in self.messages() if m.metadata]

    def files(self) -> list[str]:
        """Return the names of the files shown in the channel, in order."""
        return [file["name"] for message in self.messages() for file in message.files]

    def notes(self, user: str) -> list[str]:
        """Return what only `user` was told."""
        return [m.text for m in self.slack.workspace.ephemerals if m.ephemeral_to == user]


async def until(wanted: Callable[[], object], seconds: float = WAIT) -> None:
    """Wait until `wanted()` is true."""
    async with asyncio.timeout(seconds):
        while not await asyncio.to_thread(wanted):  # noqa: ASYNC110 - what is waited for happens in other processes
            await asyncio.sleep(0.02)


@pytest.fixture
def store(redis_url: str) -> Iterator[RedisJobStore]:
    store = RedisJobStore(redis_url)
    yield store
    store.close()


@pytest.fixture
async def scene(redis_url: str, store: RedisJobStore, tmp_path: Path) -> AsyncIterator[Scene]:
    files = f"file://{tmp_path / 'artifacts'}"
    async with SlackEmulator(attach_delay=0.2) as slack:
        yield Scene(slack, store, open_artifacts(files), redis_url, files)


@pytest.fixture
async def http_scene(redis_url: str, store: RedisJobStore, tmp_path: Path) -> AsyncIterator[tuple[Scene, int]]:
    """The same with signed HTTP; the port is where the bot has to listen."""
    with contextlib.closing(await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)) as free:
        port = int(free.sockets[0].getsockname()[1])
    await free.wait_closed()
    files = f"file://{tmp_path / 'artifacts'}"
    url = f"http://127.0.0.1:{port}/slack/events"
    async with SlackEmulator(attach_delay=0.2, events_url=url) as slack:
        yield Scene(slack, store, open_artifacts(files), redis_url, files), port


__all__ = ["Mode", "Scene", "until"]
