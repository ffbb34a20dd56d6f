"""Hundreds of captures, round after round, on one worker: all proved, and memory stays where it was."""

import asyncio
from typing import Any

import pytest

from deploy.playground.stack import Stack
from tests.support.captures import Desk, memory

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.long, pytest.mark.timeout(3600)]

ROUNDS = 10
EACH = 25
GROWTH_MB = 60.0
"""What one worker's resident memory may grow by after its second round: pools and caches are warm by then."""


async def test_rounds_of_captures_do_not_grow_the_worker(bare_stack: Stack, desk: Desk, record_property: Any) -> None:
    worker = await bare_stack.start_worker()
    sizes: list[float] = []
    for _ in range(ROUNDS):
        ids = [await asyncio.to_thread(desk.ask, "deploy/checkout", "port 8080", duration=4) for _ in range(EACH)]
        for job_id in ids:
            await asyncio.to_thread(desk.proved, await desk.ended(job_id, 300))
        sizes.append(memory(worker.process.pid, "Rss"))
    print("worker RSS by round, MB:", [round(size) for size in sizes])
    record_property("worker_rss_mb", [round(size, 1) for size in sizes])
    assert sizes[-1] - sizes[1] < GROWTH_MB
