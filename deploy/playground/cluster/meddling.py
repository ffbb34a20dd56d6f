"""A stream that goes wrong on purpose: the client's side of a relay, with a fault between it and the node.

Faults are those seen of real clusters (FACTS "Exec streams"): a bare EOF without a status, silence on an open
socket, a slow path, and a Success that comes before all bytes did. Bytes are counted as the client counts
them: payload of the stdout channel, WebSocket and channel bytes left out.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from dataclasses import dataclass

from .relay import Side

_BINARY, _CLOSE, _STDOUT = 0x2, 0x8, 1
_SUCCESS = b'\x03{"metadata":{},"status":"Success"}'
_CLOSE_NORMAL = b"\x88\x02\x03\xe8"
_CLOSE_SECONDS = 1.0
_TICK_SECONDS = 0.02
_QUEUE_LIMIT = 64 * 1024


@dataclass(frozen=True)
class StreamFault:
    """What happens to a stream once `after` bytes of stdout have passed.

    action: cut (in the middle of a frame, no status), stall, slow (to `rate` bytes a second, framing included)
    or lie (Success, close 1000). orphan: after cut and lie the process keeps its stdin open and its output is
    thrown away, as when the node's runtime restarts; else it sees that its client has gone.
    """

    action: str
    after: int = 0
    rate: int = 0
    orphan: bool = False


@dataclass(frozen=True)
class Frame:
    """One unmasked WebSocket frame (RFC 6455 section 5.2): all its bytes, and where its payload begins."""

    raw: bytes
    start: int

    @property
    def output(self) -> int:
        """Bytes of stdout in it."""
        carries = self.raw[0] & 0xF == _BINARY and self.raw[self.start : self.start + 1] == bytes([_STDOUT])
        return len(self.raw) - self.start - 1 if carries else 0


class Frames:
    """Bytes in, whole frames out."""

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, data: bytes | bytearray) -> list[Frame]:
        self._held += data
        found = []
        while frame := self._maybe_frame():
            found.append(frame)
        return found

    def rest(self) -> bytes:
        """The beginning of a frame that isn't whole yet, taken out."""
        held = bytes(self._held)
        self._held.clear()
        return held

    def _maybe_frame(self) -> Frame | None:
        if len(self._held) < 2:
            return None
        length, start = self._held[1] & 0x7F, 2
        if length > 125:
            start, form = (4, "!H") if length == 126 else (10, "!Q")
            if len(self._held) < start:
                return None
            (length,) = struct.unpack(form, self._held[2:start])
        if len(self._held) < start + length:
            return None
        raw = bytes(self._held[: start + length])
        del self._held[: start + length]
        return Frame(raw, start)


def frame(payload: bytes) -> bytes:
    """A binary frame as a server sends it; at most 65,535 bytes of payload."""
    size = len(payload)
    return bytes([0x80 | _BINARY]) + (bytes([size]) if size < 126 else b"\x7e" + struct.pack("!H", size)) + payload


class MeddledSide(Side):
    """The client's side; the fault works on what is written after `arm()`."""

    def __init__(self, fault: StreamFault, ended: Callable[[Exception | None], None] | None = None) -> None:
        super().__init__(ended)
        self._fault = fault
        self._frames = Frames()
        self._passed = 0
        self._armed = self._struck = self._blocked = self._last = False
        self._queue = bytearray()
        self._timer: asyncio.TimerHandle | None = None

    def arm(self) -> None:
        self._armed = True

    def write(self, data: bytes | bytearray) -> None:
        if not self._armed:
            super().write(data)
            return
        if self._struck:
            self._after(data)
        else:
            self._meet(data)

    def _meet(self, data: bytes | bytearray) -> None:
        """Frames up to the one that goes over the limit, and what came with it."""
        for found in self._frames.feed(data):
            self._pass(found)
        if self._struck:
            self._after(self._frames.rest())

    def _pass(self, found: Frame) -> None:
        if self._struck:
            self._after(found.raw)
        elif self._passed + found.output <= self._fault.after:
            self._passed += found.output
            super().write(found.raw)
        else:
            self._strike(found)

    def _strike(self, found: Frame) -> None:
        """The frame that goes over the limit."""
        self._struck = True
        action = getattr(self, f"_{self._fault.action}")
        action(found)

    def _cut(self, found: Frame) -> None:
        super().write(found.raw[: found.start + 1 + self._fault.after - self._passed])
        self._let_go()
        super().finish()

    def _lie(self, found: Frame) -> None:
        kept = found.raw[found.start : found.start + 1 + self._fault.after - self._passed]
        if len(kept) > 1:
            super().write(frame(kept))
        super().write(frame(_SUCCESS) + _CLOSE_NORMAL)
        self._let_go()
        self._timer = asyncio.get_running_loop().call_later(_CLOSE_SECONDS, super().finish)

    def data_received(self, data: bytes) -> None:
        """After a lie only the client's own close frame matters: it is the end."""
        if self._struck and self._fault.action in ("cut", "lie"):
            if data[0] & 0xF == _CLOSE:
                super().finish()
        else:
            super().data_received(data)

    def _stall(self, _: Frame) -> None:
        self._hold_back()

    def _slow(self, found: Frame) -> None:
        self._after(found.raw)

    def _after(self, data: bytes | bytearray) -> None:
        """What comes when the fault has struck: queued when slow, lost otherwise."""
        if self._fault.action != "slow":
            return
        self._queue += data
        if len(self._queue) > _QUEUE_LIMIT:
            self._hold_back()
        if self._timer is None:
            self._pump()

    def _pump(self) -> None:
        self._timer = None
        if not self._blocked:
            share = max(1, int(self._fault.rate * _TICK_SECONDS))
            super().write(bytes(self._queue[:share]))
            del self._queue[:share]
        if self._queue:
            self._timer = asyncio.get_running_loop().call_later(_TICK_SECONDS, self._pump)
        elif self._last:
            super().finish()
        if len(self._queue) < _QUEUE_LIMIT and not self._last:
            super().resume_writing()

    def _hold_back(self) -> None:
        super().pause_writing()

    def pause_writing(self) -> None:
        self._blocked = True
        super().pause_writing()

    def resume_writing(self) -> None:
        self._blocked = False
        if not self._struck:
            super().resume_writing()

    def finish(self) -> None:
        """The node's end of the stream: passed on late by a slow stream and never by a stalled one."""
        self._last = True
        if not self._struck or (self._fault.action == "slow" and not self._queue):
            super().finish()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)

    def _let_go(self) -> None:
        """The process at the node is told that its client has gone, or left as it is."""
        node = self.leave()
        if node is not None and not self._fault.orphan:
            node.abort()
