"""`python -m deploy.playground.up [--id ID] [--kubeconfig F]`: the playground's cluster with its scene, until ended.

    async with Playground() as playground:          # ready: node up, scene running
        await playground.inject("payments", "drop")
        ...
        await playground.heal()

API server, node and pods are processes of their own; when this one dies, they end.
"""

import argparse
import asyncio
import contextlib
import json
import os
import secrets
import shutil
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import aiohttp

from deploy.playground import clean
from deploy.playground.images import DEFAULT_STORE, ImageStoreError, build_store
from deploy.playground.redis_server import MARKER
from deploy.playground.scene import MANIFESTS, RBAC, Manifest, faults, load_manifests
from deploy.playground.scene.client import ApiError, Client, kubeconfig_for

ROOT = Path(__file__).resolve().parents[2]
DNS_CLUSTER_IP = "198.19.0.10"  # every pod's resolv.conf names it
PROGRAMS = ("unshare", "nsenter", "setpriv", "runc", "ip", "nft", "umount")
START_SECONDS = 30.0
STOP_SECONDS = 15.0
POLL_SECONDS = 0.05

Progress = Callable[[str], None]
T = TypeVar("T")


class PlaygroundError(RuntimeError):
    """The playground can't start or broke; the message says why and what to do."""


@dataclass(frozen=True)
class PlaygroundSettings:
    """One instance, with that many `nodes`.

    `kubeconfig` is a second place for the administrator's file; `scene` False leaves it empty.
    """

    id: str = field(default_factory=lambda: f"demo-{secrets.token_hex(2)}")
    image_store: Path = DEFAULT_STORE
    kubeconfig: Path | None = None
    scene: bool = True
    nodes: int = 2

    @property
    def rundir(self) -> Path:
        return clean.RUN / self.id


