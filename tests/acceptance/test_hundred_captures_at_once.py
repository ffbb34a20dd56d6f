"""A hundred captures at once on one worker: all end, all are proved; what it costs is printed."""

import asyncio
import os
import time
from typing import Any

import pytest

from deploy.playground.stack import Part, Stack
from tests.support.captures import Desk, children, memory
from workers.contract.job import Job

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(700)]

COUNT = int(os.environ.get("THREADCAP_TEST_CAPTURES", "100"))
SECONDS = 6


async def test_all_end_and_all_are_proved(bare_stack: Stack, desk: Desk, record_property: Any) -> None:
    worker = await bare_stack.start_worker()
    began = time.time()
    ids = await asyncio.gather(
        *(asyncio.to_thread(desk.ask, "deploy/checkout", "port 8080", duration=SECONDS) for _ in range(COUNT))
    )
    peak = await _peak(desk, worker, ids)
    jobs = [desk.job(one) for one in ids]
    for job in jobs:
        report = await asyncio.to_thread(desk.proved, job)
        assert report.targets[0].facts is not None
        assert report.targets[0].outcome.packets > 0
    for name, value in {**peak, **_latency(jobs), "all_s": max(j.updated for j in jobs) - began}.items():
        print(f"{name}: {value:.1f}")
        record_property(name, round(value, 2))


async def _peak(desk: Desk, worker: Part, ids: list[str]) -> dict[str, float]:
    """Wait for every end; returns the largest memory seen meanwhile, in MB (children share pages: Pss)."""
    own = below = 0.0
    deadline = time.monotonic() + 600
    while not all(desk.job(one).final for one in ids):
        assert time.monotonic() < deadline, [str(desk.job(one).state) for one in ids]
        own = max(own, memory(worker.process.pid, "Rss"))
        below = max(below, sum(memory(child, "Pss") for child in children(worker.process.pid)))
        await asyncio.sleep(0.5)
    return {"worker_rss_mb": own, "children_pss_mb": below}


def _latency(jobs: list[Job]) -> dict[str, float]:
    """Seconds from the request to the capture's start."""
    waits = sorted(job.started - job.created for job in jobs if job.started is not None)
    return {"start_p50_s": waits[len(waits) // 2], "start_p95_s": waits[int(len(waits) * 0.95)]}
