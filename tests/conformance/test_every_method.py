"""On any cluster: each method captures what it is for, byte-equal, and leaves nothing; a cut capture goes on.

Where a cluster lacks what a method needs, that is said by a dry run and by the refusal, and the test shows the reason.
"""

import json
import signal
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.conftest import Place, until
from tests.conformance.shapes import CALL, IDLE, MAY_CAPTURE, MAY_NOT, PORT, TALK, container, pod
from tests.support.captures import all_written, valid_records
from tests.support.terminal import argv, environment, threadcap
from workers.capture.cluster import Cluster
from workers.capture.exec_stream import ExecStream
from workers.capture.methods import Ground
from workers.capture.planner import EVERY
from workers.capture.plans import Equipment, Plan
from workers.capture.spool import Spool
from workers.capture.start_line import alone
from workers.capture.survey import Probes, Surveyor
from workers.capture.targets import PodInfo, Target
from workers.contract.job import new_job_id
from workers.contract.report import CaptureOutcome
from workers.contract.spec import CaptureSpec, TargetKind

pytestmark = pytest.mark.timeout(600)

PODS = {
    "exec": "able",
    "sidecar": "paired",
    "ephemeral": "unable",
    "node": "unable",
    "veth": "unable",
    "upload": "rooted",
}
"""Method -> the pod it is for."""
METHOD = {**{method: method for method in PODS}, "a node": "node"}
CUTS = 5


@pytest.fixture(scope="module")
def pods(place: Place, cluster: Cluster) -> Iterator[dict[str, PodInfo]]:
    """`able` can be captured in, `paired` has another container that can, `rooted` could if it had a tcpdump, `unable`
    can't; `caller` connects to all."""
    idle = ("app", place.test_image, IDLE)
    bodies = [
        pod("able", container("app", place.capture_image, TALK, MAY_CAPTURE)),
        pod("paired", container(*idle, MAY_NOT), container("tools", place.capture_image, TALK, MAY_CAPTURE)),
        pod("unable", container(*idle, MAY_NOT)),
        pod("rooted", container(*idle, MAY_CAPTURE)),
    ]
    names = [body["metadata"]["name"] for body in bodies]
    for body in bodies:
        place.core.create_namespaced_pod(place.namespace, body)
    for name in names:
        place.until_ready(f"app={name}")
    found = {name: cluster.pods(place.spec(TargetKind.POD, name))[0] for name in names}
    addresses = [one.ips[0] for one in found.values()]
    calling = pod("caller", container("app", place.capture_image, CALL, MAY_NOT, *addresses))
    place.core.create_namespaced_pod(place.namespace, calling)
    place.until_ready("app=caller")
    yield found
    for name in (*names, "caller"):
        place.core.delete_namespaced_pod(name, place.namespace, grace_period_seconds=0)


@dataclass(frozen=True)
class Trial:
    """One method's dry run, what was there after it, and its capture."""

    plan: str
    created: list[str]
    done: "subprocess.CompletedProcess[str]"
    out: Path


@pytest.fixture(scope="module")
def trials(
    place: Place, cluster: Cluster, pods: dict[str, PodInfo], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Trial]:
    """All dry runs, then all captures, side by side: most of their time is start-up and waiting."""
    targets = {method: f"pod/{name}" for method, name in PODS.items()} | {"a node": f"node/{pods['unable'].node}"}
    before = _added(place, cluster, pods)
    outs = [tmp_path_factory.mktemp("out") for _ in targets]
    methods = [METHOD[each] for each in targets]
    with ThreadPoolExecutor(4) as pool:
        plans = list(pool.map(lambda target, method: _planned(place, target, method), targets.values(), methods))
        created = [name for name in _added(place, cluster, pods) if name not in before]
        done = pool.map(lambda target, method, out: _run(place, target, method, out), targets.values(), methods, outs)
        found = zip(plans, done, outs, strict=True)
        return {each: Trial(plan, created, one, out) for each, (plan, one, out) in zip(targets, found, strict=True)}


def _added(place: Place, cluster: Cluster, pods: dict[str, PodInfo]) -> list[str]:
    """Everything of ours that the cluster shows."""
    return [*_agents(place), *(one.name for pod in pods.values() for one in _additions(cluster, pod))]


def _run(place: Place, target: str, method: str, out: Path) -> "subprocess.CompletedProcess[str]":
    done: subprocess.CompletedProcess[str] = place.capture(
        target, "--method", method, "port", str(PORT), "for", "3s", out=out
    )
    return done


def _planned(place: Place, target: str, method: str) -> str:
    """What `--dry-run` says."""
    words = ("capture", target, "-n", place.namespace, "--method", method, "port", str(PORT), "for", "3s", "--dry-run")
    done = threadcap(place.kubeconfig, *words, **place.environment())
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("each", METHOD)
def test_it_captures_and_is_proved(place: Place, trials: dict[str, Trial], each: str) -> None:
    trial, method = trials[each], METHOD[each]
    if "none can capture it" in trial.plan:
        assert trial.done.returncode == 3, trial.done.stderr
        assert not place.playground, f"the playground has what it takes: {trial.plan}"
        pytest.skip(f"this cluster lacks what {method} needs: {trial.plan}")
    assert trial.done.returncode == 0, trial.done.stderr
    (target,) = json.loads(trial.done.stdout)["targets"]
    outcome = target["outcome"]
    assert (target["method"], outcome["proved"]) == (method, True)
    (pcap,) = trial.out.glob("*.pcap")
    assert valid_records(pcap.read_bytes()) == outcome["packets"] > 0


