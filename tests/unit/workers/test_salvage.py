"""What another worker makes of a job whose worker died: each target by its own end, nothing twice or mixed up."""

import hashlib
import json
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tests.support import jobs
from tests.support.cluster import MemoryCluster
from workers.capture.plans import EPHEMERAL
from workers.capture.targets import ContainerInfo, PodInfo
from workers.contract import codec
from workers.contract.errors import ClusterUnavailable, StoreUnavailable, TargetNotFound
from workers.contract.job import Job, JobState, TargetProgress
from workers.contract.pictures import Album
from workers.contract.ports import Debt
from workers.contract.report import CaptureOutcome, Report
from workers.contract.spec import CaptureSpec, Mode, TargetKind, TargetRef
from workers.delivery import Tools
from workers.memory import InMemoryJobStore, MemoryArtifacts
from workers.policy import Concurrency, Rules
from workers.salvage import LOST, salvage
from workers.segments import Segments, segment_name

SPEC = CaptureSpec(TargetRef(TargetKind.SELECTOR, "app=web"), "shop")
HEADER = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65536, 1)
APP = ContainerInfo("app", running=True, id="containerd://1")


class NoCharts:
    """Charts of nothing."""

    def render(self, album: Album) -> list[tuple[str, str, bytes]]:
        """See Charts.render."""
        return []


@dataclass
class Keeper:
    """An observer that keeps the job and what was reported."""

    job: Job
    wanted_end: float | None = None
    admitted: dict[str, int] = field(default_factory=dict)
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
        self.admitted.update(limits)
        return ""

    def interrupted(self) -> str:
        """See Observer.interrupted."""
        return ""

    def audit(self, action: str, fields: Mapping[str, Any]) -> None:
        """See Observer.audit."""
        self.audited[action] = fields


def pod_named(name: str) -> PodInfo:
    return PodInfo("shop", name, f"uid-{name}", "n1", "Running", containers=(APP,))


def _pcap(packets: int) -> bytes:
    record = struct.pack("<IIII", 1, 0, 20, 20) + bytes(20)
    return HEADER + record * packets


def outcome_of(data: bytes, **more: Any) -> CaptureOutcome:
    """How a capture of all of `data` ended, as the worker that died had it."""
    digest = hashlib.sha256(data).hexdigest()
    known: dict[str, Any] = {"complete": True, "proved": True, "ended_by": "packets", "captured": 3} | more
    packets = (len(data) - len(HEADER)) // 36
    return CaptureOutcome(
        bytes=len(data), sha256=digest, pod_bytes=len(data), pod_sha256=digest, packets=packets, **known
    )


def left(name: str, state: str, data: bytes, **more: Any) -> TargetProgress:
    return TargetProgress("shop", name, "app", "n1", "exec", state, bytes=len(data), uid=f"uid-{name}", **more)


def _store(artifacts: MemoryArtifacts, job: Job, name: str, *pieces: bytes) -> None:
    at = 0
    for piece in pieces:
        artifacts.put(f"jobs/{job.id}/{job.epoch}/segments/{segment_name(pod_named(name))}-{at:015d}", [piece])
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


def adopted(*targets: TargetProgress, **more: Any) -> Job:
    state = JobState.RESOLVING
    job = replace(jobs.job(), spec=SPEC, epoch=1).to(state).to(JobState.CAPTURING, targets=targets, started=1.0, **more)
    return replace(job, epoch=1)


