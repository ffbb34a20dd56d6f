"""Faults of nodes as the real kubectl and the official Python client meet them, on a playground of their own."""

from __future__ import annotations

import asyncio
import struct
import subprocess
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import kubernetes
import pytest
import pytest_asyncio
import websocket
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from kubernetes.stream import stream

from deploy.playground.scene.client import ApiError, Client
from deploy.playground.scene_panel import ScenePanel
from deploy.playground.up import Playground, PlaygroundSettings
from tests.support.playground import KUBECTL, SharedPlayground

pytestmark = pytest.mark.asyncio(loop_scope="module")

FAULTS = "/_playground/faults"
SECONDS = 30.0
HOUR = 3600
PYTHON = ("/usr/bin/python3.11", "-IBc")
READY = "jsonpath={.status.conditions[?(@.type=='Ready')]}"
CONTAINERS = "jsonpath={.items[*].status.containerStatuses[*].containerID}"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cluster() -> AsyncIterator[SharedPlayground]:
    """A playground without the scene; pods `one` and `two` run on node-1 and node-2."""
    async with Playground(PlaygroundSettings(scene=False)) as own:
        shared = SharedPlayground(own.settings.id, 0, own.admin_kubeconfig, own.capture_kubeconfig)
        await shared.apply([_pod(name, f"node-{n}") for n, name in enumerate(("one", "two"), 1)])
        yield shared


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def healed(cluster: SharedPlayground) -> AsyncIterator[None]:
    yield
    await inject(cluster, "heal")
    ok(cluster, "wait", "node", "--all", "--for=condition=Ready", "--timeout=30s")


def _pod(name: str, node: str, **spec: Any) -> dict[str, Any]:
    container = {"name": "app", "image": "threadcap.example/scene/checkout:1", "command": ["sleep", "infinity"]}
    whole = {"nodeName": node, "terminationGracePeriodSeconds": 0, "containers": [container], **spec}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "default"}, "spec": whole}


async def inject(cluster: SharedPlayground, kind: str, **body: Any) -> None:
    async with Client(cluster.admin_kubeconfig) as client:
        await client.call("POST", FAULTS, {"kind": kind, **body})


def running(cluster: SharedPlayground, *words: str) -> subprocess.Popen[bytes]:
    argv = [KUBECTL, "--kubeconfig", str(cluster.admin_kubeconfig), *words]
    return subprocess.Popen(argv, stdout=subprocess.PIPE)


