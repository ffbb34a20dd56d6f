"""What another worker makes of a job whose worker died: each target by its own end, nothing twice or mixed up."""

import hashlib
import json
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from tests.support import jobs
from tests.support.cluster import MemoryCluster
from workers import salvage as salvaging
from workers.capture.plans import EPHEMERAL, Plan
from workers.capture.spool import Spool
from workers.capture.start_line import Runner, alone
from workers.capture.targets import ContainerInfo, PodInfo, Target
from workers.contract import codec
from workers.contract.errors import ClusterUnavailable, StoreUnavailable, TargetNotFound, ThreadcapError
from workers.contract.job import Job, JobState, TargetProgress
from workers.contract.ports import Debt
from workers.contract.report import CaptureOutcome, Report
from workers.contract.spec import CaptureSpec, TargetKind, TargetRef
from workers.delivery import Tools
from workers.memory import MemoryArtifacts
from workers.policy import Rules
from workers.salvage import LOST, Resumed, salvage
from workers.segments import Segments, segment_name
from workers.session import Session

SPEC = CaptureSpec(TargetRef(TargetKind.SELECTOR, "app=web"), "shop")
HEADER = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65536, 1)
APP = ContainerInfo("app", running=True, id="containerd://1")


class NoCharts:
    """Charts of nothing."""

    def render(self, report: Report) -> list[tuple[str, str, bytes]]:
        """See Charts.render."""
        return []


@dataclass
class Keeper:
    """An observer that keeps the job and what was reported."""

    job: Job
    wanted_end: float | None = None
    audited: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    def update(self, change: Callable[[Job], Job], *, patient: bool = True) -> Job:
        """See Observer.update."""
        self.job = change(self.job)
        return self.job

    def stop_requested(self) -> bool:
        """See Observer.stop_requested."""
        return False

    def deadline(self) -> float | None:
        """See Observer.deadline."""
        return self.wanted_end

    def admit(self, limits: Mapping[str, int]) -> str:
        """See Observer.admit."""
        return ""

    def interrupted(self) -> str:
        """See Observer.interrupted."""
        return ""

    def audit(self, action: str, fields: Mapping[str, Any]) -> None:
        """See Observer.audit."""
        self.audited[action] = fields


def _pod(name: str) -> PodInfo:
    return PodInfo("shop", name, f"uid-{name}", "n1", "Running", containers=(APP,))


def _pcap(packets: int) -> bytes:
    record = struct.pack("<IIII", 1, 0, 20, 20) + bytes(20)
    return HEADER + record * packets


def _outcome(data: bytes, **more: Any) -> CaptureOutcome:
    """How a capture of all of `data` ended, as the worker that died had it."""
    digest = hashlib.sha256(data).hexdigest()
    known: dict[str, Any] = {"complete": True, "proved": True, "ended_by": "packets", "captured": 3} | more
    packets = (len(data) - len(HEADER)) // 36
    return CaptureOutcome(
        bytes=len(data), sha256=digest, pod_bytes=len(data), pod_sha256=digest, packets=packets, **known
    )


def _progress(name: str, state: str, data: bytes, **more: Any) -> TargetProgress:
    return TargetProgress("shop", name, "app", "n1", "exec", state, bytes=len(data), uid=f"uid-{name}", **more)


def _store(artifacts: MemoryArtifacts, job: Job, name: str, *pieces: bytes) -> None:
    at = 0
    for piece in pieces:
        artifacts.put(f"jobs/{job.id}/{job.epoch}/segments/{segment_name(_pod(name))}-{at:015d}", [piece])
        at += len(piece)


@dataclass
class Scene:
    """Pods whose worker died, and what it had stored."""

    cluster: MemoryCluster
    tools: Tools
    artifacts: MemoryArtifacts
    debts: list[Debt]


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    artifacts, debts = MemoryArtifacts(), list[Debt]()
    with MemoryCluster(tmp_path) as cluster:
        tools = Tools(cluster.real, artifacts, Rules(), NoCharts(), tmp_path, owe=debts.append)
        yield Scene(cluster, tools, artifacts, debts)


def _report(scene: Scene, job: Job) -> Report:
    """What was stored of how it came out."""
    assert job.report is not None
    return codec.decode(Report, json.loads(b"".join(scene.artifacts.read(job.report.key))))


def _adopted(*targets: TargetProgress, **more: Any) -> Job:
    state = JobState.RESOLVING
    job = replace(jobs.job(), spec=SPEC, epoch=1).to(state).to(JobState.CAPTURING, targets=targets, started=1.0, **more)
    return replace(job, epoch=1)


def test_each_target_ends_as_the_lost_worker_left_it(scene: Scene) -> None:
    for name in ("a", "b", "c"):
        scene.cluster.add(_pod(name))
    cut, whole = _pcap(9), _pcap(3)
    job = _adopted(
        _progress("a", "capturing", cut),
        _progress("b", "failed", b"", note="it has no sh"),
        _progress("c", "done", whole, outcome=_outcome(whole)),
    )
    _store(scene.artifacts, job, "a", cut[:50], cut[50:-7])
    _store(scene.artifacts, job, "c", whole)
    job = salvage(replace(job, epoch=2), scene.tools, Keeper(replace(job, epoch=2)))
    assert job.state is JobState.PARTIAL, job.message
    assert job.message == f"Partial: {LOST}."
    assert [(one.pod, one.state, one.packets) for one in job.targets] == [
        ("a", "partial", 8), ("c", "done", 3), ("b", "failed", 0),
    ]  # fmt: skip
    stored = {one.title.partition(":")[0]: one.sha256 for one in job.artifacts if one.kind == "pcap"}
    assert stored == {
        "a": hashlib.sha256(_pcap(8)).hexdigest(),
        "c": hashlib.sha256(whole).hexdigest(),
    }
    assert scene.debts == []


