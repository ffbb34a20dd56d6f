"""The agent: pods by uid, events for whoever listens, services; composed and served here."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator

from aiohttp import web

from . import clock, security, services, streaming
from .images import Catalogue
from .network import NodeNetwork
from .pod import NodeTools, PodWorker
from .process import Json, ToolError, log
from .runtime import Exits, Runc
from .settings import NodeSettings


class Agent:
    """What the API calls; one a node."""

    def __init__(self, tools: NodeTools) -> None:
        self.tools = tools
        self.ready = False
        self.stop = asyncio.Event()
        self._pods: dict[str, PodWorker] = {}
        self._listeners: set[Listener] = set()

    async def start(self) -> None:
        """Set up the network and take over the pods an earlier agent left."""
        clock.write(self.tools.settings.clock, 0)
        await self.tools.network.set_up()
        await self.tools.network.apply_services([])
        for home in sorted(self.tools.settings.pods.iterdir()):
            file = home / "pod.json"
            if file.exists():
                self._add(json.loads(file.read_text()))
        self.ready = True

    def put_pod(self, pod: Json) -> None:
        """Create a pod or take its newer object."""
        uid = pod["metadata"]["uid"]
        if uid in self._pods:
            self._pods[uid].update(pod)
        else:
            self._add(pod)

    def delete_pod(self, uid: str, grace: float | None) -> None:
        """End a pod; one that is not here is told to be gone at once."""
        worker = self._pods.get(uid)
        if worker is None:
            self._tell(uid, {"uid": uid, "status": {}, "gone": True})
            return
        usual = worker.pod["spec"].get("terminationGracePeriodSeconds", 30)
        worker.delete(usual if grace is None else grace)

    async def set_clock(self, offset: float) -> None:
        """Shift the wall clock of processes that start from now on; ToolError when the shim can't be made."""
        await clock.shift(self.tools.settings.clock, offset)

    def pod(self, uid: str) -> PodWorker | None:
        return self._pods.get(uid)

    async def put_services(self, body: Json) -> None:
        """Make NAT and the hosts file match; ValueError or ToolError when they can't."""
        text = services.hosts_file(body.get("dns") or {})
        await self.tools.network.apply_services(body.get("services") or [])
        aside = self.tools.settings.home / ".hosts"
        aside.write_text(text)
        aside.rename(self.tools.settings.dns / "hosts")

    async def events(self) -> AsyncIterator[Json]:
        """One event a known pod, then one a change; changes nobody fetched yet are merged."""
        listener = Listener({uid: _event(worker) for uid, worker in self._pods.items()})
        self._listeners.add(listener)
        try:
            while True:
                yield await listener.next()
        finally:
            self._listeners.discard(listener)

    def _add(self, pod: Json) -> None:
        worker = PodWorker(self.tools, pod, self._changed)
        self._pods[worker.uid] = worker
        worker.start()

    def _changed(self, worker: PodWorker) -> None:
        if worker.gone:
            self._pods.pop(worker.uid, None)
        self._tell(worker.uid, _event(worker))

    def _tell(self, uid: str, event: Json) -> None:
        for listener in self._listeners:
            listener.put(uid, event)


class Listener:
    """The newest event of each pod that one client has not fetched yet."""

    def __init__(self, waiting: dict[str, Json]) -> None:
        self._waiting = waiting
        self._some = asyncio.Event()
        if waiting:
            self._some.set()

    def put(self, uid: str, event: Json) -> None:
        self._waiting[uid] = event
        self._some.set()

    async def next(self) -> Json:
        await self._some.wait()
        event = self._waiting.pop(next(iter(self._waiting)))
        if not self._waiting:
            self._some.clear()
        return event


def _event(worker: PodWorker) -> Json:
    return {"uid": worker.uid, "status": worker.status, "gone": worker.gone}


def build(settings: NodeSettings) -> Agent:
    """Compose an agent from its settings."""
    tools = NodeTools(
        settings=settings,
        network=NodeNetwork(settings.index),
        images=Catalogue(settings.image_store),
        runc=Runc(settings.runc_root, settings.home / "scratch"),
        exits=Exits(settings.exits),
        may=security.available(),
    )
    return Agent(tools)


def run_agent(settings: NodeSettings) -> int:
    """Serve until SIGTERM; pods stay as they are (ending them is init's part)."""
    asyncio.run(_serve(settings))
    return 0


async def _serve(settings: NodeSettings) -> None:
    from .api import application

    loop = asyncio.get_running_loop()
    agent = build(settings)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, agent.stop.set)
    runner = web.AppRunner(application(agent), access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    settings.socket.unlink(missing_ok=True)
    try:
        await agent.start()
    except (ToolError, OSError) as error:
        log("node could not be set up", node=settings.name, error=str(error))
        raise
    # Not before: whoever connects shall meet the pods an earlier agent left.
    await web.UnixSite(runner, str(settings.socket)).start()
    settings.socket.chmod(0o600)
    await agent.stop.wait()
    await streaming.interrupt_all()
    await runner.cleanup()
