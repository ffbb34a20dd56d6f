"""Leases of one worker, and what a job's observer does when the store or the lease is gone."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from workers import leases, tasks
from workers.contract.errors import StaleEpoch, StoreUnavailable
from workers.contract.job import Job, JobState, Person
from workers.contract.spec import CaptureSpec, TargetKind, TargetRef
from workers.leases import LeaseKeeper
from workers.memory import InMemoryJobStore
from workers.tasks import SHUT_DOWN, JobObserver

ALICE = Person("U1", "alice")
JOB = Job("abcd2345", CaptureSpec(TargetRef(TargetKind.POD, "x"), "shop"), ALICE)


class Flaky(InMemoryJobStore):
    """Away while `away`; applies the next write but loses its answer once `lost_answer` is set."""

    away = False
    lost_answer = False
    renewals = 0

    def change(self, job_id: str, change: Callable[[Job], Job], *, epoch: int | None = None) -> Job:
        if self.away:
            raise StoreUnavailable("away")
        job = super().change(job_id, change, epoch=epoch)
        if self.lost_answer:
            self.lost_answer = False
            raise StoreUnavailable("the answer was lost")
        return job

    def renew(self, leases: Any, ttl: float) -> Any:
        if self.away:
            raise StoreUnavailable("away")
        self.renewals += 1
        return super().renew(leases, ttl)


class Scene:
    """A store with one job, and keepers that remember what they were told."""

    def __init__(self) -> None:
        self.store = Flaky()
        self.store.create(JOB)
        self.adopted: list[str] = []
        self.enqueued: list[str] = []
        self.keepers: list[LeaseKeeper] = []

    def keeper(self, owner: str) -> LeaseKeeper:
        keeper = LeaseKeeper(self.store, owner, self.adopted.append, self.enqueued.append)
        self.keepers.append(keeper)
        return keeper


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    monkeypatch.setattr(leases, "TTL", 2.0)
    monkeypatch.setattr(leases, "BEAT", 0.1)
    monkeypatch.setattr(tasks, "RETRY_SECONDS", 0.02)
    one = Scene()
    yield one
    one.store.away = False
    for keeper in one.keepers:
        keeper.close()


def _until(true: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def test_a_held_job_is_nobody_elses_and_is_renewed(scene: Scene) -> None:
    first, second = scene.keeper("a"), scene.keeper("b")
    first.start()
    held = first.hold(JOB.id)
    assert held is not None
    deadline = time.monotonic() + 1.5
    while time.monotonic() < deadline:
        assert second.hold(JOB.id) is None
        time.sleep(0.05)
    assert not held.lost.is_set()
    first.drop(held)
    assert second.hold(JOB.id) is not None


def test_a_lapsed_lease_is_offered_for_adoption(scene: Scene) -> None:
    lost, other = scene.keeper("a"), scene.keeper("b")
    held = lost.hold(JOB.id)
    assert held is not None
    other.start()
    _until(lambda: JOB.id in scene.adopted, "adoption")
    taken = other.hold(JOB.id)
    assert taken is not None
    assert taken.lease.epoch == held.lease.epoch + 1
    lost.start()
    _until(held.lost.is_set, "the loss to be noticed")


def test_dropped_is_not_adopted_and_forgotten_is(scene: Scene) -> None:
    keeper = scene.keeper("a")
    keeper.start()
    held = keeper.hold(JOB.id)
    assert held is not None
    keeper.drop(held)
    again = keeper.hold(JOB.id)
    assert again is not None
    assert scene.adopted == []
    keeper.forget(again)
    _until(lambda: JOB.id in scene.adopted, "adoption of our own forgotten job")


def test_waiting_jobs_nobody_holds_are_enqueued_again_once(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "FORGOTTEN", 0.3)
    keepers = [scene.keeper(name) for name in "abc"]
    for keeper in keepers:
        keeper.start()
    _until(lambda: scene.enqueued, "the job to be enqueued again")
    monkeypatch.setattr(leases, "FORGOTTEN", 60.0)
    assert set(scene.enqueued) == {JOB.id}


def test_a_stop_reaches_the_holder(scene: Scene) -> None:
    keeper = scene.keeper("a")
    held = keeper.hold(JOB.id)
    assert held is not None
    scene.store.change(JOB.id, lambda job: job.to(JobState.RESOLVING))
    keeper.start()
    scene.store.request_stop(JOB.id, ALICE)
    assert held.stop.wait(20)


def test_renewing_survives_an_absent_store_and_an_unexpected_error(scene: Scene) -> None:
    keeper = scene.keeper("a")
    held = keeper.hold(JOB.id)
    assert held is not None
    scene.store.away = True
    keeper.start()
    threading.Event().wait(0.3)  # some beats in vain
    scene.store.away = False
    before = scene.store.renewals
    deadline = time.monotonic() + 10
    while scene.store.renewals < before + 3:
        assert time.monotonic() < deadline, "the heartbeat ended"
        time.sleep(0.05)


def test_draining_is_told_and_adopts_nothing(scene: Scene) -> None:
    keeper, dead = scene.keeper("a"), scene.keeper("dead")
    held = keeper.hold(JOB.id)
    assert held is not None
    observer = JobObserver(scene.store, held)
    assert observer.interrupted() == ""
    keeper.drain()
    assert observer.interrupted() == SHUT_DOWN
    assert not observer.stop_requested()
    scene.store.create(replace(JOB, id="efgh2345"))
    assert dead.hold("efgh2345") is not None
    keeper.start()
    threading.Event().wait(leases.TTL + 0.5)  # longer than the dead one's lease
    assert scene.adopted == []


def _observer(scene: Scene) -> tuple[JobObserver, leases.Held]:
    held = scene.keeper("a").hold(JOB.id)
    assert held is not None
    return JobObserver(scene.store, held), held


def test_updates_ride_over_an_absence(scene: Scene) -> None:
    observer, _ = _observer(scene)
    scene.store.away = True
    back = threading.Timer(0.3, lambda: setattr(scene.store, "away", False))
    back.start()
    assert observer.update(lambda job: job.to(JobState.RESOLVING)).state is JobState.RESOLVING
    back.join()


def test_impatient_updates_do_not_wait(scene: Scene) -> None:
    observer, _ = _observer(scene)
    scene.store.away = True
    with pytest.raises(StoreUnavailable):
        observer.update(lambda job: job.evolve(message="x"), patient=False)


def test_patience_ends(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "PATIENCE", 0.1)
    observer, _ = _observer(scene)
    scene.store.away = True
    with pytest.raises(StoreUnavailable):
        observer.update(lambda job: job.evolve(message="x"))


def test_a_move_whose_answer_was_lost_is_not_made_twice(scene: Scene) -> None:
    observer, _ = _observer(scene)
    scene.store.lost_answer = True
    job = observer.update(lambda old: old.to(JobState.RESOLVING, attempts=old.attempts + 1))
    assert (job.state, job.attempts) == (JobState.RESOLVING, 1)


def test_an_old_epoch_changes_nothing(scene: Scene) -> None:
    observer, held = _observer(scene)
    scene.store.renew([held.lease], -1)  # it lapses
    assert scene.store.acquire(JOB.id, "other", 10) is not None
    with pytest.raises(StaleEpoch):
        observer.update(lambda job: job.to(JobState.RESOLVING))
    held.lost.set()
    with pytest.raises(StaleEpoch):
        observer.stop_requested()
    assert scene.store.get(JOB.id).state is JobState.REQUESTED


def test_an_update_finds_out_about_a_stop(scene: Scene) -> None:
    observer, _ = _observer(scene)
    observer.update(lambda job: job.to(JobState.RESOLVING))
    scene.store.request_stop(JOB.id, ALICE)
    assert not observer.stop_requested()
    observer.update(lambda job: job.evolve(message="x"))
    assert observer.stop_requested()
