# One packet's way: counted, decoded, put to its conversation, and handed on where a parser may want it.

cdef enum:
    ALL = 0
    ROOM = 1                # events have to be taken before more packets, or more memory
    PLAIN = 2               # the packet at hand has to be decoded by the plain decoder
    FORESEEN = 6            # packets whose ends are known ahead


cdef inline void account(State *s, const Record *record) noexcept nogil:
    """Count a record; sizes are the true ones, and never less than what was captured."""
    cdef int64_t size = record.wire
    if record.wire < record.captured:
        size = record.captured
    elif record.wire > record.captured:
        s.cut += 1
        if record.captured > s.cut_at:
            s.cut_at = record.captured
    if s.frames == 0:
        s.first = record.time
    s.frames += 1
    s.wire += size
    s.captured += record.captured
    if record.time > s.last:
        s.last = record.time
    elif record.time < s.last:
        s.back = max(s.back, s.last - record.time)
        s.first = min(s.first, record.time)
    tick(&s.timeline, record.time, size)
    s.packet.number = s.frames
    s.packet.time = record.time


cdef inline void count_marks(State *s, uint64_t mask) noexcept nogil:
    cdef int place = 0
    if mask == (M_IP4 | M_TCP):
        s.ordinary += 1
        return
    if mask == (M_IP4 | M_UDP):
        s.datagrams += 1
        return
    while mask:
        place = trailing_zeros(mask)
        s.marks[place] += 1
        mask &= mask - 1


cdef inline void foresee(State *s, const Record *one, Ends *ends) noexcept nogil:
    """Find the ends of a record's key, if it is as the most are, and ask for its bucket."""
    cdef const byte *frame = s.base + one.start
    ends.sort = 0
    if one.captured >= 38 and four(frame + 12) >> 8 == PLAIN_IP4:
        found_by(frame + 26, 12, frame[23], s.seed, ends)
        prefetch(&s.buckets[ends.bucket])


cdef inline void look_ahead(State *s, const Record *records, Py_ssize_t at, Py_ssize_t number) noexcept nogil:
    """Ask early for memory that the next packets need: their headers, then their buckets, then their conversations."""
    cdef const Ends *ends = &s.soon[(at + 3) & 7]
    cdef int32_t index = max(s.buckets[ends.bucket], 0)
    cdef int side
    if at + 10 < number:
        prefetch(s.base + records[at + 10].start + 40)
    if at + FORESEEN < number:
        foresee(s, &records[at + FORESEEN], &s.soon[(at + FORESEEN) & 7])
    # any conversation does where there is none to ask for: a branch nobody can foresee costs more
    ask_for(&s.flows[index], 2)
    if ends.sort >> 8 != 6:
        index = 0
    for side in range(2):
        prefetch(&s.flows[index].halves[side])
        prefetch(&s.flows[index].halves[side].stream_next)
        prefetch(&s.flows[index].halves[side].rtt)


cdef int run(State *s, Walk *w, Py_ssize_t *at) noexcept nogil:
    """Take records from `at` on; why it stopped."""
    cdef const Record *one
    cdef Py_ssize_t place
    if at[0] == 0:
        while not w.over and w.number < AHEAD:
            walk_on(w)
        for place in range(min(w.number, <Py_ssize_t>FORESEEN)):
            foresee(s, &w.items[place], &s.soon[place])
    while at[0] < w.number:
        if s.pressing or s.waiting >= AT_ONCE or s.touched == SLOTS:
            return ROOM
        if not w.over:
            if w.number == w.room:
                return ROOM
            walk_on(w)
        place = at[0]
        at[0] = place + 1
        one = &w.items[place]
        look_ahead(s, w.items, place, w.number)
        account(s, one)
        s.packet.ends = &s.soon[place & 7]
        if decode(&s.packet, s.base, one) == SLOW:
            return PLAIN
        step(s)
    return ALL


cdef inline void step(State *s) noexcept nogil:
    """The packet at hand through conversations and TCP."""
    cdef Pkt *p = &s.packet
    if p.kind == 6:
        tcp_step(s, p)
    elif p.kind != NOTHING:
        other_step(s, p)
    else:
        sent_by(&s.timeline, 2)
    count_marks(s, p.mask)


cdef inline Flow* placed(State *s, Pkt *p, int32_t *index, int *side) noexcept nogil:
    """The packet's conversation; a new one when there is none."""
    cdef Ends made
    cdef const Ends *ends = p.ends
    if ends == NULL:
        found_by(p.key, p.key_length, p.kind, s.seed, &made)
        ends = &made
    side[0] = 0
    index[0] = find(s, p.key, ends, side)
    if index[0] == NONE:
        if s.live >= MAX_LIVE:
            evict(s, p)
        index[0] = open_flow(s, p, ends)
    return &s.flows[index[0]]


