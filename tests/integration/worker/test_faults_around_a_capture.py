"""What goes wrong around a capture: Redis away, the analysis killed, workers paused or lost. One worker module each."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from deploy.playground.stack import Stack
from tests.integration.worker.redis_relay import RedisRelay
from tests.support.captures import ALICE, Desk, children, valid_records
from tests.support.playground import SharedPlayground
from tests.support.stack import remote_processes, until
from workers.contract.job import Job, JobState, Origin, new_job_id
from workers.contract.spec import CaptureSpec, TargetKind, TargetRef

pytestmark = pytest.mark.asyncio(loop_scope="module")

SPEC = CaptureSpec(TargetRef(TargetKind.DEPLOYMENT, "checkout"), "shop", filter="port 8080", duration=2)


async def test_redis_gone_for_a_few_seconds_mid_capture(bare_stack: Stack, desk: Desk) -> None:
    async with RedisRelay(bare_stack.redis_url) as relay:
        worker = await bare_stack.start_worker(THREADCAP_REDIS_URL=relay.url)
        try:
            job_id = desk.ask("deploy/checkout", "port 8080", duration=8)
            await desk.capturing(job_id)
            await relay.cut()
            await asyncio.sleep(5)  # how long it is gone, not a wait
            await relay.mend()
            job = await desk.ended(job_id)
            desk.proved(job)
            assert job.epoch == 1
            # and the worker takes jobs again
            desk.proved(await desk.ended(desk.ask("deploy/checkout", "port 8080", duration=1)))
        finally:
            await bare_stack.stop(worker)


async def test_analysis_killed_mid_capture(bare_stack: Stack, desk: Desk) -> None:
    worker = await bare_stack.start_worker()
    try:
        job_id = desk.ask("deploy/checkout", "port 8080", duration=6)
        await desk.capturing(job_id)
        (nursery,) = [pid for pid in children(worker.process.pid) if _is_nursery(pid, worker.process.pid)]
        for child in children(nursery):
            os.kill(child, signal.SIGKILL)
        job = await desk.ended(job_id)
        assert job.state is JobState.DONE
        report = desk.report(job)
        (target,) = report.targets
        assert target.outcome.proved
        assert target.facts is None
        assert "analysis failed" in target.analysis_error
        assert "nalys" in job.verdict
        assert valid_records(desk.pcap(target)) == target.outcome.packets > 0
        # the next one is analysed
        assert desk.proved(await desk.ended(desk.ask("deploy/checkout", duration=1))).targets[0].facts is not None
    finally:
        await bare_stack.stop(worker)


async def test_a_paused_worker_changes_nothing_after_it_wakes(
    bare_stack: Stack, desk: Desk, playground: SharedPlayground
) -> None:
    await asyncio.gather(bare_stack.start_worker(), bare_stack.start_worker())
    try:
        job_id = desk.ask("deploy/checkout", "port 8080", duration=60)
        await desk.capturing(job_id)
        await until(lambda: desk.artifacts.keys(f"jobs/{job_id}/"), 30, "segments")
        paused = await desk.holder(job_id)
        paused.process.send_signal(signal.SIGSTOP)
        job = await desk.ended(job_id)
        assert job.state is JobState.PARTIAL
        assert job.epoch == 2
        stored = desk.artifacts.keys(f"jobs/{job_id}/")
        paused.process.send_signal(signal.SIGCONT)
        await until(lambda: "taken over" in paused.log.read_text(), 60, "the paused worker to learn it")
        assert desk.job(job_id) == job
        assert [key for key in desk.artifacts.keys(f"jobs/{job_id}/") if "/2/" in key] == [
            key for key in stored if "/2/" in key
        ]
        assert await asyncio.to_thread(remote_processes, playground.admin_kubeconfig, job) == []
    finally:
        await _stop_all(bare_stack)


async def test_a_worker_lost_while_resolving_is_tried_again(bare_stack: Stack, desk: Desk) -> None:
    job_id = new_job_id()
    assert desk.store.create(Job(job_id, SPEC, ALICE, Origin()))
    lease = desk.store.acquire(job_id, "somebody-0-lost", 1.0)
    assert lease is not None
    desk.store.change(job_id, lambda job: job.to(JobState.RESOLVING, attempts=1), epoch=lease.epoch)
    worker = await bare_stack.start_worker()
    try:
        job = await desk.ended(job_id)
        desk.proved(job)
        assert job.attempts == 2
    finally:
        await bare_stack.stop(worker)


async def test_a_job_that_loses_every_worker_fails_in_words(bare_stack: Stack, desk: Desk) -> None:
    job_id = new_job_id()
    assert desk.store.create(Job(job_id, SPEC, ALICE, Origin()))
    lease = desk.store.acquire(job_id, "somebody-0-lost", 1.0)
    assert lease is not None
    desk.store.change(job_id, lambda job: job.to(JobState.RESOLVING, attempts=3), epoch=lease.epoch)
    worker = await bare_stack.start_worker()
    try:
        job = await desk.ended(job_id)
        assert job.state is JobState.FAILED
        assert "went wrong on our side" in job.message
    finally:
        await bare_stack.stop(worker)


async def test_a_worker_told_to_end_keeps_what_it_has(bare_stack: Stack, desk: Desk) -> None:
    worker = await bare_stack.start_worker()
    job_id = desk.ask("deploy/checkout", "port 8080", duration=60)
    await desk.capturing(job_id)
    assert await bare_stack.stop(worker) == 0
    job = desk.job(job_id)
    assert job.state is JobState.PARTIAL
    (target,) = desk.report(job).targets
    assert target.outcome.proved
    assert not target.outcome.complete
    assert "shut down" in target.outcome.reason
    assert valid_records(desk.pcap(target)) > 0
    assert not await asyncio.to_thread(lambda: list(bare_stack.rundir.glob("*.spool/worker-*/*.pcap")))


def _is_nursery(pid: int, parent: int) -> bool:
    arguments = Path(f"/proc/{pid}/cmdline").read_bytes()
    direct = f"\nPPid:\t{parent}\n" in Path(f"/proc/{pid}/status").read_text()
    return direct and b"workers.sandbox" in arguments


async def _stop_all(stack: Stack) -> None:
    await asyncio.gather(*(stack.stop(part) for part in list(stack.parts)))
