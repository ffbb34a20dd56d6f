"""The server's socket on loopback, which can go away for a while as a killed API server's does."""

from __future__ import annotations

import asyncio
import ssl

from aiohttp import web

from .streaming import Streams

_LOOPBACK = "127.0.0.1"
_RETRY_SECONDS = 0.05


class Listener:
    """Serves `runner` over TLS; `streams` are cut with everything else."""

    def __init__(self, runner: web.AppRunner, streams: Streams, context: ssl.SSLContext) -> None:
        self._runner, self._streams, self._context = runner, streams, context
        self._site: web.TCPSite | None = None
        self._port = 0

    async def start(self, port: int) -> int:
        """Listen; 0 means any free port. The port is returned."""
        site = web.TCPSite(self._runner, _LOOPBACK, port, ssl_context=self._context)
        await site.start()
        self._site = site
        self._port = int(self._runner.addresses[0][1])
        return self._port

    async def dark(self, fuse: float, seconds: float) -> None:
        """After `fuse` seconds cut all there is and refuse what comes for `seconds`; then listen on the same port."""
        await asyncio.sleep(fuse)
        if self._site is not None:
            await self._site.stop()
            self._site = None
        self._streams.close()
        server = self._runner.server
        for connection in list(server.connections) if server is not None else ():
            if connection.transport is not None:
                connection.transport.abort()
        await asyncio.sleep(seconds)
        while self._site is None:
            try:
                await self.start(self._port)
            except OSError:  # someone uses the port this moment: an outgoing connection, most likely
                await asyncio.sleep(_RETRY_SECONDS)
