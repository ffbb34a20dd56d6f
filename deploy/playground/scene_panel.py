"""The console's scene panel: pods and their faults, and what worker and bot log. Routes under /_panel/scene.

  GET  /_panel/scene              {pods: [{namespace, name, ready, status, restarts, node, fault}],
                                   nodes: [{name, status, fault}], kinds: [{name, words, numbers}], node_kinds,
                                   numbers, logs}
  GET  /_panel/scene/log?name=    {lines: [{at, level, text}]}, the newest last
  POST /_panel/scene/fault        {namespace, pod, kind, <number>…} or {node, kind, <number>…} -> {ok: true};
                                   kind `none` heals

`kinds` and `numbers` (what a fault can be told, with its default) are those of `scene.faults`. A refusal is
{ok: false, error: sentence}: 400 when it was asked wrongly, 503 when the cluster does not answer.
"""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from deploy.playground import log_lines
from deploy.playground.scene import faults
from deploy.playground.scene.client import ApiError, Client

HEALTHY = "none"
UNITS = ("ms", "percent", "seconds")
LOGS = ("worker-*.log", "bot-*.log")


@dataclass(frozen=True)
class Known:
    """What to say about a kind of fault, which numbers it heeds, and whether it can be taken back."""

    words: str
    numbers: tuple[str, ...] = ("port",)
    heals: bool = True


KNOWN = {
    "drop": Known("Packets to the port vanish."),
    "refuse": Known("Connections to the port are refused."),
    "reset": Known("Connections to the port are reset once a request arrives."),
    "blackhole": Known("Large packets to the port vanish, small ones pass."),
    "delay": Known("The pod's app answers late.", ("delay_ms",)),
    "latency": Known("All that the pod sends is late.", ("delay_ms",)),
    "loss": Known("Packets are lost.", ("percent",)),
    "reorder": Known("Packets that the pod sends are held back, others overtake them.", ("percent", "delay_ms")),
    "evict": Known("The node evicts the pod, for good.", (), heals=False),
}
"""A kind of `scene.faults` that is not named here is offered without words and with all numbers."""

NODE_KNOWN = {
    "node-restart": Known("Its agent ends and is started again; pods stay.", (), heals=False),
    "node-lost": Known("Its agent stays away until healed; processes live on.", ()),
    "node-pressure": Known("It is short of disk: new pods are refused.", ()),
    "node-clock": Known("Processes started from now on, tcpdump too, see a shifted clock.", ("offset_seconds",)),
}
NODE_NUMBERS: dict[str, int | float] = {"offset_seconds": 3600}

Json = dict[str, Any]


