"""From the link layer to the transport header: fills a `Packet` with what the innermost layers say.

In: a record's bytes in a buffer. Out: the packet's marks, conversation key, lengths and TCP fields. Lengths come from
the IP header, so a cut packet (snaplen) still tells its size, and Ethernet padding is not payload. An IP length of 0
(segmentation offload, BIG TCP) means the rest of the frame. Nothing raises; what does not add up is marked malformed.
Tunnels (`tunnels`) are walked to the inner packet, at most MAX_DEPTH layers.
"""

from struct import Struct

from workers.packets import icmp, link, link_types, marks, tunnels
from workers.packets.fragments import Fragments
from workers.packets.packet import NOTHING, RST, SYN, Packet

MAX_DEPTH = 64
MAX_EXTENSIONS = 12
ICMP, IPIP, TCP, UDP, IP6, ROUTING, FRAGMENT, GRE, ESP, AH, ICMP6, NO_NEXT, DEST, SCTP, MOBILITY, UDPLITE = (
    1, 4, 6, 17, 41, 43, 44, 47, 50, 51, 58, 59, 60, 132, 135, 136,
)  # fmt: skip
HOP_BY_HOP = 0
_EXTENSIONS = frozenset({HOP_BY_HOP, ROUTING, DEST, AH, MOBILITY, 139, 140})
ETHER_IP, PIM, MPLS_IN_IP, ETHERNET_IN_IP = 97, 103, 137, 143

_PLAIN_IP4 = b"\x08\x00\x45"
_PLAIN = Struct("!H2xHxB2x12sIIHH")
"""From the IP length on: length, fragment, protocol, addresses with ports, TCP's fields up to the window."""
_PLAIN_SIZE = 54
_ORIGIN = Struct("!HxxB")
"""Identification and TTL, from the identification on."""
_IP4_HEAD = Struct("!BBHHHBB")
_TCP_HEAD = Struct("!IIHH")
_UDP_HEAD = Struct("!HHH")
_FLAG_MARKS = [
    (marks.FIN if flags & 1 else 0)
    | (marks.RST if flags & 4 else 0)
    | ((marks.SYNACK if flags & 16 else marks.SYN) if flags & 2 else 0)
    | (marks.ECE if flags & 66 == 64 else 0)
    | (marks.CWR if flags & 130 == 128 else 0)
    for flags in range(256)
]
_PLAIN_MARKS = [marks.IP4 | marks.TCP | bits for bits in _FLAG_MARKS]


