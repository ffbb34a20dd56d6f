# cython: annotation_typing=False
"""Reads one direction of a protocol whose messages begin with their size.

A protocol derives from `FramedParser` and says what the first bytes of a message mean; this file puts them together
over segments, has the rest skipped, keeps step over what the snaplen cut off, and finds back in behind a gap: at the
next segment that begins with a message. A parser whose first messages do not add up answers NOT_MINE.
"""

from typing import ClassVar

from workers.analysis.services import Exchange
from workers.packets.packet import Packet
from workers.packets.stream import OF_SERVICES, Parser

NOT_MINE = -1
"""Instead of a number of bytes to skip: these bytes are another protocol's."""
NO_END = 1 << 62


class ServiceParser(Parser):
    """What the recogniser knows of a parser of one direction."""

    __slots__ = ("_held", "exchange")

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self._held = b""
        """The beginning of a message, for which the exchange has room: see `_keep` and `let_go`."""

    def group(self) -> int:
        """Of which group it is."""
        return OF_SERVICES

    def close(self, now: int) -> None:
        """What was never answered stays so."""
        self.let_go()
        self.exchange.close(now)

    def make_way(self, now: int) -> None:
        """Nor is what waits when another protocol follows."""
        self.let_go()
        self.exchange.make_way(now)

    def _keep(self, held: bytes, packet: Packet) -> int:
        """Hold this beginning of a message; without room for it, go on as behind a gap. Nothing is to be skipped."""
        before, self._held = len(self._held), held
        if not self.exchange.hold(before, len(held)):
            self._held = b""
            self._lose(packet)
        return 0

    def let_go(self) -> bytes:
        """What was held, and is no longer."""
        held, self._held = self._held, b""
        if held:
            self.exchange.hold(len(held), 0)
        return held

    def _lose(self, packet: Packet) -> None:
        """Bytes of this direction are missing: find back in at the next segment that begins with a message."""
        raise NotImplementedError


class FramedParser(ServiceParser):
    """One direction. `head` is how many bytes tell a message's size; `begun` is when the message under way began."""

    __slots__ = ("_lost", "_rest", "begun", "head")
    REPLIES: ClassVar[bool] = False

    def __init__(self, exchange: Exchange, head: int) -> None:
        super().__init__(exchange)
        self.head = head
        self.begun = 0
        self._rest = 0
        """Bytes of a cut message that are still to come."""
        self._lost = False

    def size(self, buffer: bytes, at: int, end: int) -> int:
        """Bytes of the message whose first `head` are here; 0 when more must be seen, -1 when it is none."""
        raise NotImplementedError

    def wanted(self, buffer: bytes, at: int) -> int:
        """How many bytes of the message to look at, at most."""
        raise NotImplementedError

    def message(self, buffer: bytes, at: int, end: int, packet: Packet) -> bool:
        """Act on the message that begins at `at`; fewer bytes than wanted when it is short or cut.

        False when it does not add up.
        """
        raise NotImplementedError

    def done(self, packet: Packet) -> None:
        """The message's last byte came with this packet."""

    def whole(self, buffer: bytes, at: int, end: int, packet: Packet) -> int:
        """Act on ordinary messages that begin here and are here as a whole; the offset after them.

        Nothing has to be done here, but for speed. What is left to `message` begins at that offset.
        """
        return at

    def starts(self, buffer: bytes, at: int, end: int) -> bool:
        """Whether these bytes surely begin a message."""
        raise NotImplementedError

    def data(self, buffer: bytes, at: int, end: int, packet: Packet) -> int:
        """The next bytes."""
        if self._rest or self._lost or self._held or self.exchange.stopped:
            return self._resume(buffer, at, end, packet)
        self.begun = packet.time
        at = self.whole(buffer, at, end, packet)
        return 0 if at == end else self._walk(buffer, at, end, packet)

    def _resume(self, buffer: bytes, at: int, end: int, packet: Packet) -> int:
        """Bytes that do not begin with a message, or behind a gap."""
        if self.exchange.stopped:
            return NO_END
        if self._rest:
            taken = min(self._rest, end - at)
            self._rest -= taken
            at += taken
            if self._rest == 0:
                self.done(packet)
        if self._lost:
            if not self.starts(buffer, at, end):
                return 0
            self._lost = False
        if self._held:
            buffer, at = self.let_go() + buffer[at:end], 0
            end = len(buffer)
        else:
            self.begun = packet.time
            at = self.whole(buffer, at, end, packet)
        return self._walk(buffer, at, end, packet)

    def _walk(self, buffer: bytes, at: int, end: int, packet: Packet) -> int:
        """Every message that is here; how many bytes of the last one are still to come and not needed."""
        while at < end:
            size = self.size(buffer, at, end) if end - at >= self.head else 0
            if size < 0:
                return self._stumble(packet)
            need = min(size, self.wanted(buffer, at)) if size else end - at + 1
            if end - at < need:
                return self._keep(buffer[at:end], packet)
            if not self.message(buffer, at, at + need, packet):
                return self._stumble(packet)
            at += size
            if at <= end:
                self.done(packet)
            if self.exchange.stopped:
                return NO_END
            self.begun = packet.time
            if at < end:
                at = self.whole(buffer, at, end, packet)
        return at - end

    def _stumble(self, packet: Packet) -> int:
        if not self.exchange.paired:
            return NOT_MINE
        self._lose(packet)
        return 0

    def _lose(self, packet: Packet) -> None:
        self._lost = True
        self.exchange.gap(packet.number, replies=self.REPLIES)

    def skipped(self, packet: Packet, whole: bool) -> None:
        """The rest of a message is over."""
        self.done(packet)

    def gap(self, size: int, packet: Packet) -> None:
        """Bytes that are not in the capture: a message whose size is known goes on behind them."""
        held = self.let_go()
        left, self._rest = self._rest - size, 0
        if len(held) >= self.head:
            whole = self.size(held, 0, len(held))
            if whole > 0 and self.message(held, 0, len(held), packet):
                left = whole - len(held) - size
        if left > 0:
            self._rest = left
        elif left == 0:
            self.done(packet)
        else:
            self._lose(packet)
