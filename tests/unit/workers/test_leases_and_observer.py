"""Leases of one worker, and what a job's observer does when the store or the lease is gone."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from msgspec.structs import replace

from workers import leases, tasks
from workers.contract.errors import StaleEpoch, StoreUnavailable
from workers.contract.job import Job, JobState, Person
from workers.contract.ports import Lease
from workers.contract.spec import CaptureSpec, TargetKind, TargetRef
from workers.leases import LeaseKeeper
from workers.memory import InMemoryJobStore
from workers.tasks import SHUT_DOWN, JobObserver

ALICE, BOB = Person("U1", "alice"), Person("U2", "bob")
JOB = Job("abcd2345", CaptureSpec(TargetRef(TargetKind.POD, "x"), "shop"), ALICE)


class Flaky(InMemoryJobStore):
    """Away while `away`; applies the next write but loses its answer once `lost_answer` is set."""

    away = False
    lost_answer = False
    renewals = 0
    unread = 0
    reading_fails: Exception = StoreUnavailable("not read")

    def get(self, job_id: str) -> Job:
        if self.unread:
            self.unread -= 1
            raise self.reading_fails
        return super().get(job_id)

    def admit(self, job_id: str, limits: Mapping[str, int], ttl: float) -> str:
        if self.away:
            raise StoreUnavailable("away")
        return super().admit(job_id, limits, ttl)

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


def _capturing(scene: Scene) -> None:
    scene.store.change(JOB.id, lambda job: job.to(JobState.RESOLVING))
    scene.store.change(JOB.id, lambda job: job.to(JobState.CAPTURING, started=100.0, deadline=130.0))


def test_an_extension_reaches_the_holder_and_is_audited_once(scene: Scene) -> None:
    keeper = scene.keeper("a")
    held = keeper.hold(JOB.id)
    assert held is not None
    observer = JobObserver(scene.store, held)
    _capturing(scene)
    keeper.start()
    assert observer.deadline() is None
    scene.store.request_extension(JOB.id, BOB, 60, 600)
    _until(lambda: observer.deadline() == 190.0, "the new end")
    assert not observer.stop_requested()
    _until(lambda: scene.store.audited, "the audit")
    observer.update(lambda job: job.evolve(message="x"))
    scene.store.request_stop(JOB.id, ALICE)
    _until(observer.stop_requested, "the stop")
    assert observer.deadline() == 190.0
    assert scene.store.audited == [{"action": "extended", "job": JOB.id, "by": BOB.id, "deadline": 190.0}]


def test_a_wish_that_could_not_be_read_is_read_later(scene: Scene) -> None:
    keeper = scene.keeper("a")
    held = keeper.hold(JOB.id)
    assert held is not None
    _capturing(scene)
    scene.store.request_stop(JOB.id, ALICE)
    scene.store.unread = 2
    keeper.start()
    assert held.stop.wait(20)


def test_a_record_that_makes_no_sense_does_not_end_the_listening(scene: Scene) -> None:
    keeper = scene.keeper("a")
    held = keeper.hold(JOB.id)
    assert held is not None
    _capturing(scene)
    scene.store.unread, scene.store.reading_fails = 1, ValueError("Job: expected an object")
    keeper.start()
    scene.store.request_extension(JOB.id, BOB, 60, 600)
    _until(lambda: scene.store.unread == 0, "the record to be read")
    scene.store.request_stop(JOB.id, ALICE)
    assert held.stop.wait(20)


def test_an_older_record_does_not_take_an_extension_back(scene: Scene) -> None:
    held = leases.Held(Lease(JOB.id, "a", 1))
    moved = replace(JOB, version=7, deadline=190.0, extended_by=BOB)
    assert held.heed(moved)
    assert not held.heed(replace(moved, version=6, deadline=160.0))
    assert held.deadline == 190.0


def test_places_are_held_as_long_as_the_job(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "TTL", 0.5)
    keeper = scene.keeper("a")
    held = keeper.hold(JOB.id)
    assert held is not None
    assert JobObserver(scene.store, held).admit({"all": 1, "node:n1": 3}) == ""
    keeper.start()
    deadline = time.monotonic() + 1.2  # more than two lives of a place that nobody renews
    while time.monotonic() < deadline:
        assert scene.store.admit("other", {"all": 1}, 10) == "all"
        time.sleep(0.05)
    keeper.drop(held)
    assert scene.store.admit("other", {"all": 1}, 10) == ""
    time.sleep(3 * leases.BEAT)  # beats after the drop must not take it back
    assert scene.store.admit("other", {"all": 1, "node:n1": 1}, 10) == ""


def test_a_place_the_store_lost_is_taken_again(scene: Scene) -> None:
    keeper = scene.keeper("a")
    held = keeper.hold(JOB.id)
    assert held is not None
    assert JobObserver(scene.store, held).admit({"all": 1}) == ""
    scene.store.dismiss(JOB.id, ["all"])
    assert scene.store.admit("other", {"all": 1}, 0.01) == ""
    keeper.start()
    _until(lambda: scene.store.admit("other", {"all": 1}, 0.01) == "all", "the place to be taken again")


def test_places_of_a_forgotten_job_lapse(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "TTL", 0.5)
    keeper = scene.keeper("a")
    held = keeper.hold(JOB.id)
    assert held is not None
    assert JobObserver(scene.store, held).admit({"all": 1}) == ""
    keeper.start()
    keeper.forget(held)
    assert scene.store.admit("other", {"all": 1}, 10) == "all"
    _until(lambda: scene.store.admit("other", {"all": 1}, 10) == "", "the place to lapse")


def test_who_lost_the_job_leaves_its_places_to_the_new_worker(scene: Scene) -> None:
    first, second = scene.keeper("a"), scene.keeper("b")
    held = first.hold(JOB.id)
    assert held is not None
    observer = JobObserver(scene.store, held)
    assert observer.admit({"all": 1}) == ""
    scene.store.renew([held.lease], -1)  # it lapses
    taken = second.hold(JOB.id)
    assert taken is not None
    assert JobObserver(scene.store, taken).admit({"all": 1}) == ""
    with pytest.raises(StaleEpoch):
        observer.update(lambda job: job.evolve(message="x"))
    first.drop(held)
    assert scene.store.admit("other", {"all": 1}, 10) == "all"
    with pytest.raises(StaleEpoch):
        observer.admit({"all": 1})
    second.drop(taken)
    assert scene.store.admit("other", {"all": 1}, 10) == ""


def test_a_refused_admission_is_audited_once_and_may_be_asked_again(scene: Scene) -> None:
    observer, _ = _observer(scene)
    scene.store.admit("other", {"all": 1}, 10)
    assert [observer.admit({"all": 1}) for _ in range(3)] == ["all"] * 3
    scene.store.dismiss("other", ["all"])
    assert observer.admit({"all": 1}) == ""
    assert scene.store.audited == [{"action": "admission_refused", "job": JOB.id, "full": "all", "limit": 1}]


def test_admission_rides_over_an_absence(scene: Scene) -> None:
    observer, _ = _observer(scene)
    scene.store.away = True
    back = threading.Timer(0.3, lambda: setattr(scene.store, "away", False))
    back.start()
    assert observer.admit({"all": 1}) == ""
    back.join()


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
