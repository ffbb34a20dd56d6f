"""One suite, two backends: what Cluster does on a cluster, its twin does in memory."""

import secrets
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from deploy.playground.images import CAPTURE_IMAGE
from tests.support.cluster import MemoryCluster
from tests.support.playground import SharedPlayground
from workers.capture.cluster import Cluster
from workers.capture.exec_stream import ExecRefused
from workers.capture.plans import Plan, Right
from workers.capture.shapes import AgentPod
from workers.capture.supervised import leave_argv, supervised_argv
from workers.capture.targets import ContainerInfo, NodeInfo, PodInfo
from workers.contract.errors import TargetNotFound
from workers.contract.job import new_job_id
from workers.contract.spec import CaptureSpec, TargetKind, TargetRef

LABELS = {"app": "web"}


@dataclass
class Scene:
    """A cluster with a deployment and a service `web` of two pods, each of one container, and no other pods."""

    cluster: Cluster
    namespace: str
    node: str = "n1"
    home: str = "home"
    """Where pods of ours may be."""

    def spec(self, kind: TargetKind, name: str) -> CaptureSpec:
        return CaptureSpec(TargetRef(kind, name), self.namespace)

    def one(self) -> PodInfo:
        return self.cluster.pods(self.spec(TargetKind.SERVICE, "web"))[0]


@pytest.fixture(params=["twin", "cluster"])
async def scene(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Scene]:
    if request.param == "twin":
        with MemoryCluster(tmp_path) as twin:
            for name in ("web-7d9f8-abcde", "web-7d9f8-fghij"):
                container = ContainerInfo("app", "some/image:1", running=True)
                twin.add(PodInfo("here", name, f"uid-{name}", "n1", "Running", ("198.18.0.9",), labels=LABELS,
                                 containers=(container,)))  # fmt: skip
            twin.workloads[TargetKind.DEPLOYMENT, "web"] = "app=web"
            twin.services["web"] = "app=web"
            twin.nodes["n1"] = NodeInfo("n1")
            yield Scene(twin.real, "here")
        return
    playground: SharedPlayground = request.getfixturevalue("playground")
    namespace = f"test-{secrets.token_hex(4)}"
    await playground.apply(_manifests(namespace))
    cluster = Cluster(str(playground.capture_kubeconfig))
    yield Scene(cluster, namespace, "node-1", "threadcap")
    cluster.close()
    playground.kubectl("delete", "namespace", namespace, "--wait=false")


def _manifests(namespace: str) -> list[dict[str, Any]]:
    there = {"name": "web", "namespace": namespace}
    container = {"name": "app", "image": CAPTURE_IMAGE, "command": ["sleep", "infinity"]}
    pod = {"containers": [container], "terminationGracePeriodSeconds": 0}
    template = {"metadata": {"labels": LABELS}, "spec": pod}
    spec = {"replicas": 2, "selector": {"matchLabels": LABELS}, "template": template}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}},
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": there, "spec": spec},
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": there,
            "spec": {"selector": LABELS, "ports": [{"port": 80}]},
        },
    ]


def test_targets_and_what_is_not_there(scene: Scene) -> None:
    kinds = TargetKind
    for kind, name in (
        (kinds.DEPLOYMENT, "web"),
        (kinds.SERVICE, "web"),
        (kinds.SELECTOR, "app=web"),
        (kinds.SELECTOR, "app in (web, other)"),
        (kinds.ANY, "web"),
    ):
        assert len(scene.cluster.pods(scene.spec(kind, name))) == 2, (kind, name)
    one = scene.one()
    assert scene.cluster.pods(scene.spec(kinds.POD, one.name)) == scene.cluster.pods(scene.spec(kinds.ANY, one.name))
    assert scene.cluster.pod(scene.namespace, one.name) == one
    assert scene.cluster.pod(scene.namespace, "nobody") is None
    for kind in (kinds.POD, kinds.DEPLOYMENT, kinds.SERVICE, kinds.STATEFULSET, kinds.ANY):
        with pytest.raises(TargetNotFound, match="weeb"):
            scene.cluster.pods(scene.spec(kind, "weeb"))
    with pytest.raises(TargetNotFound, match="has the labels app=nobody"):
        scene.cluster.pods(scene.spec(kinds.SELECTOR, "app=nobody"))
    with pytest.raises(TargetNotFound, match="no namespace test-nowhere"):
        scene.cluster.pods(CaptureSpec(TargetRef(kinds.POD, "web"), "test-nowhere"))


def test_a_pod_by_the_beginning_of_its_name(scene: Scene) -> None:
    one = scene.one()
    for kind in (TargetKind.POD, TargetKind.ANY):
        assert [pod.name for pod in scene.cluster.pods(scene.spec(kind, one.name[:-1]))] == [one.name]
        with pytest.raises(TargetNotFound, match=f"2 pods in namespace .* begin with web-: .*{one.name}"):
            scene.cluster.pods(scene.spec(kind, "web-"))
        with pytest.raises(TargetNotFound, match="There is no pod"):
            scene.cluster.pods(scene.spec(kind, "we"))


def test_a_pod_as_planning_needs_it(scene: Scene) -> None:
    one = scene.one()
    assert one.running
    assert one.uid
    assert one.node
    assert one.ips
    assert one.labels["app"] == "web"
    assert [(each.name, each.running, each.ephemeral) for each in one.containers] == [("app", True, False)]


def test_the_inventory_names_pods_and_services(scene: Scene) -> None:
    pods, services = scene.cluster.inventory(scene.namespace)
    assert scene.one().name in {pod.name for pod in pods}
    assert not any(pod.containers or pod.labels for pod in pods)
    assert (scene.namespace, "web") in {(each.namespace, each.name) for each in services}