class Playground:
    """Async context manager: cluster and scene, ready when entered. Raises PlaygroundError.

    Enter it on a thread that lives as long as the playground shall: the kernel ends the API server with it.
    """

    def __init__(self, settings: PlaygroundSettings | None = None, progress: Progress = lambda line: None) -> None:
        self.settings = settings or PlaygroundSettings()
        self.admin_kubeconfig = self.settings.rundir / "admin.kubeconfig"
        self.capture_kubeconfig = self.settings.rundir / "capture.kubeconfig"
        self._say = progress
        self._process: asyncio.subprocess.Process | None = None
        self._faulty: set[tuple[str, str]] = set()

    async def __aenter__(self) -> Self:
        refuse_unfit_host()
        try:
            await self._start()
        except BaseException as error:  # cancelled or failed, nothing may stay behind
            await self._stop()
            if isinstance(error, ApiError | aiohttp.ClientError):
                raise PlaygroundError(f"The playground's API server refused its own set-up: {error}") from error
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    async def inject(
        self,
        target: str,
        kind: str,
        *,
        namespace: str = "shop",
        port: int = 8080,
        delay_ms: int = 800,
        percent: float = 30.0,
    ) -> str:
        """Give one pod a fault and return the pod's name; see `scene.faults.inject`."""
        async with Client(self.admin_kubeconfig) as client:
            pod = await faults.inject(
                client, target, kind, namespace=namespace, port=port, delay_ms=delay_ms, percent=percent
            )
        self._faulty.add((namespace, pod))
        return pod

    async def heal(self) -> None:
        """Take all faults back that were injected through this object."""
        async with Client(self.admin_kubeconfig) as client:
            while self._faulty:
                namespace, pod = self._faulty.pop()
                with contextlib.suppress(ApiError):  # the pod may be gone, and its fault with it
                    await faults.inject(client, f"pod/{pod}", "none", namespace=namespace)

    async def wait_ended(self) -> int:
        """The exit code of the API server, once it ends."""
        assert self._process is not None, "not started"
        return await self._process.wait()

    async def _start(self) -> None:
        await self._build_images()
        self._make_rundir()
        began = time.monotonic()
        self._process = await self._spawn_cluster()
        await self._until(self._kubeconfig_there, "the API server")
        async with Client(self.admin_kubeconfig) as client:
            await client.until_answering("/readyz", START_SECONDS)
            count = await self._until(lambda: _nodes_ready(client), "the nodes")
            self._say(f"{count} {'nodes' if count > 1 else 'node'} ready ({time.monotonic() - began:.1f} s)")
            await client.apply([*load_manifests(RBAC), *load_manifests(RBAC / "optional")])
            await self._write_capture_kubeconfig(client)
            if self.settings.scene:
                await self._set_scene(client)
                count = await self._until(lambda: _pods_running(client), "the scene's pods")
                self._say(f"{count} pods running ({time.monotonic() - began:.1f} s)")
        if self.settings.kubeconfig is not None:
            _write_private(self.settings.kubeconfig, self.admin_kubeconfig.read_text())

    async def _set_scene(self, client: Client) -> None:
        """Names first: an app that starts before DNS answers would hang in its first look-up for seconds."""
        manifests = playground_overlay(load_manifests(MANIFESTS))
        early = [each for each in manifests if each["kind"] in ("Namespace", "Service") or _is_dns(each)]
        await client.apply(early)
        await self._until(lambda: _dns_served(client), "the scene's DNS")
        await client.apply(each for each in manifests if each not in early)

    async def _build_images(self) -> None:
        try:
            built = await asyncio.to_thread(build_store, self.settings.image_store)
        except ImageStoreError as error:
            raise PlaygroundError(str(error)) from error
        self._say(f"images made ({len(built)} layers)" if built else "images ready")

    def _make_rundir(self) -> None:
        clean.RUN.mkdir(mode=0o700, exist_ok=True)
        try:
            self.settings.rundir.mkdir(mode=0o700)
        except FileExistsError:
            name = self.settings.id
            raise PlaygroundError(
                f"A playground {name!r} runs already or was left behind; "
                f"end it with: python -m deploy.playground.clean --id {name}"
            ) from None

    async def _spawn_cluster(self) -> asyncio.subprocess.Process:
        """The API server, which starts the node; the kernel tells it to end when we are gone."""
        settings = self.settings
        argv = [sys.executable, "-m", "deploy.playground.cluster", "--rundir", str(settings.rundir)]
        argv += ["--image-store", str(settings.image_store), "--kubeconfig", str(self.admin_kubeconfig)]
        argv += ["--nodes", str(settings.nodes)]
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
        with (settings.rundir / "cluster.log").open("ab") as log:
            return await asyncio.create_subprocess_exec(
                *("setpriv", "--pdeathsig", "TERM", "--", *argv),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "PYTHONPATH": path, MARKER: settings.id},
                start_new_session=True,
            )

    async def _until(self, ask: Callable[[], Awaitable[T | None]], what: str) -> T:
        """Ask until there is an answer; PlaygroundError when the API server ends or time is up."""
        deadline = time.monotonic() + START_SECONDS
        while (answer := await ask()) is None:
            assert self._process is not None
            if self._process.returncode is not None or time.monotonic() > deadline:
                raise PlaygroundError(f"The playground failed while waiting for {what}.\n{self._log_tail()}")
            await asyncio.sleep(POLL_SECONDS)
        return answer

    async def _kubeconfig_there(self) -> bool | None:
        return self.admin_kubeconfig.exists() or None

    async def _write_capture_kubeconfig(self, client: Client) -> None:
        """The capture workers' own rights, as deploy/rbac grants them."""
        token = await client.service_account_token("threadcap", "threadcap-capture")
        config = kubeconfig_for(client.config, "threadcap-capture", token, "shop")
        _write_private(self.capture_kubeconfig, json.dumps(config, indent=1))

    def _log_tail(self) -> str:
        log = self.settings.rundir / "cluster.log"
        return "\n".join(log.read_text(errors="replace").splitlines()[-15:]) if log.exists() else ""

    async def _stop(self) -> None:
        """SIGTERM to the API server, which ends node and pods; then make sure that nothing is left."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), STOP_SECONDS)
        left = await asyncio.to_thread(_sweep, self.settings.id)
        await process.wait()
        if left:
            raise PlaygroundError("The playground left behind: " + "; ".join(left))


def refuse_unfit_host() -> None:
    """Raise PlaygroundError, in one sentence, before anything is touched, where the playground can't work."""
    if not sys.platform.startswith("linux"):
        raise PlaygroundError("The playground's pods are Linux containers: run it on Debian 12, or in such a VM.")
    if os.geteuid() != 0:
        raise PlaygroundError("The playground makes network namespaces and containers, which needs root: use sudo.")
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        raise PlaygroundError(
            f"The playground needs {', '.join(missing)}: "
            "apt-get install --no-install-recommends runc iproute2 nftables util-linux mount"
        )


