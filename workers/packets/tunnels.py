"""What lies inside a tunnel: ethertype and offset of the inner packet, UNKNOWN when it can't be told.

VXLAN (RFC 7348), Geneve (RFC 8926), GTP-U (3GPP TS 29.281), Teredo (RFC 4380), L2TP (RFC 2661), MPLS over UDP (RFC
7510), GRE (RFC 2784, 2890; PPTP's in RFC 2637), ERSPAN II and III (draft-foschiano-erspan), PIM register (RFC 7761).
"""

from collections.abc import Callable

from workers.packets import link, link_types
from workers.packets.link import Start

_ERSPAN2, _ERSPAN3, _MPLS = 0x88BE, 0x22EB, 0x8847
_WIRELESS = range(0x8200, 0x8400)
"""Aruba's GRE protocols: an 802.11 frame follows."""
_NEXT = {1: link.IPV4, 2: link.IPV6, 3: link.BRIDGED, 4: link.NSH, 5: _MPLS}


def vxlan(buffer: bytes, at: int, end: int) -> Start:
    """A VXLAN header with a valid network identifier."""
    return (link.BRIDGED, at + 8) if end - at >= 8 and buffer[at] & 8 else (link.UNKNOWN, at)


def geneve(buffer: bytes, at: int, end: int) -> Start:
    """A Geneve version 0 header and its options."""
    if end - at < 8 or buffer[at] >> 6:
        return link.UNKNOWN, at
    return buffer[at + 2] << 8 | buffer[at + 3], at + 8 + (buffer[at] & 63) * 4


def gtp(buffer: bytes, at: int, end: int) -> Start:
    """A G-PDU with its optional fields and extension headers."""
    if end - at < 8 or buffer[at] >> 4 != 3 or buffer[at + 1] != 255:
        return link.UNKNOWN, at
    body = at + 8
    if buffer[at] & 7:
        body += 4
        while buffer[at] & 4 and body < end and buffer[body - 1] and buffer[body]:
            body += buffer[body] * 4
    return link.raw(buffer, body, end)


def teredo(buffer: bytes, at: int, end: int) -> Start:
    """Authentication and origin indications may come before the IPv6 packet."""
    if end - at >= 4 and buffer[at : at + 2] == b"\0\1":
        at += 13 + buffer[at + 2] + buffer[at + 3]
    if end - at >= 8 and buffer[at : at + 2] == b"\0\0":
        at += 8
    return (link.IPV6, at) if end - at >= 40 and buffer[at] >> 4 == 6 else (link.UNKNOWN, at)


def l2tp(buffer: bytes, at: int, end: int) -> Start:
    """An L2TPv2 data message; control messages carry no packet."""
    if end - at < 6 or buffer[at] & 0x80 or buffer[at + 1] & 15 != 2:
        return link.UNKNOWN, at
    flags, body = buffer[at], at + 6
    body += (2 if flags & 0x40 else 0) + (4 if flags & 0x08 else 0)
    if flags & 0x02 and body + 2 <= end:
        body += 2 + (buffer[body] << 8 | buffer[body + 1])
    return link.ppp(buffer, body, end)


def mpls(_buffer: bytes, at: int, _end: int) -> Start:
    """An MPLS stack in UDP."""
    return _MPLS, at


def lisp(buffer: bytes, at: int, end: int) -> Start:
    """A LISP data packet (RFC 9300): 8 bytes, then IP."""
    return link.raw(buffer, at + 8, end)


def vxlan_gpe(buffer: bytes, at: int, end: int) -> Start:
    """VXLAN that names what follows (draft-ietf-nvo3-vxlan-gpe)."""
    if end - at < 8 or not buffer[at] & 4:
        return vxlan(buffer, at, end)
    return _NEXT.get(buffer[at + 3], link.UNKNOWN), at + 8


def gtp0(buffer: bytes, at: int, end: int) -> Start:
    """A T-PDU of GTP version 0 (3GPP TS 09.60), behind 20 bytes."""
    if end - at < 20 or buffer[at] >> 5 or buffer[at + 1] != 255:
        return link.UNKNOWN, at
    return link.raw(buffer, at + 20, end)


def ayiya(buffer: bytes, at: int, end: int) -> Start:
    """AYIYA (draft-massar-v6ops-ayiya): 8 bytes, identity and signature of told sizes, then the packet."""
    if end - at < 8:
        return link.UNKNOWN, at
    kind = {4: link.IPV4, 41: link.IPV6}.get(buffer[at + 3], link.UNKNOWN)
    return kind, at + 8 + (1 << (buffer[at] >> 4)) + (buffer[at + 1] >> 4) * 4


