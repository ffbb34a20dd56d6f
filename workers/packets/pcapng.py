"""pcapng files: sections, interfaces, simple, enhanced and obsolete packet blocks (IETF draft-ietf-opsawg-pcapng).

Comments on sections, interfaces, their statistics and packets are kept, bounded. Other blocks (names, decryption
secrets, custom ones, ...) are passed over by their length, and nothing of them is kept.
"""

import struct
from collections.abc import Sequence

from msgspec import Struct

from workers.packets.options import Comments, options
from workers.packets.pcap import MAX_CAPTURED, Record

MAGIC = b"\x0a\x0d\x0d\x0a"
_SECTION, _INTERFACE, _OBSOLETE, _SIMPLE, _STATISTICS, _ENHANCED = 0x0A0D0D0A, 1, 2, 3, 5, 6
_ORDERS = {b"\x1a\x2b\x3c\x4d": ">", b"\x4d\x3c\x2b\x1a": "<"}
_MAX_KEPT = 1 << 20
"""Largest block that is read at all; larger ones are skipped (or, with packets in them, corruption)."""
_MAX_INTERFACES = 4096
_MAX_TIME = 1 << 62
"""Nanoseconds; later times (year 2116) are clamped so that arithmetic and calendars stay sane."""
_OPTION_TSRESOL, _OPTION_TSOFFSET = 9, 14


class _Interface(Struct):
    link_type: int
    snaplen: int
    ticks: int = 1_000_000
    """Ticks a second."""
    offset: int = 0
    """Seconds added to each time."""