def test_each_target_ends_as_the_lost_worker_left_it(scene: Scene) -> None:
    for name in ("a", "b", "c"):
        scene.cluster.add(pod_named(name))
    cut, whole = _pcap(9), _pcap(3)
    job = adopted(
        left("a", "capturing", cut),
        left("b", "failed", b"", note="it has no sh"),
        left("c", "done", whole, outcome=outcome_of(whole)),
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
    scene.cluster.add(pod_named("a"))
    whole = _pcap(4)
    known = outcome_of(whole, captured=4, kernel_dropped=2)
    job = adopted(left("a", "done", whole, outcome=known)).to(JobState.ANALYSING)
    _store(scene.artifacts, job, "a", whole)
    job = salvage(replace(job, epoch=2), scene.tools, Keeper(replace(job, epoch=2)))
    assert (job.state, job.targets[0].packets, job.targets[0].dropped) == (JobState.DONE, 4, 2)
    (result,) = _report(scene, job).targets
    assert result.outcome == known


def test_a_proof_is_none_for_other_bytes(scene: Scene) -> None:
    scene.cluster.add(pod_named("a"))
    whole, stored = _pcap(4), _pcap(3)
    job = adopted(left("a", "done", whole, outcome=outcome_of(whole)))
    _store(scene.artifacts, job, "a", stored)
    job = salvage(job, scene.tools, Keeper(job))
    (result,) = _report(scene, job).targets
    assert (job.state, result.outcome.complete, result.outcome.proved) == (JobState.PARTIAL, False, False)
    assert result.outcome.reason == f"{LOST} ({len(stored)} bytes)"


def test_what_had_ended_in_a_container_of_ours_is_proved_after_that_is_gone(scene: Scene) -> None:
    scene.cluster.add(pod_named("a"))
    whole = _pcap(4)
    known = outcome_of(whole)
    job = adopted(replace(left("a", "done", whole, outcome=known), container="threadcap-1", method=EPHEMERAL))
    _store(scene.artifacts, job, "a", whole)
    job = salvage(job, scene.tools, Keeper(job))
    (result,) = _report(scene, job).targets
    assert (job.state, result.outcome) == (JobState.DONE, known)
    assert scene.debts == []


def test_the_filter_it_was_captured_with_is_said_still(scene: Scene) -> None:
    scene.cluster.add(pod_named("a"))
    data, own = _pcap(4), "host 198.18.0.9"
    job = adopted(left("a", "capturing", data, filter=own))
    _store(scene.artifacts, job, "a", data)
    job = salvage(job, scene.tools, Keeper(job))
    (result,) = _report(scene, job).targets
    assert (result.filter, job.targets[0].filter) == (own, own)


def test_why_it_had_ended_early_is_said_still(scene: Scene) -> None:
    scene.cluster.add(pod_named("a"))
    data, note = _pcap(4), "pod a was deleted during the capture; truncated at byte 168"
    job = adopted(left("a", "partial", data, note=note))
    _store(scene.artifacts, job, "a", data)
    job = salvage(job, scene.tools, Keeper(job))
    assert (job.state, job.targets[0].note) == (JobState.PARTIAL, note)


@pytest.mark.parametrize(("mode", "state"), [(Mode.RECORD, JobState.CAPTURING), (Mode.RECORD, JobState.ANALYSING)])
def test_one_that_failed_is_not_taken_for_one_that_records(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, mode: Mode, state: JobState
) -> None:
    looked_for: list[str] = []

    def still_held(job: Job, place: int, tools: Tools) -> None:
        looked_for.append(job.targets[place].pod)

    def resumed(job: Job, tools: Tools) -> Any:
        looked_for.extend(target.pod for target in job.targets)
        raise TargetNotFound("It is gone.")

    monkeypatch.setattr("workers.rings.still_held", still_held)
    monkeypatch.setattr("workers.rings.resumed", resumed)
    failed, ring = left("b", "failed", b"", note="it has no sh"), left("a", "capturing", b"")
    job = adopted(failed, replace(ring, method=EPHEMERAL))
    job = replace(job, spec=replace(SPEC, mode=mode), state=state)
    salvage(job, scene.tools, Keeper(job))
    assert looked_for == (["a", "b"] if state is JobState.CAPTURING else ["a"])


def test_when_every_target_had_failed_it_says_why(scene: Scene) -> None:
    job = adopted(left("a", "failed", b"", note="It has no sh."))
    job = salvage(job, scene.tools, Keeper(job))
    assert (job.state, job.message, job.error_code) == (JobState.FAILED, "It has no sh.", "not_capturable")


def test_what_is_gone_on_with_takes_its_places_again_and_is_not_refused(scene: Scene) -> None:
    scene.cluster.add(pod_named("a"))
    job = adopted(left("a", "capturing", _pcap(1)))
    _store(scene.artifacts, job, "a", _pcap(1))
    tools = replace(scene.tools, rules=Rules(at_once=Concurrency(node=1)))
    keeper = Keeper(job)
    salvage(job, tools, keeper)
    store = InMemoryJobStore()
    for name in ("one", "two", job.id):
        assert store.admit(name, keeper.admitted, 10) == ""
    assert store.admit("another", {"node:n1": 1}, 10) == "node:n1"


def test_a_ring_that_nobody_could_look_for_is_left_to_the_sweeper(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> None:
        raise ClusterUnavailable("away")

    monkeypatch.setattr(scene.tools.cluster, "pod", away)
    ring = replace(left("a", "capturing", b""), container="ring", method=EPHEMERAL)
    job = replace(adopted(ring), spec=replace(SPEC, mode=Mode.RECORD), state=JobState.ANALYSING)
    _store(scene.artifacts, job, "a", _pcap(1))
    salvage(job, scene.tools, Keeper(job))
    assert {(debt.pod, debt.container) for debt in scene.debts} == {("a", "ring")}


def test_where_nobody_could_look_the_sweeper_will(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any, **__: Any) -> None:
        raise ClusterUnavailable("away")

    monkeypatch.setattr(scene.cluster, "run", away)
    scene.cluster.add(pod_named("a"))
    data = _pcap(4)
    job = adopted(left("a", "capturing", data))
    _store(scene.artifacts, job, "a", data)
    salvage(job, scene.tools, Keeper(job))
    assert {(debt.job_id, debt.pod, debt.uid, debt.container) for debt in scene.debts} == {
        (job.id, "a", "uid-a", "app")
    }


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
    artifacts, data, job = LostAnswer(), _pcap(6), adopted(left("a", "capturing", b""))
    (tmp_path / "a").write_bytes(data)
    segments = Segments(job, artifacts)
    segments.add(segment_name(pod_named("a")), tmp_path / "a")
    for size, lost in ((40, False), (90, True), (120, False), (len(data), False)):
        artifacts.lost = lost
        segments.save([size])
    keys = artifacts.keys(f"jobs/{job.id}/")
    assert b"".join(piece for key in keys for piece in artifacts.read(key)) == data
