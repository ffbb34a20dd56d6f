"""What befalls one pod, as the real kubectl sees it: a bad interface, eviction, a full emptyDir."""

import hashlib
import json
import re
import secrets
from collections.abc import AsyncIterator
from typing import Any

import kubernetes
import pytest_asyncio

from deploy.playground.scene import Manifest
from deploy.playground.scene.client import Client
from tests.support.playground import SharedPlayground

MEGABYTES = 8
SERVER = f"mkdir -p /tmp/www; head -c {MEGABYTES}000000 /dev/urandom > /tmp/www/big; exec httpd -f -p 8080 -h /tmp/www"
Pods = dict[str, str]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pods(playground: SharedPlayground) -> AsyncIterator[Pods]:
    """`a` on node-1 and `b` on node-2 -> their addresses; a namespace of this module's own."""
    name = f"test-{secrets.token_hex(4)}"
    space: Manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    await playground.apply([space, *(_pod(pod, name, nodeName=f"node-{n}") for n, pod in enumerate("ab", 1))])
    column = "jsonpath={range .items[*]}{.metadata.name}={.status.podIP} {end}"
    said = playground.kubectl("get", "pods", "-n", name, "-o", column).stdout
    yield {"namespace": name, **dict(word.split("=") for word in said.split())}
    async with Client(playground.admin_kubeconfig) as client:
        await client.call("DELETE", f"/api/v1/namespaces/{name}")


def _pod(name: str, namespace: str, script: str = SERVER, **spec: Any) -> Manifest:
    container: dict[str, Any] = {"name": "app", "image": "busybox:1", "command": ["sh", "-c", script]}
    container["volumeMounts"] = [{"name": v["name"], "mountPath": "/data"} for v in spec.get("volumes", [])]
    whole = {"terminationGracePeriodSeconds": 0, "containers": [container], **spec}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": namespace}, "spec": whole}


def _sh(playground: SharedPlayground, pods: Pods, pod: str, script: str) -> str:
    done = playground.kubectl("exec", "-n", pods["namespace"], pod, "--", "sh", "-c", script, seconds=60)
    return done.stdout


async def _start(playground: SharedPlayground, pod: Manifest) -> None:
    """Create a pod and wait for it; others of the namespace may have failed by now."""
    async with Client(playground.admin_kubeconfig) as client:
        await client.apply([pod])
    meta = pod["metadata"]
    wait = ("wait", "-n", meta["namespace"], f"pod/{meta['name']}", "--for=condition=Ready", "--timeout=20s")
    assert playground.kubectl(*wait).returncode == 0


async def test_an_interface_loses_packets_both_ways(playground: SharedPlayground, pods: Pods) -> None:
    ping = f"ping -q -c 60 -i 0.02 -W 1 {pods['b']}"
    await playground.inject("pod/b", "loss", namespace=pods["namespace"], percent=40)
    said = _sh(playground, pods, "a", ping)
    lost = re.search(r"(\d+)% packet loss", said)
    assert lost, said
    assert 30 < int(lost[1]) < 95  # 64 of 100 are expected: each echo passes twice
    await playground.heal("pod/b", namespace=pods["namespace"])
    assert " 0% packet loss" in _sh(playground, pods, "a", ping)


async def test_an_interface_is_slow_and_its_bytes_are_whole(playground: SharedPlayground, pods: Pods) -> None:
    await playground.inject("pod/b", "latency", namespace=pods["namespace"], delay_ms=150)
    said = _sh(playground, pods, "a", f"ping -q -c 3 -i 0.1 {pods['b']}")
    fastest = re.search(r"= ([\d.]+)/", said)
    assert fastest, said
    assert 150 <= float(fastest[1]) < 1000
    await playground.inject("pod/b", "latency", namespace=pods["namespace"], delay_ms=2)
    there = _sh(playground, pods, "b", "sha256sum < /tmp/www/big").split()[0]
    here = _sh(playground, pods, "a", f"timeout 30 wget -q -O - http://{pods['b']}:8080/big | sha256sum").split()[0]
    assert here == there != hashlib.sha256().hexdigest()
    await playground.heal("pod/b", namespace=pods["namespace"])
    said = _sh(playground, pods, "a", f"ping -q -c 3 -i 0.1 {pods['b']}")
    assert float(said.rpartition("= ")[2].split("/")[0]) < 100


async def test_an_interface_changes_the_order(playground: SharedPlayground, pods: Pods) -> None:
    await playground.inject("pod/b", "reorder", namespace=pods["namespace"], delay_ms=200, percent=50)
    said = _sh(playground, pods, "a", f"ping -c 40 -i 0.02 {pods['b']}")
    order = [int(number) for number in re.findall(r"seq=(\d+)", said)]
    assert sorted(order) == list(range(40))
    assert order != sorted(order)
    await playground.heal("pod/b", namespace=pods["namespace"])
    said = _sh(playground, pods, "a", f"ping -c 10 -i 0.02 {pods['b']}")
    assert re.findall(r"seq=(\d+)", said) == [str(number) for number in range(10)]