@pytest.mark.parametrize("each", METHOD)
def test_a_dry_run_names_the_method_and_creates_nothing(trials: dict[str, Trial], each: str) -> None:
    assert METHOD[each] in trials[each].plan
    assert trials[each].created == []


def test_nothing_is_left(place: Place, cluster: Cluster, pods: dict[str, PodInfo], trials: dict[str, Trial]) -> None:
    assert _agents(place) == []
    until(lambda: not any(_running_additions(cluster, pod) for pod in pods.values()), "the end of what was added", 30)
    look = ["sh", "-c", "ls -d /*/threadcap-* /threadcap-* 2>/dev/null"]
    assert cluster.run(pods["rooted"], "app", look).stdout == b""


class Leaky(Cluster):
    """A cluster whose connections can be cut."""

    def __init__(self, kubeconfig: str) -> None:
        super().__init__(kubeconfig)
        self.streams: list[ExecStream] = []

    def open_exec(self, *args: Any, **options: Any) -> ExecStream:
        """See Cluster.open_exec."""
        self.streams.append(super().open_exec(*args, **options))
        return self.streams[-1]


class Going:
    """A capture in a thread."""

    def __init__(
        self, place: Place, cluster: Cluster, plan: Plan, job_id: str, path: Path, *, resume: bool = False
    ) -> None:
        equipment = Equipment(place.capture_image, place.agents, ceiling=300)
        spec = CaptureSpec(
            place.spec(TargetKind.POD, plan.pod.name).target, place.namespace, filter=f"port {PORT}", duration=240
        )
        self.spool = Spool(path)
        ground = Ground(cluster, equipment, spec, job_id)
        self.capture = EVERY[plan.method].open(ground, plan, self.spool, resume=resume)
        self._outcome: CaptureOutcome | None = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def more(self, packets: int = 3) -> None:
        """Wait for further packets."""
        wanted = self.spool.records + packets
        until(lambda: self.spool.records >= wanted or not self._thread.is_alive(), "packets", 120)
        assert self._thread.is_alive(), self._outcome

    def proved(self) -> None:
        """Stop it, and check that not a byte is missing."""
        self.capture.stop()
        self._thread.join(120)
        self.capture.close()
        self.spool.close()
        assert self._outcome is not None
        assert self._outcome.proved, self._outcome
        assert valid_records(self.spool.path.read_bytes()) == self._outcome.packets
        assert all_written(self._outcome), self._outcome

    def _run(self) -> None:
        self._outcome = self.capture.run(alone())


@pytest.mark.parametrize("method", ["ephemeral", "node"])
def test_cut_connections_lose_nothing(place: Place, pods: dict[str, PodInfo], tmp_path: Path, method: str) -> None:
    cluster = Leaky(str(place.kubeconfig))
    job_id = new_job_id()
    going = Going(place, cluster, _plan(place, pods["unable"], method, job_id), job_id, tmp_path / "it.pcap")
    for _ in range(CUTS):
        going.more()
        cluster.streams[-1].close()
    going.more()
    going.proved()
    assert len(cluster.streams) > CUTS
    cluster.close()
    assert _agents(place) == []


def test_another_process_goes_on_where_a_killed_one_was(
    place: Place, cluster: Cluster, pods: dict[str, PodInfo], tmp_path: Path
) -> None:
    seen = pods["unable"]
    known = {one.name for one in _additions(cluster, seen)}
    words = ("capture", "pod/unable", "-n", place.namespace, "--method", "ephemeral", "port", str(PORT), "for", "120s")
    env = environment(**place.environment(), TMPDIR=str(tmp_path))
    with subprocess.Popen(argv(place.kubeconfig, *words), env=env, stderr=subprocess.DEVNULL) as first:
        until(lambda: sum(path.stat().st_size for path in tmp_path.glob("threadcap-*/*.pcap")) > 1000, "packets", 120)
        first.send_signal(signal.SIGKILL)
    (left,) = (one for one in _additions(cluster, seen) if one.name not in known)
    job_id = left.name.removeprefix("threadcap-")
    plan = Plan(seen, left.name, "ephemeral")
    going = Going(place, cluster, plan, job_id, tmp_path / "other.pcap", resume=True)
    going.more()
    going.proved()
    until(lambda: not _running_additions(cluster, seen), "the end of what was added", 30)


def _plan(place: Place, seen: PodInfo, method: str, job_id: str) -> Plan:
    """The plan of one method, whatever else would do."""
    cluster = Cluster(str(place.kubeconfig))
    spec = CaptureSpec(place.spec(TargetKind.POD, seen.name).target, place.namespace, method=method)
    equipment = Equipment(place.capture_image, place.agents, ceiling=300)
    target = Target(seen, ("app",))
    surveyor = Surveyor(cluster, spec, equipment, Probes())
    made = EVERY[method].plan(target, surveyor.everything(target, surveyor.containers(target)), spec, equipment, job_id)
    cluster.close()
    assert isinstance(made, Plan), made
    return made


def _agents(place: Place) -> list[str]:
    """Our capturing pods on nodes."""
    return [one.metadata.name for one in place.core.list_namespaced_pod(place.agents).items]


def _additions(cluster: Cluster, seen: PodInfo) -> list[Any]:
    now = cluster.pod(seen.namespace, seen.name)
    return [one for one in now.containers if one.ephemeral] if now is not None else []


def _running_additions(cluster: Cluster, seen: PodInfo) -> list[Any]:
    return [one for one in _additions(cluster, seen) if one.running]