class ScenePanel:
    """Reads the cluster of `kubeconfig` and the logs in `folder` when asked; neither has to be there yet."""

    name = "scene"

    def __init__(self, kubeconfig: Path, folder: Path) -> None:
        self._kubeconfig = kubeconfig
        self._folder = folder
        self._faulty: dict[str, str] = {}
        """uid of a pod, or name of a node -> words for its fault; what others injected the cluster does not tell."""

    def routes(self) -> list[web.RouteDef]:
        """See the module's docstring."""
        return [
            web.get("/_panel/scene", _answering(self._look)),
            web.get("/_panel/scene/log", _answering(self._log)),
            web.post("/_panel/scene/fault", _answering(self._inject)),
        ]

    async def _look(self, request: web.Request) -> Json:
        async with Client(self._kubeconfig) as client:
            rows, nodes = await client.table("Pod"), await client.table("Node")
        pods = [_pod(row) | {"fault": self._faulty.get(row["metadata"]["uid"])} for row in rows]
        logs = sorted(path.stem for pattern in LOGS for path in self._folder.glob(pattern))
        shown = [_node(row) | {"fault": self._faulty.get(row["Name"])} for row in nodes]
        told = numbers() | NODE_NUMBERS
        return {
            "pods": pods,
            "nodes": shown,
            "kinds": kinds(),
            "node_kinds": node_kinds(),
            "numbers": told,
            "logs": logs,
        }

    async def _log(self, request: web.Request) -> Json:
        wanted = request.query.get("name", "")
        path = next((one for pattern in LOGS for one in self._folder.glob(pattern) if one.stem == wanted), None)
        if path is None:
            raise ValueError("There is no such log.")
        lines = await asyncio.to_thread(log_lines.tail, path)
        return {"lines": [line.to_json() for line in lines]}

    async def _inject(self, request: web.Request) -> Json:
        if request.content_type != "application/json":
            raise web.HTTPUnsupportedMediaType(text="application/json, please")
        body: Json = await request.json()
        told: Json = {
            each: type(default)(body[each]) for each, default in (numbers() | NODE_NUMBERS).items() if each in body
        }
        async with Client(self._kubeconfig) as client:
            if "node" in body:
                await self._strike_node(client, str(body["node"]), str(body["kind"]), told)
            else:
                await self._strike_pod(client, body, told)
        return {"ok": True}

    async def _strike_pod(self, client: Client, body: Json, told: Json) -> None:
        namespace, name, kind = str(body["namespace"]), str(body["pod"]), str(body["kind"])
        if kind not in faults.KINDS:
            raise ValueError(f"There is no fault {kind!r}.")
        told = {each: told[each] for each in numbers() if each in told}
        await faults.inject(client, f"pod/{name}", kind, namespace=namespace, **told)
        pod = await client.call("GET", f"/api/v1/namespaces/{namespace}/pods/{name}")
        self._remember(pod["metadata"]["uid"], kind, told)

    async def _strike_node(self, client: Client, name: str, kind: str, told: Json) -> None:
        if kind != HEALTHY and kind not in NODE_KNOWN:
            raise ValueError(f"There is no fault {kind!r} of nodes.")
        body = {"kind": "node-heal" if kind == HEALTHY else kind, "node": name, "resource": "disk"}
        body |= {"offsetSeconds": told["offset_seconds"]} if "offset_seconds" in told else {}
        await client.call("POST", faults.ENDPOINT, body)
        self._remember(name, kind, told)

    def _remember(self, uid: str, kind: str, told: Json) -> None:
        self._faulty.pop(uid, None)
        if kind != HEALTHY and _known(kind).heals:
            details = [_said(name, told[name]) for name in _heeded(kind) if name in told]
            self._faulty[uid] = ", ".join([kind, *details])


def kinds() -> list[Json]:
    """The faults a pod can be given, healing left out: {name, words, numbers}."""
    return [
        {"name": kind, "words": _known(kind).words, "numbers": _heeded(kind)}
        for kind in faults.KINDS
        if kind != HEALTHY
    ]


def node_kinds() -> list[Json]:
    """The same for nodes."""
    return [{"name": kind, "words": known.words, "numbers": list(known.numbers)} for kind, known in NODE_KNOWN.items()]


def numbers() -> dict[str, int | float]:
    """What a fault can be told: the numbers that `scene.faults.inject` takes, with their defaults."""
    asked = inspect.signature(faults.inject).parameters.values()
    return {each.name: each.default for each in asked if isinstance(each.default, int | float)}


def _known(kind: str) -> Known:
    return (KNOWN | NODE_KNOWN).get(kind, Known("", tuple(numbers())))


def _heeded(kind: str) -> list[str]:
    return [name for name in _known(kind).numbers if name in numbers() | NODE_NUMBERS]


def _node(row: Json) -> Json:
    return {"name": row["Name"], "status": row["Status"]}


def _said(name: str, value: float) -> str:
    """`delay_ms`, 800 -> `800 ms`; `port`, 80 -> `port 80`."""
    unit = name.rpartition("_")[2]
    return f"{value:g} {unit}" if unit in UNITS else f"{name} {value:g}"


def _pod(row: Json) -> Json:
    shown = ("name", "ready", "status", "restarts", "node")
    return {"namespace": row["metadata"]["namespace"]} | {each: row[each.capitalize()] for each in shown}


def _answering(ask: Callable[[web.Request], Awaitable[Json]]) -> Callable[[web.Request], Awaitable[web.Response]]:
    """A handler that answers JSON, refusals included."""

    async def handle(request: web.Request) -> web.Response:
        try:
            return web.json_response(await ask(request))
        except ApiError as refused:
            return _refusal(400, str(refused))
        except KeyError as missing:
            return _refusal(400, f"{missing} is missing.")
        except (ValueError, TypeError) as wrong:
            return _refusal(400, str(wrong))
        except (aiohttp.ClientError, TimeoutError, OSError):
            return _refusal(503, "The cluster does not answer.")

    return handle


def _refusal(status: int, sentence: str) -> web.Response:
    return web.json_response({"ok": False, "error": sentence}, status=status)
