"""Two nodes: pods and services reach across, agents and the processes of a node stay apart."""

import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from deploy.playground import clean
from deploy.playground.scene import Manifest
from tests.integration.playground.node_support import V4, drain
from tests.support.playground import SharedPlayground

SERVER = ["sh", "-c", "mkdir -p /tmp/www; hostname > /tmp/www/index.html; exec httpd -f -p 8080 -h /tmp/www"]
FETCH = "timeout 5 wget -q -O - http://{}/"
Run = Callable[..., Awaitable[dict[str, Any]]]


@pytest.fixture
def run(playground: SharedPlayground, fresh_namespace: str) -> Run:
    """A function that runs pods `a` on node-1 and `b` on node-2, behind a service `b`, and returns them by name."""

    async def start(**spec: Any) -> dict[str, Any]:
        home = {"namespace": fresh_namespace}
        pods = [_pod(name, node, home, spec) for name, node in (("a", "node-1"), ("b", "node-2"))]
        ports = [{"port": 80, "targetPort": 8080}]
        service: Manifest = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "b", **home}}
        service["spec"] = {"selector": {"app": "b"}, "ports": ports}
        await playground.apply([*pods, service])
        listed = playground.kubectl("get", "pods", "-n", fresh_namespace, "-o", "json").stdout
        return {pod["metadata"]["name"]: pod for pod in json.loads(listed)["items"]}

    return start


def _pod(name: str, node: str, home: dict[str, str], spec: dict[str, Any]) -> Manifest:
    container: dict[str, Any] = {"name": "app", "image": "busybox:1", "command": SERVER}
    if spec.get("hostPID"):
        container |= {"command": ["sleep", "600"], "securityContext": {"privileged": True}}
    whole = {"nodeName": node, "terminationGracePeriodSeconds": 0, "containers": [container], **spec}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}, **home},
        "spec": whole,
    }


def _sh(playground: SharedPlayground, pod: dict[str, Any], script: str) -> str:
    meta = pod["metadata"]
    done = playground.kubectl("exec", "-n", meta["namespace"], meta["name"], "--", "sh", "-c", script)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_scene_runs_on_both_nodes(playground: SharedPlayground) -> None:
    column = "jsonpath={.items[*].spec.nodeName}"
    for app in ("web", "payments"):
        nodes = playground.kubectl("get", "pods", "-n", "shop", "-l", f"app={app}", "-o", column).stdout
        assert sorted(nodes.split()) == ["node-1", "node-2"]


async def test_pods_services_and_names_reach_across(playground: SharedPlayground, run: Run) -> None:
    pods = await run()
    addresses = {name: [each["ip"] for each in pod["status"]["podIPs"]] for name, pod in pods.items()}
    assert addresses["a"][0].startswith("198.18.1.")
    assert addresses["b"][0].startswith("198.18.2.")
    assert addresses["b"][1].startswith("2001:db8:2::")
    for place in (f"{addresses['b'][0]}:8080", f"[{addresses['b'][1]}]:8080", "b", "b.$NS.svc.cluster.local"):
        host = place.replace("$NS", pods["b"]["metadata"]["namespace"])
        assert _sh(playground, pods["a"], FETCH.format(host)) == "b\n", place
    assert _sh(playground, pods["b"], FETCH.format(f"{addresses['a'][0]}:8080")) == "a\n"


async def test_an_agent_knows_only_the_pods_of_its_node(playground: SharedPlayground, run: Run) -> None:
    uid = (await run())["b"]["metadata"]["uid"]
    command = f"/exec/{uid}/app?command=echo&command=hello&stdout=true"
    async with _agent(playground, "node-2") as own:
        socket = await own.ws_connect(command, protocols=(V4,))
        assert (await drain(socket))[0] == b"hello\n"
    async with _agent(playground, "node-1") as wrong:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await wrong.ws_connect(command, protocols=(V4,))
        assert refused.value.status == 404
        async with wrong.get(f"/logs/{uid}/app") as answer:
            assert (answer.status, await answer.text()) == (404, "pod does not exist")


async def test_host_namespaces_are_those_of_the_node(playground: SharedPlayground, run: Run) -> None:
    pods = await run(hostPID=True, hostNetwork=True)
    seen = {}
    for name, node, other in (("a", "node-1", "node-2"), ("b", "node-2", "node-1")):
        processes = _sh(playground, pods[name], "for p in /proc/[0-9]*; do tr '\\0' ' ' < $p/cmdline; echo; done")
        assert f"--name {node}" in processes
        for foreign in (f"--name {other}", "deploy.playground.up", "deploy.playground.cluster --", "pytest"):
            assert foreign not in processes, foreign
        links = _sh(playground, pods[name], "ls /sys/class/net; hostname")
        assert f"to-{other}" in links.split()
        assert node in links.split()
        assert "eth0" not in links.split()
        seen[name] = _sh(
            playground, pods[name], "for n in pid net uts ipc mnt; do readlink /proc/1/ns/$n; done"
        ).split()
    ours = [os.readlink(f"/proc/self/ns/{name}") for name in ("pid", "net", "uts", "ipc", "mnt")]  # noqa: PTH115
    for mine, first, second in zip(ours, seen["a"], seen["b"], strict=True):
        assert len({mine, first, second}) == 3


def _agent(playground: SharedPlayground, node: str) -> aiohttp.ClientSession:
    socket: Path = clean.RUN / playground.id / node / "agent.sock"
    return aiohttp.ClientSession("http://node", connector=aiohttp.UnixConnector(str(socket)))
