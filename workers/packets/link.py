"""Link layers: where the network layer begins, and which it is (`link_types` has the rarer ones).

Ethernet (IEEE 802.3, LLC/SNAP), Linux cooked v1 and v2, null and loopback, PPP; link types as in the tcpdump.org list.
"""

import struct

IPV4, IPV6, ARP = 0x0800, 0x86DD, 0x0806
VLAN, QINQ, OLD_QINQ = 0x8100, 0x88A8, 0x9100
MPLS, MPLS_MULTICAST, PPPOE, BRIDGED = 0x8847, 0x8848, 0x8864, 0x6558
BACKBONE, FABRIC_PATH = 0x88E7, 0x8903
"""802.1ah provider backbone and Cisco FabricPath: an Ethernet frame follows."""
VN_TAG, MACSEC, NSH, ARISTA, GROUP_TAG, REDIRECT = 0x8926, 0x88E5, 0x894F, 0xD28B, 0x8909, 0x883E
"""Tags before another packet: Cisco VN-Tag, MACsec, network service header, Arista timestamps, and in GRE Cisco's group
tag and WCCP."""
ETHERNET = 1
UNKNOWN = -1

_IPV6_FAMILIES = frozenset({10, 24, 28, 30})
"""AF_INET6 of Linux, NetBSD, FreeBSD and Darwin, as found in null headers."""
_PPP = {0x0021: IPV4, 0x0057: IPV6, 0x0281: MPLS}

Start = tuple[int, int]
"""(ethertype, offset of that layer); UNKNOWN when it can't be told."""


def ethernet(buffer: bytes, at: int, end: int) -> Start:
    """Ethernet II, or 802.3 with LLC."""
    if end - at < 14:
        return UNKNOWN, at
    kind = buffer[at + 12] << 8 | buffer[at + 13]
    return (kind, at + 14) if kind > 1535 else llc(buffer, at + 14, end)


def llc(buffer: bytes, at: int, end: int) -> Start:
    """LLC: SNAP carries an ethertype, SAP 6 carries IP (RFC 1042)."""
    head = buffer[at : min(at + 8, end)]
    if len(head) == 8 and head[:3] == b"\xaa\xaa\x03":
        return head[6] << 8 | head[7], at + 8
    if head[:3] == b"\x06\x06\x03":
        return IPV4, at + 3
    return UNKNOWN, at


def ppp(buffer: bytes, at: int, end: int) -> Start:
    """PPP, with or without HDLC address and control, protocol of one or two bytes (RFC 1661, 1662)."""
    if buffer[at : min(at + 2, end)] == b"\xff\x03":
        at += 2
    if end - at < 2:
        return UNKNOWN, at
    if buffer[at] & 1:
        return _PPP.get(buffer[at], UNKNOWN), at + 1
    return _PPP.get(buffer[at] << 8 | buffer[at + 1], UNKNOWN), at + 2


def pppoe(buffer: bytes, at: int, end: int) -> Start:
    """A PPPoE session header (RFC 2516)."""
    return ppp(buffer, at + 6, end) if end - at >= 8 else (UNKNOWN, at)


def raw(buffer: bytes, at: int, end: int) -> Start:
    """No link header: the IP version tells."""
    if at >= end:
        return UNKNOWN, at
    return {4: IPV4, 6: IPV6}.get(buffer[at] >> 4, UNKNOWN), at


def _cooked(buffer: bytes, at: int, end: int) -> Start:
    return _cooked_kind(buffer, at + 14, at + 16, end)


def _cooked2(buffer: bytes, at: int, end: int) -> Start:
    return _cooked_kind(buffer, at, at + 20, end)


def _cooked_kind(buffer: bytes, kind_at: int, body: int, end: int) -> Start:
    if body > end:
        return UNKNOWN, kind_at
    kind = buffer[kind_at] << 8 | buffer[kind_at + 1]
    return (llc(buffer, body, end) if kind == 4 else (UNKNOWN, body)) if kind <= 1535 else (kind, body)


def _null(buffer: bytes, at: int, end: int) -> Start:
    if end - at < 4:
        return UNKNOWN, at
    (family,) = struct.unpack_from("<I", buffer, at)
    if family > 0xFFFF:
        (family,) = struct.unpack_from(">I", buffer, at)
    if family == 2:
        return IPV4, at + 4
    if family > 0xFFFF:  # some writers put an ethertype there
        return family & 0xFFFF, at + 4
    return (IPV6 if family in _IPV6_FAMILIES else UNKNOWN), at + 4


def ip4_only(_buffer: bytes, at: int, _end: int) -> Start:
    """Nothing but IPv4."""
    return IPV4, at


def ip6_only(_buffer: bytes, at: int, _end: int) -> Start:
    """Nothing but IPv6."""
    return IPV6, at


def _hdlc(buffer: bytes, at: int, end: int) -> Start:
    """Cisco HDLC: address, control, ethertype."""
    return (buffer[at + 2] << 8 | buffer[at + 3], at + 4) if end - at >= 4 else (UNKNOWN, at)


READERS = {
    0: _null,
    1: ethernet,
    9: ppp,
    12: raw,
    14: raw,
    50: ppp,
    51: pppoe,
    101: raw,
    104: _hdlc,
    108: _null,
    113: _cooked,
    228: ip4_only,
    229: ip6_only,
    276: _cooked2,
}
"""By link type."""