class PcapngWalker:
    """walk(buffer) -> records that are complete in it; the caller keeps the rest. Starts at a section header."""

    format = "pcapng"

    def __init__(self) -> None:
        self.error: str | None = None
        self.need = 12
        self.snaplen = 0
        self.records = 0
        self.link_types: list[int] = []
        self.untimed = 0
        """Simple packet blocks, which carry no time: they get that of the packet before."""
        self.comments = Comments()
        self._order = "<"
        self._interfaces: list[_Interface] = []
        self._offset = self._begin = 0
        self._skip = 0
        self._last = 0
        self._end = 0
        self._why = ""

    def walk(self, buffer: bytes, at: int = 0) -> Sequence[Record]:
        """Records complete in the buffer from `at` on; sets `need` for the next block, and `error`."""
        records: list[Record] = []
        self._begin, size = at, len(buffer)
        self.need = 12
        while True:
            if self._skip:
                step = min(self._skip, size - at)
                at, self._skip = at + step, self._skip - step
                if self._skip:
                    self.need = 1
                    break
            if size - at < 12:
                break
            taken = self._block(buffer, at, size - at, records)
            if taken == 0:
                break
            at += taken
        self._offset += at - self._begin
        self.records += len(records)
        self._end = at
        return records

    def walked(self, records: Sequence[Record], buffer: bytes, at: int = 0) -> int:
        """Where the next block begins, after `walk`."""
        return self._end

    def close(self, left: int) -> None:
        """The stream ended with so many bytes unused."""
        if (left or self._skip) and self.error is None:
            self.error = f"the capture ends inside the block that starts at byte {self._offset:,}"

    def _block(self, buffer: bytes, at: int, left: int, records: list[Record]) -> int:
        """Read one block; bytes taken, or 0 when it is not complete yet or broken."""
        if buffer[at : at + 4] == MAGIC and not self._byte_order(buffer, at):
            return 0
        kind: int
        length: int
        kind, length = struct.unpack_from(self._order + "II", buffer, at)
        if length < 12 or length % 4:
            return self._broken(at, f"claims a length of {length:,}")
        if length > _MAX_KEPT:
            if kind in (_SECTION, _INTERFACE, _OBSOLETE, _SIMPLE, _ENHANCED):
                return self._broken(at, f"claims a length of {length:,}")
            self._skip = length - 8
            return 8
        if length > left:
            self.need = length
            return 0
        (trailer,) = struct.unpack_from(self._order + "I", buffer, at + length - 4)
        if trailer != length:
            return self._broken(at, f"has two different lengths, {length:,} and {trailer:,}")
        if not self._read(kind, buffer, at, length, records):
            return self._broken(at, self._why or "does not hold together")
        return length

    def _byte_order(self, buffer: bytes, at: int) -> bool:
        order = _ORDERS.get(buffer[at + 8 : at + 12])
        if order is None:
            self._broken(at, "has no known byte order")
            return False
        self._order = order
        return True

    def _broken(self, at: int, why: str) -> int:
        self.error = f"the capture is damaged: the block at byte {self._offset + at - self._begin:,} {why}"
        return 0

    def _read(self, kind: int, buffer: bytes, at: int, length: int, records: list[Record]) -> bool:
        if kind == _ENHANCED:
            return self._enhanced(buffer, at, length, records)
        if kind == _SECTION:
            return self._section(buffer, at, length)
        if kind == _INTERFACE:
            return self._interface(buffer, at, length)
        if kind == _SIMPLE:
            return self._simple(buffer, at, length, records)
        if kind == _OBSOLETE:
            return self._obsolete(buffer, at, length, records)
        if kind == _STATISTICS:
            self.comments.read(self._order, buffer, at + 20, at + length - 4)
        return True

    def _section(self, buffer: bytes, at: int, length: int) -> bool:
        """Interfaces are numbered anew in each section. Its length is not needed: blocks tell theirs."""
        self._interfaces = []
        if length < 28:
            return False
        (major,) = struct.unpack_from(self._order + "H", buffer, at + 12)
        if major != 1:  # blocks of another major version can't be read (section 4.1)
            self._why = f"begins a section of version {major}, which is not known"
            return False
        self.comments.read(self._order, buffer, at + 24, at + length - 4)
        return True

    def _interface(self, buffer: bytes, at: int, length: int) -> bool:
        if length < 20:
            return False
        if len(self._interfaces) >= _MAX_INTERFACES:
            self._why = f"describes interface {_MAX_INTERFACES + 1:,} of its section, more than are read"
            return False
        link_type, snaplen = struct.unpack_from(self._order + "HxxI", buffer, at + 8)
        interface = _Interface(link_type, snaplen)
        self._options(interface, buffer, at + 16, at + length - 4)
        self._interfaces.append(interface)
        self.snaplen = max(self.snaplen, snaplen)
        if link_type not in self.link_types:
            self.link_types.append(link_type)
        return True

    def _options(self, interface: _Interface, buffer: bytes, at: int, end: int) -> None:
        self.comments.read(self._order, buffer, at, end)
        for code, value, size in options(self._order, buffer, at, end):
            if code == _OPTION_TSRESOL and size == 1:
                power = buffer[value] & 0x7F
                interface.ticks = 1 << power if buffer[value] & 0x80 else 10**power
            elif code == _OPTION_TSOFFSET and size == 8:
                (interface.offset,) = struct.unpack_from(self._order + "q", buffer, value)

    def _enhanced(self, buffer: bytes, at: int, length: int, records: list[Record]) -> bool:
        if length < 32:
            return False
        number, high, low, captured, wire = struct.unpack_from(self._order + "IIIII", buffer, at + 8)
        return self._packet(buffer, number, high << 32 | low, at + 28, captured, wire, at + length - 4, records)

    def _obsolete(self, buffer: bytes, at: int, length: int, records: list[Record]) -> bool:
        if length < 32:
            return False
        number, _, high, low, captured, wire = struct.unpack_from(self._order + "HHIIII", buffer, at + 8)
        return self._packet(buffer, number, high << 32 | low, at + 28, captured, wire, at + length - 4, records)

    def _packet(
        self,
        buffer: bytes,
        number: int,
        ticks: int,
        body: int,
        captured: int,
        wire: int,
        end: int,
        records: list[Record],
    ) -> bool:
        if number >= len(self._interfaces):
            self._why = f"is of interface {number:,}, which its section does not describe"
        elif captured > MAX_CAPTURED:
            self._why = f"claims {captured:,} captured bytes, more than any capture has"
        if self._why or body + captured > end:
            return False
        interface = self._interfaces[number]
        time = ticks * 1_000_000_000 // interface.ticks + interface.offset * 1_000_000_000
        self._last = min(max(time, 0), _MAX_TIME)
        records.append((body, captured, wire, self._last, interface.link_type))
        after = body + captured + (-captured % 4)
        if end - after >= 4:
            self.comments.read(self._order, buffer, after, end, self.records + len(records))
        return True

    def _simple(self, buffer: bytes, at: int, length: int, records: list[Record]) -> bool:
        if length < 16 or not self._interfaces:
            return False
        (wire,) = struct.unpack_from(self._order + "I", buffer, at + 8)
        interface = self._interfaces[0]
        captured = min(wire, length - 16, interface.snaplen or wire)
        if captured > MAX_CAPTURED:
            return False
        self.untimed += 1
        records.append((at + 12, captured, wire, self._last, interface.link_type))
        return True
