# What came of it all, as Python sees it.

HANDSHAKES = ("unseen", "unanswered", "half-open", "complete", "refused")
STAGES = ("refused", "handshake", "before-response", "after-data", "after-fin")


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
        if posix_memalign(&flows, LINE, SLOTS * sizeof(Flow)):  # takes memory as slots are used, and only then
            raise MemoryError
        s.flows = <Flow*>flows
        s.ports = <uint64_t*>calloc(3 * 65536, sizeof(uint64_t))
        s.events = <Event*>calloc(MAX_EVENTS, sizeof(Event))
        s.order = <Rank*>calloc(SLOTS, sizeof(Rank))
        s.read_ports = <byte*>calloc(65536, 1)
        if not (s.buckets and s.flows and s.ports and s.events and s.order and s.read_ports):
            raise MemoryError
        memset(s.buckets, 0xFF, BUCKETS * sizeof(int32_t))
        s.free_flow = s.frame_lists.free = s.sample_lists.free = s.reset_lists.free = NONE
        s.extras.free = s.carriers.free = NONE
        s.frame_lists.size = sizeof(FrameList)
        s.sample_lists.size = sizeof(Samples)
        s.reset_lists.size = sizeof(ResetList)
        s.extras.size = sizeof(Extra)
        s.carriers.size = sizeof(Carrier)
        begin_timeline(&s.timeline)
        return 0

    def __dealloc__(self):
        cdef State *s = &self.s
        free(s.buckets)
        free(s.flows)
        free(s.ports)
        free(s.events)
        free(s.order)
        free(s.read_ports)
        free(s.frame_lists.memory)
        free(s.sample_lists.memory)
        free(s.reset_lists.memory)
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
            self.s.marks[place] + (self.s.ordinary if (M_IP4 | M_TCP) >> place & 1 else 0) for place in range(64)
        ]

    @property
    def handshakes(self):
        """TCP conversations that ended, by how far their handshake came, and those too young to judge."""
        counts = {name: self.s.handshakes[place] for place, name in enumerate(HANDSHAKES) if self.s.handshakes[place]}
        return {**counts, "unjudged": self.s.unjudged} if self.s.unjudged else counts

    @property
    def ports(self):
        """(protocol, server port) -> packets."""
        cdef int place
        protocols = (6, 17, 132)
        return {
            (protocols[place >> 16], place & 65535): self.s.ports[place]
            for place in range(3 * 65536) if self.s.ports[place]
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
        """One conversation's figures, by name; times and durations in nanoseconds, -1 for none."""
        cdef State *s = &self.s
        cdef Flow *flow = &s.flows[index]
        cdef Half *client = &flow.halves[flow.client]
        cdef Half *server = &flow.halves[1 - flow.client]
        cdef Counted *asked = &flow.counted[flow.client]
        cdef Counted *answered = &flow.counted[1 - flow.client]
        told = {
            "id": flow.id, "protocol": flow.kind, "key": turned_key(flow, flow.client), "first": flow.first,
            "last": flow.last, "first_frame": flow.first_frame, "application": self.names[flow.application],
            "client": (asked.packets, asked.bytes, asked.payload),
            "server": (answered.packets, answered.bytes, answered.payload), "tunnel": self.carrier(flow.tunnel),
        }
        if flow.kind == 6:
            told["tcp"] = {
                "handshake": HANDSHAKES[handshake(flow)], "judged": judged(s, flow), "syns": self.seen(flow.syns),
                "handshake_rtt": flow.handshake_rtt, "server_rtt": flow.server_rtt,
                "reused_after": flow.reused_after, "largest_resent": (client.largest_resent, server.largest_resent),
                "unacknowledged": (unacknowledged(client, server), unacknowledged(server, client)),
                "refused_by": ("", "reset", "icmp")[flow.refused_by], "fins": flow.fins,
                "data_segments": (client.data_segments, server.data_segments),
                "retransmissions": (self.seen(client.retransmissions), self.seen(server.retransmissions)),
                "zero_windows": (self.seen(client.zero_windows), self.seen(server.zero_windows)),
                "out_of_order": self.seen(flow.out_of_order), "lost_segments": self.seen(flow.lost_segments),
                "duplicate_acks": self.seen(flow.duplicate_acks), "keep_alives": self.seen(flow.keep_alives),
                "zero_time": flow.zero_time + still_zero(flow, client) + still_zero(flow, server),
                "resets": self.reset_list(flow.resets), "ecn": client.offered & server.offered & OFFERS_ECN != 0,
                "idle": (flow.idle_gaps, flow.longest_idle, flow.longest_idle_frame),
                "sides": (self.side(client, asked.payload), self.side(server, answered.payload)),
            }
        return told

    cdef object side(self, Half *half, int64_t payload):
        """What is told of each sender, by name."""
        cdef Extra *more
        told = {
            "offered": half.offered & WHOLE != 0, "mss": half.mss,
            "window_scale": half.scale if half.scale != UNSET else None,
            "sack_permitted": half.offered & OFFERS_SACK != 0, "timestamps": half.offered & OFFERS_TIMESTAMPS != 0,
            "window_updates": half.window_updates, "most_in_flight": half.most_in_flight,
            "most_per_second": max(half.most_per_second, payload - half.bin_base),
            "rtt": self.sampled(half.rtt), "largest_acknowledged": half.largest_acknowledged,
        }
        if half.extra == NONE:
            return told
        more = <Extra*>entry(&self.s.extras, half.extra)
        return told | {
            "window_full": self.seen(more.window_full), "zero_window_probes": self.seen(more.zero_window_probes),
            "acked_unseen": self.seen(more.acked_unseen), "too_big": self.seen(more.too_big),
            "undelivered": self.seen(more.undelivered), "undelivered_size": more.undelivered_size,
            "told_mtu": more.told_mtu, "zero_window_probe_acks": more.zero_window_probe_acks, "sacks": more.sacks,
            "congestion_marked": more.congestion_marked, "congestion_echoed": more.congestion_echoed,
            "congestion_answered": more.congestion_answered,
        }

    cdef object carrier(self, int32_t where):
        """(kind, addresses of the ends, identifier), None for none"""
        cdef Carrier *one
        if where == NONE:
            return None
        one = <Carrier*>entry(&self.s.carriers, where)
        return one.kind, PyBytes_FromStringAndSize(<char*>one.ends, one.length), one.id

    cdef object seen(self, int32_t where):
        """(count, first frames)"""
        cdef FrameList *frames
        if where == NONE:
            return 0, ()
        frames = <FrameList*>entry(&self.s.frame_lists, where)
        return frames.count, tuple([frames.first[i] for i in range(min(frames.count, <int64_t>FRAMES))])

    cdef object sampled(self, int32_t where):
        """(count, least, most, kept samples), None for none"""
        cdef Samples *samples
        if where == NONE:
            return None
        samples = <Samples*>entry(&self.s.sample_lists, where)
        return samples.count, samples.least, samples.most, [samples.values[i] for i in range(samples.kept)]

    cdef object reset_list(self, int32_t where):
        """(frame, whether by the client, stage, after, idle, waited, what tells where it came from), …"""
        cdef ResetList *resets
        if where == NONE:
            return []
        resets = <ResetList*>entry(&self.s.reset_lists, where)
        return [
            told_reset(&resets.entries[i]) for i in range(resets.count)
        ]


cdef int64_t still_zero(Flow *flow, Half *half) noexcept nogil:
    """How long a window has stood at zero to the conversation's end."""
    return max(<int64_t>0, flow.last - half.zero_since) if half.zero_since != UNSET else 0


cdef bytes turned_key(Flow *flow, int side):
    return sides_key(flow.key, flow.key_length, side)


cdef extern from *:
    """
    static CYTHON_INLINE unsigned char *own_bytes(PyObject *held, Py_ssize_t size) {
        if (Py_REFCNT(held) != 1 || Py_SIZE(held) != size)
            return NULL;
    #if defined(__GNUC__)
    #pragma GCC diagnostic push
    #pragma GCC diagnostic ignored "-Wdeprecated-declarations"
    #endif
        ((PyBytesObject *)held)->ob_shash = -1;
    #if defined(__GNUC__)
    #pragma GCC diagnostic pop
    #endif
        return (unsigned char *)PyBytes_AS_STRING(held);
    }
    """
    byte *own_bytes(PyObject *held, Py_ssize_t size)
    # the memory of bytes that nobody else has, to be written anew; NULL when there are others, or another size is wanted


cdef bytes sides_key(const byte *known, int length, int side):
    """The key of a direction, from that of side 0: source, destination, and their ports where there are any."""
    cdef byte key[KEY]
    turn(key, known, length, side)
    return PyBytes_FromStringAndSize(<char*>key, length)


cdef inline void turn(byte *key, const byte *known, int length, int side) noexcept:
    cdef int size = address_size(length)
    if side == 0:
        memcpy(key, known, length)
        return
    memcpy(key, known + size, size)
    memcpy(key + size, known, size)
    if length > 2 * size:
        memcpy(key + 2 * size, known + 2 * size + 2, 2)
        memcpy(key + 2 * size + 2, known + 2 * size, 2)


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


cdef object told_reset(ResetEntry *one):
    origin = one.hops, one.handshake_hops, one.identification, one.handshake_identification
    return one.frame, bool(one.by_client), STAGES[one.stage], one.after, one.idle, one.waited, origin