def ok(cluster: SharedPlayground, *words: str) -> str:
    done = cluster.kubectl(*words, seconds=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(SECONDS):
        while not true():  # noqa: ASYNC110 - the state is elsewhere
            await asyncio.sleep(0.1)


def reason(cluster: SharedPlayground, pod: str) -> str:
    return ok(cluster, "get", "pod", pod, "-o", "jsonpath={.status.reason}: {.status.message}")


async def test_a_restarted_agent_ends_streams_and_nothing_else(cluster: SharedPlayground) -> None:
    before = ok(cluster, "get", "pods", "-o", CONTAINERS), ok(cluster, "get", "node", "node-2", "-o", READY)
    script = "echo begun; while :; do echo x; sleep 0.1; done"
    with running(cluster, "exec", "two", "--", "sh", "-c", script) as v5:
        assert v5.stdout is not None
        assert v5.stdout.readline() == b"begun\n"
        with v4_stream(cluster, "two", ["sh", "-c", script]) as v4:
            while "begun" not in v4.read_stdout(timeout=10):
                pass
            await inject(cluster, "node-restart", node="node-2")
            assert await asyncio.to_thread(v5.wait, SECONDS) == 0, "v5 lies: Success, though the command runs on"
            with pytest.raises(websocket.WebSocketConnectionClosedException):
                v4.run_forever(timeout=SECONDS)
            assert v4.peek_channel(3) == "", "v4 ends without a status"
    await until(lambda: cluster.kubectl("exec", "two", "--", "true").returncode == 0)
    alive = ok(cluster, "exec", "two", "--", "sh", "-c", "grep -l 'echo begun' /proc/[0-9]*/cmdline")
    assert len(alive.split()) >= 2, "both commands run on"
    assert before == (ok(cluster, "get", "pods", "-o", CONTAINERS), ok(cluster, "get", "node", "node-2", "-o", READY))


def v4_stream(cluster: SharedPlayground, pod: str, command: list[str]) -> Any:
    """The official client's stream over v4.channel.k8s.io, as a context manager."""
    client = kubernetes.config.new_client_from_config(str(cluster.admin_kubeconfig))
    client.set_default_header("sec-websocket-protocol", "v4.channel.k8s.io")
    call = kubernetes.client.CoreV1Api(client).connect_get_namespaced_pod_exec
    words = {"command": command, "stdin": False, "stdout": True, "stderr": True, "tty": False}

    class Open:
        def __enter__(self) -> Any:
            self.found = stream(call, pod, "default", **words, _preload_content=False)
            return self.found

        def __exit__(self, *_: object) -> None:
            self.found.close()
            client.close()

    return Open()


async def test_a_killed_api_server_leaves_what_it_ran_alive(cluster: SharedPlayground) -> None:
    script = "echo $$; while :; do date > /tmp/alive; sleep 0.1; done"
    with running(cluster, "exec", "two", "--", "sh", "-c", script) as kubectl:
        assert kubectl.stdout is not None
        pid = kubectl.stdout.readline().strip().decode()
        await inject(cluster, "outage", how="hard", seconds=1)
        assert await asyncio.to_thread(kubectl.wait, SECONDS) != 0
    await until(lambda: cluster.kubectl("get", "pods").returncode == 0)
    alive = "rm /tmp/alive; until [ -e /tmp/alive ]; do sleep 0.05; done; kill"
    ok(cluster, "exec", "two", "--", "timeout", "10", "sh", "-c", f"{alive} {pid}")


async def test_a_node_may_be_lost_while_its_agent_starts(cluster: SharedPlayground) -> None:
    for _ in range(2):
        await inject(cluster, "node-restart", node="node-2")
        await inject(cluster, "node-lost", node="node-2")
        await inject(cluster, "node-lost", node="node-2")
        ok(cluster, "wait", "node/node-2", "--for=condition=Ready=Unknown", "--timeout=30s")
        await inject(cluster, "node-heal", node="node-2")
        ok(cluster, "wait", "node/node-2", "--for=condition=Ready", "--timeout=30s")


async def test_a_lost_node_is_unknown_and_comes_back(cluster: SharedPlayground) -> None:
    containers = ok(cluster, "get", "pods", "-o", CONTAINERS)
    await inject(cluster, "node-lost", node="node-2")
    ok(cluster, "wait", "node/node-2", "--for=condition=Ready=Unknown", "--timeout=30s")
    ok(cluster, "wait", "pod/two", "--for=condition=Ready=False", "--timeout=30s")
    assert "node-2   NotReady" in ok(cluster, "get", "nodes")
    described = ok(cluster, "describe", "node", "node-2")
    assert "Kubelet stopped posting node status." in described
    assert "node.kubernetes.io/unreachable:NoExecute" in described
    dial = "dial tcp 198.18.2.1:10250: connect: connection refused"
    refused = cluster.kubectl("exec", "two", "--", "true")
    assert refused.stderr == f"Error from server: error dialing backend: {dial}\n"
    with pytest.raises(ApiError) as away:
        await inject(cluster, "evict", namespace="default", pod="two")
    assert away.value.code == 503
    refused = cluster.kubectl("logs", "two")
    url = "https://198.18.2.1:10250/containerLogs/default/two/app"
    assert refused.stderr == f'Error from server: Get "{url}": {dial}\n'
    pinned = _pod("pinned", "", nodeSelector={"kubernetes.io/hostname": "node-2"})
    del pinned["spec"]["nodeName"]
    async with Client(cluster.admin_kubeconfig) as client:
        await client.apply([pinned])
    ok(cluster, "wait", "pod/pinned", "--for=condition=PodScheduled=False", "--timeout=30s")
    events = ok(cluster, "events", "--for", "pod/pinned")
    why = "1 node(s) didn't match Pod's node affinity/selector, 1 node(s) had untolerated taint {node.kubernetes.io/"
    assert f"0/2 nodes are available: {why}unreachable: }}. " in events
    await inject(cluster, "node-heal", node="node-2")
    ok(cluster, "wait", "pod/two", "pod/pinned", "--for=condition=Ready", "--timeout=30s")
    assert ok(cluster, "exec", "two", "--", "echo", "back") == "back\n"
    assert "Taints:             <none>" in ok(cluster, "describe", "node", "node-2")
    ok(cluster, "delete", "pod", "pinned")
    assert ok(cluster, "get", "pods", "-o", CONTAINERS) == containers


async def test_a_deleted_node_takes_its_pods_with_it(cluster: SharedPlayground) -> None:
    ok(cluster, "delete", "node", "node-2")
    ok(cluster, "wait", "pod/two", "--for=delete", "--timeout=20s")
    assert "node-2" not in ok(cluster, "get", "nodes")
    await inject(cluster, "node-restart", node="node-2")
    await until(lambda: cluster.kubectl("get", "node", "node-2").returncode == 0)
    ok(cluster, "wait", "node/node-2", "--for=condition=Ready", "--timeout=20s")
    await cluster.apply([_pod("two", "node-2")])


async def test_pressure_taints_the_node_and_refuses_pods(cluster: SharedPlayground) -> None:
    await inject(cluster, "node-pressure", node="node-2", resource="disk")
    await inject(cluster, "node-pressure", node="node-2", resource="memory")
    ok(cluster, "wait", "node/node-2", "--for=condition=DiskPressure", "--timeout=10s")
    described = ok(cluster, "describe", "node", "node-2")
    for words in ("kubelet has disk pressure", "kubelet has insufficient memory available"):
        assert words in described
    for taint in ("disk-pressure", "memory-pressure"):
        assert f"node.kubernetes.io/{taint}:NoSchedule" in described
    async with Client(cluster.admin_kubeconfig) as client:
        await client.apply([_pod("bound", "node-2")])
    await until(lambda: reason(cluster, "bound").startswith("Evicted"))
    why = "Pod was rejected: The node had condition: [MemoryPressure DiskPressure]. "
    assert reason(cluster, "bound") == f"Evicted: {why}"
    ok(cluster, "exec", "two", "--", "true")
    await inject(cluster, "node-heal", node="node-2")
    ok(cluster, "wait", "node/node-2", "--for=condition=DiskPressure=False", "--timeout=10s")
    ok(cluster, "delete", "pod", "bound")
    async with Client(cluster.admin_kubeconfig) as client:
        await client.apply([_pod("bound", "node-2")])
    ok(cluster, "wait", "pod/bound", "--for=condition=Ready", "--timeout=30s")
    ok(cluster, "delete", "pod", "bound")


async def test_a_full_disk_is_met_by_whoever_writes(cluster: SharedPlayground) -> None:
    write = "dd if=/dev/zero of={}/big bs=64k count=40"
    volume = {"name": "spool", "emptyDir": {"sizeLimit": "32Mi"}}
    await inject(cluster, "node-disk", node="node-2", bytes=1_000_000)
    for pod, healed in (("tight", False), ("roomy", True)):
        if healed:
            await inject(cluster, "node-heal", node="node-2")
        manifest = _pod(pod, "node-2", volumes=[volume])
        manifest["spec"]["containers"][0]["volumeMounts"] = [{"name": "spool", "mountPath": "/spool"}]
        await cluster.apply([manifest])
        for place in ("/spool", "/root"):
            said = cluster.kubectl("exec", pod, "--", *write.format(place).split())
            assert ("No space left on device" in said.stderr) != healed, said.stderr
            assert (said.returncode == 0) == healed
        mounted = ok(cluster, "exec", pod, "--", "grep", " /spool ", "/proc/mounts")
        assert mounted.split()[2] != "tmpfs"
    ok(cluster, "delete", "pod", "tight", "roomy")


async def test_a_drained_node_is_empty_until_uncordoned(cluster: SharedPlayground) -> None:
    ok(cluster, "create", "deployment", "spread", "--image=busybox:1", "--replicas=4", "--", "sleep", "infinity")
    ok(cluster, "rollout", "status", "deployment/spread", "--timeout=30s")
    nodes = ("get", "pods", "-l", "app=spread", "-o", "jsonpath={.items[*].spec.nodeName}")
    assert sorted(ok(cluster, *nodes).split()) == ["node-1", "node-1", "node-2", "node-2"]
    drained = ok(cluster, "drain", "node-2", "--grace-period=0", "--pod-selector=app=spread", "--timeout=30s")
    assert drained.count(" evicted") == 2
    assert drained.endswith("node/node-2 drained\n")
    ok(cluster, "rollout", "status", "deployment/spread", "--timeout=30s")
    assert ok(cluster, *nodes).split() == ["node-1"] * 4
    assert "node-2   Ready,SchedulingDisabled" in ok(cluster, "get", "nodes")
    assert "node.kubernetes.io/unschedulable:NoSchedule" in ok(cluster, "describe", "node", "node-2")
    ok(cluster, "uncordon", "node-2")
    ok(cluster, "taint", "node", "node-2", "trial=yes:NoExecute")
    ok(cluster, "wait", "pod/two", "--for=delete", "--timeout=30s")
    ok(cluster, "taint", "node", "node-2", "trial-")
    ok(cluster, "delete", "deployment", "spread")
    await cluster.apply([_pod("two", "node-2")])


async def test_a_shifted_clock_moves_processes_and_packets(cluster: SharedPlayground) -> None:
    assert abs(shift_of(cluster, "two")) < 60
    await inject(cluster, "node-clock", node="node-2", offsetSeconds=HOUR + 0.5)
    loop = "import time\nwhile True: print(time.time(), flush=True); time.sleep(0.1)"
    with running(cluster, "exec", "two", "--", *PYTHON, loop) as follow:
        assert follow.stdout is not None
        assert float(follow.stdout.readline()) - time.time() == pytest.approx(HOUR, abs=60)
        assert shift_of(cluster, "two") == pytest.approx(HOUR, abs=60)
        assert abs(shift_of(cluster, "one")) < 60
        assert packet_shift(cluster, "two") == pytest.approx(HOUR, abs=60)
        assert abs(packet_shift(cluster, "one")) < 60
        await inject(cluster, "node-clock", node="node-2", offsetSeconds=-HOUR - 0.25)
        assert packet_shift(cluster, "two") == pytest.approx(-HOUR, abs=60)
        await inject(cluster, "node-heal", node="node-2")
        assert abs(shift_of(cluster, "two")) < 60
        while abs(float(follow.stdout.readline()) - time.time()) > 60:
            pass
        follow.terminate()
    assert abs(packet_shift(cluster, "two")) < 60


def shift_of(cluster: SharedPlayground, pod: str) -> float:
    return float(ok(cluster, "exec", pod, "--", *PYTHON, "import time; print(time.time())")) - time.time()


def packet_shift(cluster: SharedPlayground, pod: str) -> float:
    """How far the time of a packet that tcpdump captures in the pod is from now."""
    traffic = "(while sleep 0.1; do ping -c 1 127.0.0.1; done) >/dev/null 2>&1 &"
    dump = f"{traffic} tcpdump -i lo -c 1 -w - -U -Z root icmp 2>/dev/null; kill $!"
    argv = [KUBECTL, "--kubeconfig", str(cluster.admin_kubeconfig), "exec", pod, "--", "sh", "-c", dump]
    done = subprocess.run(argv, capture_output=True, check=True, timeout=SECONDS)
    seconds, micros = struct.unpack_from("<II", done.stdout, 24)
    assert 0 <= micros < 1_000_000
    return float(seconds - time.time())


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"kind": "node-lost", "node": "node-9"}, 404),
        ({"kind": "node-pressure", "node": "node-1", "resource": "patience"}, 400),
        ({"kind": "node-clock", "node": "node-1", "offsetSeconds": "soon"}, 400),
        ({"kind": "node-disk", "node": "node-1", "bytes": 0}, 400),
        ({"kind": "evict", "namespace": "default", "pod": "nobody"}, 404),
    ],
)
async def test_what_makes_no_sense_is_refused(cluster: SharedPlayground, body: dict[str, Any], code: int) -> None:
    with pytest.raises(ApiError) as refused:
        await inject(cluster, **body)
    assert refused.value.code == code


async def test_scene_panel_loses_a_node_and_brings_it_back(cluster: SharedPlayground, tmp_path: Path) -> None:
    app = web.Application()
    app.add_routes(ScenePanel(cluster.admin_kubeconfig, tmp_path).routes())
    async with TestClient(TestServer(app)) as panel:

        async def second() -> tuple[str, str | None]:
            nodes = (await (await panel.get("/_panel/scene")).json())["nodes"]
            return nodes[1]["status"], nodes[1]["fault"]

        async def strike(kind: str) -> int:
            return (await panel.post("/_panel/scene/fault", json={"node": "node-2", "kind": kind})).status

        async def comes_to(wanted: tuple[str, str | None]) -> None:
            async with asyncio.timeout(SECONDS):
                while await second() != wanted:  # noqa: ASYNC110 - the state is elsewhere
                    await asyncio.sleep(0.1)

        assert await second() == ("Ready", None)
        assert await strike("node-lost") == 200
        await comes_to(("NotReady", "node-lost"))
        assert await strike("none") == 200
        await comes_to(("Ready", None))
        assert await strike("node-flood") == 400
