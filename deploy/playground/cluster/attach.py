"""attach: a running container's output from now on, over WebSocket.

The output is followed in the container's log, so both streams come as standard output. A container's own standard
input is not kept open here: whoever asks for it is refused in one sentence (kubectl then follows the log).
"""

from __future__ import annotations

import asyncio
import json
from contextlib import AbstractAsyncContextManager

from aiohttp import ClientResponse, WSMsgType, web

_STDOUT, _STATUS = b"\x01", b"\x03"
_CHUNK = 32 * 1024
_SUCCESS = {"metadata": {}, "status": "Success"}
_CLOSE_SECONDS = 5.0

FOLLOW = {"follow": "true", "tailLines": "0"}
NO_STDIN = "standard input is not attached here: use exec, or attach without stdin"


async def show(
    request: web.Request, protocol: str, log: AbstractAsyncContextManager[ClientResponse]
) -> web.WebSocketResponse:
    """Send what `log` brings until it ends (then Success) or the client leaves."""
    socket = web.WebSocketResponse(protocols=[protocol], compress=False, timeout=_CLOSE_SECONDS)
    async with log as upstream:
        await socket.prepare(request)
        await socket.send_bytes(_STDOUT)
        client = asyncio.create_task(_left(socket))
        output = asyncio.create_task(_send(socket, upstream))
        try:
            await asyncio.wait({client, output}, return_when=asyncio.FIRST_COMPLETED)
            if output.done() and not client.done():
                await socket.send_bytes(_STATUS + json.dumps(_SUCCESS, separators=(",", ":")).encode())
                await socket.close()
        finally:
            for task in (client, output):
                task.cancel()
            await asyncio.wait({client, output})
    return socket


async def _send(socket: web.WebSocketResponse, upstream: ClientResponse) -> None:
    async for chunk in upstream.content.iter_chunked(_CHUNK):
        await socket.send_bytes(_STDOUT + chunk)


async def _left(socket: web.WebSocketResponse) -> None:
    """Return when the client has closed; what it sends meanwhile has no reader."""
    async for message in socket:
        if message.type is WSMsgType.ERROR:
            return
