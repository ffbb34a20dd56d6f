# What Python sees: conversations as the application parsers know them, and the core as the analyser drives it.

HANDSHAKES = ("unseen", "unanswered", "half-open", "complete", "refused")
STAGES = ("refused", "handshake", "before-response", "after-data", "after-fin")


cdef class HalfView:
    """One direction, as analysis.flows.Half to the application parsers."""

    cdef Core core
    cdef int32_t index
    cdef readonly int side
    cdef readonly FlowView flow
    cdef readonly bytes key
    cdef object made

    cdef Half* half(self):
        return &self.core.s.flows[self.index].halves[self.side]

    @property
    def peer(self):
        return self.flow.halves[1 - self.side]

    @property
    def tcp(self):
        return self

    @property
    def initial(self):
        return self.half().initial

    @property
    def last_ack(self):
        return self.half().last_ack

    @property
    def packets(self):
        return self.half().packets

    @property
    def bytes(self):
        return self.half().bytes

    @property
    def payload(self):
        return self.half().payload

    @property
    def stream(self):
        """The direction's stream, None before its first payload."""
        cdef Half *half = self.half()
        if half.stream == NO_STREAM:
            return None
        if self.made is None:
            self.made = self.core.open_stream(self)
            self.made.next = half.stream_next
        elif not half.queued and not self.flow.over:
            self.made.next = half.stream_next
            self.made.skip = half.stream_skip
        return self.made

    cdef object current(self, bint first):
        """The stream as an event needs it."""
        cdef Half *half = self.half()
        if self.made is None:
            self.made = self.core.open_stream(self)
            first = True
        if first:
            self.made.next = half.stream_next
            self.made.skip = half.stream_skip
        return self.made


cdef class FlowView:
    """One conversation, as analysis.flows.Flow to the application parsers."""

    cdef Core core
    cdef int32_t index
    cdef readonly object id
    cdef readonly int protocol
    cdef readonly tuple halves
    cdef int client_side
    cdef bint over          # the parsers hear the last of it: the streams are theirs alone

    @property
    def client(self):
        return self.halves[self.client_side]

    @property
    def state(self):
        return self

    @property
    def fins(self):
        return self.core.s.flows[self.index].fins

    @property
    def resets(self):
        return self.core.s.flows[self.index].resets != NONE

    @property
    def application(self):
        return self.core.names[self.core.s.flows[self.index].application]

    @application.setter
    def application(self, name):
        self.core.s.flows[self.index].application = self.core.named(name)


