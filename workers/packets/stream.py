# cython: annotation_typing=False
"""Puts the bytes of one TCP direction in order for a parser, bounded and aware of gaps.

In: segments as captured. Out: `data`, `skipped` and `gap` calls on the parser, in sequence order, each byte once. A
hole is waited for while at most MAX_PENDING bytes lie behind it and there is room for them, and given up when the
receiver acknowledged past it (it was received but not captured). What waited is handed on under its own frame number,
with its own time if the hole never filled; marks it earns go to `Commons.late`, since its frame was counted before.
Bytes cut off by the snaplen are gaps too. Payload is copied only where it waits and the parser may need it.
"""

from typing import Any

from workers.packets.packet import Packet
from workers.packets.room import Room

OF_SERVICES, OF_HTTP, OF_TLS, OF_DNS = 1, 2, 3, 4
"""Groups of parsers that share what they count, and nothing with others: as in core/order.pxi."""
MAX_PENDING = 128 * 1024
MAX_PIECES = 64
_PIECE = 256
"""What a piece costs beside its bytes."""
_MASK, _HALF = 0xFFFFFFFF, 0x80000000
_Piece = tuple[bytes, int, int, int, int]
"""The bytes, or none where nobody needs them; how many were captured, and how many sent; frame number, time."""


class Parser:
    """Reads one direction of an application protocol."""

    __slots__ = ()

    def data(self, buffer: bytes, at: int, end: int, packet: Packet) -> int:
        """The next bytes, which became complete with this packet; how many after them it does not need to see."""
        raise NotImplementedError

    def skipped(self, packet: Packet, whole: bool) -> None:
        """The bytes it did not need to see ended with this packet; `whole` when all of them were captured."""
        raise NotImplementedError

    def gap(self, size: int, packet: Packet) -> None:
        """So many bytes are not in the capture."""
        raise NotImplementedError

    def between(self) -> bool:
        """Whether no message is under way, and another protocol may begin here."""
        return False

    def watching(self) -> bool:
        """Whether it waits for what may begin a protocol, and has nothing in hand."""
        return False

    def group(self) -> int:
        """Of which group it is; 0 while no protocol is known."""
        return 0

    def fin(self, packet: Packet) -> None:
        """The sender has no more to say."""

    def close(self, now: int) -> None:
        """The conversation is over, at `now`, and both its directions were handed on."""

    def make_way(self, now: int) -> None:
        """Another protocol follows in this direction from `now` on: nothing more is answered. What is told of that must
        hang on what was handed on alone, as the core may be ahead of it."""


class Outer(Parser):
    """Stands for another parser, once that is known."""

    __slots__ = ("inner",)
    inner: Parser | None

    def succeed(self, buffer: bytes, at: int, end: int, packet: Packet) -> int:
        """The bytes behind those with which the parser said that another protocol follows; as `data`."""
        raise NotImplementedError


class Direction:
    """One direction of a TCP or UDP conversation, as parsers know it."""

    __slots__ = ("flow", "key", "peer", "stream")

    flow: Any
    key: bytes
    """Both ends as on the wire, the sender's first."""
    peer: "Direction"
    stream: "Stream | None"
    """None before the first bytes that a parser may want."""

    def speaks(self, application: str) -> None:
        """The conversation's application protocol is known."""
        raise NotImplementedError

    def awaited(self) -> int:
        """The sequence number that its stream waits for, or begins with; -1 when that is unknown."""
        raise NotImplementedError


class Handlers:
    """What a core hands packets and conversations to."""

    def open_stream(self, half: Any) -> "Stream":
        """The stream of a direction that sends its first payload."""
        raise NotImplementedError

    def datagram(self, packet: Packet, source: int, destination: int) -> str:
        """One datagram from or to a port that is read; the application it belongs to, "" for none."""
        raise NotImplementedError

    def long_header(self, packet: Packet, half: Any) -> None:
        """A datagram that begins as QUIC does, on other ports."""
        raise NotImplementedError

    def over(self, half: Any, packet: Packet, now: int) -> None:
        """A conversation that a parser knows is over, at `now`; `half` is its client's direction."""
        raise NotImplementedError

    def latency(self, time: int, took: int) -> None:
        """One handshake."""
        raise NotImplementedError


