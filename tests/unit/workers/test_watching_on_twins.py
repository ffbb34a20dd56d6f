"""What a job does while it runs or waits: pods that join, pods awaited, conditions met. Real tcpdump, no cluster."""

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.support.cluster import MemoryCluster
from tests.support.local_exec import PORT, marked
from tests.unit.workers.test_pipeline_on_twins import SPEC, Trial
from workers.capture.changes import ClusterEvent
from workers.capture.targets import ContainerInfo, PodInfo
from workers.capture.tcpdump import marker
from workers.contract import codec
from workers.contract.job import Job, JobState
from workers.contract.report import Report
from workers.contract.spec import CaptureSpec, TargetKind, TargetRef, Until, UntilKind

DEPLOYMENT = replace(SPEC, target=TargetRef(TargetKind.DEPLOYMENT, "web"), duration=60)
APP = ContainerInfo("app", running=True)


class Play(Trial):
    """A trial that runs beside the test, which changes the cluster meanwhile."""

    def __init__(self, cluster: MemoryCluster, folder: Path) -> None:
        super().__init__(cluster, folder)
        cluster.workloads[TargetKind.DEPLOYMENT, "web"] = "app=web"

    def begin(self, spec: CaptureSpec) -> threading.Thread:
        """Run the job with this spec in a thread."""
        self.watcher.job = replace(self.watcher.job, spec=spec)
        thread = threading.Thread(target=self.run)
        thread.start()
        return thread

    def pod(self, name: str, *, rate: float = 200.0, running: bool = True) -> PodInfo:
        """A pod with traffic that a ReplicaSet made."""
        container = replace(APP, running=running, waiting_reason="" if running else "ImagePullBackOff")
        phase = "Running" if running else "Pending"
        pod = PodInfo("shop", name, f"uid-{name}", "n1", phase, labels={"app": "web"}, containers=(container,),
                      owner=("ReplicaSet", "web-1"))  # fmt: skip
        self.cluster.add(pod).traffic(rate=rate)
        return pod

    def end(self) -> None:
        """Everything that captures ends, as when containers do."""
        for pid in marked(marker(self.watcher.job.id)):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def until(self, what: str, seconds: float = 60.0) -> None:
        """Wait until the job shows this in its state, message or targets."""
        deadline = time.monotonic() + seconds
        while what not in self._shown(self.watcher.job):
            assert time.monotonic() < deadline, f"no {what} in {self.watcher.job}"
            time.sleep(0.02)

    @staticmethod
    def _shown(job: Job) -> str:
        return f"{job.state} {job.message} " + " ".join(f"{one.pod}:{one.state}" for one in job.targets)


@pytest.fixture
def play(tmp_path: Path) -> Iterator[Play]:
    with MemoryCluster(tmp_path) as cluster:
        yield Play(cluster, tmp_path)


def _ended(thread: threading.Thread, play: Play) -> Job:
    thread.join(90)
    assert not thread.is_alive()
    return play.watcher.job


def test_a_replacement_joins_in_place_and_before_those_that_failed(play: Play) -> None:
    """Targets are counted by their place: those that have no capture stay behind."""
    play.image = ""
    old = play.pod("web-0")
    play.add("web-9", "tcpdump", "tee")
    thread = play.begin(DEPLOYMENT)
    play.until("web-0:capturing")
    play.pod("web-1")
    play.cluster.change(replace(old, deleting=True))
    play.until("web-0:capturing web-1:capturing web-9:failed")
    play.watcher.stop.set()
    job = _ended(thread, play)
    assert [one.pod for one in job.targets] == ["web-0", "web-1", "web-9"]
    assert "web-0 was deleted at" in job.message
    assert "; web-1 followed from" in job.message
    assert "without a gap." in job.message


def test_one_more_pod_is_no_replacement(play: Play) -> None:
    play.pod("web-0")
    thread = play.begin(replace(DEPLOYMENT, duration=6))
    play.until("web-0:capturing")
    play.pod("web-1")
    job = _ended(thread, play)
    assert [one.pod for one in job.targets] == ["web-0"]
    assert job.state is JobState.DONE, job.message


def test_a_pod_beyond_the_cap_is_no_replacement(play: Play) -> None:
    old = play.pod("web-0")
    play.pod("web-1")
    thread = play.begin(replace(DEPLOYMENT, max_pods=1))
    play.until("web-0:capturing")
    play.cluster.change(replace(old, deleting=True))
    play.pod("web-2")
    play.until("web-2:capturing")
    play.watcher.stop.set()
    job = _ended(thread, play)
    assert [one.pod for one in job.targets] == ["web-0", "web-2"]


def test_nothing_is_awaited_in_place_of_a_pod_that_was_named(play: Play) -> None:
    old = play.pod("web-0")
    began = time.monotonic()
    thread = play.begin(replace(DEPLOYMENT, target=TargetRef(TargetKind.POD, "web-0")))
    play.until("web-0:capturing")
    play.cluster.change(replace(old, deleting=True))
    play.end()
    job = _ended(thread, play)
    assert job.state is JobState.PARTIAL, job.message
    assert time.monotonic() - began < 50, "it went on to its end"


