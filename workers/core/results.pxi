# What came of it all, as Python sees it.

HANDSHAKES = ("unseen", "unanswered", "half-open", "complete", "refused")


cdef class Results:
    """The state of a core and its results; `Core` feeds it."""

    cdef State s
    cdef list names
    """Of applications, by the number a conversation has."""

    def __cinit__(self):
        memset(&self.s, 0, sizeof(State))

    cdef int make(self) except -1:
        cdef State *s = &self.s
        cdef void *flows = NULL
        s.seed = int.from_bytes(os.urandom(8), "little")
        s.buckets = <int32_t*>malloc(BUCKETS * sizeof(int32_t))
        if posix_memalign(&flows, LARGE, SLOTS * sizeof(Flow)):  # takes memory as slots are used, and only then
            raise MemoryError
        in_large_pages(<char*>flows + LARGE, SLOTS * sizeof(Flow) - LARGE)  # but for what few conversations take
        s.flows = <Flow*>flows
        s.latest = <int64_t*>calloc(SLOTS, sizeof(int64_t))
        s.ports = <uint64_t*>calloc(3 * 65536, sizeof(uint64_t))
        s.events = <Event*>calloc(MAX_EVENTS, sizeof(Event))
        s.order = <Rank*>calloc(SLOTS, sizeof(Rank))
        s.read_ports = <byte*>calloc(65536, 1)
        if not (s.buckets and s.flows and s.latest and s.ports and s.events and s.order and s.read_ports):
            raise MemoryError
        memset(s.buckets, 0xFF, BUCKETS * sizeof(int32_t))
        s.free_flow = s.blocks.free = NONE
        s.extras.free = s.carriers.free = NONE
        s.blocks.size = sizeof(Block)
        s.extras.size = sizeof(Extra)
        s.carriers.size = sizeof(Carrier)
        begin_timeline(&s.timeline)
        return 0

    def __dealloc__(self):
        cdef State *s = &self.s
        free(s.buckets)
        free(s.flows)
        free(s.latest)
        free(s.ports)
        free(s.events)
        free(s.order)
        free(s.read_ports)
        free(s.blocks.memory)
        free(s.extras.memory)
        free(s.carriers.memory)

    @property
    def totals(self):
        """frames, wire, captured, cut, cut_at, first, last, back, opened, ended, evicted, by name."""
        cdef State *s = &self.s
        return {
            "frames": s.frames, "wire": s.wire, "captured": s.captured, "cut": s.cut, "cut_at": s.cut_at,
            "first": s.first, "last": s.last, "back": s.back, "opened": s.opened, "ended": s.ended, "evicted": s.evicted,
        }

    @property
    def marks(self):
        """Frames by the place of the mark's bit."""
        cdef int place
        return [
            self.s.marks[place] + (self.s.ordinary if (M_IP4 | M_TCP) >> place & 1 else 0)
            + (self.s.datagrams if (M_IP4 | M_UDP) >> place & 1 else 0) for place in range(64)
        ]

    @property
    def handshakes(self):
        """TCP conversations that ended, by how far their handshake came, and those too young to judge."""
        counts = {name: self.s.handshakes[place] for place, name in enumerate(HANDSHAKES) if self.s.handshakes[place]}
        return {**counts, "unjudged": self.s.unjudged} if self.s.unjudged else counts

    @property
    def ports(self):
        """(protocol, server port) -> packets."""
        cdef State *s = &self.s
        cdef int block, place
        protocols = (6, 17, 132)
        return {
            (protocols[place >> 16], place & 65535): s.ports[place]
            for block in range(BLOCKS) if s.port_blocks[block]
            for place in range(block * BLOCK, (block + 1) * BLOCK) if s.ports[place]
        }

    @property
    def bins(self):
        """(start, width, packets, bytes, problems, and by servers and by clients packets, bytes) of the timeline."""
        cdef Timeline *t = &self.s.timeline
        used = t.last_bin + 1
        return (
            t.start, t.width, [t.packets[0][i] + t.packets[1][i] + t.packets[2][i] for i in range(used)],
            [t.bytes[0][i] + t.bytes[1][i] + t.bytes[2][i] for i in range(used)], [t.problems[i] for i in range(used)],
            [([t.packets[side][i] for i in range(used)], [t.bytes[side][i] for i in range(used)])
             for side in range(2)],
        )

    def flow(self, int32_t index):
        """A conversation's id, protocol, client's key, times of its first and last packet in nanoseconds, first frame,
        application, packets, bytes and payload by client and by server, tunnel, and what is told of its TCP."""
        cdef State *s = &self.s
        cdef Flow *flow = &s.flows[index]
        cdef Counted *asked = &flow.counted[flow.client]
        cdef Counted *answered = &flow.counted[1 - flow.client]
        return (
            flow.id, flow.kind, turned_key(flow, flow.client), flow.first, flow.last, flow.first_frame,
            self.names[flow.application], (asked.packets, asked.bytes, asked.payload),
            (answered.packets, answered.bytes, answered.payload), self.carrier(flow.tunnel),
            tcp_facts(s, flow) if flow.kind == 6 else None,
        )

    cdef object carrier(self, int32_t where):
        """(kind, addresses of the ends, identifier), None for none"""
        cdef Carrier *one
        if where == NONE:
            return None
        one = <Carrier*>entry(&self.s.carriers, where)
        return one.kind, PyBytes_FromStringAndSize(<char*>one.ends, one.length), one.id


