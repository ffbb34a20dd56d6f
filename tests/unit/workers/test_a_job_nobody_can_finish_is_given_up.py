"""A file store that stays away: the capture is tried again by one worker after another, but not for ever."""

from pathlib import Path
from typing import Any, cast

import pytest

from tests.support import jobs
from tests.support.twins import FakeQueue
from workers import tasks
from workers.contract.errors import StoreUnavailable
from workers.contract.job import Job, JobState
from workers.delivery import Tools
from workers.memory import InMemoryJobStore, MemoryArtifacts
from workers.policy import Rules
from workers.tasks import Worker


@pytest.fixture
def attempts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Salvage fails each time, as with a bucket that refuses us."""
    made: list[str] = []

    def salvage(job: Job, *_: Any) -> Job:
        made.append(job.id)
        raise StoreUnavailable("away")

    monkeypatch.setattr(tasks, "salvage", salvage)
    return made


def _worker(store: InMemoryJobStore, tmp_path: Path, now: float) -> Worker:
    nothing = cast(Any, None)
    tools = Tools(nothing, MemoryArtifacts(), Rules(), nothing, tmp_path, clock=lambda: now)
    return Worker(store, FakeQueue(), tools)


def _capturing(store: InMemoryJobStore, leases: int) -> Job:
    job = jobs.job(created=1000.0)
    store.create(job)
    for state in (JobState.QUEUED, JobState.RESOLVING):
        store.change(job.id, lambda old, state=state: old.to(state))  # type: ignore[misc]
    store.change(job.id, lambda old: old.to(JobState.CAPTURING, started=1000.0, deadline=1030.0))
    for _ in range(leases):
        lease = store.acquire(job.id, "lost", 60)
        assert lease is not None
        store.release(lease)
    return store.get(job.id)


@pytest.mark.parametrize(
    ("leases", "now", "given_up"),
    [(9, 1031.0, False), (1, 100_000.0, False), (9, 2000.0, True)],
    ids=["it just ended", "all workers were away for a day", "many tried for long"],
)
def test_given_up_when_many_tried_for_long(
    leases: int, now: float, given_up: bool, tmp_path: Path, attempts: list[str]
) -> None:
    store = InMemoryJobStore()
    job = _capturing(store, leases)
    worker = _worker(store, tmp_path, now)
    worker.work(job.id)
    worker.close()
    left = store.get(job.id)
    assert (left.state is JobState.FAILED) is given_up
    assert (attempts == []) is given_up
    if given_up:
        assert "file store" in left.message
        assert left.error_code == "store_unavailable"
