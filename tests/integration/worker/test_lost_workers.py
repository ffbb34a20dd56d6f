"""kill -9 of whoever captures: what runs in a container of ours goes on to its end, what was attached is kept."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import pytest_asyncio

from deploy.playground.stack import Part, Stack
from tests.support.captures import Desk, children, valid_records
from tests.support.playground import SharedPlayground, scene_copy
from tests.support.stack import remote_processes, until
from workers.contract.job import Job, JobState

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECONDS = 30.0
"""Of the captures that go on: longer than it takes to find that their worker is gone."""
ORPHAN_SECONDS = 15.0


@pytest_asyncio.fixture(loop_scope="module")
async def namespace(playground: SharedPlayground, fresh_namespace: str) -> str:
    """A shop of the test's own: `checkout`, which has tcpdump, calls `web`, which has none."""
    manifests = scene_copy(fresh_namespace, ("web", "checkout"))
    for one in manifests:
        if one["kind"] == "Deployment":
            one["spec"]["replicas"] = 1
    await playground.apply(manifests)
    return fresh_namespace


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def workers_end(bare_stack: Stack) -> AsyncIterator[None]:
    yield
    await asyncio.gather(*(bare_stack.stop(part) for part in list(bare_stack.parts)))


async def _kill(stack: Stack, worker: Part) -> None:
    await stack.stop(worker, signal.SIGKILL)


def _left(playground: SharedPlayground, job: Job) -> list[str]:
    """What is left of a job: marked processes in its pods, pods of ours."""
    done = playground.kubectl("get", "pods", "-n", "threadcap", "-l", f"threadcap.dev/job={job.id}", "-o", "name")
    assert done.returncode == 0, done.stderr
    return [*remote_processes(playground.admin_kubeconfig, job, 0.0), *done.stdout.split()]


async def _nothing_left(playground: SharedPlayground, job: Job) -> None:
    await until(lambda: not _left(playground, job), 20, "the end of our containers")


async def _segments(desk: Desk, job_id: str) -> None:
    await until(lambda: desk.artifacts.keys(f"jobs/{job_id}/"), 30, "segments")


async def test_what_is_ours_goes_on_and_what_is_attached_ends(
    bare_stack: Stack, desk: Desk, playground: SharedPlayground, namespace: str
) -> None:
    doomed = await bare_stack.start_worker()
    attached = desk.ask("deploy/checkout", "port 8080", namespace=namespace, duration=300, method="exec")
    ours = [desk.ask("deploy/web", namespace=namespace, duration=SECONDS, method=how) for how in ("ephemeral", "node")]
    for job_id in (attached, *ours):
        await desk.capturing(job_id, packets=5)
        await _segments(desk, job_id)
    await bare_stack.start_worker()
    assert await asyncio.to_thread(_left, playground, desk.job(attached))
    killed = time.monotonic()
    await _kill(bare_stack, doomed)
    job = desk.job(attached)
    while await asyncio.to_thread(_left, playground, job):
        assert time.monotonic() < killed + ORPHAN_SECONDS, "still running in the pod"
    print(f"attached: nothing runs {time.monotonic() - killed:.1f} s after the kill")
    for job_id in (attached, *ours):
        job = await desk.until(job_id, lambda now: now.epoch > 1, 30, "another worker to take it over")
        print(f"{job.targets[0].method}: taken over {time.monotonic() - killed:.1f} s after the kill")
    job = await desk.ended(attached)
    print(f"attached: delivered {time.monotonic() - killed:.1f} s after the kill")
    assert job.state is JobState.PARTIAL
    (target,) = desk.report(job).targets
    assert "the worker that captured was lost" in target.outcome.reason
    assert valid_records(desk.pcap(target)) == target.outcome.packets >= 5
    for job_id in ours:
        job = await desk.ended(job_id)
        (target,) = desk.proved(job).targets
        assert job.epoch == 2
        assert target.outcome.ended_by == "time"
        assert target.outcome.ended_at - target.outcome.started_at >= SECONDS
        await _nothing_left(playground, job)


async def test_a_spool_waits_for_the_next_worker(
    bare_stack: Stack, desk: Desk, playground: SharedPlayground, namespace: str
) -> None:
    worker = await bare_stack.start_worker()
    jobs = [desk.ask("deploy/web", namespace=namespace, duration=8, method=how) for how in ("ephemeral", "node")]
    for job_id in jobs:
        await desk.capturing(job_id, packets=5)
    await _kill(bare_stack, worker)
    ends = max(desk.job(job_id).deadline or 0.0 for job_id in jobs)
    await until(lambda: time.time() > ends + 2, 60, "the captures' end in their pods")
    await bare_stack.start_worker()
    for job_id in jobs:
        job = await desk.ended(job_id)
        desk.proved(job)
        await _nothing_left(playground, job)


async def test_a_worker_that_wakes_up_leaves_what_another_one_goes_on_with(
    bare_stack: Stack, desk: Desk, playground: SharedPlayground, namespace: str
) -> None:
    await asyncio.gather(bare_stack.start_worker(), bare_stack.start_worker())
    job_id = desk.ask("deploy/web", namespace=namespace, duration=300, method="ephemeral")
    await desk.capturing(job_id, packets=5)
    paused = await desk.holder(job_id)
    paused.process.send_signal(signal.SIGSTOP)
    await desk.until(job_id, lambda now: now.epoch > 1, 30, "another worker to take it over")
    paused.process.send_signal(signal.SIGCONT)
    await until(lambda: "taken over" in paused.log.read_text(), 60, "the paused worker to learn it")
    before = desk.job(job_id).targets[0].packets
    await desk.until(job_id, lambda now: now.targets[0].packets > before, 30, "packets after that")
    assert desk.job(job_id).state is JobState.CAPTURING
    desk.commands.stop(job_id, desk.job(job_id).requester)
    job = await desk.ended(job_id)
    assert desk.proved(job).targets[0].outcome.ended_by == "stop"
    await _nothing_left(playground, job)


async def test_a_worker_killed_while_it_analyses(
    bare_stack: Stack, desk: Desk, playground: SharedPlayground, namespace: str
) -> None:
    """The captures had ended: nothing of them is lost, nor the proof, whatever becomes of their containers."""
    worker = await bare_stack.start_worker()
    jobs = [
        desk.ask("deploy/web", namespace=namespace, duration=5, method="ephemeral"),
        desk.ask("deploy/checkout", "port 8080", namespace=namespace, duration=5, method="exec"),
    ]
    for job_id in jobs:
        await desk.capturing(job_id)
    with _stopped(_analysts(worker)):
        for job_id in jobs:
            await desk.until(job_id, lambda now: now.state is JobState.ANALYSING, 60, "the analysis")
        await _kill(bare_stack, worker)
    await bare_stack.start_worker()
    for before in [desk.job(job_id) for job_id in jobs]:
        job = await desk.ended(before.id)
        (target,) = desk.proved(job).targets
        assert target.outcome.ended_by == "time"
        assert valid_records(desk.pcap(target)) == target.outcome.packets == before.targets[0].packets > 0
        assert target.facts is not None
        await _nothing_left(playground, job)


@contextmanager
def _stopped(pids: Sequence[int]) -> Iterator[None]:
    """Processes that stand still, and are gone at the end."""
    assert pids
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _analysts(worker: Part) -> list[int]:
    """The processes that analyse for a worker."""
    nurseries = [pid for pid in children(worker.process.pid) if b"workers.sandbox" in _argv(pid)]
    return [child for pid in nurseries for child in children(pid)]


def _argv(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()
