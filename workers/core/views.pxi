# The core as the analyser drives it.

cdef class Core(Results):
    """batch(buffer, records) as they come; close() at the end; then the results.

    `packet` is the analyser's packet object, used again for every event; `decode` the plain decoder; what is to be
    read goes to `handlers`, None for conversations and TCP alone; `glue` has `icmp_error(core, packet)`, as the plain
    core has it.
    """

    cdef Packet packet
    cdef object decode
    cdef Handlers handlers
    cdef object glue
    cdef list views
    cdef dict numbers
    cdef object last_name
    cdef int last_number
    cdef PyObject **streams
    """Of each direction that has one, by slot and side: those of the views, which own them."""

    def __cinit__(self):
        self.streams = <PyObject**>calloc(2 * SLOTS, sizeof(PyObject*))
        if self.streams == NULL:
            raise MemoryError

    def __dealloc__(self):
        free(self.streams)

    def __init__(self, packet, decode, handlers, glue, udp_ports, tcp_ports):
        self.packet = packet
        self.decode = decode
        self.handlers = handlers
        self.glue = glue
        self.names = [""]
        self.numbers = {"": 0}
        self.views = []
        self.make()
        self.s.alone = handlers is None
        for port in udp_ports:
            self.s.read_ports[port] |= READ_UDP
        for port in tcp_ports:
            self.s.read_ports[port] |= READ_TCP

    # -- feeding -----------------------------------------------------------------------------------------------

    def batch(self, bytes buffer, records):
        """Take the records of a buffer."""
        cdef Records found = records if isinstance(records, Records) else listed_records(records)
        cdef Py_ssize_t at = 0
        cdef int why = ROOM
        while why != ALL:
            self.s.base = <const byte*>PyBytes_AS_STRING(buffer)
            found.make_room()
            with nogil:
                why = run(&self.s, &found.w, &at)
            self.dispatch(buffer)
            if why == PLAIN:
                self.plain(buffer, &found.w.items[at - 1])
        self.packet.buffer = b""

    cdef int plain(self, bytes buffer, Record *record) except -1:
        """Have the packet at hand read by the plain decoder, and go on with it."""
        cdef Pkt *p = &self.s.packet
        cdef Packet packet = self.packet
        cdef bytes inner = read_plainly(&self.s, packet, self.decode, buffer, record)
        step(&self.s)
        error = packet.error_type >= 0 and p.kind != 6 and p.kind != 17 and p.kind != NOTHING
        if self.s.waiting:
            kept = (packet.quoted_kind, packet.quoted_key, packet.key)
            self.dispatch(inner)
            packet.quoted_kind, packet.quoted_key, packet.key = kept
        if error:
            packet.mask = p.mask
            self.glue.icmp_error(self, packet)
        return 0

    cdef int dispatch(self, bytes buffer) except -1:
        """Hand the waiting events on, in the order of order.pxi."""
        cdef int32_t turns[MAX_EVENTS]
        cdef int32_t begun = 0, behind = 0, place, number
        cdef Event *event
        self.packet.buffer = buffer
        for place in range(self.s.waiting):
            if self.s.events[place].kind == CLOSE:
                self.shook_hands(&self.s.flows[self.s.events[place].flow])
        while behind < self.s.waiting:
            begun = behind
            number = put_in_order(&self.s, self.streams, turns, &behind)
            for place in range(number):
                if place + 3 < number:
                    self.look_ahead(&self.s.events[turns[place + 3]], &self.s.events[turns[place + 2]])
                event = &self.s.events[turns[place]]
                event.group = OVER
                if event.kind == SEGMENT:
                    if (self.segment(event) or number == 1) and self.regroup(event.flow):
                        behind = begun
                        break
                elif event.kind == DATAGRAM:
                    self.datagram(event)
                elif event.kind == LONG_HEADER:
                    self.long_header(event)
                else:
                    self.closed(event)
        self.s.waiting = self.s.pressing = self.s.changing = 0
        self.s.dispatched = self.s.frames
        return 0

    cdef int shook_hands(self, const Flow *flow) except -1:
        """A conversation is over: how long its handshake took."""
        if flow.kind == 6 and flow.handshake_rtt >= 0:
            self.handlers.latency(flow.first_syn_time, flow.handshake_rtt)
        return 0

    cdef bint regroup(self, int32_t index) except -1:
        """See who reads a conversation now; whether somebody gave a direction up."""
        cdef Flow *flow = &self.s.flows[index]
        cdef Half *half
        cdef byte before
        cdef bint less = False
        cdef int side
        flow.group = NO_GROUP
        for side in range(2):
            half = &flow.halves[side]
            before = half.group
            if self.streams[2 * index + side] != NULL:
                half.group = (<Stream>self.streams[2 * index + side]).parser.group()
            if half.pending or (before and half.group != before):
                self.s.changing = 1
            less = less or (before and not half.group)
            flow.group = half.group if flow.group in (NO_GROUP, half.group) else ALONE if half.group else flow.group
        return less

    cdef inline void look_ahead(self, const Event *third, const Event *second) noexcept:
        """Ask early for the objects that the next events need: streams, then their parsers."""
        cdef const char *stream = <const char*>self.stream_of(third)
        if stream != NULL:
            prefetch(stream)
            prefetch(stream + LINE)
        stream = <const char*>self.stream_of(second)
        if stream != NULL:
            stream = <const char*><PyObject*>(<Stream><PyObject*>stream).parser
            prefetch(stream)
            prefetch(stream + LINE)

    cdef inline PyObject* stream_of(self, const Event *event) noexcept:
        return self.streams[2 * event.flow + event.side] if event.kind == SEGMENT else NULL

    cdef Packet filled(self, Event *event):
        cdef Packet packet = self.packet
        fill(packet, event)
        return packet

    cdef int marked(self, uint64_t mask, Event *event) except -1:
        """Count the marks that parsers gave the event's frame."""
        if mask != event.mask:
            count_marks(&self.s, mask & ~event.mask)
        return 0

    cdef int segment(self, Event *event) except -1:
        """Hand a segment on; whether it has to be seen who reads its conversation now."""
        # what Python owns is borrowed here: views and their streams stay until `closed`
        cdef State *s = &self.s
        cdef Flow *flow = &s.flows[event.flow]
        cdef Half *half = &flow.halves[event.side]
        cdef PyObject *packet = <PyObject*>self.packet
        cdef PyObject *stream = self.streams[2 * event.flow + event.side]
        if stream == NULL or flow.viewed & (WANTS_KEY | OTHER_CLIENT) != (OTHER_CLIENT if event.client else 0):
            stream = self.prepared(event)
        fill(<Packet>packet, event)
        (<Packet>packet).sequence = event.sequence
        if event.first:
            (<Stream>stream).next = half.stream_next
            (<Stream>stream).skip = half.stream_skip
        if event.proof:
            (<Stream>stream).acknowledged(<Packet>packet, event.acked)
        if event.data:
            (<Stream>stream).segment(<Packet>packet, event.acked)
        if event.fin:
            (<Stream>stream).parser.fin(<Packet>packet)
        if (<Packet>packet).mask != event.mask:
            count_marks(s, (<Packet>packet).mask & ~event.mask)
        half.queued -= 1
        half.pending = 1 if (<Stream>stream).pending else 0
        if not half.queued:
            half.stream_next = (<Stream>stream).next
            half.stream_skip = (<Stream>stream).skip
            if half.doubts or event.number % SELDOM == 0:
                half.stream = WATCHED if (<Stream>stream).watching() else PARSED
                half.doubts = DOUBTS if half.stream == WATCHED else max(half.doubts - 1, 0)
        return half.group == NO_GROUP or flow.application == 0

    cdef PyObject* prepared(self, Event *event) except NULL:
        """The stream of an event, a new one if it has none; its conversation's client, and key, as they are wanted."""
        cdef Flow *flow = &self.s.flows[event.flow]
        cdef FlowView seen = self.viewed(event.flow)
        cdef HalfView view = seen.half(event.side)
        seen.client_side = event.client
        flow.viewed = 3 | (OTHER_CLIENT if event.client else 0) | (WANTS_KEY if to_or_from(flow, 53) else 0)
        self.packet.key = view.key
        if view.stream is None:
            view.stream = self.handlers.open_stream(view)
            event.first = 1
        self.streams[2 * event.flow + event.side] = <PyObject*>view.stream
        return <PyObject*>view.stream

    cdef int datagram(self, Event *event) except -1:
        cdef Flow *flow = &self.s.flows[event.flow]
        cdef bytes key = turned_key(flow, event.side)
        cdef const byte *ports = <const byte*>PyBytes_AS_STRING(key) + len(key) - 4
        cdef Packet packet = self.filled(event)
        packet.key = key
        flow.application = self.named(self.handlers.datagram(packet, two(ports), two(ports + 2)))
        self.marked(packet.mask, event)
        return 0

    cdef int long_header(self, Event *event) except -1:
        cdef FlowView flow = self.viewed(event.flow)
        cdef HalfView view = flow.half(event.side)
        cdef Packet packet = self.filled(event)
        packet.key = view.key
        flow.client_side = event.client
        self.handlers.long_header(packet, view)
        self.marked(packet.mask, event)
        return 0

    cdef int closed(self, Event *event) except -1:
        """A conversation is over: its last bytes, then its facts."""
        cdef State *s = &self.s
        cdef Flow *flow = &s.flows[event.flow]
        cdef FlowView view
        cdef Packet packet = self.packet
        if flow.viewed:
            view = self.viewed(event.flow)
            view.client_side = flow.client
            packet.number = event.number
            packet.time = event.time
            packet.mask = 0
            view.one.last()
            view.other.last()
            view.over = True
            self.handlers.over(view.half(flow.client), packet, flow.capture_end)
            view.let_go()
            self.streams[2 * event.flow] = self.streams[2 * event.flow + 1] = NULL
            self.views[event.flow] = None
        settle(s, event.flow)
        return 0

    @property
    def kept(self):
        """((healthy, bytes below zero, id), place) of the conversations to be told, in any order."""
        cdef State *s = &self.s
        return [
            ((bool(s.kept[i].healthy), -s.kept[i].size, s.kept[i].id), s.kept[i].flow) for i in range(s.kept_number)
        ]

    def close(self):
        """The capture is over: every conversation with it. Of those of which somebody is told the earliest first."""
        cdef State *s = &self.s
        cdef int32_t number, place
        s.packet.mask = 0
        number = closed_untold(s, listed(s, True), &s.packet)
        sort(s.order, number)
        for place in range(number):
            if s.waiting == MAX_EVENTS:
                self.dispatch(b"")
            close_flow(s, s.order[place].flow, &s.packet)
        self.dispatch(b"")

    # -- conversations as Python sees them -----------------------------------------------------------------------

    cdef FlowView viewed(self, int32_t index):
        cdef FlowView view
        cdef Flow *flow = &self.s.flows[index]
        if flow.viewed & 2:
            return <FlowView>self.views[index]
        while len(self.views) <= index:
            self.views.append(None)
        view = FlowView.__new__(FlowView)
        view.core = self
        view.index = index
        view.id = flow.id
        view.protocol = flow.kind
        view.client_side = flow.client
        view.one = self.half_view(view, flow, 0)
        view.other = self.half_view(view, flow, 1)
        view.one.peer = view.other
        view.other.peer = view.one
        flow.viewed = 3
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

    cdef int named(self, name) except -1:
        if name is self.last_name:
            return self.last_number
        number = self.numbers.get(name)
        if number is None:
            number = len(self.names)
            if number > 255:
                return 0
            self.names.append(name)
            self.numbers[name] = number
        self.last_name, self.last_number = name, number
        return number

    def lookup(self, int kind, bytes key):
        """The live conversation a quoted packet belongs to: its client's key, its place, and the quoted packet's side."""
        cdef int length = len(key)
        cdef int side = 0
        cdef int32_t index
        cdef Ends ends
        cdef const byte *data = <const byte*>PyBytes_AS_STRING(key)
        if length not in (8, 12, 32, 36):
            return None
        found_by(data, length, kind, self.s.seed, &ends)
        index = find(&self.s, data, &ends, &side)
        if index == NONE:
            return None
        return turned_key(&self.s.flows[index], self.s.flows[index].client), index, side

    def refused_by_icmp(self, int32_t index):
        """An ICMP error says that the server or its port can't be reached."""
        cdef Flow *flow = &self.s.flows[index]
        if flow.kind == 6 and flow.stage == OPENING and not flow.refused_by:
            flow.refused_by = 2

    def too_big(self, int32_t index, int side, number, mtu):
        """An ICMP error says that a packet of this side does not fit the path."""
        if self.s.flows[index].kind == 6:
            too_big(&self.s, &self.s.flows[index].halves[side], number, mtu)

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
            PyBytes_FromStringAndSize(<char*>s.latest, s.touched * sizeof(int64_t)),
            PyBytes_FromStringAndSize(<char*>s.ports, 3 * 65536 * sizeof(uint64_t)),
            PyBytes_FromStringAndSize(<char*>s.read_ports, 65536),
        ]
        memory += [
            pooled(&s.blocks),
            pooled(&s.extras),
            pooled(&s.carriers),
        ]
        return (
            memory, self.packet, self.decode, self.handlers, self.glue,
            self.names, self.numbers, self.views,
        )

    def __setstate__(self, state):
        cdef State *s = &self.s
        cdef State kept
        cdef bytes data
        cdef list memory
        memory, self.packet, self.decode, self.handlers, self.glue, \
            self.names, self.numbers, self.views = state
        kept = s[0]
        memcpy(s, PyBytes_AS_STRING(memory[0]), sizeof(State))
        s.buckets, s.flows, s.latest, s.ports = kept.buckets, kept.flows, kept.latest, kept.ports
        s.events, s.order, s.read_ports = kept.events, kept.order, kept.read_ports
        s.blocks.memory = s.extras.memory = s.carriers.memory = NULL
        s.base = NULL
        s.packet.ends = NULL
        data = memory[1]
        memcpy(s.buckets, PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))
        data = memory[2]
        memcpy(s.flows, PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))
        data = memory[3]
        memcpy(s.latest, PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))
        data = memory[4]
        memcpy(s.ports, PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))
        data = memory[5]
        memcpy(s.read_ports, PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))
        unpool(&s.blocks, memory[6])
        unpool(&s.extras, memory[7])
        unpool(&s.carriers, memory[8])
