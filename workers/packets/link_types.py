"""Every link type we read, by its number in the tcpdump.org list: wired ones of `link`, and the rarer ones here.

Rarer ones are read as far as an IP packet may lie inside: 802.11 data frames in the clear (IEEE 802.11, radiotap.org),
FDDI and token ring (RFC 1042), ARCNET (RFC 1051, 1201), frame relay (RFC 2427), NFLOG, PKTAP, IPNET, IPoIB, SLIP and
switch tags. A frame too short, encrypted or of another kind gives UNKNOWN.
"""

from collections.abc import Callable

from workers.packets import link
from workers.packets.link import UNKNOWN, Start

_ARCNET = {240: link.IPV4, 241: link.ARP}
_ARCNET_LONG = {212: link.IPV4, 213: link.ARP}
_NLPID = {0xCC: link.IPV4, 0x8E: link.IPV6}
_NFLOG_PAYLOAD = 9
_IPNET_IPV6 = 26


def network(link_type: int, buffer: bytes, at: int, end: int) -> Start:
    """Ethertype and offset of the network layer of a frame of any link type we know."""
    reader = _READERS.get(link_type)
    return reader(buffer, at, end) if reader else (UNKNOWN, at)


def _skip(size: int, reader: Callable[[bytes, int, int], Start]) -> Callable[[bytes, int, int], Start]:
    """A reader behind a header of fixed size."""
    return lambda buffer, at, end: reader(buffer, at + size, end) if at + size <= end else (UNKNOWN, at)


def _type_at(kind_at: int, body: int) -> Callable[[bytes, int, int], Start]:
    """An ethertype at one offset, its packet at another."""

    def read(buffer: bytes, at: int, end: int) -> Start:
        if at + body > end:
            return UNKNOWN, at
        return buffer[at + kind_at] << 8 | buffer[at + kind_at + 1], at + body

    return read


def wifi(buffer: bytes, at: int, end: int) -> Start:
    """An 802.11 data frame in the clear; LLC follows its header."""
    if end - at < 24 or buffer[at] & 0x0C != 8 or buffer[at] & 0x40 or buffer[at + 1] & 0x40:
        return UNKNOWN, at
    flags, quality = buffer[at + 1], bool(buffer[at] & 0x80)
    control = at + 24 + (6 if flags & 3 == 3 else 0)
    if not quality:
        return link.llc(buffer, control, end)
    several = control < end and buffer[control] & 0x80  # an A-MSDU: the first subframe's header comes before its LLC
    return link.llc(buffer, control + 2 + (4 if flags & 0x80 else 0) + (14 if several else 0), end)


def radiotap(buffer: bytes, at: int, end: int) -> Start:
    """A radiotap header tells its length; with the data pad flag the 802.11 header is padded to 4 bytes."""
    if end - at < 8:
        return UNKNOWN, at
    present = int.from_bytes(buffer[at + 4 : at + 8], "little")
    body, fields, word = at + (buffer[at + 2] | buffer[at + 3] << 8), at + 8, present
    while word >> 31 and fields + 4 <= end:
        word = int.from_bytes(buffer[fields : fields + 4], "little")
        fields += 4
    if present & 1:
        fields += -(fields - at) % 8 + 8
    padded = present & 2 and fields < end and buffer[fields] & 0x20
    found = wifi(buffer, body, end)
    if found[0] != UNKNOWN or not padded:
        return found
    header = 24 + (2 if buffer[body] & 0x80 else 0) + (6 if buffer[body + 1] & 3 == 3 else 0) if body + 24 <= end else 0
    return link.llc(buffer, body + header + -header % 4, end) if header else found


def _arcnet(buffer: bytes, at: int, end: int) -> Start:
    """The protocol, then for RFC 1201 a split flag and a sequence number (3 bytes more in exception frames)."""
    if end - at < 4:
        return UNKNOWN, at
    kind = buffer[at]
    if kind in _ARCNET:
        return _ARCNET[kind], at + 1
    return _ARCNET_LONG.get(kind, UNKNOWN), at + (8 if buffer[at + 1] == 0xFF else 4)


def _frame_relay(buffer: bytes, at: int, end: int) -> Start:
    """A Q.922 address, then an ethertype (Cisco) or a control byte with NLPID or SNAP (RFC 2427)."""
    last = min(at + 4, end)
    while at < last and not buffer[at] & 1:
        at += 1
    at += 1
    if end - at < 2:
        return UNKNOWN, at
    if buffer[at] != 3:
        return buffer[at] << 8 | buffer[at + 1], at + 2
    at += 2 if buffer[at + 1] == 0 else 1
    if end - at < 6:
        return UNKNOWN, at
    if buffer[at] == 0x80:
        return buffer[at + 4] << 8 | buffer[at + 5], at + 6
    return _NLPID.get(buffer[at], UNKNOWN), at + 1


def _nflog(buffer: bytes, at: int, end: int) -> Start:
    """Attributes in the byte order of the host that captured; one of them is the packet."""
    at += 4
    while at + 4 <= end:
        size, kind = buffer[at] | buffer[at + 1] << 8, buffer[at + 2] | buffer[at + 3] << 8
        if kind > 255:
            size, kind = buffer[at] << 8 | buffer[at + 1], buffer[at + 2] << 8 | buffer[at + 3]
        if kind == _NFLOG_PAYLOAD:
            return link.raw(buffer, at + 4, end)
        if size < 4:
            break
        at += size + -size % 4
    return UNKNOWN, at


def _pktap(buffer: bytes, at: int, end: int) -> Start:
    """Apple's header tells its length and the link type of what follows."""
    if end - at < 12:
        return UNKNOWN, at
    size, inner = (int.from_bytes(buffer[at + place : at + place + 4], "little") for place in (0, 8))
    if size < 12 or at + size > end or _READERS.get(inner) is _pktap:
        return UNKNOWN, at
    return network(inner, buffer, at + size, end)


def _ipnet(buffer: bytes, at: int, end: int) -> Start:
    """Solaris: a 24-byte header whose second byte is the address family."""
    if end - at < 24:
        return UNKNOWN, at
    return {2: link.IPV4, _IPNET_IPV6: link.IPV6}.get(buffer[at + 1], UNKNOWN), at + 24


def _juniper_ethernet(buffer: bytes, at: int, end: int) -> Start:
    """A magic, flags and extensions, then Ethernet."""
    if end - at < 6 or buffer[at : at + 3] != b"MGC":
        return UNKNOWN, at
    extensions = 2 + (buffer[at + 4] << 8 | buffer[at + 5]) if buffer[at + 3] & 0x80 else 0
    return link.ethernet(buffer, at + 4 + extensions, end)


_READERS: dict[int, Callable[[bytes, int, int], Start]] = {
    **link.READERS,
    6: _skip(14, link.llc),
    7: _skip(2, _arcnet),
    8: _skip(16, link.raw),
    10: _skip(13, link.llc),
    105: wifi,
    107: _frame_relay,
    119: _skip(144, wifi),
    127: radiotap,
    129: _skip(4, _arcnet),
    149: _pktap,
    163: _skip(64, wifi),
    178: _juniper_ethernet,
    226: _ipnet,
    239: _nflog,
    242: _type_at(40, 44),
    258: _pktap,
    281: _type_at(16, 18),
    282: _skip(4, link.ethernet),
    284: _type_at(16, 18),
    285: _type_at(20, 22),
}
KNOWN = frozenset(_READERS)
