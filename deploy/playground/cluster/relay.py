"""Two sockets joined after an upgrade: bytes pass as they come, and a slow side slows the other.

No frame is looked at or copied: what one transport reads is what the other writes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

_HIGH_WATER = 1 << 20
_LARGEST_HEAD = 64 * 1024


class Side(asyncio.Protocol):
    """One end. Until joined it collects what arrives; `ended` is called once when its socket is gone."""

    def __init__(self, ended: Callable[[Exception | None], None] | None = None) -> None:
        self.transport: asyncio.Transport | None = None
        self.early = bytearray()
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._peer: Side | None = None
        self._ended = ended
        self._arrived = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.attach(transport)

    def attach(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        transport.set_write_buffer_limits(high=_HIGH_WATER)

    def data_received(self, data: bytes) -> None:
        if self._peer is not None:
            self._peer.write(data)
            return
        self.early += data
        self._arrived.set()

    def write(self, data: bytes | bytearray) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(data)

    def pause_writing(self) -> None:
        if self._peer and self._peer.transport:
            self._peer.transport.pause_reading()

    def resume_writing(self) -> None:
        if self._peer and self._peer.transport:
            self._peer.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self._arrived.set()
        if not self.closed.done():
            self.closed.set_result(None)
        if self._peer:
            self._peer.finish()
        if self._ended:
            self._ended(exc)

    def finish(self) -> None:
        """The other end has closed: so does this one, once everything is written."""
        if self.transport is not None:
            self.transport.close()

    def leave(self) -> Side | None:
        """Part from the peer, whose bytes go nowhere from now on; the peer is returned."""
        peer, self._peer = self._peer, None
        if peer is not None:
            peer._peer = Side()
            if peer.transport is not None:
                peer.transport.resume_reading()
        return peer

    async def head(self) -> bytes:
        """An HTTP head up to and with its empty line; ConnectionError when the socket closes first."""
        while b"\r\n\r\n" not in self.early:
            if self.closed.done() or len(self.early) > _LARGEST_HEAD:
                raise ConnectionError("the node's agent closed before it answered")
            self._arrived.clear()
            await self._arrived.wait()
        head, _, rest = bytes(self.early).partition(b"\r\n\r\n")
        self.early = bytearray(rest)
        return head + b"\r\n\r\n"

    async def body(self, length: int | None) -> bytes:
        """`length` bytes after the head, or everything until the socket closes."""
        while not self.closed.done() and (length is None or len(self.early) < length):
            self._arrived.clear()
            await self._arrived.wait()
        return bytes(self.early)

    def abort(self) -> None:
        if self.transport is not None:
            self.transport.abort()


def join(left: Side, right: Side) -> None:
    """From now on bytes flow; what was collected goes first."""
    left._peer, right._peer = right, left
    for side, peer in ((left, right), (right, left)):
        if side.early:
            peer.write(side.early)
            side.early = bytearray()
        if side.closed.done():
            peer.finish()
