"""kill -9 of the worker that captures: another one ends what runs in the pod and delivers what there was."""

import asyncio
import signal
import time

import pytest

from deploy.playground.stack import Stack
from tests.support.captures import Desk, valid_records
from tests.support.playground import SharedPlayground
from tests.support.stack import Incident, remote_processes, until
from workers.contract.job import JobState

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_partial_with_what_was_captured(
    bare_stack: Stack, incident: Incident, desk: Desk, playground: SharedPlayground
) -> None:
    await asyncio.gather(bare_stack.start_worker(), bare_stack.start_worker(), bare_stack.start_bot())
    await incident.mention("capture deploy/checkout -n shop port 8080 for 120s")
    job = await incident.job()
    job = await desk.capturing(job.id, packets=20)
    await _segments(desk, job.id)
    doomed = await desk.holder(job.id)
    assert await asyncio.to_thread(remote_processes, playground.admin_kubeconfig, job, 0.0) != []
    killed = time.monotonic()
    await bare_stack.stop(doomed, signal.SIGKILL)
    gone = await _nothing_left(playground, desk, job.id, killed)
    print(f"nothing runs in the pod {gone:.1f} s after the kill")
    done = await incident.finished()
    assert done.state is JobState.PARTIAL
    assert "worker" in done.message
    (target,) = desk.report(done).targets
    assert not target.outcome.complete
    assert not target.outcome.proved
    records = valid_records(desk.pcap(target))
    assert records == target.outcome.packets > 0
    (file,) = await until(incident.files, 60, "the pcap in the thread")
    assert valid_records(file.path.read_bytes()) == records
    said = " ".join(str(message.blocks) + message.text for message in incident.said())
    assert "partial" in said.lower()


async def _segments(desk: Desk, job_id: str) -> None:
    await until(lambda: any("/segments/" in key for key in desk.artifacts.keys(f"jobs/{job_id}/")), 30, "segments")


async def _nothing_left(playground: SharedPlayground, desk: Desk, job_id: str, since: float) -> float:
    """Seconds until nothing carries the job's mark in its pod; 15 at most."""
    while await asyncio.to_thread(remote_processes, playground.admin_kubeconfig, desk.job(job_id), 0.0):
        assert time.monotonic() < since + 15, "still running in the pod"
        await asyncio.sleep(0.2)
    return time.monotonic() - since
