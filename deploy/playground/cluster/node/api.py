"""The agent's HTTP: JSON in, JSON, lines, bytes or WebSocket out (see the package's docstring)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import aclosing

from aiohttp import web
from aiohttp.typedefs import Handler

from . import faults, logs, streaming
from .agent import Agent
from .attaching import AttachSession
from .limits import EVICTED, Ending
from .pod import PodWorker
from .process import Json, ToolError, log

_AGENT: web.AppKey[Agent] = web.AppKey("agent", Agent)
_BODY_LIMIT = 16 * 1024 * 1024


def application(agent: Agent) -> web.Application:
    """The agent's routes."""
    app = web.Application(client_max_size=_BODY_LIMIT, middlewares=[_errors])
    app[_AGENT] = agent
    app.on_response_prepare.append(_bare_upgrade)
    app.router.add_get("/healthz", _healthz)
    app.router.add_put("/pods/{uid}", _put_pod)
    app.router.add_delete("/pods/{uid}", _delete_pod)
    app.router.add_put("/pods/{uid}/fault", _put_fault)
    app.router.add_post("/pods/{uid}/eviction", _evict)
    app.router.add_put("/services", _put_services)
    app.router.add_put("/clock", _put_clock)
    app.router.add_post("/stop", _stop)
    app.router.add_get("/events", _events)
    app.router.add_get("/logs/{uid}/{container}", _logs)
    app.router.add_get("/exec/{uid}/{container}", _exec)
    app.router.add_get("/attach/{uid}/{container}", _attach)
    return app


@web.middleware
async def _errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except ConnectionResetError:  # the client left in the middle of a stream
        return web.Response()
    except (KeyError, ValueError, TypeError, streaming.Refused, ToolError) as error:
        code = 500 if isinstance(error, ToolError) else 403 if isinstance(error, streaming.Refused) else 400
        log("request refused", path=request.path, code=code, error=repr(error)[:500])
        return web.Response(status=code, text=str(error))


async def _bare_upgrade(request: web.Request, response: web.StreamResponse) -> None:
    """An upgrade's answer carries the handshake's headers only, as a kubelet's does."""
    if response.status == 101:
        for name in ("Date", "Server", "Content-Type"):
            response.headers.pop(name, None)


async def _healthz(request: web.Request) -> web.Response:
    ready = request.app[_AGENT].ready
    return web.Response(status=200 if ready else 503, text="ok" if ready else "starting")


async def _put_pod(request: web.Request) -> web.Response:
    pod: Json = await request.json()
    if pod["metadata"]["uid"] != request.match_info["uid"]:
        raise ValueError("the path and the object name different uids")
    if not request.match_info["uid"].replace("-", "").isalnum():
        raise ValueError("a uid has letters, digits and dashes only")
    request.app[_AGENT].put_pod(pod)
    return web.Response(status=202)


async def _delete_pod(request: web.Request) -> web.Response:
    grace = request.query.get("grace")
    request.app[_AGENT].delete_pod(request.match_info["uid"], float(grace) if grace else None)
    return web.Response(status=202)


async def _put_fault(request: web.Request) -> web.Response:
    await _pod(request).fault(faults.check(await request.json()))
    return web.Response(status=200)


async def _evict(request: web.Request) -> web.Response:
    _pod(request).end(Ending(EVICTED, str((await request.json())["message"])))
    return web.Response(status=202)


async def _put_clock(request: web.Request) -> web.Response:
    await request.app[_AGENT].set_clock(float((await request.json())["offsetSeconds"]))
    return web.Response(status=200)


async def _stop(request: web.Request) -> web.Response:
    request.app[_AGENT].stop.set()
    return web.Response(status=202)


async def _put_services(request: web.Request) -> web.Response:
    await request.app[_AGENT].put_services(await request.json())
    return web.Response(status=200)


async def _events(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
    await response.prepare(request)
    async with aclosing(request.app[_AGENT].events()) as events:  # type: ignore[type-var]
        async for event in events:
            await response.write(json.dumps(event).encode() + b"\n")
    return response


async def _logs(request: web.Request) -> web.StreamResponse:
    name = request.match_info["container"]
    worker = _pod(request).worker(name)
    if worker is None:
        raise web.HTTPNotFound(text=f'container "{name}" not found')
    if worker.record.attempt < 0:
        reason = worker.record.state.get("waiting", {}).get("reason", "ContainerCreating")
        return web.Response(status=400, text=f'container "{name}" is waiting to start: {reason}')
    previous = _flag(request.query, "previous")
    if previous and worker.record.attempt < 1:
        return web.Response(status=400, text=f'previous terminated container "{name}" not found')
    query = _log_query(request.query, previous)
    response = web.StreamResponse(headers={"Content-Type": "text/plain"})
    await response.prepare(request)
    lines = logs.read(worker.log_path(previous), query, worker.ended)
    async with aclosing(lines):  # type: ignore[type-var]
        async for text in lines:
            await response.write(text)
    return response


def _log_query(query: Mapping[str, str], previous: bool) -> logs.LogQuery:
    def number(name: str) -> int | None:
        return int(query[name]) if query.get(name) else None

    return logs.LogQuery(
        tail=number("tailLines"),
        since_seconds=number("sinceSeconds"),
        limit=number("limitBytes"),
        timestamps=_flag(query, "timestamps"),
        follow=_flag(query, "follow") and not previous,
    )


async def _exec(request: web.Request) -> web.StreamResponse:
    return await _stream(request, streaming.ExecSession)


async def _attach(request: web.Request) -> web.StreamResponse:
    return await _stream(request, AttachSession)


async def _stream(request: web.Request, kind: type[streaming.ExecSession]) -> web.StreamResponse:
    tools, name, query = request.app[_AGENT].tools, request.match_info["container"], request.query
    asked = streaming.ExecRequest(
        command=query.getall("command", []),
        stdin=_flag(query, "stdin"),
        stdout=_flag(query, "stdout"),
        stderr=_flag(query, "stderr") and not _flag(query, "tty"),
        tty=_flag(query, "tty"),
    )
    worker = _pod(request).worker(name)
    return await streaming.serve(
        request, name, worker, lambda socket: kind(request, socket, asked, tools.runc, tools.exits)
    )


def _flag(query: Mapping[str, str], name: str) -> bool:
    return query.get(name, "").lower() in ("1", "true", "t")


def _pod(request: web.Request) -> PodWorker:
    found = request.app[_AGENT].pod(request.match_info["uid"])
    if found is None:
        raise web.HTTPNotFound(text="pod does not exist")  # a kubelet's words
    return found
