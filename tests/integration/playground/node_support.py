"""A real node for tests: its own run directory, a busybox image, and a small client of the agent."""

from __future__ import annotations

import asyncio
import json
import secrets
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp

from deploy.playground.cluster.node.launch import NodeProcess
from deploy.playground.cluster.node.settings import NodeSettings

Json = dict[str, Any]
IMAGE = "busybox:1"
V4, V5 = "v4.channel.k8s.io", "v5.channel.k8s.io"


def build_images(store: Path) -> None:
    """A catalogue with busybox and all its applets, root unless the pod says otherwise."""
    layer = store / "layers" / "busybox"
    for name in ("bin", "etc", "tmp", "root", "home"):
        (layer / name).mkdir(parents=True)
    (layer / "tmp").chmod(0o1777)
    shutil.copy("/bin/busybox", layer / "bin" / "busybox")
    applets = subprocess.run(["/bin/busybox", "--list"], check=True, capture_output=True, text=True).stdout
    for applet in applets.split():
        if applet != "busybox":
            (layer / "bin" / applet).symlink_to("busybox")
    (layer / "etc" / "passwd").write_text("root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000:app:/home:/bin/sh\n")
    (layer / "etc" / "group").write_text("root:x:0:\napp:x:1000:\nextra:x:2000:app\n")
    config = {"Entrypoint": [], "Cmd": ["sleep", "3600"], "Env": ["PATH=/bin"], "User": "", "WorkingDir": "/"}
    (store / "catalog.json").write_text(json.dumps({IMAGE: {"layers": ["busybox"], "config": config}}))


def pod(name: str, command: list[str] | None = None, container: Json | None = None, **spec: Any) -> Json:
    """A Pod object with one busybox container `app`; `spec` is merged into the pod's spec."""
    # A first process without handlers ignores SIGTERM: traps make ends quick.
    forever = ["sh", "-c", "trap 'exit 0' TERM INT; while :; do sleep 3600 & wait $!; done"]
    app = {"name": "app", "image": IMAGE, "command": command or forever, **(container or {})}
    uid = f"{secrets.token_hex(4)}-{secrets.token_hex(2)}-test"
    return {
        "metadata": {"name": name, "namespace": "shop", "uid": uid, "labels": {"app": name}},
        "spec": {"containers": [app], "nodeName": "node-1", **spec},
    }


