"""ICMP and ICMPv6 errors: type, code, MTU, and which conversation the quoted header belongs to (RFC 792, 1191, 4443).

Quoted headers are marked in the counts as a Wireshark display filter would, but never enter a conversation.
"""

from workers.packets import marks
from workers.packets.packet import Packet

_ERRORS4 = frozenset({3, 4, 5, 11, 12})
_ERRORS6 = frozenset({1, 2, 3, 4})
_QUOTED_MARKS = {6: marks.TCP, 17: marks.UDP, 1: marks.ICMP, 58: marks.ICMP, 132: marks.SCTP}
_REDIRECT6, _REDIRECTED, _MAX_OPTIONS = 137, 4, 16
_DNS_PORT = b"\0\x35"
_WITH_PORTS = frozenset({6, 17, 132})
_IP6_EXTENSIONS = frozenset({0, 43, 60})


def read(packet: Packet, at: int, version6: bool) -> None:
    """Fill the packet's error and quoted fields when it is an ICMP error."""
    buffer, end = packet.buffer, packet.end
    if end - at < 8:
        return
    kind = buffer[at]
    if version6 and kind == _REDIRECT6:
        _redirected6(packet, at + 40)
        return
    if kind not in (_ERRORS6 if version6 else _ERRORS4):
        return
    packet.error_type, packet.error_code = kind, buffer[at + 1]
    packet.error_mtu = int.from_bytes(buffer[at + (4 if version6 else 6) : at + 8], "big")
    if version6:
        _quoted6(packet, at + 8)
    else:
        _quoted4(packet, at + 8)


def _redirected6(packet: Packet, at: int) -> None:
    """A redirect may quote the packet in an option (RFC 4861 section 4.6.3). It tells of no failure."""
    buffer, end = packet.buffer, packet.end
    for _ in range(_MAX_OPTIONS):
        if end - at < 8 or not buffer[at + 1]:
            return
        if buffer[at] == _REDIRECTED:
            _quoted6(packet, at + 8)
            return
        at += buffer[at + 1] * 8


def _quoted4(packet: Packet, at: int) -> None:
    buffer = packet.buffer
    if packet.end - at < 20 or buffer[at] >> 4 != 4:
        return
    packet.mask |= marks.QUOTED | marks.IP4
    first_fragment = not (buffer[at + 6] & 0x1F or buffer[at + 7])
    body = at + (buffer[at] & 15) * 4
    _quote(packet, buffer[at + 12 : at + 20], buffer[at + 9], body if first_fragment else packet.end)


def _quoted6(packet: Packet, at: int) -> None:
    buffer, end = packet.buffer, packet.end
    if end - at < 40 or buffer[at] >> 4 != 6:
        return
    packet.mask |= marks.QUOTED | marks.IP6
    addresses, protocol, body = buffer[at + 8 : at + 40], buffer[at + 6], at + 40
    for _ in range(8):
        if protocol not in _IP6_EXTENSIONS or end - body < 8:
            break
        protocol, body = buffer[body], body + (buffer[body + 1] + 1) * 8
    _quote(packet, addresses, protocol, body)


def _quote(packet: Packet, addresses: bytes, protocol: int, at: int) -> None:
    left = packet.end - at
    packet.quoted_kind, packet.quoted_key = protocol, addresses
    if left < 4:
        return
    packet.mask |= _QUOTED_MARKS.get(protocol, 0)
    if protocol in _WITH_PORTS:
        packet.quoted_key = addresses + packet.buffer[at : at + 4]
    if protocol == 17 and left >= 20 and _DNS_PORT in (packet.quoted_key[-4:-2], packet.quoted_key[-2:]):
        packet.mask |= marks.DNS_RESP if packet.buffer[at + 10] & 0x80 else marks.DNS_QUERY
    if protocol == 6 and left >= 14:
        packet.mask |= _flag_marks(packet.buffer[at + 13])


def _flag_marks(flags: int) -> int:
    syn = (marks.SYNACK if flags & 16 else marks.SYN) if flags & 2 else 0
    return syn | (marks.FIN if flags & 1 else 0) | (marks.RST if flags & 4 else 0)
