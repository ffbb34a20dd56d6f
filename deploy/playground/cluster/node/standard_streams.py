"""A container's standard streams over one attempt: what it is born with, its log, and who is attached.

Without a terminal they are FIFOs that the container itself holds open both ways: no SIGPIPE without an agent. With
`stdinOnce` its input is open one way, so that it ends with the first client that attached to it. With a terminal they
are a pseudo-terminal whose master the agent holds; a new agent has lost it, and the kernel hangs the line up.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from .logs import LogWriter
from .process import Json
from .runtime import Runc, Started, Stdio

OUTPUTS = {"stdout": 1, "stderr": 2}
_WAITING = 16


class Listener:
    """One attached client's share of the output. Bounded: a container waits for a slow reader, as under containerd."""

    def __init__(self) -> None:
        self._chunks: asyncio.Queue[tuple[int, bytes] | None] = asyncio.Queue(_WAITING)
        self._gone = False

    async def put(self, chunk: tuple[int, bytes] | None) -> None:
        """Add a chunk and its channel; None is the end."""
        if not self._gone:
            await self._chunks.put(chunk)

    def leave(self) -> None:
        """Nobody reads any more: let go of whoever waits to add."""
        self._gone = True
        while not self._chunks.empty():
            self._chunks.get_nowait()

    async def chunks(self) -> AsyncIterator[tuple[int, bytes]]:
        """Yield (channel, data) until the container's outputs have ended."""
        while (chunk := await self._chunks.get()) is not None:
            yield chunk


class StandardStreams:
    """`log_path` says where the log of the present attempt lies."""

    def __init__(self, home: Path, spec: Json, log_path: Callable[[], Path]) -> None:
        self.once = bool(spec.get("stdin") and spec.get("stdinOnce"))
        self._home = home
        self._interactive = bool(spec.get("stdin"))
        self._terminal = bool(spec.get("tty"))
        self._log_path = log_path
        self._input: int | None = None
        self._listeners: set[Listener] = set()

    async def launch(self, runc: Runc, container_id: str, bundle: Path) -> tuple[Started, asyncio.Task[None]]:
        """Run the container with fresh streams; also returns the task that copies its output into the log."""
        self.end_input()
        if self._terminal:
            started, master = await runc.run_tty(container_id, bundle)
            self._input = os.dup(master) if self._interactive else None
            return started, asyncio.create_task(self._copy({"stdout": master}))
        for fifo in self._fifos():
            fifo.unlink(missing_ok=True)
            os.mkfifo(fifo)
        copier = self.follow()
        descriptors = [self._childs_input(), *(os.open(fifo, os.O_RDWR) for fifo in self._fifos()[1:])]
        try:
            return await runc.run(container_id, bundle, Stdio(*descriptors)), copier
        except BaseException:
            copier.cancel()
            raise
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def follow(self) -> asyncio.Task[None]:
        """Copy the FIFOs into the log: from the start, or once a new agent has taken over."""
        if self._interactive and self._input is None and not self._terminal:
            self._input = os.open(self._fifos()[0], os.O_RDWR | os.O_NONBLOCK)
        ends = [] if self._terminal else self._fifos()[1:]
        return asyncio.create_task(self._copy({path.name: os.open(path, os.O_RDONLY | os.O_NONBLOCK) for path in ends}))

    def listen(self) -> Listener:
        """Hear the output from now on; give the listener back with `forget`."""
        listener = Listener()
        self._listeners.add(listener)
        return listener

    def forget(self, listener: Listener) -> None:
        self._listeners.discard(listener)
        listener.leave()

    def open_input(self) -> int | None:
        """A descriptor to write the container's input to, the caller's to close; None when it has none."""
        return os.dup(self._input) if self._input is not None else None

    def end_input(self) -> None:
        """Let the container's input end, where it can (see the module)."""
        if self._input is not None:
            os.close(self._input)
            self._input = None

    def _childs_input(self) -> int:
        if not self._interactive:
            return os.open(os.devnull, os.O_RDWR)
        return os.open(self._fifos()[0], os.O_RDONLY if self.once else os.O_RDWR)

    def _fifos(self) -> list[Path]:
        return [self._home / name for name in ("stdin", *OUTPUTS)]

    async def _copy(self, ends: dict[str, int]) -> None:
        try:
            await LogWriter(self._log_path(), self._tell).copy(ends)
        finally:
            self.end_input()
            for listener in list(self._listeners):
                await listener.put(None)

    async def _tell(self, stream: str, data: bytes) -> None:
        for listener in list(self._listeners):
            await listener.put((OUTPUTS[stream], data))
