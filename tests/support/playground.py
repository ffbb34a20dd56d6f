"""One playground for a whole test run, shared by all pytest-xdist workers.

    async def test_x(playground: SharedPlayground, stage: Stage) -> None:
        namespace = await stage("checkout", "payments")     # copies of the scene's apps in a fresh namespace
        await playground.inject("payments", "drop", namespace=namespace)

The scene in `shop` is everybody's: inject faults into copies, not into it.
"""

import asyncio
import copy
import fcntl
import json
import os
import secrets
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from deploy.playground import clean
from deploy.playground.scene import Manifest, faults, load_manifests
from deploy.playground.scene.client import ApiError, Client

START_SECONDS = 90.0
STOP_SECONDS = 30.0

Stage = Callable[..., Awaitable[str]]

KUBECTL = os.environ.get("THREADCAP_KUBECTL") or shutil.which("kubectl", path=".tools/bin") or "kubectl"


@dataclass(frozen=True)
class SharedPlayground:
    """A running playground; `pid` is its `deploy.playground.up` process."""

    id: str
    pid: int
    admin_kubeconfig: Path
    capture_kubeconfig: Path

    async def inject(
        self,
        target: str,
        kind: str,
        *,
        namespace: str,
        port: int = 8080,
        delay_ms: int = 800,
        percent: float = 30.0,
    ) -> str:
        """Give one pod a fault (`kind` "none" heals it); returns the pod's name."""
        async with Client(self.admin_kubeconfig) as client:
            return await faults.inject(
                client, target, kind, namespace=namespace, port=port, delay_ms=delay_ms, percent=percent
            )

    def kubectl(self, *words: str, as_capture: bool = False, seconds: float = 30) -> subprocess.CompletedProcess[str]:
        """Run the real kubectl as administrator, or with the capture workers' rights."""
        config = self.capture_kubeconfig if as_capture else self.admin_kubeconfig
        argv = [KUBECTL, "--kubeconfig", str(config), *words]
        return subprocess.run(argv, capture_output=True, text=True, timeout=seconds, check=False)

    async def heal(self, target: str, *, namespace: str) -> None:
        """Take back the fault of one pod."""
        await self.inject(target, "none", namespace=namespace)

    async def apply(self, manifests: list[Manifest], *, seconds: float = 30.0) -> None:
        """Apply objects and wait until all pods of their namespaces are ready."""
        async with Client(self.admin_kubeconfig) as client:
            await client.apply(manifests)
            names = {manifest["metadata"].get("namespace") for manifest in manifests} - {None}
            deadline = time.monotonic() + seconds
            while not all([await _ready(client, name) for name in names]):
                assert time.monotonic() < deadline, f"pods in {names} were not ready in {seconds} s"
                await asyncio.sleep(0.05)


@pytest.fixture(scope="session")
def playground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedPlayground]:
    """Started by the first worker that asks, ended by the last that is done; it must leave nothing behind."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base
    started = _join(shared)
    try:
        yield started
    finally:
        _leave(shared, started)


@pytest.fixture
async def fresh_namespace(playground: SharedPlayground) -> AsyncIterator[str]:
    """A namespace of the test's own, deleted after it."""
    name = f"test-{secrets.token_hex(4)}"
    async with Client(playground.admin_kubeconfig) as client:
        await client.apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}])
        yield name
        with suppress(ApiError):
            await client.call("DELETE", f"/api/v1/namespaces/{name}")


@pytest.fixture
def stage(playground: SharedPlayground, fresh_namespace: str) -> Stage:
    """`await stage("checkout", "payments")`: copies of these apps of the scene, ready; returns the namespace."""

    async def put_on(*apps: str) -> str:
        await playground.apply(scene_copy(fresh_namespace, apps))
        return fresh_namespace

    return put_on


def scene_copy(namespace: str, apps: tuple[str, ...]) -> list[Manifest]:
    """The scene's objects named in `apps`, moved to another namespace."""
    chosen = [copy.deepcopy(each) for each in load_manifests() if each["metadata"]["name"] in apps]
    for manifest in chosen:
        manifest["metadata"]["namespace"] = namespace
    return chosen


async def _ready(client: Client, namespace: str) -> bool:
    deployments = await client.list("Deployment", namespace)
    pods = await client.list("Pod", namespace)
    conditions = [pod.get("status", {}).get("conditions") or [] for pod in pods]
    return all(
        each.get("status", {}).get("readyReplicas", 0) >= each["spec"]["replicas"] for each in deployments
    ) and all(
        any(condition["type"] == "Ready" and condition["status"] == "True" for condition in of_pod)
        for of_pod in conditions
    )


def _join(shared: Path) -> SharedPlayground:
    with _locked(shared):
        state = _read(shared)
        if not state:
            identifier = f"test-{secrets.token_hex(4)}"
            state = {"id": identifier, "pid": _start(identifier, shared / "playground.log"), "users": 0}
        _write(shared, {**state, "users": int(state["users"]) + 1})
    rundir = clean.RUN / str(state["id"])
    return SharedPlayground(
        str(state["id"]), int(state["pid"]), rundir / "admin.kubeconfig", rundir / "capture.kubeconfig"
    )


def _leave(shared: Path, started: SharedPlayground) -> None:
    with _locked(shared):
        state = _read(shared)
        users = int(state["users"]) - 1
        _write(shared, {**state, "users": users} if users else {})
        if users:
            return
        _stop(started.pid)
    left = clean.find(started.id).lines()
    assert not left, f"the playground left behind: {left}"


def _start(identifier: str, log: Path) -> int:
    """Start `deploy.playground.up` and wait for its ready line; it ends with the whole pytest run at the latest."""
    run = os.getppid() if os.environ.get("PYTEST_XDIST_WORKER") else os.getpid()
    argv = [sys.executable, "-m", "deploy.playground.up", "--id", identifier, "--while-pid", str(run)]
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    actions = [(os.POSIX_SPAWN_DUP2, out, 1), (os.POSIX_SPAWN_DUP2, out, 2)]
    # Not subprocess: the worker that ends it is perhaps not the one that started it.
    pid = os.posix_spawn(sys.executable, argv, os.environ, file_actions=actions, setsid=True)
    os.close(out)
    deadline = time.monotonic() + START_SECONDS
    while "ready:" not in log.read_text():
        ended = os.waitpid(pid, os.WNOHANG)[0] != 0
        assert not ended, f"the playground did not start:\n{log.read_text()}"
        assert time.monotonic() < deadline, f"the playground took over {START_SECONDS} s:\n{log.read_text()}"
        time.sleep(0.05)
    return pid


def _stop(pid: int) -> None:
    with suppress(ProcessLookupError):
        handle = os.pidfd_open(pid)
        try:
            signal.pidfd_send_signal(handle, signal.SIGTERM)
            ended, _, _ = select.select([handle], [], [], STOP_SECONDS)
            assert ended, f"the playground did not end within {STOP_SECONDS} s of SIGTERM"
        finally:
            os.close(handle)
            with suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)


@contextmanager
def _locked(shared: Path) -> Iterator[None]:
    with (shared / "playground.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _read(shared: Path) -> dict[str, str | int]:
    path = shared / "playground.json"
    found: dict[str, str | int] = json.loads(path.read_text()) if path.exists() else {}
    return found


def _write(shared: Path, state: dict[str, str | int]) -> None:
    (shared / "playground.json").write_text(json.dumps(state))