class NodeClient:
    """What the API server does with the agent, for tests: statuses are kept as events bring them."""

    def __init__(self, node: NodeProcess, session: aiohttp.ClientSession) -> None:
        self.node = node
        self.session = session
        self.status: dict[str, Json] = {}
        self.gone: set[str] = set()
        self.connected = False
        """Whether the present agent tells us its events."""
        self._changed = asyncio.Condition()

    async def follow(self) -> None:
        """Keep the statuses; connects again when the agent was started anew."""
        while True:
            with suppress(aiohttp.ClientError):
                await self._follow_once()
            self.connected = False
            self.status.clear()
            await asyncio.sleep(0.05)

    async def until_back(self, agent: int) -> None:
        """Wait for another agent than `agent` (a PID) to tell its pods."""
        async with asyncio.timeout(15):
            while self.agent_pid() in (None, agent) or not self.connected:  # noqa: ASYNC110 - nothing tells us
                await asyncio.sleep(0.02)

    def agent_pid(self) -> int | None:
        """The agent's PID as seen from here; None while init starts another."""
        init = self.node.init_pid
        for pid in Path(f"/proc/{init}/task/{init}/children").read_text().split():
            with suppress(OSError):  # it has ended meanwhile
                if b"--role\0agent" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    return int(pid)
        return None

    async def _follow_once(self) -> None:
        timeout = aiohttp.ClientTimeout(total=None)
        async with self.session.get("http://node/events", timeout=timeout) as response:
            self.connected = True
            async for line in response.content:
                event = json.loads(line)
                async with self._changed:
                    self.status[event["uid"]] = event["status"]
                    if event["gone"]:
                        self.gone.add(event["uid"])
                    self._changed.notify_all()

    async def until(self, true: Callable[[], Any], seconds: float = 20.0) -> None:
        try:
            async with self._changed, asyncio.timeout(seconds):
                await self._changed.wait_for(lambda: bool(true()))
        except TimeoutError as late:
            raise AssertionError(f"not within {seconds} s; statuses: {self.status}") from late

    async def put(self, obj: Json) -> str:
        uid = str(obj["metadata"]["uid"])
        async with self.session.put(f"http://node/pods/{uid}", json=obj) as response:
            assert response.status == 202, await response.text()
        return uid

    async def run(self, obj: Json) -> str:
        """Put a pod and wait until it is ready."""
        uid = await self.put(obj)
        await self.until(lambda: self.condition(uid, "Ready") == "True")
        return uid

    def condition(self, uid: str, kind: str) -> str:
        found = [c["status"] for c in self.status.get(uid, {}).get("conditions", []) if c["type"] == kind]
        return found[0] if found else "Unknown"

    def container(self, uid: str, name: str = "app", kind: str = "containerStatuses") -> Json:
        found = [c for c in self.status.get(uid, {}).get(kind, []) if c["name"] == name]
        return found[0] if found else {"state": {}, "lastState": {}}

    def phase(self, uid: str) -> str:
        return str(self.status.get(uid, {}).get("phase", "Unknown"))

    def ip(self, uid: str) -> str:
        return str(self.status[uid]["podIP"])

    async def delete(self, uid: str, grace: float = 0) -> None:
        async with self.session.delete(f"http://node/pods/{uid}", params={"grace": str(grace)}) as response:
            assert response.status == 202
        await self.until(lambda: uid in self.gone)

    async def services(self, *services: Json, dns: Json | None = None) -> None:
        body = {"services": list(services), "dns": dns or {}}
        async with self.session.put("http://node/services", json=body) as response:
            assert response.status == 200, await response.text()

    async def fault(self, uid: str, **fault: Any) -> None:
        async with self.session.put(f"http://node/pods/{uid}/fault", json=fault) as response:
            assert response.status == 200, await response.text()

    async def evict(self, uid: str, message: str) -> None:
        async with self.session.post(f"http://node/pods/{uid}/eviction", json={"message": message}) as response:
            assert response.status == 202, await response.text()

    async def logs(self, uid: str, container: str = "app", **query: str) -> str:
        async with self.session.get(f"http://node/logs/{uid}/{container}", params=query) as response:
            return await response.text()

    def exec_url(self, uid: str, command: list[str], container: str = "app", **flags: bool) -> str:
        wanted = {"stdin": False, "stdout": True, "stderr": True, "tty": False} | flags
        words = [("command", word) for word in command] + [(k, str(v).lower()) for k, v in wanted.items()]
        return f"http://node/exec/{uid}/{container}?{urlencode(words)}"

    async def sh(self, uid: str, script: str, container: str = "app") -> tuple[str, Json]:
        """A shell script's standard output and the exec's status."""
        url = self.exec_url(uid, ["sh", "-c", script], container)
        async with self.session.ws_connect(url, protocols=(V4,), max_msg_size=0) as socket:
            out, _, status = await drain(socket)
        return out.decode(), status


async def drain(socket: aiohttp.ClientWebSocketResponse) -> tuple[bytes, bytes, Json]:
    """(stdout, stderr, status) of an exec read to its end."""
    parts: dict[int, bytearray] = {1: bytearray(), 2: bytearray(), 3: bytearray()}
    async for message in socket:
        parts[message.data[0]] += message.data[1:]
    return bytes(parts[1]), bytes(parts[2]), json.loads(bytes(parts[3]) or b"{}")


def exit_code(status: Json) -> int:
    if status.get("status") == "Success":
        return 0
    return int(next(c["message"] for c in status["details"]["causes"] if c.get("reason") == "ExitCode"))


@asynccontextmanager
async def running_node(store: Path) -> AsyncIterator[NodeClient]:
    """A node that is stopped, and checked to have left no directory, at the end."""
    name = f"test-{secrets.token_hex(4)}"
    rundir = Path("/run/threadcap") / name
    settings = NodeSettings(
        id=name, name="node-1", index=1, rundir=rundir, image_store=store, backoff_seconds=0.3, lifeline=True
    )
    node = NodeProcess(settings)
    await node.start()
    try:
        connector = aiohttp.UnixConnector(path=str(settings.socket), limit=0)
        async with aiohttp.ClientSession(connector=connector) as session:
            client = NodeClient(node, session)
            following = asyncio.create_task(client.follow())
            try:
                yield client
            finally:
                following.cancel()
                await asyncio.wait({following})
    finally:
        await node.stop()
        shutil.rmtree(rundir, ignore_errors=True)
