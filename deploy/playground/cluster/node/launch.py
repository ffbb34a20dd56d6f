"""Starting and stopping a node from the server's side.

async with NodeProcess(NodeSettings(...)) as node:
    ...  # HTTP to node.settings.socket
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import sys
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from . import cgroups, small_disk
from .settings import NodeSettings

_ROOT = Path(__file__).resolve().parents[4]
_NAMESPACES = ("--pid", "--fork", "--kill-child", "--mount", "--net", "--uts", "--ipc")


class NodeError(RuntimeError):
    """The node did not come up."""


class NodeProcess:
    """One node's process tree. `log` gets its JSON lines; None leaves them on our standard error."""

    def __init__(self, settings: NodeSettings, log: IO[bytes] | None = None) -> None:
        self.settings = settings
        self._log = log
        self._process: asyncio.subprocess.Process | None = None

    async def start(self, seconds: float = 15.0) -> None:
        """Start and wait until /healthz answers; NodeError if it doesn't within `seconds`."""
        if os.geteuid() != 0:
            raise NodeError("a node needs root: it makes namespaces, mounts and cgroups")
        argv = ["unshare", *_NAMESPACES, sys.executable, "-m", __package__ or "", *self.settings.argv()]
        path = os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH", "")]))
        self._process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.PIPE if self.settings.lifeline else asyncio.subprocess.DEVNULL,
            stderr=self._log,
            env={**os.environ, "PYTHONPATH": path},
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(seconds):
                await self._until_healthy(self._process)
        except TimeoutError as late:
            await self.stop()
            raise NodeError(f"node {self.settings.name} was not healthy within {seconds:.0f} s") from late

    async def stop(self, seconds: float = 10.0) -> None:
        """End the tree (SIGTERM to its init, SIGKILL after `seconds`) and remove what outlives it."""
        if self._process is None:
            return
        if self._process.returncode is None:
            await self._end(self._process, seconds)
        await asyncio.to_thread(cgroups.remove, self.settings.cgroup)
        for folder in (self.settings.home, self.settings.disk):
            await asyncio.to_thread(shutil.rmtree, folder, True)
        with contextlib.suppress(OSError):  # another node's is there, or it has gone
            self.settings.disk.parent.rmdir()
        self._process = None

    @property
    def init_pid(self) -> int | None:
        """The PID of the node's init as seen from here."""
        with contextlib.suppress(FileNotFoundError, ValueError):
            return int((self.settings.home / "init.pid").read_text())
        return None

    def hold_agent(self) -> None:
        """No other agent is started when this one ends."""
        self.settings.hold.touch()

    def release_agent(self) -> None:
        """An agent that was held back starts again."""
        self.settings.hold.unlink(missing_ok=True)

    def set_room(self, room: int) -> None:
        """What pods write to from now on has room for so many bytes; 0 is the whole disk."""
        small_disk.write(self.settings.room, room)

    async def _end(self, process: asyncio.subprocess.Process, seconds: float) -> None:
        # unshare itself ignores SIGTERM while it waits; killed, it takes the tree with it (--kill-child).
        pid = self.init_pid
        try:
            if pid is None:
                process.kill()
            else:
                os.kill(pid, signal.SIGTERM)
            await asyncio.wait_for(process.wait(), seconds)
        except (TimeoutError, ProcessLookupError):
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _until_healthy(self, process: asyncio.subprocess.Process) -> None:
        while not await _healthy(self.settings.socket):
            if process.returncode is not None:
                raise NodeError(f"node {self.settings.name} ended at once with code {process.returncode}")
            await asyncio.sleep(0.02)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()


async def _healthy(socket: Path) -> bool:
    try:
        reader, writer = await asyncio.open_unix_connection(str(socket))
    except (FileNotFoundError, ConnectionRefusedError):
        return False
    try:
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n")
        return b" 200 " in await reader.readline()
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
