"""exec and log: checked here, carried out by the node's agent, passed on untouched.

exec answers and refusals are those of FACTS "Exec streams"; the agent speaks the channel protocol itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from urllib.parse import urlencode

from aiohttp import ClientError, web

from . import errors, requests
from .errors import Refusal
from .listing import Listing
from .meddling import MeddledSide, StreamFault
from .node_agent import NodeAgent
from .objects import Object, uid_of
from .registry import Registry
from .relay import Side, join
from .resources import PODS

V5, V4 = "v5.channel.k8s.io", "v4.channel.k8s.io"
_ANSWERED = ("upgrade", "connection", "sec-websocket-accept")
_CONTAINER_FIELDS = ("containers", "initContainers", "ephemeralContainers")
_LOG_WORDS = ("follow", "tailLines", "timestamps", "previous", "sinceSeconds", "limitBytes")
_LOG_CHUNK = 256 * 1024
# Where a request keeps the code its stream began with, for the audit log.
SENT: web.RequestKey[int] = web.RequestKey("sent", int)


def choose_container(pod: Object, asked: str) -> str:
    """The container meant. Raises Refusal(400) with Kubernetes' sentence."""
    name, spec = pod["metadata"]["name"], pod["spec"]
    if asked:
        if any(c["name"] == asked for field in _CONTAINER_FIELDS for c in spec.get(field) or ()):
            return asked
        raise errors.bad_request(f"container {asked} is not valid for pod {name}")
    names = [c["name"] for c in spec["containers"]]
    if len(names) == 1:
        return str(names[0])
    text = f"a container name must be specified for pod {name}, choose one of: [{' '.join(names)}]"
    for field, title in (("initContainers", "init containers"), ("ephemeralContainers", "ephemeral containers")):
        if others := [c["name"] for c in spec.get(field) or ()]:
            text += f" or one of the {title}: [{' '.join(others)}]"
    raise errors.bad_request(text)


def choose_protocol(offered: Iterable[str]) -> str:
    """v5 wins when offered; nothing offered is v4 without saying so; only unknown ones: Refusal(403)."""
    known = [name for name in offered if name in (V5, V4)]
    if V5 in known:
        return V5
    if known or not list(offered):
        return V4
    raise Refusal(403, f"unable to upgrade: none of the offered subprotocols {list(offered)} is supported")


def container_state(pod: Object, container: str) -> Object:
    """The container's entry among the pod's statuses, or {}."""
    status = pod.get("status", {})
    fields = ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses")
    entries = (entry for field in fields for entry in status.get(field) or ())
    return next((entry for entry in entries if entry.get("name") == container), {})


def unreachable(doing: str, agent: NodeAgent) -> Refusal:
    """What a client reads while a node's kubelet doesn't listen; a Status without a reason."""
    refusal = Refusal(500, f"{doing}dial tcp {agent.address}: connect: connection refused")
    refusal.reason = ""
    return refusal