def test_a_job_that_had_captured_all_is_done(scene: Scene) -> None:
    scene.cluster.add(_pod("a"))
    whole = _pcap(4)
    known = _outcome(whole, captured=4, kernel_dropped=2)
    job = _adopted(_progress("a", "done", whole, outcome=known)).to(JobState.ANALYSING)
    _store(scene.artifacts, job, "a", whole)
    job = salvage(replace(job, epoch=2), scene.tools, Keeper(replace(job, epoch=2)))
    assert (job.state, job.targets[0].packets, job.targets[0].dropped) == (JobState.DONE, 4, 2)
    (result,) = _report(scene, job).targets
    assert result.outcome == known


def test_a_proof_is_none_for_other_bytes(scene: Scene) -> None:
    scene.cluster.add(_pod("a"))
    whole, stored = _pcap(4), _pcap(3)
    job = _adopted(_progress("a", "done", whole, outcome=_outcome(whole)))
    _store(scene.artifacts, job, "a", stored)
    job = salvage(job, scene.tools, Keeper(job))
    (result,) = _report(scene, job).targets
    assert (job.state, result.outcome.complete, result.outcome.proved) == (JobState.PARTIAL, False, False)
    assert result.outcome.reason == f"{LOST} ({len(stored)} bytes)"


def test_what_had_ended_in_a_container_of_ours_is_proved_after_that_is_gone(scene: Scene) -> None:
    scene.cluster.add(_pod("a"))
    whole = _pcap(4)
    known = _outcome(whole)
    job = _adopted(replace(_progress("a", "done", whole, outcome=known), container="threadcap-1", method=EPHEMERAL))
    _store(scene.artifacts, job, "a", whole)
    job = salvage(job, scene.tools, Keeper(job))
    (result,) = _report(scene, job).targets
    assert (job.state, result.outcome) == (JobState.DONE, known)
    assert scene.debts == []


def test_the_filter_it_was_captured_with_is_said_still(scene: Scene) -> None:
    scene.cluster.add(_pod("a"))
    data, own = _pcap(4), "host 198.18.0.9"
    job = _adopted(_progress("a", "capturing", data, filter=own))
    _store(scene.artifacts, job, "a", data)
    job = salvage(job, scene.tools, Keeper(job))
    (result,) = _report(scene, job).targets
    assert (result.filter, job.targets[0].filter) == (own, own)


def test_why_it_had_ended_early_is_said_still(scene: Scene) -> None:
    scene.cluster.add(_pod("a"))
    data, note = _pcap(4), "pod a was deleted during the capture; truncated at byte 168"
    job = _adopted(_progress("a", "partial", data, note=note))
    _store(scene.artifacts, job, "a", data)
    job = salvage(job, scene.tools, Keeper(job))
    assert (job.state, job.targets[0].note) == (JobState.PARTIAL, note)


def test_where_nobody_could_look_the_sweeper_will(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any, **__: Any) -> None:
        raise ClusterUnavailable("away")

    monkeypatch.setattr(scene.cluster, "run", away)
    scene.cluster.add(_pod("a"))
    data = _pcap(4)
    job = _adopted(_progress("a", "capturing", data))
    _store(scene.artifacts, job, "a", data)
    salvage(job, scene.tools, Keeper(job))
    assert {(debt.job_id, debt.pod, debt.uid, debt.container) for debt in scene.debts} == {
        (job.id, "a", "uid-a", "app")
    }  # fmt: skip


class LostAnswer(MemoryArtifacts):
    """Stores the next file, and loses the answer."""

    lost = False

    def put(self, key: str, chunks: Any) -> tuple[int, str]:
        answer = super().put(key, chunks)
        if self.lost:
            self.lost = False
            raise StoreUnavailable("the answer was lost")
        return answer


def test_a_piece_whose_answer_was_lost_is_not_there_twice(tmp_path: Path) -> None:
    artifacts, data, job = LostAnswer(), _pcap(6), _adopted(_progress("a", "capturing", b""))
    (tmp_path / "a").write_bytes(data)
    segments = Segments(job, artifacts)
    segments.add(segment_name(_pod("a")), tmp_path / "a")
    for size, lost in ((40, False), (90, True), (120, False), (len(data), False)):
        artifacts.lost = lost
        segments.save([size])
    keys = artifacts.keys(f"jobs/{job.id}/")
    assert b"".join(piece for key in keys for piece in artifacts.read(key)) == data


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
    job = _adopted(_progress("a", "capturing", b""))

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
        self.target = Target(_pod("a"))
        self._capture = capture

    def begin(self) -> tuple[Plan, Scripted]:
        """See Entrant.begin."""
        return Plan(self.target.pod, "app"), self._capture

    def instead(self, plan: Plan, error: ThreadcapError) -> None:
        """See Entrant.instead."""


@pytest.mark.parametrize("ended_by", ["time", "interrupted"])
def test_how_it_ended_is_on_the_record_before_it_is_analysed(tmp_path: Path, ended_by: str) -> None:
    job, outcome = _adopted(_progress("a", "capturing", b"")), replace(_outcome(HEADER), ended_by=ended_by)
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
    job = _adopted(_progress("a", "capturing", b""), deadline=ends, extended_by=jobs.ALICE)
    capture = Scripted(Spool(tmp_path / "a"))
    with closing(Session(job, [Entering(capture)], MemoryArtifacts())) as session:
        session.run(Keeper(job, wanted_end=ends))
    (seconds,) = capture.told
    assert 300 < seconds <= 400
