"""The whole product on the shared playground: Redis, Slack, workers and bot of the test module's own.

pytestmark = pytest.mark.asyncio(loop_scope="module")

async def test_x(stack: Stack, incident: Incident) -> None:
    await incident.mention("capture deploy/checkout -n shop port 8080 for 3s")
    job = await incident.finished()
"""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import pytest_asyncio

from deploy.playground.slack.interact import find_action
from deploy.playground.slack.state import File, Message
from deploy.playground.stack import Stack
from deploy.playground.up import PlaygroundSettings
from tests.support.playground import SharedPlayground
from workers.capture.cluster import Cluster
from workers.capture.tcpdump import marker
from workers.contract.errors import TargetNotFound
from workers.contract.job import Job
from workers.state import RedisJobStore

POLL = 0.1
T = TypeVar("T")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bare_stack(playground: SharedPlayground) -> AsyncIterator[Stack]:
    """Redis and Slack; workers and bots are the test's to start."""
    settings = PlaygroundSettings(id=f"test-{secrets.token_hex(4)}")
    async with Stack(settings, progress=lambda line: None, cluster=playground) as stack:
        yield stack


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack(bare_stack: Stack) -> Stack:
    """One worker and one bot on top."""
    await asyncio.gather(bare_stack.start_worker(), bare_stack.start_bot())
    return bare_stack


@dataclass
class Incident:
    """A thread in #incidents and what came of it."""

    stack: Stack
    store: RedisJobStore
    thread_ts: str = ""
    channel: str = ""
    known: set[str] = field(default_factory=set)

    async def mention(self, words: str, who: str = "alice", *, smart: bool = True) -> None:
        """Say `@threadcap WORDS` in the thread."""
        self.stack.slack.people.say(who, "incidents", f"@threadcap {words}", thread_ts=self.thread_ts, smart=smart)

    async def job(self, seconds: float = 20.0) -> Job:
        """Return the thread's newest job, once there is one."""
        return await until(lambda: self._newest(), seconds, "a job of this thread")

    async def finished(self, seconds: float = 90.0) -> Job:
        """Return the job once it is final."""
        return await until(lambda: _if(self._newest(), lambda job: job.final), seconds, "the job's end")

    def replies(self) -> list[Message]:
        """The thread's messages, oldest first."""
        return self.stack.slack.workspace.replies(self.channel, self.thread_ts)

    def said(self) -> list[Message]:
        """What the bot said in the thread."""
        return [message for message in self.replies() if message.bot]

    def with_button(self, action_id: str) -> Message | None:
        """The bot's message that carries a button."""
        return next((m for m in self.said() if find_action(m.blocks, action_id)), None)

    def notes(self) -> list[Message]:
        """Ephemeral messages of this channel."""
        return [m for m in self.stack.slack.workspace.ephemerals if m.channel == self.channel]

    def files(self, suffix: str = ".pcap") -> list[File]:
        """Files shared in the thread."""
        shared = [str(file["id"]) for message in self.replies() for file in message.files]
        files = [self.stack.slack.workspace.files[one] for one in shared]
        return [file for file in files if file.name.endswith(suffix)]

    def _newest(self) -> Job | None:
        jobs = [job for job in self.store.recent(50) if job.origin.thread_ts == self.thread_ts]
        return jobs[0] if jobs else None


def _if(job: Job | None, fits: Callable[[Job], bool]) -> Job | None:
    return job if job is not None and fits(job) else None


async def until(ask: Callable[[], T | None], seconds: float, what: str) -> T:
    """Ask until there is an answer that is true, and return it."""
    deadline = time.monotonic() + seconds
    while not (answer := await asyncio.to_thread(ask)):
        assert time.monotonic() < deadline, f"no sign of {what} in {seconds:.0f} s"
        await asyncio.sleep(POLL)
    return answer


@pytest_asyncio.fixture(loop_scope="module")
async def incident(bare_stack: Stack) -> AsyncIterator[Incident]:
    """A fresh thread."""
    store = RedisJobStore(bare_stack.redis_url)
    alarm = bare_stack.slack.people.say("alice", "incidents", "Checkout is slow.")
    yield Incident(bare_stack, store, alarm.ts, alarm.channel)
    store.close()


def remote_processes(kubeconfig: Path, job: Job, patience: float = 5.0) -> list[str]:
    """What still carries the job's mark in its pods after `patience` seconds; [] when nothing does or the pod is gone.

    Patience, as the timer of busybox's timeout looks once a second whether the process it bounds is still there.
    """
    cluster = Cluster(str(kubeconfig))
    deadline = time.monotonic() + patience
    try:
        while (found := _marked(cluster, job)) and time.monotonic() < deadline:
            time.sleep(POLL)
        return found
    finally:
        cluster.close()


def _marked(cluster: Cluster, job: Job) -> list[str]:
    script = (
        "for d in /proc/[0-9]*; do { tr '\\0' ' ' < $d/cmdline; tr '\\0' ' ' < $d/environ; } 2>/dev/null | "
        'grep -F -- "$1=$2"; done; echo'
    )
    found: list[str] = []
    for target in job.targets:
        with suppress(TargetNotFound):
            pod = cluster.pod(target.namespace, target.pod)
            running = [one.name for one in pod.containers if one.running] if pod is not None else []
            if pod is None or target.container not in running:  # nothing runs in a container of ours that has ended
                continue
            argv = ["sh", "-c", script, "look", *marker(job.id).split("=", 1)]
            said = cluster.run(pod, target.container, argv).stdout.decode()
            found += [line for line in said.splitlines() if line.strip()]
    return found
