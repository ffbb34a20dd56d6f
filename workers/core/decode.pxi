# From the link layer to the transport header, as workers.packets.decode does it; see there for the sources. What is
# rare (other link types and tunnels, fragments, ICMP errors) is SLOW: the plain Python decoder reads it.

cdef enum:
    IPV4 = 0x0800
    IPV6 = 0x86DD
    ARP = 0x0806
    VLAN = 0x8100
    QINQ = 0x88A8
    OLD_QINQ = 0x9100
    MPLS = 0x8847
    MPLS_MULTICAST = 0x8848
    PPPOE = 0x8864
    BRIDGED = 0x6558
    UNKNOWN = -1
    PLAIN_IP4 = 0x080045    # ethertype and first byte of IPv4 without options
    MAX_DEPTH = 64
    MAX_EXTENSIONS = 12

cdef enum:
    F_FIN = 1
    F_SYN = 2
    F_RST = 4
    F_ACK = 16
    F_ECE = 64
    F_CWR = 128

cdef enum:                  # places in workers.packets.tunnels.KINDS
    IN_MPLS = 1
    IN_PPPOE = 2
    IN_VXLAN = 3
    IN_GENEVE = 4
    IN_IP = 5


cdef inline uint32_t two(const byte *at) noexcept nogil:
    return <uint32_t>at[0] << 8 | at[1]


cdef inline uint32_t four(const byte *at) noexcept nogil:
    return <uint32_t>at[0] << 24 | <uint32_t>at[1] << 16 | <uint32_t>at[2] << 8 | at[3]


cdef inline uint64_t flag_marks(byte flags) noexcept nogil:
    cdef uint64_t found = 0
    if not flags & (F_FIN | F_RST | F_SYN | F_ECE | F_CWR):
        return 0
    if flags & F_FIN:
        found |= M_FIN
    if flags & F_RST:
        found |= M_RST
    if flags & F_SYN:
        return found | (M_SYNACK if flags & F_ACK else M_SYN)
    if flags & F_ECE:
        found |= M_ECE
    if flags & F_CWR:
        found |= M_CWR
    return found


cdef int llc(const byte *buffer, uint32_t *at, uint32_t end) noexcept nogil:
    if end - at[0] >= 8 and buffer[at[0]] == 0xAA and buffer[at[0] + 1] == 0xAA and buffer[at[0] + 2] == 3:
        at[0] += 8
        return two(buffer + at[0] - 2)
    if end - at[0] >= 3 and buffer[at[0]] == 6 and buffer[at[0] + 1] == 6 and buffer[at[0] + 2] == 3:
        at[0] += 3
        return IPV4
    return UNKNOWN


cdef int ethernet(const byte *buffer, uint32_t *at, uint32_t end) noexcept nogil:
    cdef uint32_t kind
    if at[0] > end or end - at[0] < 14:
        return UNKNOWN
    kind = two(buffer + at[0] + 12)
    at[0] += 14
    return <int>kind if kind > 1535 else llc(buffer, at, end)


cdef int ppp(const byte *buffer, uint32_t *at, uint32_t end) noexcept nogil:
    cdef uint32_t kind
    if at[0] + 2 <= end and buffer[at[0]] == 0xFF and buffer[at[0] + 1] == 3:
        at[0] += 2
    if at[0] + 2 > end:
        return UNKNOWN
    if buffer[at[0]] & 1:
        kind = buffer[at[0]]
        at[0] += 1
    else:
        kind = two(buffer + at[0])
        at[0] += 2
    return IPV4 if kind == 0x21 else IPV6 if kind == 0x57 else MPLS if kind == 0x281 else UNKNOWN


cdef int raw_ip(const byte *buffer, uint32_t at, uint32_t end) noexcept nogil:
    if at >= end:
        return UNKNOWN
    return IPV4 if buffer[at] >> 4 == 4 else IPV6 if buffer[at] >> 4 == 6 else UNKNOWN


cdef int cooked(const byte *buffer, uint32_t kind_at, uint32_t body, uint32_t *at, uint32_t end) noexcept nogil:
    cdef uint32_t kind
    if body > end:
        return UNKNOWN
    kind = two(buffer + kind_at)
    at[0] = body
    if kind <= 1535:
        return llc(buffer, at, end) if kind == 4 else UNKNOWN
    return kind


cdef int null_header(const byte *buffer, uint32_t *at, uint32_t end) noexcept nogil:
    cdef uint32_t family
    if end - at[0] < 4:
        return UNKNOWN
    family = (
        <uint32_t>buffer[at[0] + 3] << 24 | <uint32_t>buffer[at[0] + 2] << 16
        | <uint32_t>buffer[at[0] + 1] << 8 | buffer[at[0]]
    )
    if family > 0xFFFF:
        family = four(buffer + at[0])
    at[0] += 4
    if family == 2:
        return IPV4
    if family > 0xFFFF:
        return family & 0xFFFF
    return IPV6 if family in (10, 24, 28, 30) else UNKNOWN


