# A second look at a finished capture, as workers.analysis.closeup_plain takes it: bytes and problems by row and column,
# and the packets of a few conversations. Conversations and TCP are followed by the same code as the first time.

cdef enum:
    PAIR_SLOTS = 4096       # at most a quarter of them used
    PAIR_KEY = 34           # two addresses and the server's port
    HEAD = 512              # bytes of a payload that are looked at
    TRAILS = 3              # one a side, and what opens, ends or troubles a conversation
    SIDE_POINTS = 1000      # as contract.closeup
    MARKED_POINTS = 2000
    MAX_FLOWS = 4
    MAX_WANTED = 8


cdef struct PairEntry:
    int32_t row
    int16_t kind
    byte used
    byte length
    byte key[PAIR_KEY]


cdef struct Point:
    int64_t number
    int64_t nth
    int64_t time
    int64_t sequence
    int64_t ack
    uint64_t mask
    uint32_t length
    int32_t window
    uint32_t head_size
    byte flags
    byte side
    byte acks
    byte head[HEAD]


cdef struct Trail:
    int64_t seen
    int64_t stride
    int64_t kept
    int64_t limit
    Point *points


cdef struct Trace:
    int64_t first_frame
    int64_t problems
    int64_t silence
    int64_t silent_at
    int64_t highest[2]      # of each side's numbers, counted from its first
    uint32_t number[2]      # the same as on the wire
    byte known[2]
    byte client
    byte key_length
    int16_t kind
    byte key[KEY]
    Trail trails[TRAILS]
    Point last


cdef struct Wanted:
    int64_t frame
    int64_t first_frame     # 0 while it is not found
    int16_t kind
    byte client
    byte key_length
    byte key[KEY]


cdef struct Glass:
    int64_t start
    int64_t span
    int32_t columns
    int32_t flows
    int32_t frames
    int32_t next_frame
    int64_t *bytes
    int64_t *problems
    PairEntry *pairs
    Trace *traces
    Wanted wanted[MAX_WANTED]


cdef uint32_t pair_slot(const byte *key, int length, int kind) noexcept nogil:
    """Where a pair's entry is looked for first. The pairs are ours: nobody can aim at one slot."""
    cdef uint64_t hash = <uint64_t>0xCBF29CE484222325 ^ <uint64_t>kind
    cdef int at = 0
    while at + 4 <= length:
        hash = mixed(hash ^ four_raw(key + at), 0)
        at += 4
    return <uint32_t>(mixed(hash ^ two_raw(key + at), 0) & (PAIR_SLOTS - 1))


cdef PairEntry* pair_at(Glass *g, const byte *key, int length, int kind) noexcept nogil:
    """The pair's entry, or the free one where it belongs."""
    cdef uint32_t slot = pair_slot(key, length, kind)
    cdef PairEntry *one = &g.pairs[slot]
    while one.used and not (one.kind == kind and one.length == length and memcmp(one.key, key, length) == 0):
        slot = (slot + 1) & (PAIR_SLOTS - 1)
        one = &g.pairs[slot]
    return one


cdef PairEntry* paired(Glass *g, const byte *key, int length, int kind, int client) noexcept nogil:
    """The pair that a key belongs to: with the client on this side of it, or else on the other; NULL for none."""
    cdef byte pair[PAIR_KEY]
    cdef int size = address_size(length), turn, side
    cdef PairEntry *one
    for turn in range(2):
        side = client ^ turn
        memcpy(pair, key + (size if side else 0), size)
        memcpy(pair + size, key + (0 if side else size), size)
        if length > 2 * size:
            memcpy(pair + 2 * size, key + 2 * size + (0 if side else 2), 2)
        else:
            pair[2 * size] = pair[2 * size + 1] = 0
        one = pair_at(g, pair, 2 * size + 2, kind)
        if one.used:
            return one
    return NULL


