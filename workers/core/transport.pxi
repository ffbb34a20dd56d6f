# The transport headers, and what lies inside of tunnels, as workers.packets.decode reads them.

cdef inline void keyed(Pkt *p, const byte *addresses, int size, const byte *ports) noexcept nogil:
    memcpy(p.key, addresses, size)
    if ports != NULL:
        memcpy(p.key + size, ports, 4)
        size += 4
    p.key_length = size


cdef void tcp_header(Pkt *p, const byte *buffer, const byte *addresses, int size, uint32_t at) noexcept nogil:
    cdef uint32_t header
    p.mask |= M_TCP
    if p.end < at + 20:
        if p.wire_end < at + 20:
            p.mask |= M_MALFORMED
        if p.end >= at + 16:
            p.mask |= flag_marks(buffer[at + 13])
        return
    header = buffer[at + 12] >> 4 << 2
    p.flags = buffer[at + 13]
    p.mask |= flag_marks(p.flags)
    if header < 20 or p.wire_end < at + header:
        p.mask |= M_MALFORMED
        return
    p.kind = 6
    keyed(p, addresses, size, buffer + at)
    p.sequence = four(buffer + at + 4)
    p.ack = four(buffer + at + 8)
    p.window = two(buffer + at + 14)
    p.options = header - 20
    p.payload = at + header
    p.payload_length = p.wire_end - at - header


cdef int udp_header(Pkt *p, const byte *buffer, const byte *addresses, int size, uint32_t at) noexcept nogil:
    cdef uint32_t source, destination, length, on_wire, limit
    cdef int kind
    p.mask |= M_UDP
    if p.end < at + 8:
        if p.wire_end < at + 8:
            p.mask |= M_MALFORMED
        return 0
    source = two(buffer + at)
    destination = two(buffer + at + 2)
    if other_tunnel(destination) or other_tunnel(source):
        return SLOW
    length = two(buffer + at + 4)
    on_wire = p.wire_end - at
    if length < 8 or length > on_wire:
        if 0 < length < 8:
            p.mask |= M_MALFORMED
            return 0
        length = on_wire
    p.kind = 17
    keyed(p, addresses, size, buffer + at)
    p.payload = at + 8
    p.payload_length = length - 8
    p.wire_end = limit = at + length
    if p.end > limit:
        p.end = limit
    if destination == 4789 or (destination != 6081 and source == 4789):
        at += 8
        if p.end < at + 8 or not buffer[at] & 8:
            return 0
        return inside(p, buffer, BRIDGED, at + 8, IN_VXLAN, three(buffer + at + 4))
    if destination == 6081 or source == 6081:
        at += 8
        if p.end < at + 8 or buffer[at] >> 6:
            return 0
        kind = two(buffer + at + 2)
        return inside(p, buffer, kind, at + 8 + (buffer[at] & 63) * 4, IN_GENEVE, three(buffer + at + 4))
    return 0


cdef inline bint other_tunnel(uint32_t port) noexcept nogil:
    """Whether a UDP port is that of a tunnel the plain decoder looks into."""
    return port in (1701, 2152, 3386, 3544, 4341, 4754, 4790, 5072, 6635)


cdef inline uint32_t three(const byte *at) noexcept nogil:
    return four(at) >> 8


cdef int inside(Pkt *p, const byte *buffer, int kind, uint32_t at, int tunnel, uint32_t identifier) noexcept nogil:
    """Go on with the packet inside a tunnel; the outer conversation stands if nothing inside can be read."""
    cdef byte key[KEY]
    cdef int length, found, protocol = p.kind
    if kind == UNKNOWN or p.depth >= MAX_DEPTH or at >= p.end:
        return 0
    p.mask |= M_TUNNELLED
    if p.tunnel:
        return network(p, buffer, kind, at)
    p.tunnel = tunnel
    p.tunnel_id = identifier
    p.outer_length = 2 * address_size(p.key_length)
    memcpy(p.outer, p.key, p.outer_length)
    length = p.key_length
    memcpy(key, p.key, length)
    found = network(p, buffer, kind, at)
    if protocol == p.kind and length == p.key_length and memcmp(key, p.key, length) == 0:      # nothing inside could be read
        p.tunnel = 0
    return found


cdef int other_header(
    Pkt *p, const byte *buffer, const byte *addresses, int size, int protocol, uint32_t at
) noexcept nogil:
    """Every protocol that is neither TCP nor UDP."""
    cdef int kind
    p.kind = protocol
    keyed(p, addresses, size, NULL)
    p.payload = at
    p.payload_length = p.wire_end - at if p.wire_end > at else 0
    if protocol == 1 or protocol == 58:
        p.mask |= M_ICMP
        if p.end >= at + 8:
            kind = buffer[at]
            if size == 32:
                if kind in (1, 2, 3, 4, 137):
                    return SLOW
            elif kind in (3, 4, 5, 11, 12):
                return SLOW
    elif protocol == 4:
        return inside(p, buffer, IPV4, at, IN_IP, 0)
    elif protocol == 41:
        return inside(p, buffer, IPV6, at, IN_IP, 0)
    elif protocol in (47, 97, 103, 137, 143) or (protocol == 51 and size == 8):
        return SLOW
    elif protocol == 132 and p.end >= at + 12:
        p.mask |= M_SCTP
        keyed(p, addresses, size, buffer + at)
    return 0
