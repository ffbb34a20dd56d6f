# cython: annotation_typing=False
"""Walks the frames of one direction of an HTTP/2 connection, bounded: DATA is skipped, never kept.

After a gap the walk goes on at the next segment that begins with a frame.
"""

from workers.analysis.flows import Half
from workers.analysis.http import HttpParser
from workers.analysis.http2 import Connection, Http2Stage
from workers.analysis.http2_frames import (
    ACK,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HAS_PRIORITY,
    HEADERS,
    PADDED,
    PREFACE,
    PUSH_PROMISE,
    RST_STREAM,
    SETTINGS,
    SIZE,
    header,
    looks_like_frames,
    looks_like_preface,
    possible,
)
from workers.packets.packet import Packet
from workers.packets.stream import OF_HTTP, Parser

MAX_BLOCK = 16 * 1024
"""Bytes of one header block, CONTINUATION frames included; servers refuse more."""
_KEPT = {RST_STREAM: 4, GOAWAY: 8, HEADERS: MAX_BLOCK, PUSH_PROMISE: MAX_BLOCK, CONTINUATION: MAX_BLOCK}
"""How much of a frame is read, by type; of others nothing is."""
_BLOCKS = frozenset({HEADERS, PUSH_PROMISE, CONTINUATION})
_BEGUN = 64
"""What the beginning of a frame or a block takes beside its bytes."""


def _parser(half: Half) -> object:
    """Who reads a direction, behind the recogniser."""
    parser = getattr(half.stream, "parser", None)
    return getattr(parser, "inner", parser)


def begins(buffer: bytes, at: int, end: int, half: Half) -> bool:
    """Whether HTTP/2 begins here: by the preface, or by frames."""
    if buffer[at]:
        return looks_like_preface(buffer, at, end)
    return looks_like_frames(buffer, at, end, known=isinstance(_parser(half.peer), Http2Parser))


def open_parser(stage: Http2Stage, half: Half) -> "Http2Parser":
    """A parser for one direction, of the other direction's connection if that has one."""
    other = _parser(half.peer)
    if isinstance(other, Http2Parser):
        return Http2Parser(other.connection, half)
    asked = [parser.upgraded for parser in (_parser(half), other) if isinstance(parser, HttpParser)]
    upgraded = next((request for request in asked if request is not None), None)
    return Http2Parser(stage.open(half, upgraded), half)