def playground_overlay(manifests: list[Manifest]) -> list[Manifest]:
    """What the playground adds to the plain manifests: the address of the scene's DNS."""
    for manifest in manifests:
        if manifest["kind"] == "Service" and manifest["metadata"]["name"] == "dns":
            manifest["spec"]["clusterIP"] = DNS_CLUSTER_IP
    return manifests


def _is_dns(manifest: Manifest) -> bool:
    return bool(manifest["metadata"]["name"] == "dns")


async def _dns_served(client: Client) -> bool | None:
    """True once the Service of the scene's DNS has an endpoint."""
    slices = (await client.call("GET", "/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices"))["items"]
    of_dns = [each for each in slices if each["metadata"]["labels"].get("kubernetes.io/service-name") == "dns"]
    return True if any(each.get("endpoints") for each in of_dns) else None


async def _nodes_ready(client: Client) -> int | None:
    nodes = (await client.call("GET", "/api/v1/nodes"))["items"]
    return len(nodes) if nodes and all(_condition(node, "Ready") for node in nodes) else None


async def _pods_running(client: Client) -> int | None:
    """Number of pods once every deployment and bare pod is ready."""
    for deployment in await client.list("Deployment"):
        if deployment.get("status", {}).get("readyReplicas", 0) < deployment["spec"]["replicas"]:
            return None
    pods = await client.list("Pod")
    return len(pods) if all(_condition(pod, "Ready") for pod in pods) else None


def _condition(thing: Manifest, kind: str) -> bool:
    conditions = thing.get("status", {}).get("conditions") or []
    return any(condition["type"] == kind and condition["status"] == "True" for condition in conditions)


def _write_private(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    aside.replace(path)


def _sweep(name: str) -> list[str]:
    """Remove what an orderly end left (the run folder, usually nothing else); returns what would not go."""
    return clean.remove(clean.find(name), name)


async def run(settings: PlaygroundSettings, while_pid: int | None = None) -> int:
    """Be the playground until SIGTERM, SIGINT, the end of `while_pid` or the end of its API server."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if while_pid is not None:
        loop.add_reader(os.pidfd_open(while_pid), stop.set)
    async with Playground(settings, lambda line: print(line, flush=True)) as playground:
        print(f"ready: export KUBECONFIG={playground.admin_kubeconfig}", flush=True)
        waits = [asyncio.ensure_future(stop.wait()), asyncio.ensure_future(playground.wait_ended())]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        print("stopping", flush=True)
    return 0 if stop.is_set() else 1


def main(argv: list[str] | None = None) -> int:
    """1 when the playground can't start, with the reason on stderr."""
    parser = argparse.ArgumentParser(prog="python -m deploy.playground.up", description=__doc__)
    parser.add_argument("--id", help="name of this instance (default: demo-xxxx)")
    parser.add_argument("--kubeconfig", type=Path, help="also write the administrator's kubeconfig here")
    parser.add_argument("--store", type=Path, default=DEFAULT_STORE, help="image store")
    parser.add_argument("--nodes", type=int, default=2)
    parser.add_argument("--empty", action="store_true", help="no scene")
    parser.add_argument("--while-pid", type=int, help="end when the process with this id ends")
    words = parser.parse_args(argv)
    chosen = {"id": words.id} if words.id else {}
    settings = PlaygroundSettings(
        image_store=words.store, kubeconfig=words.kubeconfig, scene=not words.empty, nodes=words.nodes, **chosen
    )
    try:
        return asyncio.run(run(settings, words.while_pid))
    except PlaygroundError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
