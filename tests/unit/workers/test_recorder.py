"""A recording's and a grab's way through a worker: real tcpdump and shells, a store and a cluster of twins."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tests.support import jobs
from tests.support.local_exec import POD, LocalPod, marked
from tests.support.ring import LocalRing
from workers import recorder, rings
from workers.capture.methods import Capture
from workers.capture.plans import EPHEMERAL, Plan
from workers.capture.start_line import alone
from workers.capture.targets import PodInfo, ServiceInfo, Target
from workers.capture.tcpdump import marker
from workers.contract.errors import JobNotFound
from workers.contract.job import Job, JobState, TargetProgress
from workers.contract.pictures import Album
from workers.contract.ports import Debt
from workers.contract.spec import CaptureSpec, Mode
from workers.delivery import Tools
from workers.memory import MemoryArtifacts
from workers.pipeline import guarded, recorded, run
from workers.policy import Rules
from workers.salvage import salvage
from workers.segments import segment_name


class NoCharts:
    """Charts of nothing."""

    def render(self, album: Album) -> list[tuple[str, str, bytes]]:
        """See Charts.render."""
        return []


class Watcher:
    """An observer that keeps what it is told, and does `then` once the job fits `when`."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.audited: list[str] = []
        self.leaving = ""
        self.end: float | None = None
        self.when: Callable[[Job], bool] = lambda job: False
        self.then: Callable[[], None] = lambda: None
        self._lock = threading.RLock()

    def update(self, change: Callable[[Job], Job], *, patient: bool = True) -> Job:
        """See Observer.update."""
        with self._lock:
            self.job = change(self.job)
            if self.when(self.job):
                self.then()
            return self.job

    def stop(self, *, discard: bool = False) -> None:
        """Somebody presses Stop."""
        self.job = self.job.evolve(stop_by=jobs.ALICE, discard=discard)

    def stop_requested(self) -> bool:
        """See Observer.stop_requested."""
        return self.job.stop_by is not None

    def deadline(self) -> float | None:
        """See Observer.deadline."""
        return self.end

    def admit(self, limits: Mapping[str, int]) -> str:
        """See Observer.admit."""
        return ""

    def interrupted(self) -> str:
        """See Observer.interrupted."""
        return self.leaving

    def audit(self, action: str, fields: Mapping[str, Any]) -> None:
        """See Observer.audit."""
        self.audited.append(action)


class OnePod(LocalPod):
    """A cluster that is one pod."""

    def inventory(self, namespace: str) -> tuple[list[PodInfo], list[ServiceInfo]]:
        """See Cluster.inventory."""
        return [POD], []


class Trial:
    """A recording of one pod with traffic, and the worker's part of it."""

    def __init__(self, pod: LocalPod, folder: Path) -> None:
        self.ring = LocalRing(pod, folder)
        self.debts: list[Debt] = []
        self.tools = Tools(pod.cluster, MemoryArtifacts(), Rules(), NoCharts(), folder, owe=self.debts.append)
        self.folder = folder
        progress = TargetProgress(POD.namespace, POD.name, "ring", POD.node, EPHEMERAL, "capturing", uid=POD.uid)
        job = Job(self.ring.job_id, self.ring.spec, jobs.ALICE, started=time.time(), deadline=time.time() + 100)
        job = job.to(JobState.RESOLVING).to(JobState.CAPTURING, targets=(progress,))
        self.watcher = Watcher(job)
        self.watcher.when = lambda job: job.state is JobState.CAPTURING and job.targets[0].packets > 20

    def entrant(self) -> rings.Kept:
        """The way to the recording."""
        capture: Capture = self.ring.recording
        target = Target(POD, ("ring",), self.ring.spec.filter)
        return rings.Kept(target, Plan(POD, "ring", EPHEMERAL), lambda: capture)

    def record(self) -> Job:
        """Record until somebody ends it."""
        entrant, job, watcher = self.entrant(), self.watcher.job, self.watcher
        return guarded(job, watcher, lambda: recorded(job, [entrant], (), self.tools, watcher))

    def runs(self) -> bool:
        """Whether anything of it runs in the pod."""
        return bool(marked(marker(self.ring.job_id)))