cdef int network_layer(int link, const byte *buffer, uint32_t *at, uint32_t end) noexcept nogil:
    """The ethertype of the network layer, which begins at `at`; SLOW for link types read elsewhere."""
    if link == 1:
        return ethernet(buffer, at, end)
    if link == 276:
        return cooked(buffer, at[0], at[0] + 20, at, end)
    if link == 113:
        return cooked(buffer, at[0] + 14, at[0] + 16, at, end)
    if link in (12, 14, 101):
        return raw_ip(buffer, at[0], end)
    if link == 228:
        return IPV4
    if link == 229:
        return IPV6
    if link in (0, 108):
        return null_header(buffer, at, end)
    return SLOW


cdef inline void in_plain_ip4(Pkt *p, const byte *b, uint32_t total, uint32_t limit) noexcept nogil:
    """What a packet is told by its IPv4 header, which follows one of Ethernet; its bytes end at `limit`."""
    if b[15] & 3 == 3:
        p.mask |= M_CE
    p.key_length = 12
    memcpy(p.key, b + 26, 12)
    p.ip_length = total
    p.wire_end = limit
    if p.end > limit:
        p.end = limit


cdef inline bint near_tunnels(uint32_t port) noexcept nogil:
    """Whether a UDP port is among the first and last of those of tunnels."""
    return port - 1701 <= 6635 - 1701


cdef inline int decode(Pkt *p, const byte *buffer, const Record *record) noexcept nogil:
    """Fill the packet from a record; SLOW when the plain decoder has to do it, else 0. `number`, `time` are set."""
    cdef uint32_t start = record.start, captured = record.captured, at = start, limit, total, header, length
    cdef const byte *b = buffer + start
    cdef int kind
    p.end = start + captured
    p.wire_end = start + (captured if captured > record.wire else record.wire)
    p.depth = 0
    p.tunnel = 0
    if record.link == 1 and captured >= 54 and four(b + 12) >> 8 == PLAIN_IP4 and not two(b + 20) & 0x3FFF:
        # the common cases in one step: TCP or UDP in IPv4 without options in plain Ethernet
        total = two(b + 16)
        limit = start + 14 + total
        header = b[46] >> 4 << 2
        length = two(b + 38)
        if limit > p.wire_end:
            pass
        elif b[23] == 6 and header >= 20 and header + 20 <= total:
            p.flags = b[47]
            p.mask = M_IP4 | M_TCP | flag_marks(p.flags)
            p.options = header - 20
            p.kind = 6
            p.sequence = four(b + 38)
            p.ack = four(b + 42)
            p.window = two(b + 48)
            p.payload = start + 34 + header
            p.payload_length = total - 20 - header
            if p.flags & (F_SYN | F_RST):       # of others nobody asks
                p.identification = two(b + 18)
                p.hops = b[22]
            in_plain_ip4(p, b, total, limit)
            return 0
        elif b[23] == 17 and length >= 8 and length + 20 <= total and not (
            near_tunnels(two(b + 34)) or near_tunnels(two(b + 36))
        ):
            p.mask = M_IP4 | M_UDP
            p.kind = 17
            p.payload = start + 42
            p.payload_length = length - 8
            in_plain_ip4(p, b, total, start + 34 + length)
            return 0
    p.ends = NULL
    p.mask = 0
    p.ip_length = p.payload_length = 0
    p.kind = NOTHING
    kind = network_layer(record.link, buffer, &at, p.end)
    return SLOW if kind == SLOW else network(p, buffer, kind, at)


cdef int network(Pkt *p, const byte *buffer, int kind, uint32_t at) noexcept nogil:
    """Dispatch by ethertype, through tags and labels."""
    while p.depth < MAX_DEPTH:
        p.depth += 1
        if kind == IPV4:
            return ip4(p, buffer, at)
        if kind == IPV6:
            return ip6(p, buffer, at)
        if kind in (VLAN, QINQ, OLD_QINQ):
            kind = tag(buffer, &at, p.end)
        elif kind in (MPLS, MPLS_MULTICAST):
            carried(p, IN_MPLS, buffer, at)
            kind = labels(buffer, &at, p.end)
        elif kind == PPPOE:
            carried(p, IN_PPPOE, buffer, at)
            kind = session(p, buffer, &at)
        elif kind == BRIDGED:
            kind = ethernet(buffer, &at, p.end)
        elif kind in (0x88E7, 0x8903, 0x8926, 0x88E5, 0x894F, 0xD28B):
            return SLOW
        else:
            break
    if kind == ARP:
        p.mask |= M_ARP
    elif not p.mask:
        p.mask |= M_NOT_IP
    return 0