def test_a_wait_ends_with_a_pod_that_runs(play: Play) -> None:
    pending = play.pod("web-0", running=False)
    thread = play.begin(replace(DEPLOYMENT, duration=1, wait=120))
    play.until("Waiting for a pod of deploy/web to run (2 min left).")
    play.cluster.change(replace(pending, phase="Running", containers=(APP,)))
    job = _ended(thread, play)
    assert job.state is JobState.DONE, job.message
    assert "Waiting" not in job.message


def test_a_wait_in_vain_says_how_things_stand(play: Play) -> None:
    play.pod("web-0", running=False)
    job = _ended(play.begin(replace(DEPLOYMENT, wait=1)), play)
    assert (job.state, job.error_code) == (JobState.FAILED, "target_not_found")
    assert job.message.startswith("Waited 1 s, and no pod could be captured. No pod of deploy/web")
    assert "ImagePullBackOff" in job.message


def test_without_a_wait_it_fails_at_once(play: Play) -> None:
    play.pod("web-0", running=False)
    job = _ended(play.begin(DEPLOYMENT), play)
    assert job.message.startswith("No pod of deploy/web")


def test_a_pod_that_has_no_way_in_is_not_waited_for(play: Play) -> None:
    play.image = ""
    play.add("web-0", "tcpdump", "tee")
    began = time.monotonic()
    job = _ended(play.begin(replace(DEPLOYMENT, wait=120)), play)
    assert (job.state, job.error_code) == (JobState.FAILED, "not_capturable")
    assert time.monotonic() - began < 60


@pytest.mark.parametrize(
    ("until", "said"),
    [
        (Until(UntilKind.PACKET, f"udp dst port {PORT} and greater 100"), "A packet of pod web-0 matched"),
        (Until(UntilKind.EVENT, "unhealthy"), "Pod web-0 had the event Unhealthy: Readiness probe failed."),
    ],
)
def test_a_condition_ends_it(play: Play, until: Until, said: str) -> None:
    play.pod("web-0")
    thread = play.begin(replace(DEPLOYMENT, until=until))
    # an event counts from the capture's beginning on; a packet may have ended it already
    play.until("web-0:capturing" if until.kind is UntilKind.EVENT else "web-0:")
    for about in ("web-00", "web-0"):
        play.cluster.events.append(ClusterEvent("Unhealthy", "Pod", about, "Readiness probe failed: "))
    job = _ended(thread, play)
    assert job.state is JobState.DONE, job.message
    assert said in job.message
    assert job.message.endswith("The capture ended with that.")


def test_an_event_of_another_pod_does_not(play: Play) -> None:
    play.pod("web-0")
    thread = play.begin(replace(DEPLOYMENT, duration=3, until=Until(UntilKind.EVENT, "Unhealthy")))
    play.until("web-0:capturing")
    play.cluster.events.append(ClusterEvent("Unhealthy", "Pod", "db-0"))
    play.cluster.events.append(ClusterEvent("Started", "Pod", "web-0"))
    job = _ended(thread, play)
    assert "The capture took its whole time: no captured pod had the event Unhealthy." in job.message


def test_the_capture_goes_on_for_a_moment_after_the_condition(play: Play) -> None:
    play.pod("web-0", rate=50)
    job = _ended(play.begin(replace(DEPLOYMENT, until=Until(UntilKind.PACKET, "udp"))), play)
    assert job.targets[0].packets > 25  # a second of them


def test_all_pods_begin_together_though_one_is_slow(play: Play, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("web-0", "web-1", "web-2", "web-3"):
        play.pod(name, rate=200)
    play.cluster.slow["web-3"] = 1.5
    job = _ended(play.begin(replace(DEPLOYMENT, duration=2)), play)
    assert job.report is not None
    report = codec.decode(Report, json.loads(b"".join(play.artifacts.read(job.report.key))))
    firsts = [target.facts.first_at for target in report.targets if target.facts is not None]
    assert len(firsts) == 4
    skew = max(firsts) - min(firsts)
    with capsys.disabled():
        print(f" [4 pods, one 1.5 s late to open: first packets {skew * 1000:.0f} ms apart]", end="")
    assert skew < 1.0


def test_a_pod_that_has_done_its_work_is_not_waited_for(play: Play) -> None:
    """Its capture breaks off with its container; nothing comes in its place."""
    pod = play.pod("web-0")
    thread = play.begin(DEPLOYMENT)
    play.until("web-0:capturing")
    began = time.monotonic()
    play.cluster.change(replace(pod, phase="Succeeded", containers=(replace(APP, running=False),)))
    play.end()
    job = _ended(thread, play)
    assert job.state is JobState.PARTIAL
    assert time.monotonic() - began < 40


def test_the_only_pod_is_waited_for_once_it_went(play: Play) -> None:
    play.pod("web-0")
    thread = play.begin(DEPLOYMENT)
    play.until("web-0:capturing")
    play.cluster.remove("shop", "web-0")
    play.end()
    play.until("web-0:partial")
    assert play.watcher.job.state is JobState.CAPTURING
    play.pod("web-1")
    play.until("web-1:capturing")
    play.watcher.stop.set()
    job = _ended(thread, play)
    assert "web-0 was deleted at" in job.message
    assert "s apart." in job.message
