"""What commands do, on twins: policy first, audit always, a lost race or queue told in plain words."""

import pytest
from msgspec import structs

from bot.commands import Accepted, Commands, Refusal
from tests.support import jobs
from tests.support.twins import FakeQueue
from workers.contract.errors import QueueUnavailable
from workers.contract.job import Job, JobState, Origin, Person
from workers.memory import InMemoryJobStore
from workers.policy import Rules

BOB = Person("U2", "bob")
HERE = Origin("C1", "", "slash")


class Quick(FakeQueue):
    """A worker that has begun before enqueue returns; `lie` says afterwards that it failed."""

    store: InMemoryJobStore
    lie = False

    def enqueue(self, job_id: str) -> None:
        super().enqueue(job_id)
        self.store.change(job_id, lambda old: old.to(JobState.RESOLVING))
        if self.lie:
            raise QueueUnavailable("away")


@pytest.fixture
def store() -> InMemoryJobStore:
    return InMemoryJobStore()


@pytest.fixture
def queue() -> FakeQueue:
    return FakeQueue()


@pytest.fixture
def commands(store: InMemoryJobStore, queue: FakeQueue) -> Commands:
    return Commands(store, queue, Rules(namespaces=("shop",), admins=("U9",)), lambda: 1000.0)


def started(commands: Commands) -> Job:
    outcome = commands.capture(jobs.SPEC, jobs.ALICE, HERE)
    assert isinstance(outcome, Accepted)
    return outcome.job


def test_capture_is_recorded_queued_and_audited(commands: Commands, store: InMemoryJobStore, queue: FakeQueue) -> None:
    job = started(commands)
    assert queue.jobs == [job.id]
    assert (job.state, job.requester, job.origin, job.created) == (JobState.QUEUED, jobs.ALICE, HERE, 1000.0)
    assert [entry["action"] for entry in store.audited] == ["capture_requested"]


def test_denied_captures_leave_only_an_audit_entry(commands: Commands, store: InMemoryJobStore) -> None:
    outcome = commands.capture(structs.replace(jobs.SPEC, namespace="bank"), jobs.ALICE, HERE)
    assert isinstance(outcome, Refusal)
    assert outcome.code == "denied"
    assert store.recent() == []
    assert store.audited[0]["action"] == "capture_refused"


def test_what_policy_reduced_is_said(commands: Commands) -> None:
    outcome = commands.capture(structs.replace(jobs.SPEC, duration=9999.0), jobs.ALICE, HERE)
    assert isinstance(outcome, Accepted)
    assert outcome.notes
    assert outcome.job.spec.duration == 600


def test_failed_enqueue_fails_the_job(commands: Commands, store: InMemoryJobStore, queue: FakeQueue) -> None:
    queue.broken = True
    outcome = commands.capture(jobs.SPEC, jobs.ALICE, HERE)
    assert isinstance(outcome, Refusal)
    job = store.get(outcome.job_id)
    assert (job.state, job.error_code, job.message) == (JobState.FAILED, "queue_unavailable", outcome.reason)


@pytest.mark.parametrize("lie", [False, True])
def test_worker_that_was_quicker_wins(store: InMemoryJobStore, lie: bool) -> None:
    queue = Quick()
    queue.store, queue.lie = store, lie
    job = started(Commands(store, queue, Rules(), lambda: 1.0))
    assert job.state is JobState.RESOLVING


def test_stop_by_whom(commands: Commands, store: InMemoryJobStore) -> None:
    job = started(commands)
    store.change(job.id, lambda old: old.to(JobState.RESOLVING).to(JobState.CAPTURING))
    refused = commands.stop(job.id, BOB)
    assert isinstance(refused, Refusal)
    assert refused.code == "denied"
    stopped = commands.stop(job.id, jobs.ALICE, discard=True)
    assert isinstance(stopped, Job)
    assert (stopped.stop_by, stopped.discard) == (jobs.ALICE, True)
    later = commands.stop(job.id, Person("U9"))
    assert isinstance(later, Job)
    assert later.stop_by == jobs.ALICE, "the first one stands"


def test_stop_of_what_has_ended_or_never_was(commands: Commands) -> None:
    job = started(commands)
    commands.stop(job.id, jobs.ALICE)
    ended, unknown = commands.stop(job.id, jobs.ALICE), commands.stop("nosuchjob", jobs.ALICE)
    assert isinstance(ended, Refusal)
    assert isinstance(unknown, Refusal)
    assert (ended.code, unknown.code) == ("already_ended", "job_not_found")


def test_again_is_asked_in_the_name_of_who_asks(commands: Commands) -> None:
    job = started(commands)
    outcome = commands.again(job.id, BOB, HERE)
    assert isinstance(outcome, Accepted)
    assert (outcome.job.spec, outcome.job.requester) == (job.spec, BOB)
    assert len(commands.listing()) == 2
