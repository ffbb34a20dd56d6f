# cython: annotation_typing=False
"""Puts the bytes of one TCP direction in order for a parser, bounded and aware of gaps.

In: segments as captured. Out: `data`, `skipped` and `gap` calls on the parser, in sequence order, each byte once. A
hole is waited for while at most MAX_PENDING bytes lie behind it, and given up when the receiver acknowledged past it
(it was received but not captured). What waited is handed on under its own frame number, with its own time if the hole
never filled; marks it earns go to `late`, since its frame was counted before. Bytes cut off by the snaplen are gaps
too. Payload is copied only when it waits behind a hole.
"""

from typing import Any

from workers.packets.packet import Packet

OF_SERVICES, OF_HTTP, OF_TLS, OF_DNS = 1, 2, 3, 4
"""Groups of parsers that share what they count, and nothing with others: as in core/order.pxi."""
MAX_PENDING = 128 * 1024
MAX_PIECES = 64
_MASK, _HALF = 0xFFFFFFFF, 0x80000000
_Piece = tuple[bytes, int, int, int]
"""Captured bytes, length on the wire, frame number, time."""


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


def opened(parser: Parser, late: dict[int, int]) -> "Stream":
    """A stream that hands bytes to this parser; `late` counts frames by marks found after the frame was counted."""
    made = Stream.__new__(Stream)  # the constructor's call costs more
    made.parser, made._late = parser, late
    made.next, made.skip, made._whole = -1, 0, True
    made.pending, made.pending_bytes = None, 0
    return made


class Stream:
    """One direction. `next` is the sequence number waited for, -1 before the first payload."""

    __slots__ = ("_late", "_whole", "next", "parser", "pending", "pending_bytes", "skip")

    parser: Parser
    _late: dict[int, int]
    next: int
    pending: dict[int, _Piece] | None
    """What waits behind a hole, by sequence number."""
    pending_bytes: int
    skip: int
    """Bytes to come that the parser does not need, be they captured or not."""
    _whole: bool

    def segment(self, packet: Packet, acked: int) -> None:
        """One segment with payload; `acked` is what the receiver has acknowledged so far, -1 unknown."""
        start, length, end = packet.payload, packet.payload_length, packet.end
        if packet.sequence == self.next and not self.pending and end - start == length:
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
            self._hold(packet, length)
        if self.pending:
            self._drain(packet, acked)

    def acknowledged(self, packet: Packet, acked: int) -> None:
        """The receiver says in this packet that it has bytes which are not in the capture."""
        before, packet.mask = packet.mask, 0
        self._drain(packet, acked)
        if packet.mask:
            self._late[packet.mask] = self._late.get(packet.mask, 0) + 1
        packet.mask = before

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

    def _hold(self, packet: Packet, length: int) -> None:
        if self.pending is None:
            self.pending = {}
        known = self.pending.get(packet.sequence)
        if known is not None and known[1] >= length:
            return
        data = packet.buffer[packet.payload : packet.end]
        self.pending[packet.sequence] = (data, length, packet.number, packet.time)
        self.pending_bytes += len(data) - (len(known[0]) if known else 0)

    def _drain(self, packet: Packet, acked: int) -> None:
        """Hand on what is in order now, and skip holes that will not fill."""
        filled = True
        while self.pending:
            sequence = self._oldest(self.pending)
            hole = (sequence - self.next) & _MASK
            if 0 < hole < _HALF:
                lost = acked >= 0 and 0 < (acked - self.next) & _MASK < _HALF
                if not lost and self.pending_bytes <= MAX_PENDING and len(self.pending) <= MAX_PIECES:
                    return
                self.next = sequence
                self._miss(hole, packet)
                filled = False
            self._take(sequence, packet, filled=filled)

    def _oldest(self, pending: dict[int, _Piece]) -> int:
        """Where the piece begins that comes first: before `next` or behind it (RFC 9293 section 3.4)."""
        first, least = -1, _MASK + 1
        for number in pending:
            place = (number - self.next) & _MASK ^ _HALF
            if place < least:
                first, least = number, place
        return first

    def _take(self, sequence: int, packet: Packet, *, filled: bool) -> None:
        """Hand on one piece as the packet it came in."""
        assert self.pending is not None
        data, length, number, time = self.pending.pop(sequence)
        self.pending_bytes -= len(data)
        old = (self.next - sequence) & _MASK
        if old >= length:
            return
        before = packet.number, packet.time, packet.mask, packet.payload, packet.end, packet.payload_length
        packet.number, packet.mask = number, 0
        packet.payload, packet.end, packet.payload_length = 0, len(data), length
        if not filled:
            packet.time = time
        self._deliver(data, min(old, len(data)), len(data), length - old, packet)
        if packet.mask:
            self._late[packet.mask] = self._late.get(packet.mask, 0) + 1
        packet.number, packet.time, packet.mask, packet.payload, packet.end, packet.payload_length = before

    def watching(self) -> bool:
        """Whether only segments that may begin a protocol are of interest: `may_begin` in core/steps.pxi."""
        return not self.pending and self.parser.watching()

    def flush(self, packet: Packet) -> None:
        """The conversation is over: hand on what waits, holes as gaps."""
        while self.pending:
            sequence = self._oldest(self.pending)
            hole = (sequence - self.next) & _MASK
            if 0 < hole < _HALF:
                self.next = sequence
                self._miss(hole, packet)
            self._take(sequence, packet, filled=False)