@pytest.fixture
def trial(tmp_path: Path) -> Iterator[Trial]:
    with OnePod(tmp_path, "dash") as pod:
        pod.traffic(rate=100)
        trial = Trial(pod, tmp_path)
        with trial.ring:
            yield trial


def test_a_stop_delivers_what_the_ring_holds(trial: Trial) -> None:
    trial.watcher.then = trial.watcher.stop
    job = trial.record()
    assert job.state is JobState.DONE, job.message
    assert [artifact.kind for artifact in job.artifacts] == ["pcap"]
    assert job.targets[0].packets > 20
    assert trial.watcher.audited == ["recording", "recording_ended", "captured"]


def test_a_discarded_one_is_not_even_read(trial: Trial) -> None:
    trial.watcher.then = lambda: trial.watcher.stop(discard=True)
    job = trial.record()
    assert (job.state, job.artifacts) == (JobState.CANCELLED, ())
    assert "captured" not in trial.watcher.audited


def stubborn(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody sees the recording's container end."""
    monkeypatch.setattr(trial.ring.recording.house, "leave", lambda: False)


def owed(trial: Trial) -> set[tuple[str, str, str, str]]:
    """Where the sweeper shall look."""
    return {(debt.job_id, debt.pod, debt.container, debt.method) for debt in trial.debts}


def test_what_is_not_seen_to_end_is_left_to_the_sweeper(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    stubborn(trial, monkeypatch)
    trial.watcher.then = lambda: trial.watcher.stop(discard=True)
    assert trial.record().state is JobState.CANCELLED
    assert owed(trial) == {(trial.ring.job_id, POD.name, "ring", EPHEMERAL)}


def test_what_never_recorded_and_is_not_seen_to_end_is_left_to_the_sweeper(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    stubborn(trial, monkeypatch)
    trial.ring.recording = trial.ring.another(resume=False, interface="nosuch0")
    assert trial.record().state is JobState.FAILED
    assert owed(trial) == {(trial.ring.job_id, POD.name, "ring", EPHEMERAL)}


def test_a_worker_that_shuts_down_leaves_it_to_the_next(trial: Trial) -> None:
    def shut_down() -> None:
        trial.watcher.leaving = "the worker was shut down"

    trial.watcher.then = shut_down
    job = trial.record()
    assert (job.state, job.message) == (JobState.CAPTURING, "")
    assert trial.runs()
    before = trial.ring.files()
    trial.ring.recording = trial.ring.another()
    trial.watcher.leaving, trial.watcher.then = "", trial.watcher.stop
    job = trial.record()
    assert job.state is JobState.DONE, job.message
    assert before
    assert trial.watcher.audited.count("recording") == 2


def test_it_ends_when_people_say_so(trial: Trial) -> None:
    def soon() -> None:
        trial.watcher.end = trial.watcher.end or time.time() + 1.0

    trial.watcher.then = soon
    job = trial.record()
    assert job.state is JobState.DONE, job.message


def test_a_node_short_of_disk_ends_it_and_what_it_held_is_delivered(trial: Trial) -> None:
    short: dict[str, frozenset[str]] = {}

    def fills() -> None:
        short["n1"] = frozenset({"DiskPressure"})

    trial.watcher.then = fills
    with closing(recorder.Recorder(trial.watcher.job, [trial.entrant()], trial.tools, pressures=short.get)) as ring:
        ring.run(trial.watcher)
        (kept,) = ring.kept()
        _, grab = kept.begin()
        grab.stop("pressure")  # the node is still short of it
        outcome = grab.run(alone())
    assert outcome.packets > 20
    assert outcome.proved
    assert outcome.reason == "node n1 reports DiskPressure, so the recording ended early"
    (told,) = ring.progress()
    assert (told.state, "DiskPressure" in told.note) == ("partial", True)


def test_what_tcpdump_refuses_fails_it(trial: Trial) -> None:
    trial.ring.recording = trial.ring.another(resume=False, interface="nosuch0")
    job = trial.record()
    assert (job.state, job.error_code) == (JobState.FAILED, "no_such_interface")


def recording(state: JobState = JobState.CAPTURING, mode: Mode = Mode.RECORD) -> Job:
    """Another job that is grabbed from."""
    return replace(jobs.job("rec23456"), spec=replace(jobs.SPEC, mode=mode), state=state)


def missing(job_id: str) -> Job:
    """Find nothing."""
    raise JobNotFound(f"There is no capture {job_id}.")


@pytest.mark.parametrize(
    ("find", "code", "words"),
    [
        (missing, "target_not_found", "There is no recording rec23456."),
        (lambda _: recording(mode=Mode.CAPTURE), "denied", "is no recording"),
        (lambda _: recording(JobState.DONE), "target_not_found", "has ended (done)"),
        (lambda _: recording(), "target_not_found", "none of its pods is left"),
    ],
)
def test_a_grab_needs_a_recording_that_goes_on(
    tmp_path: Path, find: Callable[[str], Job], code: str, words: str
) -> None:
    with LocalPod(tmp_path, "dash") as pod:
        tools = Tools(pod.cluster, MemoryArtifacts(), Rules(), NoCharts(), tmp_path, jobs=find)
        spec: CaptureSpec = replace(jobs.SPEC, mode=Mode.GRAB, recording="rec23456")
        watcher = Watcher(replace(jobs.job(), spec=spec))
        job = run(watcher.job, tools, watcher)
    assert (job.state, job.error_code) == (JobState.FAILED, code)
    assert words in job.message
    assert not list(tmp_path.glob("*.pcap"))


def test_a_grab_from_one_that_is_still_starting_says_to_ask_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rings, "BEGIN_SECONDS", 0.0)
    starting = replace(recording(), targets=(TargetProgress("test", "pod-0", "ring", state="starting"),))
    with OnePod(tmp_path, "dash") as pod:
        tools = Tools(pod.cluster, MemoryArtifacts(), Rules(), NoCharts(), tmp_path, jobs=lambda _: starting)
        watcher = Watcher(replace(jobs.job(), spec=replace(jobs.SPEC, mode=Mode.GRAB, recording="rec23456")))
        job = run(watcher.job, tools, watcher)
    assert (job.state, job.error_code) == (JobState.FAILED, "busy")
    assert "still starting" in job.message


@pytest.mark.parametrize(("mode", "state"), [(Mode.GRAB, JobState.CAPTURING), (Mode.RECORD, JobState.ANALYSING)])
def test_what_a_dead_worker_had_stored_is_delivered_when_the_ring_is_gone(
    tmp_path: Path, mode: Mode, state: JobState
) -> None:
    progress = TargetProgress(POD.namespace, POD.name, "ring", POD.node, EPHEMERAL, "capturing", uid=POD.uid)
    spec = replace(jobs.SPEC, mode=mode, recording="rec23456", filter="")
    job = replace(jobs.job(), spec=spec, state=state, targets=(progress,), started=1.0, deadline=2.0, epoch=2)
    artifacts = MemoryArtifacts()
    artifacts.put(f"jobs/{job.id}/1/segments/{segment_name(POD)}-000000000000000", [jobs.PCAP[:24]])
    with OnePod(tmp_path, "dash") as pod:
        tools = Tools(pod.cluster, artifacts, Rules(), NoCharts(), tmp_path, jobs=missing)
        watcher = Watcher(job)
        done = salvage(job, tools, watcher)
    assert done.state is JobState.PARTIAL
    assert "worker that captured was lost" in done.message
    (pcap,) = [one for one in done.artifacts if one.kind == "pcap"]
    assert b"".join(artifacts.read(pcap.key)) == jobs.PCAP[:24]
