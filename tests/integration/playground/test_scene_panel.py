"""The console's scene panel on the playground's own cluster: pods as kubectl shows them, faults, logs, refusals."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from deploy.playground.scene import faults
from deploy.playground.scene_panel import ScenePanel, numbers
from tests.support.playground import SharedPlayground, Stage
from tests.support.stack import until

Panel = TestClient[web.Request, web.Application]


@asynccontextmanager
async def serving(panel: ScenePanel) -> AsyncIterator[Panel]:
    app = web.Application()
    app.add_routes(panel.routes())
    async with TestClient(TestServer(app)) as client:
        yield client


@pytest.fixture
async def panel(playground: SharedPlayground, tmp_path: Path) -> AsyncIterator[Panel]:
    async with serving(ScenePanel(playground.admin_kubeconfig, tmp_path)) as client:
        yield client


async def pods(panel: Panel, namespace: str) -> dict[str, dict[str, Any]]:
    found = (await (await panel.get("/_panel/scene")).json())["pods"]
    return {pod["name"]: pod for pod in found if pod["namespace"] == namespace}


async def test_pods_are_shown_as_kubectl_does(panel: Panel, playground: SharedPlayground, stage: Stage) -> None:
    namespace = await stage("payments")
    lines = playground.kubectl("get", "pods", "-n", namespace, "-o", "wide", "--no-headers").stdout.splitlines()
    said = {line.split()[0]: line.split() for line in lines}
    shown = await pods(panel, namespace)
    assert sorted(shown) == sorted(said)
    for name, pod in shown.items():
        words = said[name]
        assert [pod["ready"], pod["status"], pod["restarts"], pod["node"]] == [*words[1:4], words[6]]
        assert pod["fault"] is None


async def test_fault_reaches_the_pod_and_goes_when_healed(
    panel: Panel, playground: SharedPlayground, stage: Stage
) -> None:
    namespace = await stage("payments", "checkout")
    name = next(name for name in await pods(panel, namespace) if name.startswith("payments"))
    ask = _connecting(playground, namespace, name)
    await until(lambda: "connected" in ask(), 20, "the app's port")  # a pod is ready before its app listens
    body = {"namespace": namespace, "pod": name, "kind": "refuse", "port": 8080}
    assert (await panel.post("/_panel/scene/fault", json=body)).status == 200
    assert "refused" in ask()
    assert (await pods(panel, namespace))[name]["fault"] == "refuse, port 8080"
    await panel.post("/_panel/scene/fault", json={**body, "kind": "delay", "delay_ms": 300})
    assert (await pods(panel, namespace))[name]["fault"] == "delay, 300 ms"
    await panel.post("/_panel/scene/fault", json={**body, "kind": "none"})
    assert "connected" in ask()
    assert (await pods(panel, namespace))[name]["fault"] is None


async def test_kinds_and_numbers_are_those_of_the_scene(panel: Panel) -> None:
    shown = await (await panel.get("/_panel/scene")).json()
    by_name = {kind["name"]: kind for kind in shown["kinds"]}
    assert list(by_name) == [kind for kind in faults.KINDS if kind != "none"]
    assert by_name["drop"]["numbers"] == ["port"]
    assert by_name["delay"]["numbers"] == ["delay_ms"]
    assert shown["numbers"]["port"] == 8080
    assert shown["numbers"]["delay_ms"] == 800


async def test_kind_that_is_new_to_the_panel_is_offered_with_all_numbers(
    panel: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faults, "KINDS", ("none", "drop", "flood"))
    shown = await (await panel.get("/_panel/scene")).json()
    assert shown["kinds"][1] == {"name": "flood", "words": "", "numbers": list(numbers())}


async def test_nodes_are_shown_with_their_status(panel: Panel, playground: SharedPlayground) -> None:
    nodes = (await (await panel.get("/_panel/scene")).json())["nodes"]
    said = playground.kubectl("get", "nodes", "--no-headers").stdout.splitlines()
    assert [[node["name"], node["status"]] for node in nodes] == [line.split()[:2] for line in said]


async def test_wrong_questions_are_refused_in_sentences(panel: Panel) -> None:
    known = {"namespace": "shop", "pod": "nobody", "kind": "drop", "port": 8080}
    for body, words in (
        (known, "nobody"),
        ({**known, "kind": "flood"}, "flood"),
        ({**known, "port": "many"}, "many"),
        ({"kind": "drop"}, "namespace"),
    ):
        answer = await panel.post("/_panel/scene/fault", json=body)
        assert answer.status == 400
        assert words in (await answer.json())["error"]
    assert (await panel.post("/_panel/scene/fault", data=json.dumps(known))).status == 415
    assert (await panel.get("/_panel/scene/log?name=../../etc/passwd")).status == 400


async def test_logs_of_worker_and_bot_are_read(panel: Panel, tmp_path: Path) -> None:
    (tmp_path / "worker-1.log").write_text('{"event": "worker ready", "level": "info", "timestamp": "T"}\n')
    (tmp_path / "cluster.log").write_text("not ours\n")
    assert (await (await panel.get("/_panel/scene")).json())["logs"] == ["worker-1"]
    answer = await panel.get("/_panel/scene/log?name=worker-1")
    assert await answer.json() == {"lines": [{"at": "T", "level": "info", "text": "Worker ready."}]}
    assert (await panel.get("/_panel/scene/log?name=cluster")).status == 400


async def test_missing_cluster_is_said(tmp_path: Path) -> None:
    async with serving(ScenePanel(tmp_path / "none.kubeconfig", tmp_path)) as client:
        answer = await client.get("/_panel/scene")
        assert answer.status == 503
        assert (await answer.json())["error"] == "The cluster does not answer."


def _connecting(playground: SharedPlayground, namespace: str, pod: str) -> Callable[[], str]:
    """Asks, from checkout's pod, whether the pod takes a connection to port 8080."""
    address = playground.kubectl("get", "pod", pod, "-n", namespace, "-o", "jsonpath={.status.podIP}").stdout
    script = f"import socket; socket.create_connection(('{address}', 8080), 3); print('connected')"
    command = ["exec", "-n", namespace, "deploy/checkout", "--", "/usr/bin/python3.11", "-Ic", script]

    def ask() -> str:
        done = playground.kubectl(*command)
        return done.stdout + done.stderr

    return ask