cdef bytes turned_key(Flow *flow, int side):
    return sides_key(flow.key, flow.key_length, side)


cdef bytes sides_key(const byte *known, int length, int side):
    """The key of a direction, from that of side 0: source, destination, and their ports where there are any."""
    cdef byte key[KEY]
    cdef int size = address_size(length)
    if side == 0:
        return PyBytes_FromStringAndSize(<const char*>known, length)
    memcpy(key, known + size, size)
    memcpy(key + size, known, size)
    if length > 2 * size:
        memcpy(key + 2 * size, known + 2 * size + 2, 2)
        memcpy(key + 2 * size + 2, known + 2 * size, 2)
    return PyBytes_FromStringAndSize(<char*>key, length)


cdef inline void fill(Packet packet, const Event *event) noexcept:
    packet.number = event.number
    packet.time = event.time
    packet.mask = event.mask
    packet.payload = event.payload
    packet.end = event.end
    packet.wire_end = event.wire_end
    packet.payload_length = event.payload_length


cdef bytes read_plainly(State *s, Packet packet, decode, bytes buffer, Record *record):
    """Have the packet at hand read by the plain decoder; the buffer that holds it, which is `s.base` then."""
    cdef Pkt *p = &s.packet
    cdef bytes inner
    cdef bytes key
    packet.number = p.number
    packet.time = p.time
    decode(packet, buffer, record.start, record.captured, record.wire, record.link)
    inner = packet.buffer
    s.base = <const byte*>PyBytes_AS_STRING(inner)
    p.mask = packet.mask
    p.kind = packet.kind
    if p.kind != NOTHING:
        key = packet.key
        p.key_length = <byte>PyBytes_GET_SIZE(key)
        memcpy(p.key, PyBytes_AS_STRING(key), p.key_length)
        p.ip_length = packet.ip_length
        p.payload = packet.payload
        p.payload_length = packet.payload_length
        p.end = packet.end
        p.wire_end = packet.wire_end
        p.tunnel = packet.tunnel
        if p.tunnel:
            p.tunnel_id = packet.tunnel_id
            key = packet.outer
            p.outer_length = <byte>PyBytes_GET_SIZE(key)
            memcpy(p.outer, PyBytes_AS_STRING(key), p.outer_length)
        if p.kind == 6:
            p.options = packet.options
            p.flags = packet.flags
            p.sequence = packet.sequence
            p.ack = packet.ack
            p.window = packet.window
            p.hops = packet.hops
            p.identification = packet.identification
    return inner