cdef inline void counted(State *s, int32_t index, int side, Pkt *p) noexcept nogil:
    cdef Flow *flow = &s.flows[index]
    cdef Counted *mine = &flow.counted[side]
    s.latest[index] = p.number
    flow.last = p.time
    mine.packets += 1
    mine.bytes += p.ip_length
    mine.payload += p.payload_length


cdef void other_step(State *s, Pkt *p) noexcept nogil:
    cdef int32_t index
    cdef int side
    cdef uint32_t ports
    cdef Flow *flow = placed(s, p, &index, &side)
    counted(s, index, side, p)
    sent_by(&s.timeline, side == flow.client)
    if p.kind == 17 and not s.alone:
        ports = p.key_length - 4
        if (s.read_ports[two(p.key + ports)] | s.read_ports[two(p.key + ports + 2)]) & READ_UDP:
            waiting(s, DATAGRAM, index, side, p).group = DNS if to_or_from(flow, 53) else REST
        elif long_header(s, p):
            waiting(s, LONG_HEADER, index, side, p).group = TLS
            flow.viewed |= 1


cdef bint long_header(State *s, Pkt *p) noexcept nogil:
    """Whether a datagram begins as QUIC does, as workers.analysis.quic_packets.may_begin."""
    cdef const byte *data = s.base + p.payload
    cdef uint32_t version
    if <int64_t>p.end - p.payload < 7 or data[0] < 0xC0:
        return False
    version = two(data + 1) << 16 | two(data + 3)
    return version <= 1 or version == <uint32_t>0x6B3343CF or version - <uint32_t>0xFF000001 < <uint32_t>0x22


cdef inline void tcp_step(State *s, Pkt *p) noexcept nogil:
    cdef int32_t index
    cdef int side
    cdef Flow *flow = placed(s, p, &index, &side)
    cdef uint64_t found
    cdef int64_t before, acked
    if (p.flags & (F_SYN | F_ACK)) == F_SYN:
        if reuses_ports(p, &flow.halves[side], &flow.halves[1 - side]):
            p.mask |= M_REUSED_PORTS
            before = flow.last
            close_flow(s, index, p)
            flow = placed(s, p, &index, &side)
            flow.reused_after = max(<int64_t>0, flow.first - before)
    if p.time >= flow.bin_end:
        next_second(flow, p)
    counted(s, index, side, p)
    acked = flow.halves[side].last_ack
    found = follow(s, flow, side, p)
    sent_by(&s.timeline, side == flow.client)
    p.mask |= found
    if flow.halves[1 - side].lost & HOLE and flow.halves[side].last_ack != acked:
        acknowledge_hole(s, index, 1 - side, p)
    if p.payload_length and not p.flags & F_RST and not found & M_KEEP_ALIVE:
        if not s.alone:
            stream_step(s, index, side, p)
    elif p.flags & F_FIN and flow.halves[side].stream == PARSED:
        queue(s, index, side, p).fin = 1
    if p.mask & (M_RETRANSMISSION | M_RST):
        problem(&s.timeline, p.time)


cdef void acknowledge_hole(State *s, int32_t index, int side, Pkt *p) noexcept nogil:
    """A packet acknowledges more of what has a hole: for what it has of that the stream need not wait."""
    cdef Half *sender = &s.flows[index].halves[side]
    if ((<int64_t>p.ack - sender.next) & MASK) < HALF:
        sender.lost &= ~HOLE
    if sender.stream == PARSED:
        queue(s, index, side, p).proof = 1


cdef inline void stream_step(State *s, int32_t index, int side, Pkt *p) noexcept nogil:
    """Hand a segment's bytes on, unless no parser wants them."""
    cdef Flow *flow = &s.flows[index]
    cdef Half *half = &flow.halves[side]
    cdef Event *event
    cdef bint fin = p.flags & F_FIN
    cdef bint told = False  # a parser hears of the segment, whatever is in it
    if p.flags & F_SYN:     # data behind the SYN's own number (TCP Fast Open, RFC 7413)
        p.sequence += 1
    if half.stream == NO_STREAM:
        half.stream_next = (half.initial + 1) & MASK if half.initial >= 0 else -1
        told = to_or_from(flow, 53)
        half.stream = PARSED if told else WATCHED
        half.doubts = DOUBTS
    if half.stream == WATCHED:
        told = flow.halves[1 - side].stream == PARSED or read_port(s, flow)
    if half.queued or half.pending or told or not unwanted(s, half, p):
        event = queue(s, index, side, p)
        event.data = 1
        event.fin = fin
        if half.group == flow.group and not may_turn(s, half, event):
            event.group = half.group
    elif fin and half.stream == PARSED:
        queue(s, index, side, p).fin = 1


