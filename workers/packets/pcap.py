"""Classic pcap files: header and record walk (IETF draft-ietf-opsawg-pcap; magics as in pcap-savefile(5)).

Both byte orders, micro- and nanosecond magics, and Kuznetzov's modified format (24-byte record headers).
"""

import struct
from collections.abc import Sequence

from workers.core import BUILT

if BUILT:
    from workers.core.core import Records, walk_pcap

from workers.packets.options import Comments

HEADER = 24
MAX_CAPTURED = 262_144
"""libpcap's largest snapshot length; a record that claims more is corruption."""
Record = tuple[int, int, int, int, int]
"""(offset of the packet in the buffer, captured bytes, bytes on the wire, epoch nanoseconds, link type)"""

_MAGICS = {
    b"\xa1\xb2\xc3\xd4": (">", 1000, 16),
    b"\xd4\xc3\xb2\xa1": ("<", 1000, 16),
    b"\xa1\xb2\x3c\x4d": (">", 1, 16),
    b"\x4d\x3c\xb2\xa1": ("<", 1, 16),
    b"\xa1\xb2\xcd\x34": (">", 1000, 24),
    b"\x34\xcd\xb2\xa1": ("<", 1000, 24),
}
_HEADERS = {order: struct.Struct(order + "IIII") for order in "<>"}


def is_pcap(start: bytes) -> bool:
    """Whether a file that starts with these four bytes is a classic pcap."""
    return start in _MAGICS


class PcapWalker:
    """walk(buffer) -> records that are complete in it; `walked` says what the caller keeps."""

    format = "pcap"

    def __init__(self, header: bytes, offset: int) -> None:
        self._order, self._fraction, self._record = _MAGICS[header[:4]]
        self.snaplen, network = struct.unpack_from(self._order + "II", header, 16)
        # Bits beside the link type are reserved or tell the FCS length; they may be set.
        self.link_type = network & 0xFFFF
        self.link_types: list[int] = [self.link_type]
        self.error: str | None = None
        self.need = self._record
        self.records = 0
        self.untimed = 0
        self.comments = Comments()
        self._offset = offset
        """File offset of the next record, for error sentences."""
        self._end = 0, 0
        """Where the last walk ended, and what a record there claims to have captured and can't."""

    def walk(self, buffer: bytes, at: int = 0) -> Sequence[Record]:
        """Records complete in the buffer from `at` on. The compiled core finds them as it reads them: see `walked`."""
        if BUILT:
            return walk_pcap(buffer, at, self._record, self._order == ">", self._fraction, self.link_type)
        records: list[Record] = []
        size, length, link, fraction = len(buffer), self._record, self.link_type, self._fraction
        unpack = _HEADERS[self._order].unpack_from
        self._end = at, 0
        while at + length <= size:
            seconds, parts, captured, wire = unpack(buffer, at)
            if captured > MAX_CAPTURED:
                self._end = at, captured
                return records
            body = at + length
            if body + captured > size:
                break
            records.append((body, captured, wire, seconds * 1_000_000_000 + parts * fraction, link))
            at = body + captured
        self._end = at, 0
        return records

    def walked(self, records: Sequence[Record], buffer: bytes, at: int = 0) -> int:
        """The records of `walk` were read: where the next one begins; sets `need` for that one."""
        after, claimed = records.end if BUILT and isinstance(records, Records) else self._end
        if claimed:
            self.error = (
                f"packet {self.records + len(records) + 1} claims {claimed:,} captured bytes, more than any"
                f" capture has: the file is damaged at byte {self._offset + after - at:,}"
            )
        self.need = self._record
        if after + self._record <= len(buffer):
            self.need += _HEADERS[self._order].unpack_from(buffer, after)[2]
        self._offset += after - at
        self.records += len(records)
        return after

    def close(self, left: int) -> None:
        """The stream ended with so many bytes unused."""
        if left and self.error is None:
            self.error = f"the capture ends inside packet {self.records + 1}, which starts at byte {self._offset:,}"
