"""Exec streams over WebSocket, as a kubelet speaks them (v4.channel.k8s.io and v5.channel.k8s.io).

Binary frames, first byte the channel: 0 stdin, 1 stdout, 2 stderr, 3 status, 4 resize; in v5 `\\xff\\x00`
closes stdin (k8s.io/apimachinery remotecommand constants; KEP-4006). At most 32,768 bytes of payload. The
process outlives its client: stdin then ends, and its output is read on and thrown away.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import struct
import termios
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from aiohttp import ClientConnectionResetError, WSMsgType, web

from .container import ContainerWorker
from .fdio import CHUNK, PIPE_SIZE, pipe, read_chunk, unbroken, write_all
from .process import Json, log
from .runtime import Exits, Runc, RuncError, Started, Stdio

V4, V5 = "v4.channel.k8s.io", "v5.channel.k8s.io"
_STDIN, _STDOUT, _STDERR, _STATUS, _RESIZE, _CLOSE = 0, 1, 2, 3, 4, 255
_MESSAGE_LIMIT = 16 * 1024 * 1024
_CLOSE_SECONDS = 5.0


@dataclass(frozen=True)
class ExecRequest:
    """What to run and which streams to carry."""

    command: list[str]
    stdin: bool
    stdout: bool
    stderr: bool
    tty: bool


class Refused(Exception):
    """No protocol both sides speak (HTTP 403)."""


def choose_protocol(offered: str) -> str | None:
    """v5 if offered, else v4; none offered is fine (None); only unknown ones are Refused."""
    names = [name.strip() for name in offered.split(",") if name.strip()]
    if not names:
        return None
    for known in (V5, V4):
        if known in names:
            return known
    raise Refused(f"unable to upgrade: none of the protocols {names} is known")


def success() -> Json:
    return {"metadata": {}, "status": "Success"}


def exited(command: list[str], code: int) -> Json:
    """The status of a command that ended with a code other than 0."""
    words = f"error executing command [{' '.join(command)}], exit code {code}"
    return {
        "metadata": {},
        "status": "Failure",
        "message": f"command terminated with non-zero exit code: {words}",
        "reason": "NonZeroExitCode",
        "details": {"causes": [{"reason": "ExitCode", "message": str(code)}]},
    }


def internal_error(text: str) -> Json:
    """The status of a command that never ran."""
    reason = f"error executing command in container: {text}"
    return {
        "metadata": {},
        "status": "Failure",
        "message": f"Internal error occurred: {reason}",
        "reason": "InternalError",
        "details": {"causes": [{"message": reason}]},
        "code": 500,
    }


class ExecSession:
    """One exec: a process in a container, and the client that may leave it."""

    def __init__(
        self, request: web.Request, socket: web.WebSocketResponse, asked: ExecRequest, runc: Runc, exits: Exits
    ) -> None:
        self._request = request
        self._socket = socket
        self._asked = asked
        self._runc = runc
        self._exits = exits
        self._client_here = True
        self._input: int | None = None
        self._outputs: list[tuple[int, int]] = []

    async def run(self, worker: ContainerWorker) -> None:
        """From start to status frame; returns when the process has ended and all its output is read."""
        try:
            started = await self._start(worker)
        except (RuncError, OSError) as error:
            await self._finish(internal_error(_start_failure(str(error))))
            return
        receiver = asyncio.create_task(self._receive())
        try:
            await asyncio.gather(*(self._send_output(fd, channel) for fd, channel in self._outputs))
            code = await self._exits.wait(started)
            await self._finish(exited(self._asked.command, code) if code else success())
        finally:
            receiver.cancel()
            await asyncio.wait({receiver})
            self._close_input()
            for fd, _ in self._outputs:
                os.close(fd)

    async def interrupt(self) -> None:
        """The agent ends: a v5 stream is told Success, a v4 one breaks off (as when a kubelet restarts)."""
        if self._socket.ws_protocol == V5:
            await self._finish(success())
        elif self._request.transport is not None:
            self._request.transport.abort()
        self._client_here = False

    async def refuse(self, text: str) -> None:
        """End a stream that never began with an InternalError."""
        await self._finish(internal_error(text))

    async def _start(self, worker: ContainerWorker) -> Started:
        process, container = worker.exec_process(self._asked.command), worker.record.container_id
        if self._asked.tty:
            process["env"] = [*process["env"], "TERM=xterm"]
            started, master = await self._runc.exec_tty(container, process)
            self._outputs = [(master, _STDOUT)]
            self._input = os.dup(master)
            return started
        async with self._pipes() as stdio:
            return await self._runc.exec(container, process, stdio)

    @contextlib.asynccontextmanager
    async def _pipes(self) -> AsyncIterator[Stdio]:
        """The process's three descriptors, closed on our side once it has them."""
        theirs, ours = [], []
        if self._asked.stdin:
            read, self._input = pipe("write")
            theirs.append(read)
        else:
            theirs.append(os.open(os.devnull, os.O_RDONLY))
        for wanted, channel in ((self._asked.stdout, _STDOUT), (self._asked.stderr, _STDERR)):
            if wanted:
                read, write = pipe("read")
                ours.append((read, channel))
                theirs.append(unbroken(write))
            else:
                theirs.append(os.open(os.devnull, os.O_WRONLY))
        self._outputs = ours
        try:
            yield Stdio(*theirs)
        except (RuncError, OSError):
            self._close_input()
            for fd, _ in ours:
                os.close(fd)
            raise
        finally:
            for fd in theirs:
                os.close(fd)

    async def _send_output(self, fd: int, channel: int) -> None:
        prefix = bytes([channel])
        while data := await read_chunk(fd, PIPE_SIZE):
            for start in range(0, len(data), CHUNK):
                if self._client_here:
                    await self._send(prefix + data[start : start + CHUNK])
            # A busy stream whose client keeps up never waits: let the others have the loop.
            await asyncio.sleep(0)

    async def _send(self, frame: bytes) -> None:
        try:
            await self._socket.send_bytes(frame)
        except (ClientConnectionResetError, ConnectionError, RuntimeError):  # RuntimeError: closed meanwhile
            self._client_here = False

    async def _receive(self) -> None:
        try:
            async for message in self._socket:
                if message.type in (WSMsgType.BINARY, WSMsgType.TEXT):
                    data = message.data.encode() if isinstance(message.data, str) else message.data
                    await self._take(data)
        finally:
            self._client_here = False
            self._close_input()

    async def _take(self, frame: bytes) -> None:
        channel, data = frame[0] if frame else _STDIN, frame[1:]
        if channel == _STDIN and self._input is not None and data:
            try:
                await write_all(self._input, data)
            except OSError:  # it closed its standard input or ended: what is left has no reader
                self._close_input()
        elif channel == _RESIZE and self._asked.tty:
            self._resize(data)
        elif channel == _CLOSE and data == b"\x00" and self._socket.ws_protocol == V5:
            self._close_input()

    def _resize(self, data: bytes) -> None:
        try:
            size = json.loads(data)
            packed = struct.pack("HHHH", int(size["Height"]), int(size["Width"]), 0, 0)
        except (ValueError, KeyError, TypeError, struct.error):
            return
        if self._input is not None:
            fcntl.ioctl(self._input, termios.TIOCSWINSZ, packed)

    def _close_input(self) -> None:
        if self._input is not None:
            os.close(self._input)
            self._input = None

    async def _finish(self, status: Json) -> None:
        if self._client_here:
            await self._send(bytes([_STATUS]) + json.dumps(status, separators=(",", ":")).encode())
        if self._client_here:
            await self._socket.close(code=1000)


