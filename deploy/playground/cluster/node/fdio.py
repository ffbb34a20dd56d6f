"""Non-blocking reads and writes of pipes on the event loop, one chunk at a time: never a buffer of ours."""

from __future__ import annotations

import asyncio
import fcntl
import os

CHUNK = 32_768
# Fewer, larger reads: with the usual 64 KiB a busy stream costs a wake-up for each frame.
PIPE_SIZE = 256 * 1024


async def readable(fd: int) -> None:
    """Wait until the descriptor can be read (a pidfd: until its process has ended)."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    loop.add_reader(fd, _settle, ready)
    try:
        await ready
    finally:
        loop.remove_reader(fd)


async def _writable(fd: int) -> None:
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    loop.add_writer(fd, _settle, ready)
    try:
        await ready
    finally:
        loop.remove_writer(fd)


def _settle(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)


async def read_chunk(fd: int, size: int = CHUNK) -> bytes:
    """Up to `size` bytes; b"" once every writer is gone (EIO of a pseudo-terminal means the same)."""
    while True:
        try:
            return os.read(fd, size)
        except BlockingIOError:
            await readable(fd)
        except OSError:  # EIO: the terminal's last slave closed
            return b""


async def write_all(fd: int, data: bytes) -> None:
    """Write everything, waiting for the reader; BrokenPipeError when it is gone."""
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(fd, view) :]
        except BlockingIOError:
            await _writable(fd)


def pipe(nonblocking: str) -> tuple[int, int]:
    """(read end, write end); only the end named ("read" or "write") is ours and non-blocking."""
    read, write = os.pipe()
    os.set_blocking(read if nonblocking == "read" else write, False)
    fcntl.fcntl(read, fcntl.F_SETPIPE_SZ, PIPE_SIZE)
    return read, write


def unbroken(write: int) -> int:
    """The write end opened both ways, in place of it: whoever holds it gets no SIGPIPE when our end is gone."""
    both = os.open(f"/proc/self/fd/{write}", os.O_RDWR)
    os.close(write)
    return both
