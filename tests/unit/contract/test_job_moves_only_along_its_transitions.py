"""A job's life: whatever is asked of it, it moves along TRANSITIONS or refuses."""

import re

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from workers.contract.errors import IllegalTransition
from workers.contract.job import FINAL, TRANSITIONS, WAITING, Job, JobState, Person, extended, new_job_id, stopped
from workers.contract.spec import CaptureSpec, TargetKind, TargetRef

ALICE, BOB = Person("U1", "alice"), Person("U2", "bob")
JOB = Job("abcd2345", CaptureSpec(TargetRef(TargetKind.POD, "x"), "shop"), ALICE)
NAMES = re.compile(r"^[2-9a-hj-km-np-z]{8}$")


class Life(RuleBasedStateMachine):
    """Moves, stops and changes in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.job = JOB
        self.seen = [JOB.state]

    @rule(state=st.sampled_from(JobState))
    def move(self, state: JobState) -> None:
        if state in TRANSITIONS[self.job.state]:
            self.job = self.job.to(state, message=f"now {state}")
        else:
            with pytest.raises(IllegalTransition):
                self.job.to(state)
        self.seen.append(self.job.state)

    @rule(by=st.sampled_from((ALICE, BOB)), discard=st.booleans())
    def stop(self, by: Person, discard: bool) -> None:
        before, self.job = self.job, stopped(self.job, by, discard=discard)
        if before.final or before.stop_by is not None:
            assert self.job is before
        else:
            assert (self.job.stop_by, self.job.discard) == (by, discard)
            cancelled = JobState.CANCELLED if before.state in WAITING else before.state
            assert self.job.state is cancelled
        self.seen.append(self.job.state)

    @rule(by=st.sampled_from([ALICE, BOB]), seconds=st.floats(1, 900))
    def extend(self, by: Person, seconds: float) -> None:
        before = self.job = self.job.evolve(started=100.0, deadline=self.job.deadline or 130.0)
        if before.state is JobState.CAPTURING and before.stop_by is None:
            self.job = extended(before, by, seconds, most=600.0)
            assert self.job == before.evolve(deadline=self.job.deadline, extended_by=by)
            assert (before.deadline or 0) <= (self.job.deadline or 0) <= 700.0
        else:
            with pytest.raises(IllegalTransition):
                extended(before, by, seconds, most=600.0)

    @rule(message=st.text(max_size=5))
    def evolve(self, message: str) -> None:
        state = self.job.state
        self.job = self.job.evolve(message=message)
        assert self.job.state is state

    @precondition(lambda self: self.job.final)
    @rule()
    def nothing_more_happens(self) -> None:
        assert not TRANSITIONS[self.job.state]
        assert stopped(self.job, BOB, discard=True) is self.job

    @invariant()
    def went_only_where_it_may(self) -> None:
        steps = zip(self.seen, self.seen[1:], strict=False)
        assert all(a is b or b in TRANSITIONS[a] for a, b in steps)


TestLife = Life.TestCase


def test_every_state_can_end_and_ends_are_final() -> None:
    assert {JobState.DONE, JobState.PARTIAL, JobState.FAILED, JobState.CANCELLED} == FINAL
    for state in set(JobState) - FINAL:
        assert {JobState.FAILED, JobState.CANCELLED} <= TRANSITIONS[state]


def test_the_state_is_no_field_to_change() -> None:
    with pytest.raises(IllegalTransition):
        JOB.evolve(state=JobState.DONE)


def test_ids_are_readable_and_differ() -> None:
    ids = {new_job_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(NAMES.match(one) for one in ids)
