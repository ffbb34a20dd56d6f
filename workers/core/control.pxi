# Beginning and end of a TCP conversation, as workers.analysis.tcp_control has it.

cdef enum:
    UNSEEN = 0
    OPENING = 1
    ANSWERED = 2
    COMPLETE = 3
    FAST_WITHIN = 20000000
    DEFAULT_RTT = 3000000
    SECOND = 1000000000

cdef enum:                  # what a direction's latest packet was
    ORDINARY = 0
    KEPT_ALIVE = 1
    PROBED = 2
    OPENED = 4

cdef enum:                  # when a reset came
    REFUSED = 0
    IN_HANDSHAKE = 1
    BEFORE_RESPONSE = 2
    AFTER_DATA = 3
    AFTER_FIN = 4


cdef void control(State *s, Flow *flow, int side, Pkt *p) noexcept nogil:
    """SYN, FIN, RST, and the ACK that completes a handshake."""
    if p.flags & F_RST:
        reset(s, flow, side, p)
    elif p.flags & F_SYN:
        synchronize(s, flow, side, p)
    elif flow.stage == ANSWERED and side == flow.client and p.flags & F_ACK:
        flow.stage = COMPLETE
        if flow.syns != NONE:
            flow.handshake_rtt = max(<int64_t>0, p.time - flow.first_syn_time)
            flow.initial_rtt = p.time - flow.last_syn_time
    if p.flags & F_FIN:
        flow.fins += 1
        flow.halves[side].finished = 1


cdef void synchronize(State *s, Flow *flow, int side, Pkt *p) noexcept nogil:
    cdef Half *mine = &flow.halves[side]
    cdef Half *theirs = &flow.halves[1 - side]
    if mine.initial != UNSET and mine.initial != p.sequence:
        p.mask |= M_REUSED_PORTS
    mine.initial = p.sequence
    mine.hops = p.hops
    mine.identification = p.identification
    mine.latest = OPENED
    mine.window = p.window
    offer(s.base, p, mine)
    mine.room = room(mine, theirs)
    theirs.room = room(theirs, mine)
    if p.flags & F_ACK:
        flow.client = 1 - side
        if flow.stage <= OPENING:
            flow.stage = ANSWERED
            if flow.syns != NONE:
                flow.server_rtt = max(<int64_t>0, p.time - flow.last_syn_time)
        return
    flow.client = side
    if flow.syns == NONE:
        flow.first_syn_time = p.time
    note(&s.blocks, &flow.syns, p.number)
    flow.last_syn_time = p.time
    if flow.stage == UNSEEN:
        flow.stage = OPENING


cdef void reset(State *s, Flow *flow, int side, Pkt *p) noexcept nogil:
    cdef int stage
    cdef ResetEntry *one
    cdef bint by_client = side == flow.client
    if flow.stage == OPENING:
        stage = IN_HANDSHAKE if by_client else REFUSED
        if not by_client and not flow.refused_by:
            flow.refused_by = 1
    elif flow.stage == ANSWERED:
        stage = IN_HANDSHAKE
    elif flow.fins:
        stage = AFTER_FIN
    elif flow.counted[flow.client].payload and not flow.counted[1 - flow.client].payload:
        stage = BEFORE_RESPONSE
    else:
        stage = AFTER_DATA
    if flow.resets == NONE:
        flow.resets = take_block(&s.blocks)
        if flow.resets == NONE:
            return
    if count_of_resets(s, flow) < FRAMES:
        one = reset_entry(s, flow, count_of_resets(s, flow))
        if one == NULL:
            return
        item(&s.blocks, flow.resets, ITEMS - 1)[0] += 1
        one.frame = p.number
        one.by_client = by_client
        one.stage = stage
        one.after = max(<int64_t>0, p.time - flow.first)
        quiet(one, &flow.halves[side], &flow.halves[1 - side], p.time)
        one.hops = p.hops
        one.identification = p.identification
        one.handshake_hops = flow.halves[side].hops
        one.handshake_identification = flow.halves[side].identification


cdef inline int64_t count_of_resets(State *s, Flow *flow) noexcept nogil:
    return item(&s.blocks, flow.resets, ITEMS - 1)[0]


cdef inline ResetEntry* reset_entry(State *s, Flow *flow, int64_t place) noexcept nogil:
    """One of the resets that are told, or the next one; NULL when there is no memory."""
    return <ResetEntry*>item(&s.blocks, flow.resets, place * ITEMS)


cdef void quiet(ResetEntry *one, Half *mine, Half *theirs, int64_t time) noexcept nogil:
    """How long a reset's sender had been idle when the data came that it answers, and how long it took."""
    if theirs.next == UNSET:
        return
    if mine.next != UNSET and not theirs.finished:
        one.idle = max(<int64_t>0, theirs.next_time - max(mine.next_time, mine.last_ack_time))
    one.waited = max(<int64_t>0, time - theirs.next_time)
