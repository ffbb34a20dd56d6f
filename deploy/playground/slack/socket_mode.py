"""Socket Mode: hello, envelopes, acks, refresh (docs.slack.dev/apis/events-api/using-socket-mode).

Each envelope goes to one of at most ten sockets. An ack is a text frame with the envelope_id and, for
commands and interactions, an optional payload.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import secrets
import uuid

from aiohttp import WSCloseCode, WSMsgType, web

from .context import Context
from .delivery import Envelope, NotDelivered
from .state import APP_ID, Json

MAX_SOCKETS = 10
TICKET_SECONDS = 30.0
GRACE_SECONDS = 10.0
"""From a warning to the refresh, and from the refresh to the end of a socket whose app did not go."""
_ANSWERABLE = ("slash_commands", "interactive")


class SocketMode:
    """The server side of Socket Mode; a Transport."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._tickets: dict[str, float] = {}
        self._sockets: list[web.WebSocketResponse] = []
        self._retiring: set[web.WebSocketResponse] = set()
        self._turn = itertools.count()
        self._waiting: dict[str, asyncio.Future[Json]] = {}
        self._arrived = asyncio.Event()

    @property
    def connected(self) -> int:
        return len(self._sockets)

    async def wait_connected(self, seconds: float = 10.0) -> None:
        """Return when the app has a socket open. Raises TimeoutError."""
        async with asyncio.timeout(seconds):
            while not self._sockets:
                self._arrived.clear()
                await self._arrived.wait()

    def open_url(self) -> str:
        """A single-use WebSocket URL, as apps.connections.open hands out."""
        ticket = secrets.token_urlsafe(16)
        self._tickets[ticket] = self._context.clock.now() + TICKET_SECONDS
        base = self._context.base_url.replace("http", "ws", 1)
        return f"{base}/link/?ticket={ticket}&app_id={APP_ID}"

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """GET /link/: one socket's life."""
        deadline = self._tickets.pop(request.query.get("ticket", ""), 0.0)
        if deadline < self._context.clock.now():
            raise web.HTTPForbidden(text="invalid or used ticket")
        socket = web.WebSocketResponse(max_msg_size=1 << 20)
        await socket.prepare(request)
        if len(self._sockets) >= MAX_SOCKETS:
            await socket.send_json({"type": "disconnect", "reason": "too_many_websockets"})
            await socket.close()
            return socket
        await self._serve(socket)
        return socket

    async def _serve(self, socket: web.WebSocketResponse) -> None:
        self._sockets.append(socket)
        self._context.journal.add("socket", "open", connected=len(self._sockets))
        debug = {"host": "playground", "build_number": 1, "approximate_connection_time": 18060}
        try:
            await socket.send_json(
                {
                    "type": "hello", "num_connections": len(self._sockets), "debug_info": debug,
                    "connection_info": {"app_id": APP_ID},
                }
            )  # fmt: skip
            self._arrived.set()
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    self._acknowledge(message.data)
        except ConnectionError:
            pass  # the app went away while we said hello: the list below is all that has to know
        finally:
            self._sockets.remove(socket)
            self._retiring.discard(socket)
            self._context.journal.add("socket", "close", connected=len(self._sockets))

    def _acknowledge(self, text: str) -> None:
        try:
            ack = json.loads(text)
            waiting = self._waiting.get(ack["envelope_id"])
        except (ValueError, KeyError, TypeError):
            self._context.journal.add("bad_ack", "socket_mode", size=len(text))
            return
        if waiting is not None and not waiting.done():
            waiting.set_result(ack.get("payload") or {})

    async def deliver(self, envelope: Envelope) -> Json:
        socket = self._pick()
        envelope_id = str(uuid.uuid4())
        frame: Json = {
            "envelope_id": envelope_id, "type": envelope.kind, "payload": envelope.payload,
            "accepts_response_payload": envelope.kind in _ANSWERABLE,
        }  # fmt: skip
        if envelope.kind == "events_api":
            frame |= {"retry_attempt": envelope.retry_num, "retry_reason": envelope.retry_reason}
        waiting: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        self._waiting[envelope_id] = waiting
        try:
            await socket.send_json(frame)
            return await waiting
        except ConnectionError as gone:
            raise NotDelivered("connection_failed") from gone
        finally:
            del self._waiting[envelope_id]

    def _pick(self) -> web.WebSocketResponse:
        """A socket in turn; one that was told to go serves on until its successor is there."""
        alive = [s for s in self._sockets if not s.closed]
        usable = [s for s in alive if s not in self._retiring] or alive
        if not usable:
            raise NotDelivered("connection_failed")
        return usable[next(self._turn) % len(usable)]

    async def refresh(self, reason: str = "refresh_requested") -> None:
        """Tell every socket to reconnect, at once or by `warning` ten seconds ahead; who stays is cut off."""
        sockets = tuple(self._sockets)
        for socket in sockets:
            await self._dismiss(socket, reason)
        self._context.spawn(self._insist(sockets, reason))

    async def _dismiss(self, socket: web.WebSocketResponse, reason: str) -> None:
        if reason != "warning":
            self._retiring.add(socket)
        with contextlib.suppress(ConnectionError):  # it went by itself
            await socket.send_json({"type": "disconnect", "reason": reason, "debug_info": {"host": "playground"}})

    async def _insist(self, sockets: tuple[web.WebSocketResponse, ...], reason: str) -> None:
        if reason == "warning":
            await self._context.clock.sleep(GRACE_SECONDS)
            for socket in set(sockets) & set(self._sockets):
                await self._dismiss(socket, "refresh_requested")
        await self._context.clock.sleep(GRACE_SECONDS)
        for socket in set(sockets) & set(self._sockets):
            await socket.close()

    async def drop(self) -> int:
        """Cut every socket without a word, as a lost network does; how many there were."""
        sockets = tuple(self._sockets)
        for socket in sockets:
            transport = socket._req.transport if socket._req is not None else None
            if transport is not None:
                transport.abort()
        return len(sockets)

    async def close(self) -> None:
        for socket in tuple(self._sockets):
            await socket.close(code=WSCloseCode.GOING_AWAY, message=b"playground stops")
