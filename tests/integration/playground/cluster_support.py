"""An API server in this process with a stand-in for the node's agent, and a small HTTPS client of it."""

from __future__ import annotations

import asyncio
import io
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from deploy.playground.cluster import Cluster, ClusterSettings

Json = dict[str, Any]
CORE = "/api/v1"
SECONDS = 10.0


class FakeAgent:
    """Runs no container: every pod is Running at once, and gone when told to end (or when `let_go` says)."""

    def __init__(self) -> None:
        self.pods: dict[str, Json] = {}
        self.services: Json = {}
        self.faults: dict[str, Json] = {}
        self.let_go = True
        self.refuse_exec = ""
        self.protocols: list[str] = []
        self.exec_ended = asyncio.Event()
        self._events: list[asyncio.Queue[Json]] = []

    def tell(self, event: Json) -> None:
        for queue in self._events:
            queue.put_nowait(event)

    def application(self) -> web.Application:
        app = web.Application()
        app.router.add_put("/pods/{uid}", self._put_pod)
        app.router.add_delete("/pods/{uid}", self._delete_pod)
        app.router.add_put("/pods/{uid}/fault", self._put_fault)
        app.router.add_put("/services", self._put_services)
        app.router.add_get("/events", self._stream_events)
        app.router.add_get("/logs/{uid}/{container}", self._logs)
        app.router.add_get("/{what:exec|attach}/{uid}/{container}", self._exec)
        return app

    async def _put_pod(self, request: web.Request) -> web.Response:
        pod = await request.json()
        self.pods[pod["metadata"]["uid"]] = pod
        self.tell(running(pod, f"198.18.1.{len(self.pods) + 1}"))
        return web.Response(status=202)

    async def _delete_pod(self, request: web.Request) -> web.Response:
        uid = request.match_info["uid"]
        if self.let_go or request.query["grace"] == "0":
            self.pods.pop(uid, None)
            self.tell({"uid": uid, "status": {}, "gone": True})
        return web.Response(status=202)

    async def _put_fault(self, request: web.Request) -> web.Response:
        self.faults[request.match_info["uid"]] = await request.json()
        return web.Response()

    async def _put_services(self, request: web.Request) -> web.Response:
        self.services = await request.json()
        return web.Response()

    async def _stream_events(self, request: web.Request) -> web.StreamResponse:
        queue: asyncio.Queue[Json] = asyncio.Queue()
        self._events.append(queue)
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(json.dumps(await queue.get()).encode() + b"\n")

    async def _logs(self, request: web.Request) -> web.Response:
        return web.Response(text="one\ntwo\n")

    async def _exec(self, request: web.Request) -> web.StreamResponse:
        """Echo every binary frame; a text frame `N` is answered with N bytes in frames of 32 KiB."""
        if self.refuse_exec:
            return web.Response(status=500, text=self.refuse_exec)
        self.protocols.append(request.headers.get("Sec-WebSocket-Protocol", ""))
        socket = web.WebSocketResponse(protocols=self.protocols[-1:], compress=False, max_msg_size=0)
        await socket.prepare(request)
        try:
            async for message in socket:
                await _echo(socket, message)
        finally:
            self.exec_ended.set()
        return socket


async def _echo(socket: web.WebSocketResponse, message: aiohttp.WSMessage) -> None:
    if message.type is aiohttp.WSMsgType.TEXT:
        for _ in range(int(message.data) // 32768):
            await socket.send_bytes(bytes(32768))
        await socket.close()
    else:
        await socket.send_bytes(message.data)


def running(pod: Json, address: str) -> Json:
    """The agent's event for a pod whose containers all run."""
    statuses = [
        {"name": c["name"], "ready": True, "restartCount": 0, "containerID": "containerd://0", "state": {"running": {}}}
        for c in pod["spec"]["containers"]
    ]
    conditions = [{"type": kind, "status": "True"} for kind in ("Ready", "ContainersReady")]
    status = {"phase": "Running", "podIP": address, "containerStatuses": statuses, "conditions": conditions}
    return {"uid": pod["metadata"]["uid"], "status": status, "gone": False}


class Api:
    """Requests as one user; each answer is (code, JSON)."""

    def __init__(self, cluster: Cluster, session: aiohttp.ClientSession, token: str | None = None) -> None:
        self.cluster, self.session = cluster, session
        self.headers = {"Authorization": f"Bearer {cluster.tokens.admin if token is None else token}"}
        if token == "":
            self.headers = {}

    def user(self, token: str) -> Api:
        return Api(self.cluster, self.session, token)

    async def send(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        sent = {**self.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
        data = io.BytesIO(json.dumps(body).encode()) if body is not None else None
        if data and "Content-Type" not in sent:
            sent["Content-Type"] = "application/json"
        async with self.session.request(method, path, data=data, headers=sent) as response:
            text = await response.text()
            return response.status, json.loads(text) if text.startswith(("{", "[")) else text

    async def get(self, path: str, **headers: str) -> tuple[int, Any]:
        return await self.send("GET", path, **headers)

    async def post(self, path: str, body: Json) -> tuple[int, Any]:
        return await self.send("POST", path, body)

    async def patch(self, path: str, body: Any, kind: str = "strategic-merge-patch+json") -> tuple[int, Any]:
        return await self.send("PATCH", path, body, Content_Type=f"application/{kind}")

    async def delete(self, path: str, body: Json | None = None) -> tuple[int, Any]:
        return await self.send("DELETE", path, body)

    async def until(self, path: str, wanted: Any, seconds: float = SECONDS) -> Any:
        """GET until `wanted(code, answer)` holds."""
        async with asyncio.timeout(seconds):
            while True:
                code, found = await self.get(path)
                if wanted(code, found):
                    return found
                await asyncio.sleep(0.01)

    async def namespace(self, name: str) -> str:
        code, _ = await self.post(f"{CORE}/namespaces", {"metadata": {"name": name}})
        assert code == 201
        return f"{CORE}/namespaces/{name}"

    async def running_pod(self, home: str, name: str, **spec: Any) -> Json:
        """Create a pod and wait until it runs."""
        code, answer = await self.post(f"{home}/pods", pod(name, **spec))
        assert code == 201, answer
        found: Json = await self.until(f"{home}/pods/{name}", lambda _, p: p["status"]["phase"] == "Running")
        return found


def pod(name: str, *containers: str, **spec: Any) -> Json:
    listed = [{"name": container, "image": "busybox:1"} for container in containers or ("app",)]
    metadata = {"name": name, "labels": {"app": name}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": listed, **spec}}


@asynccontextmanager
async def fake_cluster(directory: Path, **settings: Any) -> AsyncIterator[tuple[Api, FakeAgent]]:
    """The server with a FakeAgent, its node Ready, and an administrator's client."""
    agent = FakeAgent()
    socket = directory / "agent.sock"
    runner = web.AppRunner(agent.application(), access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.UnixSite(runner, str(socket)).start()
    try:
        async with Cluster(ClusterSettings(run_dir=directory / "run", agent_socket=socket, **settings)) as cluster:
            await cluster.ready()
            trust = ssl.create_default_context(cadata=cluster.authority.ca.decode())
            connector = aiohttp.TCPConnector(ssl=trust)
            async with aiohttp.ClientSession(cluster.url, connector=connector) as session:
                yield Api(cluster, session), agent
    finally:
        await runner.cleanup()
