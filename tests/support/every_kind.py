"""Pods of every kind (pods_of_every_kind.yaml) in namespaces of a test's own, each pinged all the time.

async with every_kind(playground, lost="node-2") as kinds:
    kinds["distroless"].name, kinds["restricted"].namespace
"""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from deploy.playground.scene import Manifest
from deploy.playground.scene.client import Client

MANIFEST = Path(__file__).with_name("pods_of_every_kind.yaml")
KINDS: tuple[str, ...] = tuple(each["metadata"]["name"] for each in yaml.safe_load_all(MANIFEST.read_text()))
PING = 'for address in "$@"; do ping -q -i 0.2 "$address" & done; wait'
START_SECONDS = 60.0


@dataclass(frozen=True)
class KindOfPod:
    """One pod, as it was when all of them had started."""

    namespace: str
    name: str
    node: str
    address: str


@asynccontextmanager
async def every_kind(
    kubeconfig: Path, kinds: Sequence[str] = KINDS, *, kept: str = "", lost: str = ""
) -> AsyncIterator[Mapping[str, KindOfPod]]:
    """Pods by kind, running or, if crashing, started anew. `lost`: node of `on-lost-node`; `kept`: of all others."""
    name = f"kinds-{secrets.token_hex(4)}"
    pods = list(_manifests(name, kinds, kept, lost))
    async with Client(kubeconfig) as client:
        try:
            await client.apply([*_namespaces(name), *pods])
            found = {pod["metadata"]["name"]: await _started(client, pod) for pod in pods}
            caller = _caller(name, [pod.address for pod in found.values()], kept)
            await client.apply([caller])
            await _started(client, caller)  # else the first of the captures may be over before the first ping
            yield found
        finally:
            for space in _namespaces(name):
                await client.call("DELETE", f"/api/v1/namespaces/{space['metadata']['name']}")


def _namespaces(name: str) -> list[Manifest]:
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    restricted = {"name": f"{name}-restricted", "labels": labels}
    return [{"apiVersion": "v1", "kind": "Namespace", "metadata": meta} for meta in ({"name": name}, restricted)]


def _manifests(name: str, kinds: Sequence[str], kept: str, lost: str) -> list[Manifest]:
    found = [each for each in yaml.safe_load_all(MANIFEST.read_text()) if each["metadata"]["name"] in kinds]
    for each in found:
        labels = each["metadata"].get("labels", {})
        each["metadata"]["namespace"] = f"{name}-restricted" if "namespace" in labels else name
        _place(each["spec"], lost if "node" in labels else kept)
    return found


def _place(spec: dict[str, Any], node: str) -> None:
    spec |= {"terminationGracePeriodSeconds": 0, "automountServiceAccountToken": False}
    if node:
        spec["nodeName"] = node


def _caller(namespace: str, addresses: Sequence[str], kept: str) -> Manifest:
    container = {"name": "app", "image": "busybox:1", "command": ["sh", "-c", PING, "sh", *addresses]}
    spec: dict[str, Any] = {"containers": [container]}
    _place(spec, kept)
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "caller", "namespace": namespace}, "spec": spec}


async def _started(client: Client, pod: Manifest) -> KindOfPod:
    meta, deadline = pod["metadata"], time.monotonic() + START_SECONDS
    while True:
        now = await client.call("GET", f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}")
        states = now["status"].get("containerStatuses") or []
        crashed = "crashes" not in meta.get("labels", {}) or any(each["restartCount"] for each in states)
        if states and crashed and all("running" in each["state"] or each["restartCount"] for each in states):
            return KindOfPod(meta["namespace"], meta["name"], now["spec"]["nodeName"], now["status"]["podIP"])
        assert time.monotonic() < deadline, f"pod {meta['name']} did not start: {now['status']}"
        await asyncio.sleep(0.05)
