"""attach over WebSocket: an exec's frames around a process that runs already."""

from __future__ import annotations

import asyncio

from .container import ContainerWorker
from .fdio import CHUNK
from .standard_streams import Listener, StandardStreams
from .streaming import ExecSession, success


class AttachSession(ExecSession):
    """One attach: the container's output from now on, and its input; the client may leave, the container lives on."""

    _streams: StandardStreams | None = None

    async def run(self, worker: ContainerWorker) -> None:
        """Until the container's outputs have ended (then Success) or the client has left."""
        self._streams = streams = worker.streams
        listener = streams.listen()
        self._input = streams.open_input() if self._asked.stdin else None
        receiver = asyncio.create_task(self._receive())
        output = asyncio.create_task(self._pass_on(listener))
        try:
            await asyncio.wait({receiver, output}, return_when=asyncio.FIRST_COMPLETED)
            if output.done():
                await self._finish(success())
        finally:
            for task in (receiver, output):
                task.cancel()
            await asyncio.wait({receiver, output})
            streams.forget(listener)
            self._close_input()

    async def _pass_on(self, listener: Listener) -> None:
        wanted = {1: self._asked.stdout, 2: self._asked.stderr}
        async for channel, data in listener.chunks():
            for start in range(0, len(data) if wanted[channel] else 0, CHUNK):
                await self._send(bytes([channel]) + data[start : start + CHUNK])

    def _close_input(self) -> None:
        """The end of the first client's input is the container's, where its spec says so."""
        if self._input is not None and self._streams is not None and self._streams.once:
            self._streams.end_input()
        super()._close_input()
