"""WebSocket frames out of bytes as they come, many at a time (RFC 6455, section 5.2). Pure, server to client only.

An exec's stream arrives in frames of 4 to 32 KiB; taking each from the socket by itself costs more than all else that
is done with the bytes. What a frame carries is handed on as it comes, and never kept or copied here.
"""

from collections.abc import Iterator
from dataclasses import dataclass

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
HEADER, LONGEST = 2, 10
_MORE = {126: 2, 127: 8}
"""Bytes of length after the first two, by the length these say."""


class BadFrame(ValueError):
    """Not a frame a server may send."""


@dataclass(slots=True)
class Frames:
    """Takes bytes, yields what frames carry. Keeps a frame's header at most."""

    _head: bytes = b""
    _opcode: int = 0
    _message: int = 0
    """The opcode of the message that continuation frames belong to."""
    _left: int = 0
    """Bytes of the frame still to come."""
    _final: bool = True
    _first: bool = False

    def feed(self, data: memoryview) -> Iterator[tuple[int, memoryview, bool, bool]]:
        """Yield (opcode, piece, whether a message begins with it, whether one ends). Raises BadFrame.

        Pieces are parts of `data`, and empty only where the frame is. A control frame (CLOSE, PING, PONG) may lie
        between the pieces of a message.
        """
        at, size = 0, len(data)
        while at < size:
            if not self._left:
                at = self._header(data, at)
                if self._head:
                    return
            end = min(size, at + self._left)
            self._left -= end - at
            yield self._opcode, data[at:end], self._first, self._final and not self._left
            self._first, at = False, end

    def _header(self, data: memoryview, at: int) -> int:
        """Read a header; returns where its payload begins. One that is not whole yet is kept in `_head`."""
        if not self._head and at + LONGEST <= len(data):
            used = _length(data[at : at + LONGEST])
            self._begin(data[at : at + used])
            return at + used
        while len(self._head) < _length(self._head):
            if at == len(data):
                return at
            self._head += data[at : at + 1]
            at += 1
        self._begin(memoryview(self._head))
        self._head = b""
        return at

    def _begin(self, head: memoryview) -> None:
        first, length = head[0], head[1]
        if length & 0x80 or first & 0x70:
            raise BadFrame(f"first bytes {first:#x} {length:#x}")
        opcode = first & 0x0F
        self._left = length if len(head) == HEADER else int.from_bytes(head[HEADER:], "big")
        self._final, self._first = bool(first & 0x80), opcode != CONTINUATION
        if CONTINUATION < opcode < CLOSE:
            self._message = opcode
        self._opcode = opcode or self._message


def _length(head: bytes | memoryview) -> int:
    """How long a header is that begins with `head`."""
    return HEADER if len(head) < HEADER else HEADER + _MORE.get(head[1] & 0x7F, 0)
