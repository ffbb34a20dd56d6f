"""runc: start, exec and delete containers, and learn how their processes ended.

Containers and execs are detached, so they are orphans that the node's init reaps (see init): no process of
ours stands between a container's process and its pipes.
"""

from __future__ import annotations

import array
import asyncio
import contextlib
import json
import os
import socket
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .fdio import readable
from .process import Json

_RECORD_SECONDS = 5.0


class RuncError(RuntimeError):
    """runc refused; the text is its own."""


@dataclass(frozen=True)
class Stdio:
    """Descriptors handed to a process; runc makes its user their owner."""

    stdin: int
    stdout: int
    stderr: int


@dataclass(frozen=True)
class Started:
    """A process runc started: its PID on the node, and when we began starting it (CLOCK_MONOTONIC)."""

    pid: int
    since: float


class Runc:
    """runc with one state directory."""

    def __init__(self, root: Path, scratch: Path) -> None:
        self._root = root
        self._scratch = scratch
        scratch.mkdir(exist_ok=True)

    async def run(self, container_id: str, bundle: Path, stdio: Stdio) -> Started:
        """Create and start a container from its bundle; RuncError with runc's words."""
        words = ["run", "--detach", "--bundle", str(bundle)]
        return await self._start(words, [container_id], stdio)

    async def exec(self, container_id: str, process: Json, stdio: Stdio) -> Started:
        """Run one more process in a container."""
        file = self._file("process", json.dumps(process))
        try:
            return await self._start(["exec", "--detach", "--process", str(file)], [container_id], stdio)
        finally:
            file.unlink()

    async def run_tty(self, container_id: str, bundle: Path) -> tuple[Started, int]:
        """Like run, with a pseudo-terminal (as the bundle's config must say, too); also returns its master."""
        return await self._on_terminal(["run", "--detach", "--bundle", str(bundle)], container_id)

    async def exec_tty(self, container_id: str, process: Json) -> tuple[Started, int]:
        """Like exec, with a pseudo-terminal; also returns its master, which is the caller's to close."""
        file = self._file("process", json.dumps({**process, "terminal": True}))
        try:
            return await self._on_terminal(["exec", "--detach", "--process", str(file)], container_id)
        finally:
            file.unlink()

    async def _on_terminal(self, words: list[str], container_id: str) -> tuple[Started, int]:
        path = self._file("console", None)
        null = os.open(os.devnull, os.O_RDWR)
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(path))
            server.listen(1)
            try:
                words = [*words, "--console-socket", str(path)]
                started = await self._start(words, [container_id], Stdio(null, null, null))
                return started, _receive_master(server)
            finally:
                os.close(null)
                path.unlink()

    async def delete(self, container_id: str) -> None:
        """Remove a container, ending what still runs in it; an unknown one is fine."""
        await self._call(["delete", "--force", container_id], None)

    def _file(self, kind: str, text: str | None) -> Path:
        path = self._scratch / f"{kind}-{uuid.uuid4().hex}"
        if text is not None:
            path.write_text(text)
        return path

    async def _start(self, words: list[str], tail: list[str], stdio: Stdio) -> Started:
        since = time.monotonic()
        pid_file = self._file("pid", None)
        try:
            await self._call([*words, "--pid-file", str(pid_file), *tail], stdio)
            return Started(int(pid_file.read_text()), since)
        finally:
            pid_file.unlink(missing_ok=True)

    async def _call(self, words: Sequence[str], stdio: Stdio | None) -> None:
        """runc's own messages go to a log file, since its standard error is the container's."""
        said = self._file("log", None)
        argv = ["runc", "--root", str(self._root), "--log", str(said), "--log-format", "json", *words]
        null = asyncio.subprocess.DEVNULL
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=stdio.stdin if stdio else null,
            stdout=stdio.stdout if stdio else null,
            stderr=stdio.stderr if stdio else null,
        )
        try:
            if await process.wait() != 0:
                raise RuncError(_last_error(said) or f"runc {words[0]} ended with {process.returncode}")
        finally:
            said.unlink(missing_ok=True)


class Exits:
    """How orphans ended, as init recorded it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    async def wait(self, started: Started) -> int:
        """The exit code (128 + n for signal n) of a process; 137 when init has no record of it."""
        status = self._take(started)  # first: the number may be another process's by now
        if status is not None:
            return status
        with contextlib.suppress(ProcessLookupError):
            pidfd = os.pidfd_open(started.pid)
            try:
                await readable(pidfd)
            finally:
                os.close(pidfd)
        deadline = time.monotonic() + _RECORD_SECONDS
        while time.monotonic() < deadline:
            status = self._take(started)
            if status is not None:
                return status
            await asyncio.sleep(0.002)
        return 137

    def _take(self, started: Started) -> int | None:
        path = self._directory / str(started.pid)
        try:
            status, at = path.read_text().split()
        except FileNotFoundError:
            return None
        path.unlink(missing_ok=True)
        if float(at) < started.since:  # an earlier process of the same number
            return None
        code = os.waitstatus_to_exitcode(int(status))
        return code if code >= 0 else 128 - code


def kill(pid: int, number: int) -> None:
    """Signal a process that may have ended."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _receive_master(server: socket.socket) -> int:
    """The terminal's master as runc passes it: SCM_RIGHTS on the console socket (runc docs/terminals.md)."""
    connection, _ = server.accept()
    with connection:
        _, ancillary, _, _ = connection.recvmsg(4096, socket.CMSG_SPACE(4))
    descriptors = array.array("i")
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors.frombytes(data[: len(data) - len(data) % descriptors.itemsize])
    os.set_blocking(descriptors[0], False)
    return descriptors[0]


def _last_error(log: Path) -> str:
    with contextlib.suppress(FileNotFoundError):
        lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
        errors = [line["msg"] for line in lines if line.get("level") in ("error", "fatal")]
        return str(errors[-1])[:2000] if errors else ""
    return ""
