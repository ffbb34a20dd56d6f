"""Stop and extend on a real Redis reach the worker that holds the job, every one of 150 at once; how soon is recorded.

No heartbeat brings them: leases are renewed by it, wishes are told by the listener alone.
"""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.support import jobs
from workers.contract.job import JobState
from workers.leases import Held, LeaseKeeper
from workers.state import RedisJobStore

COUNT = 150
LOST = 60.0
"""Seconds after which a wish is taken for lost. It takes milliseconds, unless the machine is busy with other things."""


class Hand:
    """A worker's keeper with jobs that are capturing, and a bot's store that people's wishes go to."""

    def __init__(self, url: str) -> None:
        self.bot, self._worker = RedisJobStore(url), RedisJobStore(url)
        self._keeper = LeaseKeeper(self._worker, "w1", lambda job_id: None, lambda job_id: None)
        self.held = [self._hold(f"job{number}") for number in range(COUNT)]
        self._keeper.start()

    def _hold(self, job_id: str) -> Held:
        self.bot.create(jobs.job(job_id))
        held = self._keeper.hold(job_id)
        assert held is not None
        self.bot.change(job_id, lambda job: job.to(JobState.RESOLVING))
        self.bot.change(job_id, lambda job: job.to(JobState.CAPTURING, started=100.0, deadline=130.0))
        return held

    def close(self) -> None:
        self._keeper.close()
        self.bot.close()
        self._worker.close()

    def latencies(self, wish: Callable[[str], Any], heard: Callable[[Held], bool]) -> list[float]:
        """Seconds from each wish to its hearing, all wished at once by a crowd."""

        def one(held: Held) -> float:
            began = time.monotonic()
            wish(held.lease.job_id)
            while not heard(held):
                assert time.monotonic() < began + LOST, f"{held.lease.job_id}: never heard of"
                pause.wait(0.005)
            return time.monotonic() - began

        pause = threading.Event()
        with ThreadPoolExecutor(30) as crowd:
            return sorted(crowd.map(one, self.held))


@pytest.fixture
def hand(redis_url: str) -> Iterator[Hand]:
    one = Hand(redis_url)
    yield one
    one.close()


def test_extensions_and_stops_of_many_jobs_are_heard_of_at_once(hand: Hand, record_property: Any) -> None:
    def extend(job_id: str) -> None:
        hand.bot.request_extension(job_id, jobs.ALICE, 60, 600)

    def stop(job_id: str) -> None:
        hand.bot.request_stop(job_id, jobs.ALICE)

    extended = hand.latencies(extend, lambda held: held.deadline == 190.0)
    assert not any(held.stop.is_set() for held in hand.held)
    stopped = hand.latencies(stop, lambda held: held.stop.is_set())
    for name, seconds in (("extend", extended), ("stop", stopped)):
        print(f"{name}: median {seconds[COUNT // 2] * 1000:.0f} ms, slowest {seconds[-1] * 1000:.0f} ms")
        record_property(f"{name}_ms", round(seconds[-1] * 1000))
        assert len(seconds) == COUNT