def test_commands_have_output_input_and_an_exit_code(scene: Scene) -> None:
    result = scene.cluster.run(scene.one(), "app", ["sh", "-c", "echo out; echo err >&2; exit 3"])
    assert (result.stdout, result.stderr) == (b"out\n", b"err\n")
    assert result.status is not None
    assert (result.status.success, result.status.exit_code) == (False, 3)
    absent = scene.cluster.run(scene.one(), "app", ["no-such-program"])
    assert absent.status is not None
    assert (absent.status.success, absent.status.exit_code) == (False, None)
    stream = scene.cluster.open_exec(scene.one(), "app", ["sh", "-c", "read -r word; echo got $word"])
    stream.send(b"this\n")
    assert stream.collect(timeout=20, limit=100).stdout == b"got this\n"
    stream.close()


def test_refusals_of_exec(scene: Scene) -> None:
    with pytest.raises(ExecRefused, match="container nope is not valid for pod"):
        scene.cluster.run(scene.one(), "nope", ["true"])
    with pytest.raises(TargetNotFound):
        scene.cluster.run(PodInfo(scene.namespace, "nobody"), "app", ["true"])


def test_a_container_is_added_followed_used_and_ended(scene: Scene) -> None:
    one, job_id = scene.one(), new_job_id()
    name = f"threadcap-{job_id}"
    assert scene.cluster.may(Right("patch", "pods", "ephemeralcontainers", scene.namespace))
    argv = supervised_argv(Plan(one, name), scene.spec(TargetKind.POD, one.name), job_id, 120)
    for _ in range(2):  # said twice, done once
        scene.cluster.add_container(one, name, CAPTURE_IMAGE, argv)
    assert any(state.running for state in _until(scene, one, name, running=True))
    result = scene.cluster.run(one, name, ["sh", "-c", "echo here"])
    assert result.stdout == b"here\n"
    now = scene.cluster.pod(scene.namespace, one.name)
    assert now is not None
    assert [each.name for each in now.containers if each.ephemeral] == [name]
    scene.cluster.run(one, name, leave_argv(job_id))
    assert not _until(scene, one, name, running=False)[-1].running
    with pytest.raises(ExecRefused):
        scene.cluster.run(one, name, ["true"])


def test_changes_of_pods_are_told_from_a_mark_on(scene: Scene) -> None:
    one, name = scene.one(), f"threadcap-{new_job_id()}"
    changes = scene.cluster.follow_pods(scene.namespace, 30)
    first = next(changes)
    assert first.pod is None
    scene.cluster.add_container(one, name, CAPTURE_IMAGE, ["sleep", "2"])
    for mark, told in (("", changes), (first.mark, scene.cluster.follow_pods(scene.namespace, 30, first.mark))):
        pods = (change.pod for change in told if change.pod is not None)
        seen = next(pod for pod in pods if name in [each.name for each in pod.containers])
        assert (seen.name, seen.uid, seen.labels["app"]) == (one.name, one.uid, "web"), mark


def test_many_readers_share_one_watch(scene: Scene) -> None:
    one, name = scene.one(), f"threadcap-{new_job_id()}"
    readers = [scene.cluster.feed.subscribe([scene.namespace]) for _ in range(3)]
    for reader in readers:
        assert reader.wait(20)[0].pod is None  # what there is already is to be looked up
    scene.cluster.add_container(one, name, CAPTURE_IMAGE, ["sleep", "2"])
    for reader in readers:
        told: list[str] = []
        while one.name not in told:
            changes = reader.wait(20)
            assert changes, "nothing was told"
            told += [change.pod.name for change in changes if change.pod is not None]
        reader.close()


def test_a_pod_of_ours_is_created_found_used_and_deleted(scene: Scene) -> None:
    job_id = new_job_id()
    name = f"threadcap-{job_id}-abc"
    argv = supervised_argv(Plan(PodInfo("", scene.node, is_node=True), "capture"), _NODE_SPEC, job_id, 120)
    agent = AgentPod(name, scene.home, scene.node, CAPTURE_IMAGE, tuple(argv), job_id, 300, 1 << 20, True, False)
    for _ in range(2):  # said twice, done once
        scene.cluster.create_agent(agent)
    try:
        ours = PodInfo(scene.home, name)
        assert any(state.running for state in _until(scene, ours, "capture", running=True))
        now = scene.cluster.pod(scene.home, name)
        assert now is not None
        assert now.node == scene.node
        (mine,) = [one for one in scene.cluster.agents(scene.home) if one.pod.name == name]
        assert 200 < mine.expires - time.time() < 400
        assert scene.cluster.run(now, "capture", ["sh", "-c", "echo here"]).stdout == b"here\n"
    finally:
        for _ in range(2):
            scene.cluster.delete_pod(scene.home, name)
    deadline = time.monotonic() + 30
    while scene.cluster.pod(scene.home, name) is not None:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert name not in {one.pod.name for one in scene.cluster.agents(scene.home)}


def test_nodes_are_told_at_once(scene: Scene) -> None:
    told = next(node for node in scene.cluster.follow_nodes(20) if node.name == scene.node)
    assert told == scene.cluster.node(scene.node)
    assert (told.ready, told.pressures) == (True, ())


_NODE_SPEC = CaptureSpec(TargetRef(TargetKind.NODE, "any"), "default")


def _until(scene: Scene, pod: PodInfo, name: str, *, running: bool) -> list[ContainerInfo]:
    seen = []
    for state in scene.cluster.follow_container(pod, name, 30):
        seen.append(state)
        if state.running is running and (running or state.waiting_reason):
            break
    return seen
