"""Asking for what is captured already, taking from a recording, and giving more time: the rules, on twins."""

from typing import Any

import pytest
from msgspec import structs

from bot.commands import Accepted, Already, Commands, Refusal
from tests.support import jobs
from tests.support.twins import FakeQueue
from workers.contract.job import Job, JobState, Origin, Person, extended
from workers.contract.limits import Limits
from workers.contract.spec import CaptureSpec, Mode, TargetKind, TargetRef
from workers.memory import InMemoryJobStore
from workers.policy import Rules

BOB = Person("U2", "bob")
THERE = Origin("C2", "7.0", "mention")
RECORD = structs.replace(jobs.SPEC, mode=Mode.RECORD, keep=300.0)


class Store(InMemoryJobStore):
    """Gives more time as a worker's store does."""

    def request_extension(self, job_id: str, by: Person, seconds: float, most: float) -> Job:
        return self.change(job_id, lambda old: extended(old, by, seconds, most))

    reads = 0

    def unfinished(self) -> list[Job]:
        self.reads += 1
        return super().unfinished()

    def actions(self) -> list[str]:
        return [str(entry["action"]) for entry in self.audited]


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def commands(store: Store) -> Commands:
    rules = Rules(denied_namespaces=("bank",), admins=("U9",), limits=Limits(max_duration=600.0))
    return Commands(store, FakeQueue(), rules, lambda: 1000.0)


def running(store: Store, spec: CaptureSpec = jobs.SPEC, *, channel: str = "C1", **more: Any) -> Job:
    job = structs.replace(jobs.job(channel=channel), spec=spec)
    store.create(job)
    more = {"started": 1000.0, "deadline": 1030.0} | more
    return store.change(job.id, lambda old: old.to(JobState.RESOLVING).to(JobState.CAPTURING, **more))


# -- joining -----------------------------------------------------------------------------------------------------


def test_a_second_request_for_the_same_is_offered_to_join(commands: Commands, store: Store) -> None:
    job = running(store)
    outcome = commands.capture_or_join(structs.replace(jobs.SPEC, duration=5.0), BOB, THERE)
    assert outcome == Already(job)
    assert len(store.recent()) == 1


def test_the_same_targets_in_another_order_are_the_same(commands: Commands, store: Store) -> None:
    other = TargetRef(TargetKind.SERVICE, "cart")
    running(store, structs.replace(jobs.SPEC, others=(other,)))
    turned = structs.replace(jobs.SPEC, target=other, others=(jobs.SPEC.target,))
    assert isinstance(commands.capture_or_join(turned, BOB, THERE), Already)


@pytest.mark.parametrize(
    "different",
    [
        {"filter": "port 80"},
        {"namespace": "pay"},
        {"container": "app"},
        {"interface": "lo"},
        {"mode": Mode.RECORD, "keep": 60.0},
        {"others": (TargetRef(TargetKind.POD, "x"),)},
        {"dry_run": True},
    ],
)
def test_another_capture_is_started(commands: Commands, store: Store, different: dict[str, Any]) -> None:
    running(store)
    outcome = commands.capture_or_join(structs.replace(jobs.SPEC, **different), BOB, THERE)
    assert isinstance(outcome, Accepted)


@pytest.mark.parametrize("moves", [(JobState.ANALYSING,), (JobState.PARTIAL,)])
def test_what_captures_no_more_is_not_joined(commands: Commands, store: Store, moves: tuple[JobState, ...]) -> None:
    job = running(store)
    for state in moves:
        store.change(job.id, lambda old, state=state: old.to(state))  # type: ignore[misc]
    assert isinstance(commands.capture_or_join(jobs.SPEC, BOB, THERE), Accepted)


@pytest.mark.parametrize("channel", ["D5", ""])
def test_private_captures_are_not_offered_elsewhere(commands: Commands, store: Store, channel: str) -> None:
    running(store, channel=channel)
    assert isinstance(commands.capture_or_join(jobs.SPEC, BOB, THERE), Accepted)


def test_policy_speaks_before_the_offer(commands: Commands, store: Store) -> None:
    spec = structs.replace(jobs.SPEC, namespace="bank")
    running(store, spec)
    outcome = commands.capture_or_join(spec, BOB, THERE)
    assert isinstance(outcome, Refusal)
    assert outcome.code == "denied"


def test_joining_is_remembered_for_the_thread_or_in_the_same_channel_for_the_verdict(
    commands: Commands, store: Store
) -> None:
    job = running(store)
    commands.join(job.id, BOB, THERE)
    commands.join(job.id, jobs.ALICE, Origin("C1", "", "button"))
    store.record_posted(job.id, card="3.0")
    commands.join(job.id, Person("U3"), Origin("C1", "3.0", "button"))
    joined = {key: who for key, who in store.posted(job.id).items() if key != "card"}
    assert joined == {"join:C2:7.0": "U2", f"also:{jobs.ALICE.id}": jobs.ALICE.id, "also:U3": "U3"}
    assert store.actions() == ["joined"] * 3


def test_what_has_ended_is_not_joined(commands: Commands, store: Store) -> None:
    job = running(store)
    store.change(job.id, lambda old: old.to(JobState.PARTIAL))
    outcome = commands.join(job.id, BOB, THERE)
    assert isinstance(outcome, Refusal)
    assert outcome.code == "already_ended"