class Streams:
    """`agent` finds the agent of a node by its name; `listing` is shared with the rest of the API."""

    def __init__(
        self,
        registry: Registry,
        listing: Listing,
        agent: Callable[[str], NodeAgent | None],
        *,
        exec_needs_create: bool = False,
    ) -> None:
        self._registry, self.listing, self._agent = registry, listing, agent
        self.exec_needs_create = exec_needs_create
        self._relays: set[Side] = set()
        self.maybe_fault: Callable[[str, str, str, str], StreamFault | None] = lambda *place_and_command: None

    def close(self) -> None:
        """Cut every stream at once, as a killed API server does."""
        for side in list(self._relays):
            side.abort()

    def _place(self, namespace: str, name: str, asked: str) -> tuple[Object, str, NodeAgent]:
        pod = self._registry.get(PODS, namespace, name)
        container = choose_container(pod, asked)
        node = pod["spec"].get("nodeName", "")
        if not node:
            raise errors.bad_request(f"pod {name} does not have a host assigned")
        agent = self._agent(node)
        if agent is None:
            # As the API server words it for a node that has no object (registry/core/node ResourceLocation).
            raise Refusal(404, f'nodes "{node}" not found', details={"name": node, "kind": "nodes"})
        return pod, container, agent

    async def log(self, request: web.Request, namespace: str, name: str) -> web.StreamResponse:
        pod, container, agent = self._place(namespace, name, request.query.get("container", ""))
        state = container_state(pod, container)
        self._check_log(pod, container, state, requests.is_true(request.query.get("previous")))
        words = {word: request.query[word] for word in _LOG_WORDS if word in request.query}
        response: web.StreamResponse | None = None
        try:
            async with agent.logs(uid_of(pod), container, words) as upstream:
                if upstream.status != 200:
                    raise Refusal(min(500, upstream.status), await upstream.text())
                response = web.StreamResponse(headers={"Content-Type": "text/plain"})
                request[SENT] = 200
                await response.prepare(request)
                async for chunk in upstream.content.iter_chunked(_LOG_CHUNK):
                    await response.write(chunk)
        except ClientError as error:
            if response is None:
                url = f"https://{agent.address}/containerLogs/{namespace}/{name}/{container}"
                question = f"?{urlencode(words)}" if words else ""
                raise unreachable(f'Get "{url}{question}": ', agent) from error
            if request.transport is not None:  # a log that breaks off: no last chunk
                request.transport.close()
        return response

    @staticmethod
    def _check_log(pod: Object, container: str, state: Object, previous: bool) -> None:
        name = pod["metadata"]["name"]
        if previous and not (state.get("lastState") or {}).get("terminated"):
            raise errors.bad_request(f'previous terminated container "{container}" in pod "{name}" not found')
        waiting = (state.get("state") or {}).get("waiting")
        if (not state or waiting is not None) and not state.get("containerID") and not previous:
            reason = (waiting or {}).get("reason") or "ContainerCreating"
            detail = "trying and failing to pull image" if "Pull" in reason else reason
            verb = "is waiting to start"
            raise errors.bad_request(f'container "{container}" in pod "{name}" {verb}: {detail}')

    async def stream(self, what: str, request: web.Request, namespace: str, name: str) -> web.StreamResponse:
        """exec or attach (`what`): the client's WebSocket joined with the node's."""
        pod, container, agent = self._place(namespace, name, request.query.get("container", ""))
        if request.headers.get("Upgrade", "").lower().startswith("spdy"):
            # kubectl falls back to SPDY when WebSocket is refused: that a node is away is the better answer.
            (await self._dial(agent, b"")).abort()
        _check_upgrade(request)
        offered = _offered(request)
        protocol = choose_protocol(offered)
        head = _upgrade_head(request, f"/{what}/{uid_of(pod)}/{container}", protocol)
        node = await self._dial(agent, head)
        answer = (await node.head()).decode("latin-1")
        if answer.split(" ", 2)[1] != "101":
            return await _refused(node, answer)
        fault = self.maybe_fault(namespace, name, container, " ".join(request.query.getall("command", [])))
        return await self._relay(request, node, _accept_head(answer, protocol if offered else ""), fault)

    @staticmethod
    async def _dial(agent: NodeAgent, head: bytes) -> Side:
        loop = asyncio.get_running_loop()
        try:
            _, node = await loop.create_unix_connection(Side, str(agent.socket))
        except OSError as error:
            raise unreachable("error dialing backend: ", agent) from error
        node.write(head)
        return node

    async def _relay(
        self, request: web.Request, node: Side, head: bytes, fault: StreamFault | None
    ) -> web.StreamResponse:
        """Take the client's socket from the HTTP server and join it with the node's until both are closed."""
        transport, server = request.transport, request.protocol
        if transport is None:
            node.abort()
            raise ConnectionResetError
        client = MeddledSide(fault, server.connection_lost) if fault else Side(server.connection_lost)
        client.attach(transport)
        transport.set_protocol(client)
        self._relays |= {client, node}
        request[SENT] = 101
        try:
            client.write(head)
            if isinstance(client, MeddledSide):
                client.arm()
            join(client, node)
            await client.closed
        finally:
            self._part(client, node, orphan=bool(fault and fault.orphan))
        return web.Response(status=101)

    def _part(self, client: Side, node: Side, *, orphan: bool) -> None:
        """A node's side that is left an orphan stays until it ends by itself or the server does."""
        self._relays.discard(client)
        client.abort()
        if orphan and not node.closed.done():
            node.closed.add_done_callback(lambda _: self._relays.discard(node))
            return
        self._relays.discard(node)
        node.abort()


def _check_upgrade(request: web.Request) -> None:
    """Raises Refusal(400) for what is no WebSocket handshake or asks for no stream."""
    upgrade = request.headers.get("Upgrade", "").lower()
    if upgrade.startswith("spdy"):
        raise errors.bad_request(
            "SPDY streams are not served here: use a client that speaks WebSocket (kubectl 1.31 or later)"
        )
    if upgrade != "websocket" or not request.headers.get("Sec-WebSocket-Key"):
        raise errors.bad_request("Upgrade request required")
    if not any(requests.is_true(request.query.get(stream)) for stream in ("stdin", "stdout", "stderr")):
        raise errors.bad_request("you must specify at least 1 of stdin, stdout, stderr")


def _offered(request: web.Request) -> list[str]:
    lines = request.headers.getall("Sec-WebSocket-Protocol", [])
    return [name.strip() for line in lines for name in line.split(",") if name.strip()]


def _upgrade_head(request: web.Request, path: str, protocol: str) -> bytes:
    """The request for the agent; the client's key is passed on, so that the agent's answer fits it."""
    words = [("command", command) for command in request.query.getall("command", [])] + [
        (n, "true" if requests.is_true(request.query.get(n)) else "false") for n in ("stdin", "stdout", "stderr", "tty")
    ]
    lines = [
        f"GET {path}?{urlencode(words)} HTTP/1.1",
        "Host: node",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {request.headers['Sec-WebSocket-Key']}",
        f"Sec-WebSocket-Version: {request.headers.get('Sec-WebSocket-Version', '13')}",
        f"Sec-WebSocket-Protocol: {protocol}",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def _accept_head(answer: str, protocol: str) -> bytes:
    """The 101 for the client: only the four headers a Kubernetes API server sends."""
    lines = ["HTTP/1.1 101 Switching Protocols"]
    told = answer.split("\r\n")[1:]
    lines += [line for line in told if line.partition(":")[0].strip().lower() in _ANSWERED]
    if protocol:
        lines.append(f"Sec-WebSocket-Protocol: {protocol}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


async def _refused(node: Side, answer: str) -> web.Response:
    """The agent's own refusal, code and text as they are."""
    code = int(answer.split(" ", 2)[1])
    length = next(
        (int(line.split(":")[1]) for line in answer.split("\r\n") if line.lower().startswith("content-length:")),
        None,
    )
    try:
        async with asyncio.timeout(5):
            body = await node.body(length)
    finally:
        node.abort()
    return web.Response(status=code, body=body, content_type="text/plain")