cdef class Core:
    """batch(buffer, records) as they come; close() at the end; then the results.

    `packet` is the analyser's packet object, used again for every event; `decode` the plain decoder; `glue` has
    `open_stream(half)`, `watching(stream)`, `fin(half, packet)`, `datagram(packet, source, destination)` -> name,
    `icmp_error(packet)`, `over(flow, packet, now)`, `latency(time, took)`, `told(flow number)` for conversations that
    rank among the best, each as the plain core has it.
    """

    cdef State s
    cdef object packet
    cdef object decode
    cdef object glue
    cdef list names
    cdef dict views
    cdef dict numbers

    def __cinit__(self):
        memset(&self.s, 0, sizeof(State))

    def __init__(self, packet, decode, glue, udp_ports):
        self.packet = packet
        self.decode = decode
        self.glue = glue
        self.names = [""]
        self.numbers = {"": 0}
        self.views = {}
        self.make()
        for port in udp_ports:
            self.s.udp_ports[port] = 1

    cdef int make(self) except -1:
        cdef State *s = &self.s
        s.seed = int.from_bytes(os.urandom(8), "little")
        s.buckets = <int32_t*>malloc(BUCKETS * sizeof(int32_t))
        s.flows = <Flow*>calloc(SLOTS, sizeof(Flow))
        s.ports = <uint64_t*>calloc(3 * 65536, sizeof(uint64_t))
        s.events = <Event*>calloc(MAX_EVENTS, sizeof(Event))
        s.order = <Rank*>calloc(SLOTS, sizeof(Rank))
        s.udp_ports = <byte*>calloc(65536, 1)
        if not (s.buckets and s.flows and s.ports and s.events and s.order and s.udp_ports):
            raise MemoryError
        memset(s.buckets, 0xFF, BUCKETS * sizeof(int32_t))
        s.free_flow = s.frame_lists.free = s.sample_lists.free = s.reset_lists.free = NONE
        s.frame_lists.size = sizeof(FrameList)
        s.sample_lists.size = sizeof(Samples)
        s.reset_lists.size = sizeof(ResetList)
        begin_timeline(&s.timeline)
        return 0

    def __dealloc__(self):
        cdef State *s = &self.s
        free(s.buckets)
        free(s.flows)
        free(s.ports)
        free(s.events)
        free(s.order)
        free(s.udp_ports)
        free(s.frame_lists.memory)
        free(s.sample_lists.memory)
        free(s.reset_lists.memory)

    # -- feeding -----------------------------------------------------------------------------------------------

    def batch(self, bytes buffer, records):
        """Take the records of a buffer."""
        cdef Records found = records if isinstance(records, Records) else listed_records(records)
        cdef Py_ssize_t at = 0
        cdef int why = ROOM
        while why != ALL:
            self.s.base = <const byte*>PyBytes_AS_STRING(buffer)
            with nogil:
                why = run(&self.s, found.items, found.number, &at)
            self.dispatch(buffer)
            if why == PLAIN:
                self.plain(buffer, &found.items[at - 1])

    cdef int plain(self, bytes buffer, Record *record) except -1:
        """Have the packet at hand read by the plain decoder, and go on with it."""
        cdef Pkt *p = &self.s.packet
        cdef bytes inner
        cdef bytes key
        packet = self.packet
        packet.number = p.number
        packet.time = p.time
        self.decode(packet, buffer, record.start, record.captured, record.wire, record.link)
        inner = packet.buffer
        self.s.base = <const byte*>PyBytes_AS_STRING(inner)
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
            if p.kind == 6:
                p.flags = packet.flags
                p.sequence = packet.sequence
                p.ack = packet.ack
                p.window = packet.window
                p.hops = packet.hops
                p.identification = packet.identification
        step(&self.s)
        error = packet.error_type >= 0 and p.kind != 6 and p.kind != 17 and p.kind != NOTHING
        if self.s.waiting:
            kept = (packet.quoted_kind, packet.quoted_key, packet.key)
            self.dispatch(inner)
            packet.quoted_kind, packet.quoted_key, packet.key = kept
        if error:
            packet.mask = p.mask
            self.glue.icmp_error(packet)
        return 0

    cdef int dispatch(self, bytes buffer) except -1:
        """Hand the waiting events on, in order."""
        cdef Event *event
        cdef int32_t place
        for place in range(self.s.waiting):
            event = &self.s.events[place]
            if event.kind == SEGMENT:
                self.segment(buffer, event)
            elif event.kind == DATAGRAM:
                self.datagram(buffer, event)
            else:
                self.closed(event)
        self.s.waiting = self.s.pressing = 0
        self.s.dispatched = self.s.frames
        return 0

    cdef object filled(self, bytes buffer, Event *event):
        packet = self.packet
        packet.number = event.number
        packet.time = event.time
        packet.mask = event.mask
        packet.buffer = buffer
        packet.payload = event.payload
        packet.end = event.end
        packet.wire_end = event.wire_end
        packet.payload_length = event.payload_length
        return packet

    cdef int marked(self, Event *event) except -1:
        """Count the marks that parsers gave the event's frame."""
        cdef uint64_t mask = self.packet.mask
        count_marks(&self.s, mask & ~event.mask)
        return 0

    cdef int segment(self, bytes buffer, Event *event) except -1:
        cdef FlowView flow = self.viewed(event.flow)
        cdef HalfView view = flow.halves[event.side]
        cdef Half *half = view.half()
        packet = self.filled(buffer, event)
        packet.key = view.key
        packet.sequence = event.sequence
        flow.client_side = event.client
        stream = view.current(event.first)
        if event.data:
            stream.segment(packet, event.acked)
        if event.fin:
            self.glue.fin(view, packet)
        self.marked(event)
        half.queued -= 1
        if not half.queued:
            half.stream_next = stream.next
            half.stream_skip = stream.skip
            half.pending = 1 if stream.pending else 0
            half.stream = WATCHED if self.glue.watching(stream) else PARSED
        return 0

    cdef int datagram(self, bytes buffer, Event *event) except -1:
        cdef Flow *flow = &self.s.flows[event.flow]
        cdef bytes key = turned_key(flow, event.side)
        cdef const byte *ports = <const byte*>PyBytes_AS_STRING(key) + len(key) - 4
        packet = self.filled(buffer, event)
        packet.key = key
        flow.application = self.named(self.glue.datagram(packet, two(ports), two(ports + 2)))
        self.marked(event)
        return 0

    cdef int closed(self, Event *event) except -1:
        """A conversation is over: its last bytes, then its facts."""
        cdef State *s = &self.s
        cdef Flow *flow = &s.flows[event.flow]
        cdef FlowView view
        packet = self.packet
        if flow.viewed:
            view = self.viewed(event.flow)
            view.client_side = flow.client
            packet.number = event.number
            packet.time = event.time
            packet.mask = 0
            view.halves[0].stream, view.halves[1].stream
            view.over = True
            self.glue.over(view, packet, flow.capture_end)
            del self.views[event.flow]
        if flow.handshake_rtt >= 0:
            self.glue.latency(flow.first_syn_time, flow.handshake_rtt)
        if not outranked(s, flow):
            healthy = not (flow.kind == 6 and troubled(flow))
            worst = self.glue.told((healthy, -(flow.halves[0].bytes + flow.halves[1].bytes), flow.id), event.flow)
            if worst is not None:
                s.ranked = True
                s.worst_healthy = worst[0]
                s.worst_size = -worst[1]
                s.worst_id = worst[2]
        release(s, event.flow)
        return 0

    def close(self):
        """The capture is over: every conversation with it."""
        cdef State *s = &self.s
        cdef int32_t number = listed(s, True), place
        s.packet.mask = 0
        for place in range(number):
            if s.waiting == MAX_EVENTS:
                self.dispatch(b"")
            close_flow(s, s.order[place].flow, &s.packet)
        self.dispatch(b"")

    # -- conversations as Python sees them -----------------------------------------------------------------------

    cdef FlowView viewed(self, int32_t index):
        cdef FlowView view = self.views.get(index)
        cdef Flow *flow = &self.s.flows[index]
        if view is None:
            view = FlowView.__new__(FlowView)
            view.core = self
            view.index = index
            view.id = flow.id
            view.protocol = flow.kind
            view.client_side = flow.client
            view.halves = (self.half_view(view, flow, 0), self.half_view(view, flow, 1))
            flow.viewed = 1
            self.views[index] = view
        return view

    cdef HalfView half_view(self, FlowView flow, Flow *f, int side):
        cdef HalfView view = HalfView.__new__(HalfView)
        view.core = self
        view.index = flow.index
        view.side = side
        view.flow = flow
        view.key = turned_key(f, side)
        return view

    def open_stream(self, half):
        """A new stream for a direction."""
        return self.glue.open_stream(half)

    cdef int named(self, name) except -1:
        number = self.numbers.get(name)
        if number is None:
            number = len(self.names)
            if number > 255:
                return 0
            self.names.append(name)
            self.numbers[name] = number
        return number

    def lookup(self, int kind, bytes key):
        """The client's key of the live conversation a quoted packet belongs to, and its place; None for neither."""
        cdef int length = len(key)
        cdef int side = 0
        cdef int32_t index
        cdef const byte *data = <const byte*>PyBytes_AS_STRING(key)
        if length not in (8, 12, 32, 36):
            return None
        index = find(&self.s, data, length, kind, hashed(data, length, kind, self.s.seed), &side)
        if index == NONE:
            return None
        return turned_key(&self.s.flows[index], self.s.flows[index].client), index

    def refused_by_icmp(self, int32_t index):
        """An ICMP error says that the server or its port can't be reached."""
        cdef Flow *flow = &self.s.flows[index]
        if flow.kind == 6 and flow.stage == OPENING and not flow.refused_by:
            flow.refused_by = 2

    # -- results -----------------------------------------------------------------------------------------------

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
        return [self.s.marks[place] for place in range(64)]

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
        """(start, width, packets, bytes, problems) of the timeline, up to the last bin used."""
        cdef Timeline *t = &self.s.timeline
        used = t.last_bin + 1
        return (
            t.start, t.width, [t.packets[i] for i in range(used)], [t.bytes[i] for i in range(used)],
            [t.problems[i] for i in range(used)],
        )

    def flow(self, int32_t index):
        """One conversation's figures, by name; times and durations in nanoseconds, -1 for none."""
        cdef State *s = &self.s
        cdef Flow *flow = &s.flows[index]
        cdef Half *client = &flow.halves[flow.client]
        cdef Half *server = &flow.halves[1 - flow.client]
        told = {
            "id": flow.id, "protocol": flow.kind, "key": turned_key(flow, flow.client), "first": flow.first,
            "last": flow.last, "first_frame": flow.first_frame, "application": self.names[flow.application],
            "client": (client.packets, client.bytes, client.payload),
            "server": (server.packets, server.bytes, server.payload),
        }
        if flow.kind == 6:
            told["tcp"] = {
                "handshake": HANDSHAKES[handshake(flow)], "judged": judged(s, flow), "syns": self.seen(flow.syns),
                "handshake_rtt": flow.handshake_rtt, "server_rtt": flow.server_rtt,
                "refused_by": ("", "reset", "icmp")[flow.refused_by], "fins": flow.fins,
                "data_segments": (client.data_segments, server.data_segments),
                "reused_after": flow.reused_after,
                "largest_resent": (client.largest_resent, server.largest_resent),
                "unacknowledged": (unacknowledged(client, server), unacknowledged(server, client)),
                "retransmissions": (self.seen(client.retransmissions), self.seen(server.retransmissions)),
                "zero_windows": (self.seen(client.zero_windows), self.seen(server.zero_windows)),
                "out_of_order": self.seen(flow.out_of_order), "lost_segments": self.seen(flow.lost_segments),
                "duplicate_acks": self.seen(flow.duplicate_acks), "keep_alives": self.seen(flow.keep_alives),
                "zero_time": flow.zero_time + still_zero(flow, client) + still_zero(flow, server),
                "resets": self.reset_list(flow.resets), "rtt": (self.sampled(client.rtt), self.sampled(server.rtt)),
            }
        return told

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
        """(frame, whether by the client, stage, (after, idle, waited) in nanoseconds, (TTLs and identifications)), …"""
        cdef ResetList *resets
        if where == NONE:
            return []
        resets = <ResetList*>entry(&self.s.reset_lists, where)
        return [
            (resets.entries[i].frame, bool(resets.entries[i].by_client), STAGES[resets.entries[i].stage],
             (resets.entries[i].after, resets.entries[i].idle, resets.entries[i].waited),
             (resets.entries[i].hops, resets.entries[i].handshake_hops,
              resets.entries[i].identification, resets.entries[i].handshake_identification))
            for i in range(resets.count)
        ]

    # -- a copy ------------------------------------------------------------------------------------------------

    def __reduce__(self):
        return _empty, (), self.__getstate__()

    def __getstate__(self):
        """Everything as bytes, and the objects it knows; between two batches only, when no event waits."""
        cdef State *s = &self.s
        assert s.waiting == 0
        memory = [
            PyBytes_FromStringAndSize(<char*>s, sizeof(State)),
            PyBytes_FromStringAndSize(<char*>s.buckets, BUCKETS * sizeof(int32_t)),
            PyBytes_FromStringAndSize(<char*>s.flows, s.touched * sizeof(Flow)),
            PyBytes_FromStringAndSize(<char*>s.ports, 3 * 65536 * sizeof(uint64_t)),
            PyBytes_FromStringAndSize(<char*>s.udp_ports, 65536),
        ]
        memory += [
            pooled(&s.frame_lists),
            pooled(&s.sample_lists),
            pooled(&s.reset_lists),
        ]
        return memory, self.packet, self.decode, self.glue, self.names, self.numbers, list(self.views.items())

    def __setstate__(self, state):
        cdef State *s = &self.s
        cdef State kept
        cdef bytes data
        cdef list memory
        memory, self.packet, self.decode, self.glue, self.names, self.numbers, views = state
        self.views = dict(views)
        kept = s[0]
        memcpy(s, PyBytes_AS_STRING(memory[0]), sizeof(State))
        s.buckets, s.flows, s.ports = kept.buckets, kept.flows, kept.ports
        s.events, s.order, s.udp_ports = kept.events, kept.order, kept.udp_ports
        s.base = NULL
        data = memory[1]
        memcpy(s.buckets, PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))
        data = memory[2]
        memcpy(s.flows, PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))
        data = memory[3]
        memcpy(s.ports, PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))
        data = memory[4]
        memcpy(s.udp_ports, PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))
        unpool(&s.frame_lists, memory[5])
        unpool(&s.sample_lists, memory[6])
        unpool(&s.reset_lists, memory[7])