def test_a_burst_reads_the_running_jobs_once_and_knows_what_it_made_itself(commands: Commands, store: Store) -> None:
    first = commands.capture_or_join(jobs.SPEC, jobs.ALICE, THERE)
    assert isinstance(first, Accepted)
    for number in range(20):
        spec = structs.replace(jobs.SPEC, filter=f"port {number + 1}")
        assert isinstance(commands.capture_or_join(spec, BOB, THERE), Accepted)
    again = commands.capture_or_join(jobs.SPEC, BOB, THERE)
    assert isinstance(again, Already)
    assert again.job.id == first.job.id
    assert store.reads < 20


# -- grabbing ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("asked", "last"), [(120.0, 120.0), (0.0, 0.0), (900.0, 0.0)])
def test_a_grab_is_a_job_of_its_own(commands: Commands, store: Store, asked: float, last: float) -> None:
    recording = running(store, RECORD)
    outcome = commands.grab(recording.id, asked, BOB, THERE)
    assert isinstance(outcome, Accepted)
    spec = outcome.job.spec
    assert (spec.mode, spec.recording, spec.last) == (Mode.GRAB, recording.id, last)
    assert (spec.target, spec.namespace, spec.filter) == (RECORD.target, "shop", RECORD.filter)
    assert (outcome.job.requester, outcome.job.origin) == (BOB, THERE)
    assert bool(outcome.notes) == (asked == 900.0)
    assert store.actions() == ["capture_requested"]
    assert store.get(recording.id).stop_by is None


def test_only_a_live_recording_is_grabbed_from(commands: Commands, store: Store) -> None:
    capture = commands.grab(running(store).id, 0.0, BOB, THERE)
    assert isinstance(capture, Refusal)
    assert "is no recording" in capture.reason
    unknown = commands.grab("nosuchjob", 0.0, BOB, THERE)
    assert isinstance(unknown, Refusal)
    assert unknown.code == "job_not_found"


@pytest.mark.parametrize(
    ("state", "said"), [(JobState.REQUESTED, "has not begun yet"), (JobState.CANCELLED, "has ended")]
)
def test_a_recording_that_holds_nothing_says_why(commands: Commands, store: Store, state: JobState, said: str) -> None:
    store.create(structs.replace(jobs.job(), spec=RECORD))
    if state is JobState.CANCELLED:
        store.change("abcd2345", lambda old: old.to(state))
    outcome = commands.grab("abcd2345", 0.0, BOB, THERE)
    assert isinstance(outcome, Refusal)
    assert said in outcome.reason
    assert len(store.recent()) == 1


# -- more time ---------------------------------------------------------------------------------------------------


def test_more_time_moves_the_end(commands: Commands, store: Store) -> None:
    job = commands.extend(running(store).id, 30.0, jobs.ALICE)
    assert isinstance(job, Job)
    assert (job.deadline, job.extended_by) == (1060.0, jobs.ALICE)
    assert store.actions() == ["extension_requested"]


def test_more_time_than_allowed_stops_at_the_limit_and_then_says_so(commands: Commands, store: Store) -> None:
    job = commands.extend(running(store).id, 9999.0, jobs.ALICE)
    assert isinstance(job, Job)
    assert job.deadline == 1600.0
    again = commands.extend(job.id, 30.0, jobs.ALICE)
    assert isinstance(again, Refusal)
    assert again.code == "at_limit"


def test_a_recording_has_its_own_limit(commands: Commands, store: Store) -> None:
    job = commands.extend(running(store, RECORD, deadline=4600.0).id, 3600.0, jobs.ALICE)
    assert isinstance(job, Job)
    assert job.deadline == 8200.0


def test_who_may_not_stop_it_may_not_extend_it(commands: Commands, store: Store) -> None:
    job = running(store)
    refused = commands.extend(job.id, 30.0, BOB)
    assert isinstance(refused, Refusal)
    assert refused.reason.endswith("may extend it.")
    assert store.actions() == ["extension_refused"]
    assert isinstance(commands.extend(job.id, 30.0, Person("U9")), Job)


def test_what_does_not_capture_is_not_extended(commands: Commands, store: Store) -> None:
    store.create(jobs.job())
    early = commands.extend("abcd2345", 30.0, jobs.ALICE)
    store.change("abcd2345", lambda old: old.to(JobState.CANCELLED))
    late = commands.extend("abcd2345", 30.0, jobs.ALICE)
    assert isinstance(early, Refusal)
    assert isinstance(late, Refusal)
    assert "has not begun yet" in early.reason
    assert "any more" in late.reason


def test_what_was_planned_is_done_only_when_asked(commands: Commands, store: Store) -> None:
    store.create(structs.replace(jobs.job(), spec=structs.replace(jobs.SPEC, dry_run=True)))
    replanned = commands.again("abcd2345", BOB, THERE)
    done = commands.again("abcd2345", BOB, THERE, planned=True)
    assert isinstance(replanned, Accepted)
    assert isinstance(done, Accepted)
    assert (replanned.job.spec.dry_run, done.job.spec.dry_run) == (True, False)
