"""The composition: settings -> store, controllers, HTTPS server and node; all of it ends with the context.

async with Cluster(ClusterSettings(run_dir=..., image_store=...)) as cluster:
    cluster.kubeconfig().write(path)
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Coroutine, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Self

from aiohttp import web

from . import errors
from .api import LARGEST_BODY, Api, read_body
from .audit import AuditLog
from .certificates import make_authority
from .controllers import Controllers
from .credentials import Kubeconfig, Tokens
from .faults import KINDS, ServerFaults
from .listener import Listener
from .listing import Listing
from .node.launch import NodeProcess
from .node.links import connect
from .node.settings import NodeSettings
from .node_agent import NodeAgent
from .node_faults import NODE_KINDS, FaultyNode, NodeFaults
from .node_link import NodeLink
from .nodes import address
from .objects import Object, condition, uid_of
from .rbac import Authorizer, bootstrap_policy
from .registry import Registry
from .resources import NAMESPACES, NODES, PODS, SERVICE_ACCOUNTS, SERVICES, Catalogue
from .store import Store
from .streaming import Streams

_LOG = logging.getLogger(__name__)
_NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")
_LOOPBACK = "127.0.0.1"
FAULTS = "/_playground/faults"
# A hard outage begins after the answer to whoever asked for it is out.
_FUSE_SECONDS = 0.05


@dataclass(frozen=True)
class ClusterSettings:
    """One playground's cluster.

    run_dir: private to this instance; its name is the instance's id. port 0: any free one.
    nodes: how many, named node-1, node-2, …
    agent_socket: an agent that already listens (tests) and is the only node; None starts nodes of our own.
    node_grace: seconds of silence after which a node is unknown.
    exec_needs_create: WebSocket exec asks for `create` on pods/exec as well, as from Kubernetes 1.35.
    node_log: where the node's JSON lines go; None is our own standard error.
    """

    run_dir: Path
    image_store: Path = Path("/nonexistent")
    port: int = 0
    nodes: int = 2
    node_grace: float = 5.0
    agent_socket: Path | None = None
    exec_needs_create: bool = False
    history: int = 2000
    node_log: IO[bytes] | None = None


class Cluster:
    """A running API server with its nodes."""

    def __init__(self, settings: ClusterSettings) -> None:
        self.settings = settings
        self.store = Store(settings.history)
        self.registry = Registry(self.store, Catalogue())
        self.authority = make_authority()
        self.tokens = Tokens(self.store)
        self.port = settings.port
        self.agents: dict[str, NodeAgent] = {}
        self.faults = ServerFaults(self._go_dark)
        self.node_faults = NodeFaults(self.registry)
        self._stack = AsyncExitStack()
        self._listener: Listener | None = None
        self._outage: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        return f"https://{_LOOPBACK}:{self.port}"

    async def __aenter__(self) -> Self:
        try:
            self.settings.run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._stock()
            await self._serve()
            await self._run(Controllers(self.registry, self.authority.ca.decode()).run())
            await self._join_nodes()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    def kubeconfig(self) -> Kubeconfig:
        """The administrator's."""
        return Kubeconfig(self.url, self.authority.ca, self.tokens.admin, "kubernetes-admin")

    def service_account_kubeconfig(self, namespace: str, name: str, seconds: int = 86400) -> Kubeconfig:
        """One for a ServiceAccount that exists (Refusal(404) otherwise), valid for `seconds`."""
        account = self.registry.get(SERVICE_ACCOUNTS, namespace, name)
        token, _ = self.tokens.issue(account, seconds, [])
        return Kubeconfig(self.url, self.authority.ca, token, f"{namespace}:{name}", namespace)

    async def ready(self, seconds: float = 15.0) -> None:
        """Return once every node is Ready; TimeoutError otherwise."""
        async with asyncio.timeout(seconds):
            while not (nodes := self.store.all(NODES)) or not all(map(_is_ready_node, nodes)):
                await self.store.wait(self.store.revision)

    def _stock(self) -> None:
        """What a new cluster holds: namespaces, roles, the API server's own service."""
        for name in _NAMESPACES:
            self.registry.create(NAMESPACES, "", {"metadata": {"name": name}})
        for entry in bootstrap_policy():
            resource = self.registry.catalogue.by_kind(entry["apiVersion"], entry["kind"])
            assert resource is not None
            self.registry.create(resource, "", entry)
        labels = {"component": "apiserver", "provider": "kubernetes"}
        spec = {"clusterIP": "198.19.0.1", "ports": [{"name": "https", "port": 443, "targetPort": 6443}]}
        self.registry.create(SERVICES, "default", {"metadata": {"name": "kubernetes", "labels": labels}, "spec": spec})

    async def _serve(self) -> None:
        audit = AuditLog(self.settings.run_dir / "audit.jsonl")
        self._stack.callback(audit.close)
        streams = Streams(
            self.registry,
            Listing(self.store),
            self.agents.get,
            exec_needs_create=self.settings.exec_needs_create,
        )
        api = Api(self.registry, Authorizer(self.store), self.tokens, audit, streams)
        api.controls[FAULTS] = self._inject
        api.suffer, streams.maybe_fault = self.faults.meet, self.faults.take_stream
        self.registry.admit = self.faults.admit
        app = web.Application(client_max_size=LARGEST_BODY)
        app.router.add_route("*", "/{path:.*}", api.handle)
        # A client that goes away ends its watch, log and exec at once.
        runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=1.0)
        await runner.setup()
        self._stack.push_async_callback(runner.cleanup)
        self._stack.callback(streams.close)
        self._stack.callback(self.store.close)
        context = self.authority.server_context(self.settings.run_dir / "pki")
        self._listener = Listener(runner, streams, context)
        self.port = await self._listener.start(self.port)
        self._stack.push_async_callback(self._end_outage)

    def _go_dark(self, seconds: float) -> None:
        """Drop and refuse every connection for a while; a running outage is replaced."""
        assert self._listener is not None
        if self._outage is not None:
            self._outage.cancel()
        self._outage = asyncio.create_task(self._listener.dark(_FUSE_SECONDS, seconds))
        self._outage.add_done_callback(_tell_failure)

    async def _end_outage(self) -> None:
        if self._outage is not None:
            self._outage.cancel()
            await asyncio.wait({self._outage})

    async def _join_nodes(self) -> None:
        """Start the nodes side by side, lay the links between them, and follow each."""
        if self.settings.agent_socket is not None:
            await self._join("node-1", 1, self.settings.agent_socket)
            return
        started = [NodeProcess(self._node_settings(index), self.settings.node_log) for index in self._indexes]
        self._stack.push_async_callback(lambda: _together(process.stop() for process in started))
        await _together(process.start() for process in started)
        await connect(started)
        for index, process in zip(self._indexes, started, strict=True):
            await self._join(process.settings.name, index, process.settings.socket, process)

    @property
    def _indexes(self) -> range:
        return range(1, self.settings.nodes + 1)

    def _node_settings(self, index: int) -> NodeSettings:
        return NodeSettings(
            id=self.settings.run_dir.name,
            name=f"node-{index}",
            index=index,
            rundir=self.settings.run_dir,
            image_store=self.settings.image_store,
        )

    async def _join(self, name: str, index: int, socket: Path, process: NodeProcess | None = None) -> None:
        agent = await self._stack.enter_async_context(NodeAgent(socket, f"{address(index)}:10250"))
        self.agents[name] = agent
        link = NodeLink(name, index, agent, self.registry, self.settings.node_grace)
        self.node_faults.nodes[name] = FaultyNode(agent, link, process)
        await self._run(link.run())

    async def _run(self, work: object) -> None:
        """Run a coroutine beside the server until the end."""
        assert asyncio.iscoroutine(work)
        task = asyncio.create_task(work)
        task.add_done_callback(_tell_failure)
        # The first step runs before anything that depends on it (a node registers itself).
        await asyncio.sleep(0)

        async def end() -> None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

        self._stack.push_async_callback(end)

    async def _inject(self, request: web.Request) -> Object:
        """POST {namespace, pod, kind, port, delayMs, percent}: a fault of the pod's network, passed on to its node;
        other kinds are the server's own (faults.py) or a node's (node_faults.py). Administrators only."""
        body = await read_body(request)
        if body.get("kind") in NODE_KINDS:
            await self.node_faults.inject(body)
            return _success()
        if body.get("kind") in KINDS:
            self.faults.inject(body)
            if body["kind"] == "heal":
                await self.node_faults.heal()
            return _success()
        pod = self.registry.get(PODS, str(body.get("namespace", "")), str(body.get("pod", "")))
        agent = self.agents.get(pod["spec"].get("nodeName", ""))
        if agent is None:
            raise errors.bad_request(f"pod {body.get('pod')} does not have a host assigned")
        fault: Object = {key: body[key] for key in ("kind", "port", "delayMs", "percent") if key in body}
        await agent.put_fault(uid_of(pod), fault)
        return _success()


async def _together(work: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Wait for all, then raise the first error: none may be left half done."""
    for done in await asyncio.gather(*work, return_exceptions=True):
        if done is not None:
            raise done


def _success() -> Object:
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}


def _tell_failure(task: asyncio.Task[None]) -> None:
    """Work that should last until the end must not end unheard."""
    if not task.cancelled() and task.exception():
        _LOG.critical("a part of the cluster has ended", exc_info=task.exception())


def _is_ready_node(node: Object) -> bool:
    return (condition(node, "Ready") or {}).get("status") == "True"