def _empty():
    cdef Core core = Core.__new__(Core)
    core.make()
    return core


cdef bytes pooled(Pool *pool):
    return PyBytes_FromStringAndSize(pool.memory, pool.used * pool.size) if pool.used else b""


cdef int unpool(Pool *pool, bytes data) except -1:
    pool.memory = NULL
    pool.room = pool.used
    if pool.used:
        pool.memory = <char*>malloc(PyBytes_GET_SIZE(data))
        if pool.memory == NULL:
            pool.used = pool.room = 0
            raise MemoryError
        memcpy(pool.memory, PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))
    return 0


cdef int64_t still_zero(Flow *flow, Half *half) noexcept nogil:
    """How long a window has stood at zero to the conversation's end."""
    return max(<int64_t>0, flow.last - half.zero_since) if half.zero_since != UNSET else 0


cdef bytes turned_key(Flow *flow, int side):
    """The key of a direction: source, destination, and their ports where there are any."""
    cdef byte key[KEY]
    cdef int size = address_size(flow.key_length)
    if side == 0:
        return PyBytes_FromStringAndSize(<char*>flow.key, flow.key_length)
    memcpy(key, flow.key + size, size)
    memcpy(key + size, flow.key, size)
    if flow.key_length > 2 * size:
        memcpy(key + 2 * size, flow.key + 2 * size + 2, 2)
        memcpy(key + 2 * size + 2, flow.key + 2 * size, 2)
    return PyBytes_FromStringAndSize(<char*>key, flow.key_length)


cdef Records listed_records(records):
    """Records of a Python walker."""
    cdef Records found = Records()
    for start, captured, wire, time, link in records:
        found.add(start, captured, wire, time, link)
    return found
