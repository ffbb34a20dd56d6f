"""Captures asked for without Slack: through the job store and the queue, as the bot does it.

async def test_x(desk: Desk) -> None:
    job_id = desk.ask("deploy/checkout", "port 8080", duration=3)
    job = await desk.ended(job_id)
"""

import hashlib
import json
import struct
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest_asyncio

from bot.commands import Accepted, Commands
from deploy.playground.stack import Part, Stack
from tests.support.stack import until
from workers.artifacts import ObjectArtifacts
from workers.capture.spool import FILE_HEADER, RecordWalk
from workers.contract import codec
from workers.contract.job import Job, JobState, Origin, Person
from workers.contract.report import CaptureOutcome, Report, TargetResult
from workers.contract.spec import SHORT_KIND, CaptureSpec, TargetRef
from workers.policy import Rules
from workers.queue import CeleryQueue
from workers.state import RedisJobStore

ALICE = Person("U-ALICE", "alice")
KINDS = {short.strip().rstrip("/"): kind for kind, short in SHORT_KIND.items()}


@dataclass
class Desk:
    """Where captures are asked for, and what came of them."""

    stack: Stack
    store: RedisJobStore
    queue: CeleryQueue
    artifacts: ObjectArtifacts
    commands: Commands

    def ask(self, target: str, filter: str = "", *, namespace: str = "shop", **more: Any) -> str:  # noqa: A002
        """Hand a capture to the workers; returns the job's id. `target`: deploy/x, ns/x, … or "-l a=b"."""
        accepted = self.commands.capture(spec(target, filter, namespace, **more), ALICE, Origin())
        assert isinstance(accepted, Accepted), accepted
        return accepted.job.id

    def job(self, job_id: str) -> Job:
        """The newest record."""
        return self.store.get(job_id)

    async def ended(self, job_id: str, seconds: float = 90.0) -> Job:
        """Return the job once it is final."""
        return await self.until(job_id, lambda job: job.final, seconds, "the end")

    async def capturing(self, job_id: str, packets: int = 1) -> Job:
        """Return the job once every target has stored packets."""
        return await self.until(
            job_id,
            lambda job: (
                job.state is JobState.CAPTURING and bool(job.targets) and all(t.packets >= packets for t in job.targets)
            ),
            60,
            "packets",
        )

    async def until(self, job_id: str, fits: Callable[[Job], bool], seconds: float, what: str) -> Job:
        """Return the job once it fits."""
        return await until(lambda: ((job := self.job(job_id)) and fits(job) and job) or None, seconds, what)

    async def holder(self, job_id: str) -> Part:
        """Return the worker that holds the job's lease."""

        def find() -> Part | None:
            owner = str(self.store._redis.hget(f"tc:job:{job_id}", "owner") or "")
            pids = owner.split("-")
            return next((part for part in self.stack.parts if str(part.process.pid) in pids), None)

        return await until(find, 30, "the worker that holds the lease")

    def report(self, job: Job) -> Report:
        """The stored report of a finished job."""
        assert job.report is not None, f"no report: {job.state}, {job.message}"
        return codec.decode(Report, json.loads(b"".join(self.artifacts.read(job.report.key))))

    def pcap(self, result: TargetResult) -> bytes:
        """The stored pcap of a target."""
        assert result.pcap is not None
        return b"".join(self.artifacts.read(result.pcap.key))

    def proved(self, job: Job) -> Report:
        """Check that a finished job has every byte; returns its report."""
        assert job.state is JobState.DONE, (job.state, job.message)
        report = self.report(job)
        for target in report.targets:
            assert target.outcome.proved, target.outcome
            data = self.pcap(target)
            assert hashlib.sha256(data).hexdigest() == target.outcome.pod_sha256
            assert valid_records(data) == target.outcome.packets
            assert all_written(target.outcome), target.outcome
        return report


def all_written(outcome: CaptureOutcome) -> bool:
    """Whether what tcpdump counted is there, but for a last packet that its end met: that one is said to be missing."""
    assert outcome.captured is not None
    missing = outcome.captured - outcome.packets
    several = f"and {missing - 1} more that it had counted" in outcome.reason
    return missing >= 0 and (missing > 0) == ("the last packet was " in outcome.reason) and several == (missing > 1)


def spec(target: str, filter: str = "", namespace: str = "shop", **more: Any) -> CaptureSpec:  # noqa: A002
    """A spec from a target as people write it."""
    return CaptureSpec(reference(target), namespace, filter=filter, **more)


def reference(target: str, namespace: str = "") -> TargetRef:
    """One target as people write it."""
    kind, _, name = target.replace("-l ", "-l/").partition("/")
    return TargetRef(KINDS[kind], name, namespace)


def valid_records(data: bytes) -> int:
    """Records of a classic pcap that must end with a whole one."""
    assert struct.unpack("<I", data[:4])[0] in (0xA1B2C3D4, 0xA1B23C4D)
    walk = RecordWalk()
    walk.feed(data)
    assert walk.whole == len(data) >= FILE_HEADER
    return walk.records


def memory(pid: int, kind: str) -> float:
    """Memory of a process in MB, `kind` Rss or Pss (shared pages divided among those who share); 0 when it is gone."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith(f"{kind}:"):
                return int(line.split()[1]) / 1024
    return 0.0


def children(pid: int) -> list[int]:
    """Every process below `pid`."""
    found: list[int] = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            for child in map(int, path.read_text().split()):
                found += [child, *children(child)]
        except OSError:
            continue
    return found


@pytest_asyncio.fixture(loop_scope="module")
async def desk(bare_stack: Stack) -> AsyncIterator[Desk]:
    """A desk on the module's stack; the test starts its workers."""
    store, queue = RedisJobStore(bare_stack.redis_url), CeleryQueue(bare_stack.redis_url)
    artifacts = ObjectArtifacts(f"file://{bare_stack.rundir}/artifacts")
    yield Desk(bare_stack, store, queue, artifacts, Commands(store, queue, Rules(), time.time))
    queue.close()
    store.close()