class Decoder:
    """decode(packet, buffer, ...) fills the packet. Holds fragments between calls, nothing else."""

    def __init__(self) -> None:
        self.fragments = Fragments()

    def decode(self, packet: Packet, buffer: bytes, start: int, captured: int, wire: int, link_type: int) -> None:
        """Fill the packet from one record; number and time are the caller's."""
        packet.buffer = buffer
        packet.end = end = start + captured
        packet.wire_end = start + (max(captured, wire))
        packet.depth = 0
        packet.tunnel = 0
        packet.error_type = NOTHING
        if link_type == link.ETHERNET and captured >= _PLAIN_SIZE and buffer[start + 12 : start + 15] == _PLAIN_IP4:
            total, fragment, protocol, key, sequence, ack, flags, window = _PLAIN.unpack_from(buffer, start + 16)
            limit = start + 14 + total
            header = flags >> 12 << 2
            if protocol == TCP and not fragment & 0x3FFF and limit <= packet.wire_end and 20 <= header <= total - 20:
                # The common case in one step: TCP in IPv4 without options in plain Ethernet.
                flags &= 255
                packet.mask = _PLAIN_MARKS[flags] | (marks.CE if buffer[start + 15] & 3 == 3 else 0)
                packet.kind, packet.key, packet.ip_length = TCP, key, total
                packet.sequence, packet.ack, packet.flags, packet.window = sequence, ack, flags, window
                packet.payload, packet.payload_length = start + 34 + header, total - 20 - header
                packet.options = header - 20
                packet.wire_end = limit
                if end > limit:
                    packet.end = limit
                if flags & (SYN | RST):
                    packet.identification, packet.hops = _ORIGIN.unpack_from(buffer, start + 18)
                return
        packet.mask = packet.ip_length = packet.payload_length = 0
        packet.kind = packet.quoted_kind = NOTHING
        ethertype, at = link_types.network(link_type, buffer, start, end)
        self._network(packet, ethertype, at)

    def _network(self, packet: Packet, ethertype: int, at: int) -> None:
        """Dispatch by ethertype, through tags and labels."""
        buffer, end = packet.buffer, packet.end
        while packet.depth < MAX_DEPTH:
            packet.depth += 1
            if ethertype == link.IPV4:
                return self._ip4(packet, at)
            if ethertype == link.IPV6:
                return self._ip6(packet, at)
            if ethertype in (link.VLAN, link.QINQ, link.OLD_QINQ):
                ethertype, at = self._tag(buffer, at, end)
            elif ethertype in (link.MPLS, link.MPLS_MULTICAST):
                _noted(packet, tunnels.MPLS, at)
                ethertype, at = self._labels(buffer, at, end)
            elif ethertype == link.PPPOE:
                _noted(packet, tunnels.PPPOE, at)
                ethertype, at = self._session(packet, at)
                end = packet.end
            elif ethertype in _TAGS:
                ethertype, at = tunnels.tagged(ethertype, buffer, at, end)
            elif ethertype in _FRAMES:
                ethertype, at = link.ethernet(buffer, at + _FRAMES[ethertype], end)
            else:
                break
        if ethertype == link.ARP:
            packet.mask |= marks.ARP
        elif not packet.mask:
            packet.mask |= marks.NOT_IP
        return None

    @staticmethod
    def _tag(buffer: bytes, at: int, end: int) -> link.Start:
        """One 802.1Q tag: control, then the next ethertype or an 802.3 length."""
        if end - at < 4:
            return link.UNKNOWN, at
        kind = buffer[at + 2] << 8 | buffer[at + 3]
        return (kind, at + 4) if kind > 1535 else link.llc(buffer, at + 4, end)

    @staticmethod
    def _session(packet: Packet, at: int) -> link.Start:
        """PPPoE, whose length field bounds what follows."""
        buffer, end = packet.buffer, packet.end
        if end - at >= 8:
            length = buffer[at + 4] << 8 | buffer[at + 5]
            limit = at + 6 + length if length else packet.wire_end
            packet.wire_end = min(packet.wire_end, limit)
            packet.end = end = min(end, limit)
        return link.pppoe(buffer, at, end)

    @staticmethod
    def _labels(buffer: bytes, at: int, end: int) -> link.Start:
        """An MPLS stack; what follows is told by its first nibble (RFC 4928): IP, or a control word and Ethernet."""
        while end - at >= 4:
            bottom = buffer[at + 2] & 1
            at += 4
            if bottom:
                kind, at = link.raw(buffer, at, end)
                if kind == link.UNKNOWN and at < end:
                    return (link.BRIDGED, at + 4) if buffer[at] >> 4 == 0 else (link.BRIDGED, at)
                return kind, at
        return link.UNKNOWN, at

    def _ip4(self, packet: Packet, at: int) -> None:
        buffer = packet.buffer
        packet.mask |= marks.IP4
        if packet.end - at < 20:
            packet.mask |= marks.MALFORMED
            return
        first, service, total, identification, fragment, hops, protocol = _IP4_HEAD.unpack_from(buffer, at)
        header = (first & 15) * 4
        on_wire = packet.wire_end - at
        if total == 0 or total > on_wire:
            total = on_wire
        if first >> 4 == 6:  # the ethertype lies
            self._ip6(packet, at)
            return
        if first >> 4 != 4 or header < 20 or total < header:
            packet.mask |= marks.MALFORMED
            return
        if service & 3 == 3:
            packet.mask |= marks.CE
        packet.hops, packet.identification = hops, identification
        packet.ip_length = total
        packet.wire_end = limit = at + total
        if packet.end > limit:
            packet.end = limit
        if fragment & 0x3FFF:
            key = buffer[at + 12 : at + 20] + bytes((protocol, identification >> 8, identification & 255))
            place = (fragment & 0x1FFF) * 8
            self._fragment(packet, buffer[at + 12 : at + 20], key, protocol, at + header, place, fragment & 0x2000)
            return
        addresses = buffer[at + 12 : at + 20]
        if protocol == TCP:
            self._tcp(packet, addresses, at + header)
        elif protocol == UDP:
            self._udp(packet, addresses, at + header)
        else:
            self._other(packet, addresses, protocol, at + header)

    def _ip6(self, packet: Packet, at: int) -> None:
        buffer = packet.buffer
        packet.mask |= marks.IP6
        if packet.end - at < 40 or buffer[at] >> 4 != 6:
            packet.mask |= marks.MALFORMED
            return
        if buffer[at + 1] & 0x30 == 0x30:
            packet.mask |= marks.CE
        length = buffer[at + 4] << 8 | buffer[at + 5]
        on_wire = packet.wire_end - at
        total = length + 40 if 0 < length <= on_wire - 40 else on_wire
        packet.hops, packet.identification = buffer[at + 7], 0
        packet.ip_length = total
        packet.wire_end = limit = at + total
        if packet.end > limit:
            packet.end = limit
        addresses = buffer[at + 8 : at + 40]
        self._next_header(packet, addresses, buffer[at + 6], at + 40)

    def _next_header(self, packet: Packet, addresses: bytes, protocol: int, at: int) -> None:
        """Walk IPv6 extension headers (RFC 8200 section 4; AH counts in 4-byte units, RFC 4302)."""
        buffer = packet.buffer
        for _ in range(MAX_EXTENSIONS):
            if protocol == TCP:
                return self._tcp(packet, addresses, at)
            if protocol == UDP:
                return self._udp(packet, addresses, at)
            if protocol == FRAGMENT:
                return self._fragment6(packet, addresses, at)
            if protocol not in _EXTENSIONS:
                return self._other(packet, addresses, protocol, at)
            if packet.end - at < 8:
                break
            size = buffer[at + 1]
            protocol, at = buffer[at], at + ((size + 2) * 4 if protocol == AH else (size + 1) * 8)
        packet.mask |= marks.MALFORMED
        return None

    def _fragment6(self, packet: Packet, addresses: bytes, at: int) -> None:
        buffer = packet.buffer
        if packet.end - at < 8:
            packet.mask |= marks.MALFORMED | marks.FRAGMENTS
            return
        place = buffer[at + 2] << 8 | buffer[at + 3]
        if place & 0xFFF9 == 0:  # an atomic fragment is a whole datagram (RFC 6946)
            self._next_header(packet, addresses, buffer[at], at + 8)
            return
        key = addresses + buffer[at + 4 : at + 8]
        self._fragment(packet, addresses, key, buffer[at], at + 8, place & 0xFFF8, place & 1)

    def _fragment(
        self, packet: Packet, addresses: bytes, key: bytes, protocol: int, at: int, place: int, more: int
    ) -> None:
        """Keep a fragment; decode the datagram when it is whole. A cut fragment counts alone, its ports if first."""
        packet.mask |= marks.FRAGMENTS
        if packet.end < packet.wire_end or at > packet.end:
            if place == 0:
                self._upper(packet, addresses, protocol, at)
            return
        whole = self.fragments.add(key, place, bool(more), packet.buffer[at : packet.end], packet.ip_length)
        if whole is None:
            return
        packet.buffer, packet.ip_length = whole
        packet.end = packet.wire_end = len(packet.buffer)
        self._upper(packet, addresses, protocol, 0)

    def _upper(self, packet: Packet, addresses: bytes, protocol: int, at: int) -> None:
        if len(addresses) == 32:
            self._next_header(packet, addresses, protocol, at)
        elif protocol == TCP:
            self._tcp(packet, addresses, at)
        elif protocol == UDP:
            self._udp(packet, addresses, at)
        else:
            self._other(packet, addresses, protocol, at)

    def _tcp(self, packet: Packet, addresses: bytes, at: int) -> None:
        buffer, left = packet.buffer, packet.end - at
        packet.mask |= marks.TCP
        if left < 20:
            packet.mask |= 0 if packet.wire_end - at >= 20 else marks.MALFORMED
            if left >= 16:
                packet.mask |= _FLAG_MARKS[buffer[at + 13]]
            return
        sequence, ack, flags, window = _TCP_HEAD.unpack_from(buffer, at + 4)
        header = flags >> 12 << 2
        length = packet.wire_end - at - header
        flags &= 255
        packet.mask |= _FLAG_MARKS[flags]
        if header < 20 or length < 0:
            packet.mask |= marks.MALFORMED
            return
        packet.kind = TCP
        packet.key = addresses + buffer[at : at + 4]
        packet.sequence = sequence
        packet.ack = ack
        packet.flags = flags
        packet.window = window
        packet.options = header - 20
        packet.payload = at + header
        packet.payload_length = length

    def _udp(self, packet: Packet, addresses: bytes, at: int) -> None:
        buffer = packet.buffer
        packet.mask |= marks.UDP
        if packet.end - at < 8:
            packet.mask |= 0 if packet.wire_end - at >= 8 else marks.MALFORMED
            return
        source, destination, length = _UDP_HEAD.unpack_from(buffer, at)
        on_wire = packet.wire_end - at
        if length < 8 or length > on_wire:
            if 0 < length < 8:
                packet.mask |= marks.MALFORMED
                return
            length = on_wire
        packet.kind = UDP
        packet.key = addresses + buffer[at : at + 4]
        packet.payload = at + 8
        packet.payload_length = length - 8
        packet.wire_end = limit = at + length
        if packet.end > limit:
            packet.end = limit
        port = destination if destination in _TUNNELS else source
        tunnel = _TUNNELS.get(port)
        if tunnel is not None:
            self._inside(packet, tunnel(buffer, at + 8, packet.end), tunnels.UDP_KINDS[port], at + 8)

    def _inside(self, packet: Packet, start: link.Start, kind: int, header: int) -> None:
        """Go on with the packet inside a tunnel. An outer conversation stands only if nothing inside can be read."""
        ethertype, at = start
        if ethertype == link.UNKNOWN or packet.depth >= MAX_DEPTH or at >= packet.end:
            return
        packet.mask |= marks.TUNNELLED
        outer, protocol, first = packet.key, packet.kind, not packet.tunnel
        if first:
            packet.tunnel, packet.outer = kind, outer[: 8 if len(outer) in (8, 12) else 32]
            packet.tunnel_id = tunnels.identifier(kind, packet.buffer, header, packet.end)
        self._network(packet, ethertype, at)
        if first and (packet.key, packet.kind) == (outer, protocol):  # nothing inside could be read
            packet.tunnel = 0

    def _other(self, packet: Packet, addresses: bytes, protocol: int, at: int) -> None:
        """Every protocol that is neither TCP nor UDP."""
        packet.kind, packet.key = protocol, addresses
        packet.payload = at
        packet.payload_length = max(0, packet.wire_end - at)
        if protocol in (ICMP, ICMP6):
            packet.mask |= marks.ICMP
            icmp.read(packet, at, len(addresses) == 32)
        elif protocol in _INNER:
            reader, kind = _INNER[protocol]
            self._inside(packet, reader(packet.buffer, at, packet.end), kind, at)
        elif protocol == AH and len(addresses) == 8:
            self._next_header(packet, addresses, protocol, at)
        elif protocol == SCTP and packet.end - at >= 12:
            packet.mask |= marks.SCTP
            packet.key = addresses + packet.buffer[at : at + 4]


def _noted(packet: Packet, kind: int, at: int) -> None:
    """A carrier without addresses of its own, when it is the outermost."""
    if not packet.tunnel:
        packet.tunnel, packet.outer = kind, b""
        packet.tunnel_id = tunnels.identifier(kind, packet.buffer, at, packet.end)


_TUNNELS = tunnels.UDP
_FRAMES = {link.BRIDGED: 0, link.BACKBONE: 4, link.FABRIC_PATH: 2}
"""Bytes before the Ethernet frame inside."""
_TAGS = frozenset({link.VN_TAG, link.MACSEC, link.NSH, link.ARISTA})
_INNER = {
    IPIP: (link.ip4_only, tunnels.IP_IN_IP),
    IP6: (link.ip6_only, tunnels.IP_IN_IP),
    GRE: (tunnels.gre, tunnels.GRE),
    ETHER_IP: (tunnels.ether_ip, tunnels.ETHER_IP),
    PIM: (tunnels.pim, tunnels.PIM),
    MPLS_IN_IP: (tunnels.mpls, tunnels.MPLS),
    ETHERNET_IN_IP: (tunnels.ethernet_in_ip, tunnels.ETHER_IP),
}
