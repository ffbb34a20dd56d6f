"""A job's whole way on twins: which method is chosen, what is said, how odd ends are told. Real tcpdump, no cluster."""

import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tests.support import jobs
from tests.support.cluster import MemoryCluster
from tests.support.local_exec import PORT, until_none
from workers.capture.plans import Equipment
from workers.capture.targets import ContainerInfo, PodInfo
from workers.capture.tcpdump import marker
from workers.contract.job import Job, JobState, new_job_id
from workers.contract.pictures import ALWAYS, EVERY, Album
from workers.contract.spec import CaptureSpec, Mode, TargetKind, TargetRef
from workers.delivery import Tools
from workers.memory import MemoryArtifacts
from workers.pipeline import run
from workers.policy import Rules

IMAGE = "example/capture:1"
SPEC = CaptureSpec(
    TargetRef(TargetKind.SELECTOR, "app=web"), "shop", filter=f"udp port {PORT}", duration=2, interface="lo"
)


class NoCharts:
    """Charts of nothing, unless they are to draw an empty file for each picture of an album."""

    def __init__(self) -> None:
        self.draws = False

    def render(self, album: Album) -> list[tuple[str, str, bytes]]:
        """See Charts.render."""
        return [(name, f"about {name}", b"") for name in album.names] if self.draws else []


