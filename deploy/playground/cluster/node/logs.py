"""Container logs in CRI format: `<RFC 3339 time> stdout|stderr F|P <line>`; kept in a file per attempt."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from .fdio import read_chunk

LINE_LIMIT = 16 * 1024
FILE_LIMIT = 10 * 1024 * 1024
_FOLLOW_SECONDS = 0.1


class LogWriter:
    """Copies a container's outputs into its log file until every writer is gone."""

    def __init__(self, path: Path, tell: Callable[[str, bytes], Awaitable[None]]) -> None:
        self._path = path
        self._tell = tell
        self._file = path.open("ab", buffering=0)

    async def copy(self, ends: dict[str, int]) -> None:
        """Read the descriptors (stream -> ours, non-blocking) to their ends, tell of each chunk, and close them."""
        try:
            await asyncio.gather(*(self._one(fd, stream) for stream, fd in ends.items()))
        finally:
            for fd in ends.values():
                os.close(fd)
            self._file.close()

    async def _one(self, fd: int, name: str) -> None:
        rest, stream = b"", name.encode()
        while data := await read_chunk(fd):
            await self._tell(name, data)
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                self._write(stream, b"F", line)
            while len(rest) >= LINE_LIMIT:
                self._write(stream, b"P", rest[:LINE_LIMIT])
                rest = rest[LINE_LIMIT:]
            await asyncio.sleep(0)  # a chatty container must not keep the loop
        if rest:
            self._write(stream, b"P", rest)

    def _write(self, stream: bytes, tag: bytes, line: bytes) -> None:
        if self._file.tell() > FILE_LIMIT:
            self._rotate()
        self._file.write(b" ".join((_stamp(time.time_ns()), stream, tag, line)) + b"\n")

    def _rotate(self) -> None:
        self._file.close()
        self._path.replace(self._path.with_suffix(".old"))
        self._file = self._path.open("ab", buffering=0)


@dataclass(frozen=True)
class LogQuery:
    """What of a log is asked for."""

    tail: int | None = None
    since_seconds: int | None = None
    limit: int | None = None
    timestamps: bool = False
    follow: bool = False


async def read(path: Path, query: LogQuery, ended: Callable[[], bool]) -> AsyncIterator[bytes]:
    """The log's bytes as `kubectl logs` shows them; following ends when `ended()` says so."""
    left = query.limit
    async for line in _lines(path, query, ended):
        text = _render(line, query.timestamps)
        text = text if left is None else text[:left]
        yield text
        if left is not None:
            left -= len(text)
            if left <= 0:
                return


def content(path: Path) -> list[bytes]:
    """Every line of a log, without times; [] when there is none."""
    try:
        with path.open("rb") as file:
            return [_render(line, timestamps=False) for line in _selected(file, LogQuery())]
    except FileNotFoundError:
        return []


async def _lines(path: Path, query: LogQuery, ended: Callable[[], bool]) -> AsyncIterator[bytes]:
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with contextlib.closing(file):
        for line in _selected(file, query):
            yield line
        rest = b""
        while query.follow:
            done = ended()
            lines = (rest + file.read()).splitlines(keepends=True)
            rest = lines.pop() if lines and not lines[-1].endswith(b"\n") else b""
            for line in lines:
                yield line
            if done:
                return
            if _replaced(path, file.fileno()):
                file.close()
                file = path.open("rb")
                continue
            await asyncio.sleep(_FOLLOW_SECONDS)


def _selected(file: Iterable[bytes], query: LogQuery) -> list[bytes]:
    lines = [line for line in file if line.endswith(b"\n")]
    if query.since_seconds is not None:
        first = _stamp(time.time_ns() - query.since_seconds * 1_000_000_000)
        lines = [line for line in lines if line[: len(first)] >= first]
    if query.tail is not None:
        lines = lines[-query.tail :] if query.tail > 0 else []
    return lines


def _replaced(path: Path, fd: int) -> bool:
    try:
        return path.stat().st_ino != os.fstat(fd).st_ino
    except FileNotFoundError:
        return False


def _render(line: bytes, timestamps: bool) -> bytes:
    stamp, _, tag, content = line.split(b" ", 3)
    text = content if tag == b"F" else content[:-1]
    return stamp + b" " + text if timestamps else text


def _stamp(nanoseconds: int) -> bytes:
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z".encode()