class Http2Parser(Parser):
    """Reads the frames of one direction."""

    __slots__ = (
        "_begun", "_block", "_body", "_charged", "_first", "_flags", "_half", "_held", "_kind", "_left", "_length",
        "_lost", "_open", "_preface", "_room", "_spoilt", "_stream", "connection",
    )  # fmt: skip

    def __init__(self, connection: Connection, half: Half) -> None:
        self.connection = connection
        self._half = half
        self._preface = -1
        """Bytes of the preface that came; -1 when the next byte may begin it, or a frame."""
        self._first = True
        self._held = b""
        self._lost = False
        self._kind = self._flags = self._stream = self._length = 0
        self._left = self._room = 0
        """Bytes to come of the frame under way, and how many of them are read."""
        self._body = bytearray()
        self._block = bytearray()
        self._open: tuple[int, int, int] | None = None
        """Type, flags and stream of the header block under way."""
        self._begun = 0
        self._spoilt = False
        """Bytes of the header block under way are missing, or too many."""
        self._charged = 0
        """What the frame and the block under way take up in the stage's room."""

    def group(self) -> int:
        """Of which group it is."""
        return OF_HTTP

    def data(self, buffer: bytes, at: int, end: int, packet: Packet) -> int:
        """The next bytes. The rest of a frame whose payload is not read is not needed."""
        if self._lost:
            if not looks_like_frames(buffer, at, end, known=True):
                return 0
            self._lost = False
        if self._preface < len(PREFACE):
            at = self._begin(buffer, at, end)
        while at < end and not self._lost:
            if not self._left:
                at = self._header(buffer, at, end, packet)
                continue
            taken = min(self._left, end - at)
            if self._room:
                read = min(self._room, taken)
                self._body += buffer[at : at + read]
                self._room -= read
                if not self._room:
                    self._act(packet)
            self._left -= taken
            at += taken
            if self._kind == DATA:
                self._data(packet, last=not self._left)
        if self._body or self._block or self._charged:
            self._charge()
        rest = 0 if self._room else self._left
        self._left -= rest
        return rest

    def skipped(self, packet: Packet, whole: bool) -> None:
        """The rest of a frame is over."""
        if self._kind == DATA:
            self._data(packet, last=True)

    def gap(self, size: int, packet: Packet) -> None:
        """Bytes that are not in the capture; inside a frame the walk goes on behind them."""
        if 0 < size <= self._left:
            if self._room and self._kind in _BLOCKS:
                self._lose_block()
            self._left -= size
            self._room = 0
            self._body.clear()
        elif not self._lost:
            self._lose()
        if self._charged:
            self._charge()

    def _charge(self) -> None:
        """Keep what is there of a frame and of a header block; without room for that, both are lost."""
        held = len(self._body) + len(self._block)
        held = held + _BEGUN if held else 0
        if self.connection.stage.http.room.hold(self._charged, held):
            self._charged = held
            return
        self._charged = self._room = 0
        self._body.clear()
        self._lose_block()

    def close(self, now: int) -> None:
        """The conversation is over."""
        self._body.clear()
        self._block.clear()
        if self._charged:
            self._charge()
        self.connection.close(now)

    def _begin(self, buffer: bytes, at: int, end: int) -> int:
        """The client's preface, in pieces maybe; a server has none."""
        if self._preface < 0:
            if not looks_like_preface(buffer, at, end):
                self._preface = len(PREFACE)
                return at
            self._preface, self._first = 0, False
            self.connection.asks(self._half)
        taken = min(len(PREFACE) - self._preface, end - at)
        if buffer[at : at + taken] != PREFACE[self._preface : self._preface + taken]:
            self._lose()
            return end
        self._preface += taken
        return at + taken

    def _header(self, buffer: bytes, at: int, end: int, packet: Packet) -> int:
        """The 9 bytes before each frame's payload."""
        if not self._held:
            self._begun = packet.time if self._open is None else self._begun
        taken = min(SIZE - len(self._held), end - at)
        held = self._held + buffer[at : at + taken]
        if len(held) < SIZE:
            self._held = held
            return at + taken
        self._held = b""
        self._length, self._kind, self._flags, self._stream = header(held, 0)
        if not possible(self._length, self._kind, self._stream):
            self._lose()
            return end
        if self._first and self._kind == SETTINGS and not self._flags & ACK:
            self.connection.answers_from_here(self._half)
        self._first = False
        self._left = self._length
        kept = _KEPT.get(self._kind, 0) if self.connection.readable or self._kind not in _BLOCKS else 0
        self._room = min(self._left, kept)
        if self._open is not None and self._kind != CONTINUATION:
            self._lose_block()  # only CONTINUATION may follow (RFC 9113 section 6.10)
        if not self._room:
            self._act(packet)
        if self._kind == DATA:
            self._data(packet, last=not self._left)
        return at + taken

    def _data(self, packet: Packet, *, last: bool) -> None:
        ended = last and bool(self._flags & END_STREAM)
        self.connection.data(self._stream, self._half, packet, last=ended)

    def _act(self, packet: Packet) -> None:
        """What is read of the frame is there."""
        kind, body = self._kind, self._body
        if kind in _BLOCKS:
            if self.connection.readable:
                self._fragment(packet)
        elif kind == RST_STREAM and len(body) == 4:
            self.connection.reset(self._stream, int.from_bytes(body, "big"), packet)
        elif kind == GOAWAY and len(body) == 8:
            last = int.from_bytes(body[:4], "big") & 0x7FFFFFFF
            self.connection.goaway(last, int.from_bytes(body[4:], "big"), self._half, packet)
        self._body.clear()

    def _fragment(self, packet: Packet) -> None:
        """A piece of a header block; the block is read when it is complete."""
        if self._kind != CONTINUATION:
            self._open, self._spoilt = (self._kind, self._flags, self._stream), False
            self._block.clear()
        elif self._open is None or self._open[2] != self._stream:
            self._lose_block()
            return
        piece = self._unpadded()
        if piece is None or len(self._block) + len(piece) > MAX_BLOCK or self._length > len(self._body):
            self._spoilt = True
        else:
            self._block += piece
        if self._flags & END_HEADERS:
            self._end_block(packet)

    def _unpadded(self) -> bytes | None:
        """The fragment without padding and what stands before it (sections 6.2 and 6.6); None when malformed."""
        body, at, padding = self._body, 0, 0
        if self._kind == CONTINUATION:
            return bytes(body)
        if self._flags & PADDED:
            at, padding = 1, body[0] if body else 1
        if self._kind == PUSH_PROMISE:
            at += 4
        elif self._flags & HAS_PRIORITY:
            at += 5
        return bytes(body[at : len(body) - padding]) if at + padding <= len(body) else None

    def _end_block(self, packet: Packet) -> None:
        assert self._open is not None
        kind, flags, stream = self._open
        if self._spoilt:
            self._lose_block()
        elif kind == PUSH_PROMISE:
            self.connection.promise(bytes(self._block), self._half)
        else:
            last = bool(flags & END_STREAM)
            self.connection.block(bytes(self._block), stream, self._half, self._begun, packet, last=last)
        self._open = None
        self._block.clear()

    def _lose(self) -> None:
        """Nobody knows where the next frame begins."""
        self.connection.missed(self._half)
        self._lost, self._left, self._room, self._held = True, 0, 0, b""
        self._preface, self._first = len(PREFACE), False
        self._open = None
        self._body.clear()
        self._block.clear()

    def _lose_block(self) -> None:
        """A header block can't be read, nor what later blocks refer to of it."""
        self.connection.readers[self._half.key].lose()
        self._open = None
        self._block.clear()