async def test_an_evicted_pod_failed_with_its_reason(playground: SharedPlayground, pods: Pods) -> None:
    space = pods["namespace"]
    await _start(playground, _pod("evicted", space, "exec sleep 600"))
    await playground.inject("pod/evicted", "evict", namespace=space)
    wait = ("wait", "-n", space, "pod/evicted", "--for=jsonpath={.status.phase}=Failed", "--timeout=20s")
    assert playground.kubectl(*wait).returncode == 0
    status = json.loads(playground.kubectl("get", "pod", "-n", space, "evicted", "-o", "json").stdout)["status"]
    assert status["reason"] == "Evicted"
    assert status["message"].startswith("The node was low on resource: ephemeral-storage. ")
    conditions = {c["type"]: (c["status"], c.get("reason")) for c in status["conditions"]}
    assert conditions["DisruptionTarget"] == ("True", "TerminationByKubelet")
    assert conditions["Ready"] == ("False", "PodFailed")
    assert "terminated" in status["containerStatuses"][0]["state"]
    assert re.search(r"Reason: +Evicted", playground.kubectl("describe", "pod", "-n", space, "evicted").stdout)
    events = playground.kubectl("events", "-n", space, "--for", "pod/evicted").stdout
    assert "The node was low on resource: ephemeral-storage." in events
    refused = playground.kubectl("exec", "-n", space, "evicted", "--", "true")
    assert "cannot exec into a container in a completed pod; current phase is Failed" in refused.stderr
    assert playground.kubectl("delete", "pod", "-n", space, "evicted").returncode == 0


async def test_the_eviction_api_says_why_and_deletes(playground: SharedPlayground, pods: Pods) -> None:
    """By the official client, as a drain does it."""
    space = pods["namespace"]
    await _start(playground, _pod("moved", space, "exec sleep 600", terminationGracePeriodSeconds=1))
    with kubernetes.config.new_client_from_config(str(playground.admin_kubeconfig)) as client:
        core = kubernetes.client.CoreV1Api(client)
        metadata = kubernetes.client.V1ObjectMeta(name="moved", namespace=space)
        core.create_namespaced_pod_eviction("moved", space, kubernetes.client.V1Eviction(metadata=metadata))
        watch = kubernetes.watch.Watch().stream(core.list_namespaced_pod, space, timeout_seconds=20)
        seen = next(
            e["object"] for e in watch if e["object"].metadata.name == "moved" and e["object"].status.conditions
        )
        reasons = {c.type: c.reason for c in seen.status.conditions}
    assert reasons["DisruptionTarget"] == "EvictionByEvictionAPI"
    assert playground.kubectl("wait", "-n", space, "pod/moved", "--for=delete", "--timeout=20s").returncode == 0


async def test_a_full_empty_dir_evicts_its_pod(playground: SharedPlayground, pods: Pods) -> None:
    space = pods["namespace"]
    volume = {"name": "cache", "emptyDir": {"sizeLimit": "1Mi"}}
    await _start(playground, _pod("full", space, "exec sleep 600", volumes=[volume]))
    _sh(playground, pods, "full", "head -c 3000000 /dev/zero > /data/big")
    wait = ("wait", "-n", space, "pod/full", "--for=jsonpath={.status.reason}=Evicted", "--timeout=20s")
    assert playground.kubectl(*wait).returncode == 0
    column = "jsonpath={.status.phase}: {.status.message}"
    said = playground.kubectl("get", "pod", "-n", space, "full", "-o", column).stdout
    assert said == 'Failed: Usage of EmptyDir volume "cache" exceeds the limit "1Mi". '


async def test_an_unknown_image_waits_and_backs_off(playground: SharedPlayground, pods: Pods) -> None:
    space = pods["namespace"]
    image = ("run", "-n", space, "lost", "--image=registry.example/nope:1")
    assert playground.kubectl(*image).returncode == 0
    column = "{.status.containerStatuses[0].state.waiting.reason}"
    for reason in ("ErrImagePull", "ImagePullBackOff"):
        wait = ("wait", "-n", space, "pod/lost", f"--for=jsonpath={column}={reason}", "--timeout=20s")
        assert playground.kubectl(*wait).returncode == 0, reason
    text = playground.kubectl("logs", "-n", space, "lost").stderr
    assert 'container "lost" in pod "lost" is waiting to start: trying and failing to pull image' in text