cdef inline bint unwanted(State *s, Half *half, Pkt *p) noexcept nogil:
    """Whether no parser needs these bytes; their place in the stream is then kept here."""
    cdef int64_t length = p.payload_length
    cdef int64_t captured = <int64_t>p.end - p.payload
    cdef int64_t ahead
    if half.stream_next < 0:
        half.stream_next = p.sequence
    ahead = (p.sequence - half.stream_next) & MASK
    if ahead >= HALF:
        return WRAP - ahead >= length
    if ahead:
        return False
    if half.stream == WATCHED:
        if captured > 0 and may_begin(s.base + p.payload, captured):
            return False
        if captured != length and not half.lost & TOLD:
            half.lost |= TOLD
            return False
    elif captured != length or half.stream_skip <= length:
        return False
    else:
        half.stream_skip -= length
    half.stream_next = (half.stream_next + length) & MASK
    return True


cdef bint may_begin(const byte *start, int64_t size) noexcept nogil:
    """Whether a segment may begin a protocol: True for all that analysis.application recognises off a service's port,
    or keeps because it is too short to tell.
    """
    cdef byte first = start[0]
    if 65 <= first <= 90 and begins_word(start, size):                  # HTTP, HTTP/2's preface
        return True
    if 20 <= first <= 23 and (size < 6 or (start[1] == 3 and start[2] <= 4)):   # TLS
        return True
    if first == 0 and size >= 9 and begins_frame(start):                # HTTP/2
        return True
    if first == 42 and size >= 12 and 49 <= start[1] <= 57:             # Redis: "*" and a count
        return True
    if size < 8:
        return 20 <= first <= 23
    if first == 0 and start[1] == 0:                                    # PostgreSQL: version 3, or what asks for TLS
        if (start[4] == 0 and start[5] == 3) or (start[4] == 4 and start[5] == 210):
            return True
    if start[2] == 0 and start[3] == 0 and start[4] == 10:              # MySQL: greeting
        return True
    if size >= 14 and start[4] == 0 and start[6] == 0 and start[7] < 32 and (start[12] == 0 or start[12] == 255):
        if start[3] > 9 or start[2] > 0 or start[1] > 0 or first > 0:   # Kafka: key, version, client id's length, size
            return True
    if size >= 16 and start[14] == 0 and start[15] == 0:                # MongoDB: operation codes
        return start[13] == 7 or (start[13] == 0 and start[12] == 1)
    return False


cdef bint begins_word(const byte *start, int64_t size) noexcept nogil:
    """Whether capitals may begin "HTTP/1.", a request line, or HTTP/2's preface, as far as they are here."""
    cdef int64_t at = 1, most = min(size, <int64_t>32)
    while at < most and (97 <= start[at] | 32 <= 122 or start[at] == 45 or start[at] == 95):
        at += 1
    if at == size and size < 9:
        return True
    if at < most and (start[at] == 32 or start[at] == 10 or start[at] == 13):   # behind a method
        return at > 1
    return at == 4 and size > 4 and start[0] == 72 and start[4] == 47           # "HTTP/"


cdef bint begins_frame(const byte *start) noexcept nogil:
    """Whether a frame begins of a type and with flags that HTTP/2 has: as http2_frames.plausible."""
    cdef byte flags = start[4]
    if start[3] == 0:
        flags &= ~0x09
    elif start[3] == 1:
        flags &= ~0x2D
    elif start[3] == 5:
        flags &= ~0x0C
    elif start[3] == 4 or start[3] == 6:
        flags &= ~0x01
    elif start[3] == 9:
        flags &= ~0x04
    return start[3] <= 9 and flags == 0 and start[1] <= 0x40


cdef inline bint read_port(State *s, Flow *flow) noexcept nogil:
    """Whether a service's port is one of the two."""
    cdef const byte *ports = flow.key + flow.key_length - 4
    return (s.read_ports[two(ports)] | s.read_ports[two(ports + 2)]) & READ_TCP != 0


cdef bint to_or_from(Flow *flow, uint32_t port) noexcept nogil:
    cdef const byte *ports = flow.key + flow.key_length - 4
    return two(ports) == port or two(ports + 2) == port


cdef Event* waiting(State *s, int kind, int32_t index, int side, Pkt *p) noexcept nogil:
    """A new event of the packet at hand."""
    cdef Event *event = &s.events[s.waiting]
    s.waiting += 1
    event.kind = kind
    event.flow = index
    event.side = side
    event.client = s.flows[index].client
    event.number = p.number
    event.time = p.time
    event.mask = p.mask
    event.payload = p.payload
    event.end = p.end
    event.wire_end = p.wire_end
    event.payload_length = p.payload_length
    event.sequence = p.sequence
    event.fin = event.data = event.first = event.proof = event.group = 0
    return event


cdef Event* queue(State *s, int32_t index, int side, Pkt *p) noexcept nogil:
    """A new event of a direction's stream."""
    cdef Flow *flow = &s.flows[index]
    cdef Half *half = &flow.halves[side]
    cdef Event *event = waiting(s, SEGMENT, index, side, p)
    event.acked = flow.halves[1 - side].last_ack
    event.first = half.queued == 0
    if half.queued >= ENOUGH:
        s.pressing = 1
    half.queued += 1
    half.stream = PARSED
    flow.viewed |= 1
    return event