class Commons:
    """What the streams of an analysis share."""

    __slots__ = ("late", "rooms")

    def __init__(self, late: dict[int, int], rooms: tuple[Room, ...]) -> None:
        self.late = late
        """Frames by marks that were found after the frame was counted."""
        self.rooms = rooms
        """For what waits behind holes, by the group of the parser that is to read it."""


def opened(parser: Parser, commons: Commons) -> "Stream":
    """A stream that hands bytes to this parser."""
    made = Stream.__new__(Stream)  # the constructor's call costs more
    made.parser, made._commons = parser, commons
    made.next, made.skip, made._whole = -1, 0, True
    made.pending = None
    return made


class Pending:
    """What waits behind a hole."""

    __slots__ = ("bytes", "charged", "pieces", "room")

    def __init__(self, room: Room) -> None:
        self.pieces: dict[int, _Piece] = {}
        """By sequence number."""
        self.bytes = 0
        self.room = room
        self.charged = 0
        """What it takes up there."""


class Stream:
    """One direction. `next` is the sequence number waited for, -1 before the first payload."""

    __slots__ = ("_commons", "_whole", "next", "parser", "pending", "skip")

    parser: Parser
    _commons: Commons
    next: int
    pending: Pending | None
    skip: int
    """Bytes to come that the parser does not need, be they captured or not."""
    _whole: bool

    def segment(self, packet: Packet, acked: int) -> None:
        """One segment with payload; `acked` is what the receiver has acknowledged so far, -1 unknown."""
        start, length, end = packet.payload, packet.payload_length, packet.end
        if packet.sequence == self.next and self.pending is None and end - start == length:
            self.next = (self.next + length) & _MASK
            if not self.skip:
                self.skip = self.parser.data(packet.buffer, start, end, packet)
            elif length < self.skip:
                self.skip -= length
            else:
                self._deliver_rest(packet.buffer, start, end, packet)
            return
        if self.next < 0:
            self.next = packet.sequence
        ahead = (packet.sequence - self.next) & _MASK
        if ahead == 0:
            self._deliver(packet.buffer, start, packet.end, length, packet)
        elif ahead >= _HALF:
            old = _MASK + 1 - ahead
            if old >= length:
                return
            self._deliver(packet.buffer, min(start + old, packet.end), packet.end, length - old, packet)
        else:
            self._hold(packet, length, ahead)
        if self.pending is not None:
            self._drain(self.pending, packet, acked)

    def acknowledged(self, packet: Packet, acked: int) -> None:
        """The receiver says in this packet that it has bytes which are not in the capture."""
        if self.pending is None:
            return
        before, packet.mask = packet.mask, 0
        self._drain(self.pending, packet, acked)
        self._tell_late(packet)
        packet.mask = before

    def _tell_late(self, packet: Packet) -> None:
        """Count the marks that a frame earned after it was counted."""
        if packet.mask:
            late = self._commons.late
            late[packet.mask] = late.get(packet.mask, 0) + 1

    def _deliver_rest(self, buffer: bytes, start: int, end: int, packet: Packet) -> None:
        """The bytes nobody needs end here; what follows is for the parser."""
        start += self.skip
        self.skip = 0
        whole, self._whole = self._whole, True
        self.parser.skipped(packet, whole)
        if start < end:
            self.skip = self.parser.data(buffer, start, end, packet)

    def _deliver(self, buffer: bytes, start: int, end: int, length: int, packet: Packet) -> None:
        self.next = (self.next + length) & _MASK
        captured = max(0, end - start)
        if captured and self.skip > captured:
            self.skip -= captured
        elif captured and self.skip:
            self._deliver_rest(buffer, start, end, packet)
        elif captured:
            self.skip = self.parser.data(buffer, start, end, packet)
        if captured < length:
            self._miss(length - captured, packet)

    def _miss(self, size: int, packet: Packet) -> None:
        """Bytes that are not there: the parser hears of those it would have wanted."""
        skipped = min(self.skip, size)
        self.skip -= skipped
        if skipped:
            self._whole = self.skip == 0
            if self._whole:
                self.parser.skipped(packet, False)
        if size > skipped:
            self.parser.gap(size - skipped, packet)

    def _hold(self, packet: Packet, length: int, ahead: int) -> None:
        waiting = self.pending
        if waiting is None:
            waiting = self.pending = Pending(self._commons.rooms[self.parser.group()])
        known = waiting.pieces.get(packet.sequence)
        if known is not None:
            if known[2] >= length:
                return
            waiting.bytes -= len(known[0])
        data = b"" if ahead + length <= self.skip else packet.buffer[packet.payload : packet.end]
        captured = packet.end - packet.payload
        waiting.pieces[packet.sequence] = (data, captured, length, packet.number, packet.time)
        waiting.bytes += len(data)

    def _drain(self, waiting: Pending, packet: Packet, acked: int) -> None:
        """Hand on what is in order now, and skip holes that will not fill."""
        filled = True
        while waiting.pieces:
            sequence = self._oldest(waiting.pieces)
            hole = (sequence - self.next) & _MASK
            if 0 < hole < _HALF:
                lost = acked >= 0 and 0 < (acked - self.next) & _MASK < _HALF
                if not lost and self._may_wait(waiting):
                    return
                self.next = sequence
                self._miss(hole, packet)
                filled = False
            self._take(waiting, sequence, packet, filled=filled)
        self._no_longer(waiting)

    def _may_wait(self, waiting: Pending) -> bool:
        """Whether that is little enough, of this stream and of all."""
        if waiting.bytes > MAX_PENDING or len(waiting.pieces) > MAX_PIECES:
            return False
        room = self._commons.rooms[self.parser.group()]
        if room is not waiting.room:  # it is known by now who reads it
            waiting.room.hold(waiting.charged, 0)
            waiting.room, waiting.charged = room, 0
        cost = waiting.bytes + _PIECE * len(waiting.pieces)
        fits = room.hold(waiting.charged, cost)
        waiting.charged = cost if fits else 0
        return fits

    def _no_longer(self, waiting: Pending) -> None:
        """Nothing waits any more."""
        waiting.room.hold(waiting.charged, 0)
        self.pending = None

    def _oldest(self, pieces: dict[int, _Piece]) -> int:
        """Where the piece begins that comes first: before `next` or behind it (RFC 9293 section 3.4)."""
        first, least = -1, _MASK + 1
        for number in pieces:
            place = (number - self.next) & _MASK ^ _HALF
            if place < least:
                first, least = number, place
        return first

    def _take(self, waiting: Pending, sequence: int, packet: Packet, *, filled: bool) -> None:
        """Hand on one piece as the packet it came in."""
        data, captured, length, number, time = waiting.pieces.pop(sequence)
        waiting.bytes -= len(data)
        old = (self.next - sequence) & _MASK
        if old >= length:
            return
        before = packet.number, packet.time, packet.mask, packet.payload, packet.end, packet.payload_length
        packet.number, packet.mask = number, 0
        packet.payload, packet.end, packet.payload_length = 0, captured, length
        if not filled:
            packet.time = time
        self._deliver(data, min(old, captured), captured, length - old, packet)
        self._tell_late(packet)
        packet.number, packet.time, packet.mask, packet.payload, packet.end, packet.payload_length = before

    def watching(self) -> bool:
        """Whether only segments that may begin a protocol are of interest: `may_begin` in core/steps.pxi."""
        return self.pending is None and self.parser.watching()

    def flush(self, packet: Packet) -> None:
        """The conversation is over: hand on what waits, holes as gaps."""
        waiting = self.pending
        if waiting is None:
            return
        while waiting.pieces:
            sequence = self._oldest(waiting.pieces)
            hole = (sequence - self.next) & _MASK
            if 0 < hole < _HALF:
                self.next = sequence
                self._miss(hole, packet)
            self._take(waiting, sequence, packet, filled=False)
        self._no_longer(waiting)