def _start_failure(text: str) -> str:
    words = text if text.startswith("exec failed") else f"exec failed: {text}"
    return f"failed to exec in container: failed to start exec: OCI runtime exec failed: {words}: unknown"


Begin = Callable[[web.WebSocketResponse], ExecSession]


async def serve(request: web.Request, name: str, worker: ContainerWorker | None, begin: Begin) -> web.StreamResponse:
    """Answer an exec or attach request; the session goes on by itself when the client leaves."""
    protocol = choose_protocol(request.headers.get("Sec-WebSocket-Protocol", ""))
    running = worker is not None and worker.record.running
    missing = f'container not found ("{name}")'
    if not running and protocol != V5:
        return web.Response(status=500, text=missing)
    socket = web.WebSocketResponse(
        protocols=(protocol,) if protocol else (),
        compress=False,
        max_msg_size=_MESSAGE_LIMIT,
        timeout=_CLOSE_SECONDS,
    )
    await socket.prepare(request)
    await socket.send_bytes(b"\x01")
    session = begin(socket)
    if worker is None or not running:
        await session.refuse(missing)
        return socket
    task = asyncio.create_task(session.run(worker))
    task.add_done_callback(_report)
    _SESSIONS[task] = session
    task.add_done_callback(_SESSIONS.pop)
    await asyncio.wait({task})
    return socket


# Sessions whose client has left have nobody else to hold them.
_SESSIONS: dict[asyncio.Task[None], ExecSession] = {}


async def interrupt_all() -> None:
    """End every client's stream; the processes live on."""
    await asyncio.gather(*(session.interrupt() for session in list(_SESSIONS.values())))


def _report(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log("exec session failed", error=repr(error))
