"""WebSocket frames out of bytes as they come, many at a time (RFC 6455, section 5.2). Pure, server to client only.

An exec's stream arrives in frames of 4 to 32 KiB; taking each from the socket by itself costs more than all else that
is done with the bytes.
"""

from collections.abc import Iterator
from dataclasses import dataclass

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
MAX_FRAME = 64 << 20
"""Larger frames are no stream of an exec."""


class BadFrame(ValueError):
    """Not a frame a server may send."""


@dataclass(slots=True)
class Frames:
    """Takes bytes, yields whole messages as (opcode, payload). Keeps what is not whole yet."""

    _rest: bytes = b""
    _opcode: int = 0
    _parts: bytes = b""

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield what has become whole. Raises BadFrame."""
        data = self._rest + data if self._rest else data
        at, size = 0, len(data)
        try:
            while at + 2 <= size:
                body, length = self._bounds(data, at)
                if body + length > size:
                    break
                first, start, at = data[at], body, body + length
                yield from self._message(first, data[start:at])
        finally:
            self._rest = data[at:]

    def _bounds(self, data: bytes, at: int) -> tuple[int, int]:
        """Return where the payload of the frame at `at` begins and its length; a length not known yet is MAX_FRAME."""
        length, body = data[at + 1], at + 2
        if length & 0x80 or data[at] & 0x70:
            raise BadFrame(f"first bytes {data[at]:#x} {length:#x}")
        if length > 125:
            body += 2 if length == 126 else 8
            length = int.from_bytes(data[at + 2 : body], "big") if body <= len(data) else MAX_FRAME
        if length > MAX_FRAME:
            raise BadFrame(f"frame of {length} bytes")
        return body, length

    def _message(self, first: int, payload: bytes) -> Iterator[tuple[int, bytes]]:
        opcode, final = first & 0x0F, first & 0x80
        if opcode >= CLOSE or (final and opcode != CONTINUATION):
            yield opcode, payload
            return
        if opcode != CONTINUATION:
            self._opcode, self._parts = opcode, b""
        self._parts += payload
        if final:
            yield self._opcode, self._parts
            self._parts = b""