def gre(buffer: bytes, at: int, end: int) -> Start:
    """GRE with its optional fields, and the mirrored Ethernet of ERSPAN."""
    if end - at < 4:
        return link.UNKNOWN, at
    flags, version, kind = buffer[at], buffer[at + 1] & 7, buffer[at + 2] << 8 | buffer[at + 3]
    body = at + 4 + 4 * (bool(flags & 0xC0) + bool(flags & 0x20) + bool(flags & 0x10))
    if version == 1:
        return link.ppp(buffer, body + (4 if buffer[at + 1] & 0x80 else 0), end)
    if kind == _ERSPAN2:
        return link.BRIDGED, body + (8 if flags & 0x10 else 0)
    if kind == _ERSPAN3:
        return _erspan3(buffer, body, end)
    if kind in _WIRELESS:
        return link_types.wifi(buffer, body, end)
    if kind == link.GROUP_TAG and end - body >= 8:
        return buffer[body] << 8 | buffer[body + 1], body + 8
    if kind == link.REDIRECT and end - body >= 5:  # WCCP version 2 puts 4 bytes before the packet
        return link.IPV4, body if buffer[body] >> 4 == 4 else body + 4
    return kind, body


def _erspan3(buffer: bytes, at: int, end: int) -> Start:
    """12 bytes, and 8 more when the last bit is set; the frame type says whether Ethernet or IP is mirrored."""
    if end - at < 12:
        return link.UNKNOWN, at
    body = at + (20 if buffer[at + 11] & 1 else 12)
    frame_type = buffer[at + 10] >> 2 & 31
    return (link.BRIDGED, body) if frame_type == 0 else link.raw(buffer, body, end)


def tagged(ethertype: int, buffer: bytes, at: int, end: int) -> Start:
    """What follows a tag that is no tunnel of its own; UNKNOWN when encrypted, cut or of another kind."""
    if end - at < 10:
        return link.UNKNOWN, at
    if ethertype == link.VN_TAG:
        return buffer[at + 4] << 8 | buffer[at + 5], at + 6
    if ethertype == link.NSH:
        kind = {**_NEXT, 4: link.UNKNOWN}.get(buffer[at + 3], link.UNKNOWN)
        return kind, at + (buffer[at + 1] & 63) * 4
    if ethertype == link.ARISTA:  # TAI or UTC of 64 bits, or of 48
        at += 12 if buffer[at + 2 : at + 4] in (b"\0\x10", b"\1\x10") else 10
    elif buffer[at] & 0x0C:  # MACsec with encryption
        return link.UNKNOWN, at
    else:
        at += 14 if buffer[at] & 0x20 else 6
    return (buffer[at] << 8 | buffer[at + 1], at + 2) if at + 2 <= end else (link.UNKNOWN, at)


def ethernet_in_ip(_buffer: bytes, at: int, _end: int) -> Start:
    """Ethernet right behind the IP header (RFC 8986)."""
    return link.BRIDGED, at


def ether_ip(_buffer: bytes, at: int, _end: int) -> Start:
    """EtherIP (RFC 3378): 2 bytes, then Ethernet."""
    return link.BRIDGED, at + 2


def pim(buffer: bytes, at: int, end: int) -> Start:
    """The packet a PIM register message carries."""
    return link.raw(buffer, at + 8, end) if end - at >= 8 and buffer[at] == 0x21 else (link.UNKNOWN, at)


KINDS = (
    "", "mpls", "pppoe", "vxlan", "geneve", "ip-in-ip", "gre", "etherip", "pim", "l2tp", "gtp", "teredo", "lisp",
    "ayiya",
)  # fmt: skip
"""Names of tunnels, by the number a packet has."""
MPLS, PPPOE, VXLAN, GENEVE, IP_IN_IP, GRE, ETHER_IP, PIM, L2TP, GTP, TEREDO, LISP, AYIYA = range(1, len(KINDS))
UDP_KINDS = {
    1701: L2TP, 2152: GTP, 3386: GTP, 3544: TEREDO, 4341: LISP, 4754: GRE, 4789: VXLAN, 4790: VXLAN, 5072: AYIYA,
    6081: GENEVE, 6635: MPLS,
}  # fmt: skip


def identifier(kind: int, buffer: bytes, at: int, end: int) -> int:
    """What tells a tunnel from others between the same ends, from its header; 0 when it has no such thing."""
    size = {MPLS: 4, PPPOE: 4, VXLAN: 8, GENEVE: 8, GTP: 8, GRE: 4}.get(kind, 0)
    if not size or end - at < size:
        return 0
    if kind == MPLS:
        return int.from_bytes(buffer[at : at + 3], "big") >> 4
    if kind == PPPOE:
        return buffer[at + 2] << 8 | buffer[at + 3]
    if kind == GTP:
        return int.from_bytes(buffer[at + 4 : at + 8], "big") if buffer[at] >> 5 == 1 else 0
    if kind != GRE:
        return int.from_bytes(buffer[at + 4 : at + 7], "big")
    key = at + 4 + (4 if buffer[at] & 0xC0 else 0)  # PPTP's version 1 has a call there, not a key
    keyed = buffer[at] & 0x20 and buffer[at + 1] & 7 == 0 and end - key >= 4
    return int.from_bytes(buffer[key : key + 4], "big") if keyed else 0


UDP: dict[int, Callable[[bytes, int, int], Start]] = {
    1701: l2tp,
    2152: gtp,
    3386: gtp0,
    3544: teredo,
    4341: lisp,
    4754: gre,
    4789: vxlan,
    4790: vxlan_gpe,
    5072: ayiya,
    6081: geneve,
    6635: mpls,
}
"""By UDP port."""