class Watcher:
    """An observer that keeps what it is told and asks to stop when the test says so."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.stop = threading.Event()
        self.said: list[str] = []
        self.verdicts: dict[JobState, str] = {}
        self.stop_when: Callable[[Job], bool] = lambda job: False

    def update(self, change: Callable[[Job], Job], *, patient: bool = True) -> Job:
        """See Observer.update."""
        self.job = change(self.job)
        self.said.append(self.job.message)
        self.verdicts[self.job.state] = self.job.verdict
        if self.stop_when(self.job):
            self.stop.set()
        return self.job

    def stop_requested(self) -> bool:
        """See Observer.stop_requested."""
        return self.stop.is_set()

    def deadline(self) -> float | None:
        """See Observer.deadline."""
        return None

    def admit(self, limits: Mapping[str, int]) -> str:
        """See Observer.admit."""
        return ""

    def interrupted(self) -> str:
        """See Observer.interrupted."""
        return ""

    def audit(self, action: str, fields: Mapping[str, Any]) -> None:
        """See Observer.audit."""


class Trial:
    """One cluster and what is captured in it."""

    def __init__(self, cluster: MemoryCluster, folder: Path) -> None:
        self.cluster = cluster
        self.image = IMAGE
        self._folder = folder
        self.artifacts = MemoryArtifacts()
        self.charts = NoCharts()
        self.every_picture = False
        self.watcher = Watcher(replace(jobs.job(), id=new_job_id(), spec=SPEC))

    def add(self, name: str, *lacking: str, ips: tuple[str, ...] = ()) -> None:
        """A pod with traffic whose one container lacks tools."""
        container = ContainerInfo("app", running=True)
        pod = PodInfo("shop", name, f"uid-{name}", "n1", "Running", labels={"app": "web"}, containers=(container,))
        pod = replace(pod, ips=ips)
        self.cluster.add(pod, lacking=lacking).traffic()

    def run(self) -> Job:
        """Take the job to its end; nothing of it may run afterwards."""
        equipment, every = Equipment(self.image), self.every_picture
        tools = Tools(
            self.cluster.real, self.artifacts, Rules(), self.charts, self._folder, equipment, every_picture=every
        )
        job = run(self.watcher.job, tools, self.watcher)
        until_none(marker(job.id))
        assert job.final
        return job


@pytest.fixture
def trial(tmp_path: Path) -> Iterator[Trial]:
    with MemoryCluster(tmp_path) as cluster:
        yield Trial(cluster, tmp_path)


def _methods(job: Job) -> dict[str, str]:
    return {target.pod: target.method for target in job.targets}


def test_each_pod_gets_the_method_that_works_there(trial: Trial) -> None:
    trial.add("web-0")
    trial.add("web-1", "tcpdump")
    job = trial.run()
    assert job.state is JobState.DONE, job.message
    assert _methods(job) == {"web-0": "exec", "web-1": "ephemeral"}
    assert all(target.packets > 0 for target in job.targets)
    announced = next(said for said in trial.watcher.said if "is added" in said)
    assert "No container of web-1 can capture" in announced


@pytest.mark.parametrize("every", [False, True])
def test_a_thread_gets_few_pictures_and_a_folder_all(trial: Trial, every: bool) -> None:
    trial.add("web-0")
    trial.charts.draws, trial.every_picture = True, every
    job = trial.run()
    drawn = {artifact.name: artifact.kind for artifact in job.artifacts if artifact.kind != "pcap"}
    assert {name for name, kind in drawn.items() if kind == "chart"} == {"traffic.png", "latency.png"}
    assert {name for name, kind in drawn.items() if kind == "picture"} == (set(EVERY) - set(ALWAYS) if every else set())
    assert job.artifacts[-1].title == f"about {job.artifacts[-1].name}"


def test_the_verdict_is_told_before_the_pictures_are_drawn(trial: Trial) -> None:
    trial.add("web-0")
    job = trial.run()
    assert trial.watcher.verdicts[JobState.DELIVERING] == job.verdict != ""


def test_one_pod_that_cannot_be_captured_makes_it_partial(trial: Trial) -> None:
    trial.image = ""
    trial.add("web-0")
    trial.add("web-1", "tcpdump", "tee")
    job = trial.run()
    assert job.state is JobState.PARTIAL
    (failed,) = [target for target in job.targets if target.state == "failed"]
    assert failed.pod == "web-1"
    assert "it has no tcpdump, no tee" in failed.note
    assert "THREADCAP_CAPTURE_IMAGE" in failed.note


def test_a_missing_right_is_named(trial: Trial) -> None:
    trial.cluster.refused.add("patch pods/ephemeralcontainers")
    trial.add("web-0", "tcpdump")
    job = trial.run()
    assert (job.state, job.error_code) == (JobState.FAILED, "not_capturable")
    assert "Threadcap may not patch pods/ephemeralcontainers in shop" in job.message


def test_an_image_that_does_not_arrive_is_told(trial: Trial) -> None:
    trial.cluster.images[IMAGE] = "ImagePullBackOff"
    trial.add("web-0", "tcpdump")
    job = trial.run()
    assert (job.state, job.error_code) == (JobState.FAILED, "not_capturable")
    assert "did not start (ImagePullBackOff)" in job.message
    assert "stays in the pod's spec" in job.message


def test_stop_is_heard_while_an_image_is_still_on_its_way(trial: Trial) -> None:
    trial.cluster.images[IMAGE] = "ContainerCreating"
    trial.add("web-0", "tcpdump")
    trial.watcher.stop_when = lambda job: job.state is JobState.CAPTURING
    job = trial.run()
    assert job.state is JobState.PARTIAL
    assert "stopped before it began" in job.targets[0].note


def test_a_pod_whose_tcpdump_fails_is_told_in_its_words(trial: Trial) -> None:
    trial.add("web-0")
    trial.watcher.job = replace(trial.watcher.job, spec=replace(SPEC, interface="nosuch0", filter=""))
    job = trial.run()
    assert (job.state, job.error_code) == (JobState.FAILED, "no_such_interface")
    assert "nosuch0" in job.message


def _merged(trial: Trial, job: Job, folder: Path) -> str:
    """What capinfos says of the merged file."""
    assert [artifact.kind for artifact in job.artifacts] == ["merged", "pcap", "pcap"]
    file = folder / job.artifacts[0].name
    file.write_bytes(b"".join(trial.artifacts.read(job.artifacts[0].key)))
    return subprocess.run(["capinfos", "-c", "-o", "-I", str(file)], capture_output=True, text=True, check=True).stdout


def test_several_pods_come_as_one_file_too(trial: Trial, tmp_path: Path) -> None:
    trial.add("web-0")
    trial.add("web-1")
    job = trial.run()
    shown = _merged(trial, job, tmp_path)
    assert f"Number of packets:   {sum(target.packets for target in job.targets)}" in shown
    assert "Strict time order:   True" in shown
    assert shown.count("Interface #") == 2
    for target in job.targets:
        assert f"Name = shop/{target.pod}/app" in shown


def test_the_merged_file_of_two_ends_says_each_ones_filter(trial: Trial, tmp_path: Path) -> None:
    trial.add("web-0", ips=("127.0.0.1", "198.18.0.1"))
    trial.add("web-1", ips=("127.0.0.1", "198.18.0.2"))
    one, other = (TargetRef(TargetKind.POD, name) for name in ("web-0", "web-1"))
    trial.watcher.job = replace(trial.watcher.job, spec=replace(SPEC, target=one, others=(other,), mode=Mode.BETWEEN))
    job = trial.run()
    own = f" and (udp port {PORT})"
    filters = [f"(host 127.0.0.1 or host 198.18.0.{end}){own}" for end in (2, 1)]
    assert [target.filter for target in job.targets] == filters
    shown = _merged(trial, job, tmp_path)
    assert [line.partition("= ")[2] for line in shown.splitlines() if "Filter string" in line] == filters