cdef int64_t column(Glass *g, int64_t time) noexcept nogil:
    cdef int64_t at = time - g.start, span = g.span
    if at <= 0:
        return 0
    if at >= span:
        return g.columns - 1
    if span >= <int64_t>1 << 54:    # half a year and more: the product would not fit
        at >>= 10
        span >>= 10
    return min(<int64_t>g.columns - 1, at * g.columns // span)


cdef void keep(Trail *trail, Point *point) noexcept nogil:
    """Keep a point, evenly thinned (samples.Thinned)."""
    cdef int64_t i
    if trail.seen % trail.stride == 0:
        if trail.kept >= trail.limit:
            for i in range(trail.limit // 2):
                trail.points[i] = trail.points[2 * i]
            trail.kept = trail.limit // 2
            trail.stride *= 2
            if trail.seen % trail.stride:
                trail.seen += 1
                return
        trail.points[trail.kept] = point[0]
        trail.kept += 1
    trail.seen += 1


cdef int64_t counted_from_first(Trace *t, int side, uint32_t number, bint moves) noexcept nogil:
    """A sequence number of a side counted from its first one seen."""
    cdef int64_t value
    if not t.known[side]:
        if moves:
            t.known[side] = 1
            t.number[side] = number
        return 0
    value = t.highest[side] + <int32_t>(number - t.number[side])
    if moves and value > t.highest[side]:
        t.highest[side] = value
        t.number[side] = number
    return value


cdef void trace(Trace *t, Flow *flow, int side, Pkt *p, const byte *base) noexcept nogil:
    """Take one packet of a conversation that is told."""
    cdef Point *point = &t.last
    cdef bint moves = not p.flags & F_RST       # a RST may hold any numbers
    if point.nth and p.time - point.time > t.silence:
        t.silence = p.time - point.time
        t.silent_at = point.time
    if point.nth == 0:
        t.kind = flow.kind
        t.key_length = flow.key_length
        memcpy(t.key, flow.key, flow.key_length)
    t.client = flow.client
    point.number = p.number
    point.nth += 1
    point.time = p.time
    point.side = side
    point.mask = p.mask
    point.length = p.payload_length
    point.sequence = point.ack = point.window = point.flags = point.acks = point.head_size = 0
    if p.kind == 6:
        point.flags = p.flags
        point.window = p.window
        point.sequence = counted_from_first(t, side, p.sequence, moves)
        point.acks = p.flags & F_ACK != 0
        if point.acks:
            point.ack = counted_from_first(t, 1 - side, p.ack, moves)
    if (p.kind == 6 or p.kind == 17) and p.payload_length and p.end > p.payload:
        point.head_size = min(<uint32_t>HEAD, p.end - p.payload)
        memcpy(point.head, base + p.payload, point.head_size)
    if p.mask & (M_RETRANSMISSION | M_OUT_OF_ORDER | M_LOST_SEGMENT | M_ZERO_WINDOW | M_RST):
        t.problems += 1
        keep(&t.trails[2], point)
    elif p.mask & (M_SYN | M_SYNACK | M_FIN | M_ZERO_WINDOW_PROBE):
        keep(&t.trails[2], point)
    else:
        keep(&t.trails[side], point)


cdef void look_at(State *s, Glass *g, Pkt *p) noexcept nogil:
    """The packet at hand, if it is of what is looked at."""
    cdef PairEntry *pair
    cdef int32_t index, place
    cdef int side
    cdef int64_t cell
    cdef Flow *flow
    if p.kind == NOTHING:
        return
    if g.next_frame == g.frames and paired(g, p.key, p.key_length, p.kind, 0) == NULL:
        return
    flow = placed(s, p, &index, &side)
    if p.kind == 6:
        if (p.flags & (F_SYN | F_ACK)) == F_SYN and reuses_ports(p, &flow.halves[side], &flow.halves[1 - side]):
            close_flow(s, index, p)
            flow = placed(s, p, &index, &side)
        counted(s, index, side, p)
        p.mask |= follow(s, flow, side, p)
    else:
        counted(s, index, side, p)
    pair = paired(g, flow.key, flow.key_length, flow.kind, flow.client)
    if pair != NULL and pair.row >= 0:
        cell = pair.row * g.columns + column(g, p.time)
        g.bytes[cell] += p.ip_length
        if p.kind == 6 and p.mask & (M_RETRANSMISSION | M_RST | M_ZERO_WINDOW):
            g.problems[cell] += 1
    for place in range(g.flows):
        if g.traces[place].first_frame == flow.first_frame:
            trace(&g.traces[place], flow, side, p, s.base)
    while g.next_frame < g.frames and g.wanted[g.next_frame].frame <= p.number:
        found(&g.wanted[g.next_frame], flow, p)
        g.next_frame += 1
    if s.waiting:
        let_go(s, g)


cdef void found(Wanted *one, Flow *flow, Pkt *p) noexcept nogil:
    """The conversation of a frame; frames that belong to none were passed over."""
    if one.frame == p.number:
        one.first_frame = flow.first_frame
        one.kind = flow.kind
        one.client = flow.client
        one.key_length = flow.key_length
        memcpy(one.key, flow.key, flow.key_length)


cdef void let_go(State *s, Glass *g) noexcept nogil:
    """Conversations that are over: an unanswered SYN is a problem where it was sent."""
    cdef int32_t place
    cdef Flow *flow
    cdef PairEntry *pair
    for place in range(s.waiting):
        flow = &s.flows[s.events[place].flow]
        if flow.kind == 6 and handshake(flow) == 1 and judged(s, flow):
            pair = paired(g, flow.key, flow.key_length, flow.kind, flow.client)
            if pair != NULL and pair.row >= 0:
                g.problems[pair.row * g.columns + column(g, flow.first_syn_time)] += 1
        release(s, s.events[place].flow)
    s.waiting = 0


cdef int pass_over(State *s, Glass *g, const Record *records, Py_ssize_t number, Py_ssize_t *at) noexcept nogil:
    """Take records from `at` on; why it stopped (see `run`)."""
    cdef const Record *one
    while at[0] < number:
        if s.touched == SLOTS:
            return ROOM
        one = &records[at[0]]
        at[0] += 1
        s.frames += 1
        s.last = max(s.last, one.time)
        s.packet.number = s.frames
        s.packet.time = one.time
        if decode(&s.packet, s.base, one) == SLOW:
            return PLAIN
        look_at(s, g, &s.packet)
    return ALL