cdef void carried(Pkt *p, int kind, const byte *buffer, uint32_t at) noexcept nogil:
    """A carrier without addresses of its own, when it is the outermost."""
    if p.tunnel:
        return
    p.tunnel = kind
    p.outer_length = 0
    p.tunnel_id = 0
    if at <= p.end and p.end - at >= 4:
        p.tunnel_id = two(buffer + at) << 4 | buffer[at + 2] >> 4 if kind == IN_MPLS else two(buffer + at + 2)


cdef int tag(const byte *buffer, uint32_t *at, uint32_t end) noexcept nogil:
    cdef uint32_t kind
    if at[0] > end or end - at[0] < 4:
        return UNKNOWN
    kind = two(buffer + at[0] + 2)
    at[0] += 4
    return <int>kind if kind > 1535 else llc(buffer, at, end)


cdef int session(Pkt *p, const byte *buffer, uint32_t *at) noexcept nogil:
    """PPPoE, whose length field bounds what follows."""
    cdef uint32_t length, limit
    if at[0] > p.end or p.end - at[0] < 8:
        return UNKNOWN
    length = two(buffer + at[0] + 4)
    limit = at[0] + 6 + length if length else p.wire_end
    p.wire_end = min(p.wire_end, limit)
    p.end = min(p.end, limit)
    if p.end - at[0] < 8:
        return UNKNOWN
    at[0] += 6
    return ppp(buffer, at, p.end)


cdef int labels(const byte *buffer, uint32_t *at, uint32_t end) noexcept nogil:
    """An MPLS stack; what follows is told by its first nibble."""
    cdef bint bottom
    cdef int kind
    while at[0] <= end and end - at[0] >= 4:
        bottom = buffer[at[0] + 2] & 1
        at[0] += 4
        if bottom:
            kind = raw_ip(buffer, at[0], end)
            if kind == UNKNOWN and at[0] < end:
                if buffer[at[0]] >> 4 == 0:
                    at[0] += 4
                return BRIDGED
            return kind
    return UNKNOWN


cdef int ip4(Pkt *p, const byte *buffer, uint32_t at) noexcept nogil:
    cdef uint32_t header, total, on_wire, limit
    cdef const byte *b = buffer + at
    p.mask |= M_IP4
    if at > p.end or p.end - at < 20:
        p.mask |= M_MALFORMED
        return 0
    header = (b[0] & 15) * 4
    total = two(b + 2)
    on_wire = p.wire_end - at
    if total == 0 or total > on_wire:
        total = on_wire
    if b[0] >> 4 == 6:
        return ip6(p, buffer, at)
    if b[0] >> 4 != 4 or header < 20 or total < header:
        p.mask |= M_MALFORMED
        return 0
    if two(b + 6) & 0x3FFF:
        return SLOW
    if b[1] & 3 == 3:
        p.mask |= M_CE
    p.identification = two(b + 4)
    p.hops = b[8]
    p.ip_length = total
    p.wire_end = limit = at + total
    if p.end > limit:
        p.end = limit
    if b[9] == 6:
        tcp_header(p, buffer, b + 12, 8, at + header)
        return 0
    if b[9] == 17:
        return udp_header(p, buffer, b + 12, 8, at + header)
    return other_header(p, buffer, b + 12, 8, b[9], at + header)


cdef int ip6(Pkt *p, const byte *buffer, uint32_t at) noexcept nogil:
    cdef uint32_t length, on_wire, total, limit
    p.mask |= M_IP6
    if at > p.end or p.end - at < 40 or buffer[at] >> 4 != 6:
        p.mask |= M_MALFORMED
        return 0
    if buffer[at + 1] & 0x30 == 0x30:
        p.mask |= M_CE
    length = two(buffer + at + 4)
    on_wire = p.wire_end - at
    total = length + 40 if 0 < length and length + 40 <= on_wire else on_wire
    p.identification = 0
    p.hops = buffer[at + 7]
    p.ip_length = total
    p.wire_end = limit = at + total
    if p.end > limit:
        p.end = limit
    return next_header(p, buffer, buffer + at + 8, 32, buffer[at + 6], at + 40)


cdef int next_header(
    Pkt *p, const byte *buffer, const byte *addresses, int size, int protocol, uint32_t at
) noexcept nogil:
    """Walk IPv6 extension headers."""
    cdef int turn
    cdef uint32_t length
    for turn in range(MAX_EXTENSIONS):
        if protocol == 6:
            tcp_header(p, buffer, addresses, size, at)
            return 0
        if protocol == 17:
            return udp_header(p, buffer, addresses, size, at)
        if protocol == 44:
            return SLOW
        if protocol not in (0, 43, 60, 51, 135, 139, 140):
            return other_header(p, buffer, addresses, size, protocol, at)
        if at > p.end or p.end - at < 8:
            break
        length = buffer[at + 1]
        length = (length + 2) * 4 if protocol == 51 else (length + 1) * 8
        protocol = buffer[at]
        at += length
    p.mask |= M_MALFORMED
    return 0
