"""A capture that another worker began goes on in a session, and how it ended is on the job's record."""

import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.support import jobs
from tests.unit.workers.test_salvage import HEADER, Keeper, adopted, left, outcome_of, pod_named
from workers import salvage as salvaging
from workers.capture.plans import Plan
from workers.capture.spool import Spool
from workers.capture.start_line import Runner, alone
from workers.capture.targets import Target
from workers.contract.errors import ClusterUnavailable, TargetNotFound, ThreadcapError
from workers.contract.report import CaptureOutcome
from workers.memory import MemoryArtifacts
from workers.salvage import Resumed
from workers.session import Session


class Scripted:
    """A capture whose `run` does the next of `runs`, and which keeps what it is told."""

    def __init__(self, spool: Spool, *runs: ThreadcapError | CaptureOutcome) -> None:
        self.spool = spool
        self.runs = list(runs)
        self.told: list[float] = []
        self.heard = threading.Event()

    def run(self, runner: Runner) -> CaptureOutcome:
        """See Capture.run."""
        runner.ready()
        if not self.runs:
            self.heard.wait(20)
            return CaptureOutcome(complete=True)
        one = self.runs.pop(0)
        if isinstance(one, ThreadcapError):
            raise one
        return one

    def stop(self, why: str = "stop") -> None:
        """See Capture.stop."""

    def extend(self, seconds: float) -> None:
        """See Capture.extend."""
        self.told.append(seconds)
        self.heard.set()

    def close(self) -> bool:
        """See Capture.close."""
        return True


def test_a_cluster_that_is_away_for_a_while_is_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(salvaging, "RETRY_SECONDS", 0.01)
    spool, away = Spool(tmp_path / "a"), ClusterUnavailable("away")
    went, lost = CaptureOutcome(complete=True, packets=7), CaptureOutcome(ended_by="interrupted")
    job = adopted(left("a", "capturing", b""))

    def outcome(*runs: ThreadcapError | CaptureOutcome) -> CaptureOutcome:
        return Resumed(job, Scripted(spool, *runs), Scripted(spool, lost)).run(alone())

    assert outcome(away, away, went) == replace(went, started_at=1.0)
    assert outcome(away, TargetNotFound("gone")) == lost
    monkeypatch.setattr(salvaging, "REACH_SECONDS", 0.0)
    assert outcome(away, away, went) == lost
    spool.close()


class Entering:
    """See session.Entrant."""

    def __init__(self, capture: Scripted) -> None:
        self.target = Target(pod_named("a"))
        self._capture = capture

    def begin(self) -> tuple[Plan, Scripted]:
        """See Entrant.begin."""
        return Plan(self.target.pod, "app"), self._capture

    def instead(self, plan: Plan, error: ThreadcapError) -> None:
        """See Entrant.instead."""


@pytest.mark.parametrize("ended_by", ["time", "interrupted"])
def test_how_it_ended_is_on_the_record_before_it_is_analysed(tmp_path: Path, ended_by: str) -> None:
    job, outcome = adopted(left("a", "capturing", b"")), replace(outcome_of(HEADER), ended_by=ended_by)
    keeper = Keeper(job)
    with closing(Session(job, [Entering(Scripted(Spool(tmp_path / "a"), outcome))], MemoryArtifacts())) as session:
        session.cut_short = "the worker was shut down"
        session.run(keeper)
    (target,) = keeper.job.targets
    if ended_by == "interrupted":
        outcome = replace(outcome, complete=False, reason=session.cut_short)
    assert (target.state, target.outcome) == ("done" if outcome.complete else "partial", outcome)


def test_more_time_given_while_nobody_held_the_job_reaches_the_pod(tmp_path: Path) -> None:
    ends = time.time() + 400
    job = adopted(left("a", "capturing", b""), deadline=ends, extended_by=jobs.ALICE)
    capture = Scripted(Spool(tmp_path / "a"))
    with closing(Session(job, [Entering(capture)], MemoryArtifacts())) as session:
        session.run(Keeper(job, wanted_end=ends))
    (seconds,) = capture.told
    assert 300 < seconds <= 400
