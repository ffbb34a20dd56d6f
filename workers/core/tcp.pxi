# TCP health as workers.analysis.tcp judges it; the definitions and their sources are there.

cdef enum:
    UNSEEN = 0
    OPENING = 1
    ANSWERED = 2
    COMPLETE = 3
    FAST_WITHIN = 20000000
    DEFAULT_RTT = 3000000
    SOON = 1000000000

cdef enum:                  # when a reset came
    REFUSED = 0
    IN_HANDSHAKE = 1
    BEFORE_RESPONSE = 2
    AFTER_DATA = 3
    AFTER_FIN = 4

cdef bint reuses_ports(Pkt *p, Half *mine, Half *theirs) noexcept nogil:
    cdef int64_t after
    if mine.initial != UNSET:
        return mine.initial != p.sequence
    if mine.next == UNSET:
        return False
    after = (<int64_t>p.sequence + 1) & MASK
    return after != theirs.last_ack and after != mine.next


cdef uint64_t follow(State *s, Flow *flow, int side, Pkt *p) noexcept nogil:
    """Follow one segment; the marks it earns."""
    cdef Half *mine = &flow.halves[side]
    cdef Half *theirs = &flow.halves[1 - side]
    cdef uint64_t found = 0
    cdef int64_t length = p.payload_length
    cdef int64_t end = (p.sequence + length) & MASK
    if length:
        mine.data_segments += 1
    if (
        p.sequence != mine.next or p.flags & (F_SYN | F_FIN | F_RST) or length == 1
        or (length and ((theirs.last_ack - end) & MASK) < HALF)
    ):
        found = judge_sequence(flow, mine, theirs, p)
    elif length:
        mine.next = mine.to_be_acked = end
        mine.next_time = p.time
        if mine.sample_end == UNSET:
            mine.sample_end = end
            mine.sample_time = p.time
    if p.window == 0 and not p.flags & (F_SYN | F_FIN | F_RST):
        found |= M_ZERO_WINDOW
    if p.flags & F_ACK and length and p.ack == mine.last_ack:
        mine.last_ack_time = p.time
    elif p.flags & F_ACK:
        found |= acknowledge(s, mine, theirs, p)
    mine.kept_alive = found & M_KEEP_ALIVE != 0
    if p.window != mine.window:
        change_window(flow, mine, p)
    if p.flags & (F_SYN | F_FIN | F_RST) or flow.stage == ANSWERED:
        control(s, flow, side, p)
    if found:
        note_found(s, flow, mine, p.number, found)
    if found & M_RETRANSMISSION:
        mine.largest_resent = max(mine.largest_resent, p.ip_length)
    return found


cdef bint acknowledged(Pkt *p, Half *theirs, int64_t end) noexcept nogil:
    """Whether the receiver had all of this data before."""
    return p.payload_length and theirs.last_ack != UNSET and ((theirs.last_ack - end) & MASK) < HALF


cdef uint64_t judge_sequence(Flow *flow, Half *mine, Half *theirs, Pkt *p) noexcept nogil:
    """Judge the sequence number against what was expected, and move that on."""
    cdef int64_t span = <int64_t>p.payload_length + (p.flags & F_FIN) + (p.flags >> 1 & 1)
    cdef int64_t ahead
    cdef uint64_t found
    if p.flags & F_RST:
        return 0
    if mine.next == UNSET:
        mine.next = mine.to_be_acked = (p.sequence + span) & MASK
        mine.next_time = p.time
        return M_RETRANSMISSION | M_SPURIOUS if acknowledged(p, theirs, mine.next) else 0
    ahead = (<int64_t>p.sequence - mine.next) & MASK
    if ahead > HALF:
        return below(flow, mine, theirs, p, span, ahead)
    if span == 0 and ahead == 0:
        return 0
    if ahead == 0 and p.payload_length == 1 and theirs.window == 0:
        return M_ZERO_WINDOW_PROBE
    found = M_LOST_SEGMENT if ahead else 0
    if acknowledged(p, theirs, (p.sequence + span) & MASK):
        found |= M_RETRANSMISSION | M_SPURIOUS
    mine.next = (p.sequence + span) & MASK
    mine.next_time = p.time
    if mine.sample_end == UNSET and p.payload_length:
        mine.sample_end = mine.next
        mine.sample_time = p.time
    if not ahead:
        mine.to_be_acked = mine.next
    return found


cdef uint64_t below(Flow *flow, Half *mine, Half *theirs, Pkt *p, int64_t span, int64_t ahead) noexcept nogil:
    """A segment that starts below what was expected."""
    cdef int64_t end
    cdef uint64_t found
    if ahead == MASK and p.payload_length <= 1 and not p.flags & (F_SYN | F_FIN):
        return M_KEEP_ALIVE
    if span == 0:
        return 0
    mine.sample_end = UNSET
    end = (p.sequence + span) & MASK
    found = resent(flow, mine, theirs, p, end)
    if 0 < ((end - mine.next) & MASK) < HALF:
        mine.next = end
        mine.next_time = p.time
    if 0 < ((end - mine.to_be_acked) & MASK) < HALF:
        mine.to_be_acked = mine.next
    return found


cdef uint64_t resent(Flow *flow, Half *mine, Half *theirs, Pkt *p, int64_t end) noexcept nogil:
    """Spurious, fast, out of order or plain retransmission, in this order."""
    cdef int64_t threshold = flow.initial_rtt if flow.initial_rtt > 0 else DEFAULT_RTT
    if acknowledged(p, theirs, end):
        return M_RETRANSMISSION | M_SPURIOUS
    if (
        theirs.duplicates >= 2 and theirs.last_ack == p.sequence
        and p.time - theirs.last_ack_time < FAST_WITHIN
    ):
        return M_RETRANSMISSION | M_FAST
    if p.time - mine.next_time < threshold and end != mine.next:
        return M_OUT_OF_ORDER
    return M_RETRANSMISSION


cdef uint64_t acknowledge(State *s, Half *mine, Half *theirs, Pkt *p) noexcept nogil:
    """What the acknowledgment number says."""
    cdef uint64_t found = 0
    cdef int64_t ack = p.ack
    if theirs.next != UNSET and 0 < ((ack - theirs.to_be_acked) & MASK) < HALF:
        theirs.to_be_acked = theirs.next
        found = M_ACK_LOST_SEGMENT
    if ack == mine.last_ack:
        found |= repeated(p, mine, theirs)
    else:
        mine.last_ack = ack
        mine.duplicates = 0
    if not p.flags & F_RST:
        mine.last_ack_time = p.time
    if theirs.sample_end != UNSET and ((ack - theirs.sample_end) & MASK) < HALF:
        sample(&s.sample_lists, &theirs.rtt, p.time - theirs.sample_time)
        theirs.sample_end = UNSET
    return found


cdef uint64_t repeated(Pkt *p, Half *mine, Half *theirs) noexcept nogil:
    """The same acknowledgment number again, nothing else said: duplicate ACK, or the answer to a keep-alive."""
    if p.payload_length or p.flags & (F_SYN | F_FIN | F_RST):
        return 0
    if p.window == 0 or p.window != mine.window or p.sequence != mine.next:
        return 0
    if theirs.kept_alive:
        return M_KEEP_ALIVE_ACK
    mine.duplicates += 1
    return M_DUPLICATE_ACK


cdef void change_window(Flow *flow, Half *mine, Pkt *p) noexcept nogil:
    """The advertised window changed: measure how long it stood at zero."""
    if p.flags & (F_SYN | F_RST):
        return
    if p.window == 0 and mine.zero_since == UNSET and not p.flags & F_FIN:
        mine.zero_since = p.time
    elif p.window and mine.zero_since != UNSET:
        flow.zero_time += max(<int64_t>0, p.time - mine.zero_since)
        mine.zero_since = UNSET
    mine.window = p.window


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
    if mine.initial != UNSET and mine.initial != p.sequence:
        p.mask |= M_REUSED_PORTS
    mine.initial = p.sequence
    mine.hops = p.hops
    mine.identification = p.identification
    mine.window = p.window
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
    note(&s.frame_lists, &flow.syns, p.number)
    flow.last_syn_time = p.time
    if flow.stage == UNSEEN:
        flow.stage = OPENING


cdef void reset(State *s, Flow *flow, int side, Pkt *p) noexcept nogil:
    cdef int stage
    cdef ResetList *seen
    cdef ResetEntry *one
    cdef Half *mine = &flow.halves[side]
    cdef Half *theirs = &flow.halves[1 - side]
    cdef bint by_client = side == flow.client
    if flow.stage == OPENING:
        stage = IN_HANDSHAKE if by_client else REFUSED
        if not by_client and not flow.refused_by:
            flow.refused_by = 1
    elif flow.stage == ANSWERED:
        stage = IN_HANDSHAKE
    elif flow.fins:
        stage = AFTER_FIN
    elif flow.halves[flow.client].payload and not flow.halves[1 - flow.client].payload:
        stage = BEFORE_RESPONSE
    else:
        stage = AFTER_DATA
    if flow.resets == NONE:
        flow.resets = take(&s.reset_lists)
        if flow.resets == NONE:
            return
    seen = <ResetList*>entry(&s.reset_lists, flow.resets)
    if seen.count < FRAMES:
        one = &seen.entries[seen.count]
        seen.count += 1
        one.frame = p.number
        one.by_client = by_client
        one.stage = stage
        one.after = max(<int64_t>0, p.time - flow.first)
        one.hops = p.hops
        one.handshake_hops = mine.hops
        one.identification = p.identification
        one.handshake_identification = mine.identification
        if theirs.next != UNSET:
            one.waited = max(<int64_t>0, p.time - theirs.next_time)
            if mine.next != UNSET and not theirs.finished:
                one.idle = max(<int64_t>0, theirs.next_time - max(mine.next_time, mine.last_ack_time))


cdef int64_t unacknowledged(Half *mine, Half *theirs) noexcept nogil:
    """Bytes in flight at the end; a FIN takes one number and is no data."""
    cdef int64_t flying
    if mine.next == UNSET or theirs.last_ack == UNSET:
        return 0
    flying = (mine.next - theirs.last_ack) & MASK
    return max(<int64_t>0, flying - mine.finished) if flying < HALF else 0


cdef void note_found(State *s, Flow *flow, Half *mine, int64_t number, uint64_t found) noexcept nogil:
    """Keep the frames of what was found."""
    if found & M_RETRANSMISSION:
        note(&s.frame_lists, &mine.retransmissions, number)
    if found & M_ZERO_WINDOW:
        note(&s.frame_lists, &mine.zero_windows, number)
    if found & M_OUT_OF_ORDER:
        note(&s.frame_lists, &flow.out_of_order, number)
    if found & M_LOST_SEGMENT:
        note(&s.frame_lists, &flow.lost_segments, number)
    if found & M_DUPLICATE_ACK:
        note(&s.frame_lists, &flow.duplicate_acks, number)
    if found & M_KEEP_ALIVE:
        note(&s.frame_lists, &flow.keep_alives, number)


cdef bint troubled(Flow *flow) noexcept nogil:
    """Whether the conversation shows anything but health."""
    return (
        flow.stage == OPENING or flow.stage == ANSWERED or flow.resets != NONE
        or flow.halves[0].retransmissions != NONE or flow.halves[1].retransmissions != NONE
        or flow.halves[0].zero_windows != NONE or flow.halves[1].zero_windows != NONE
        or flow.out_of_order != NONE or flow.lost_segments != NONE
    )


cdef bint judged(State *s, Flow *flow) noexcept nogil:
    """False when the only SYN is too young to be called unanswered."""
    cdef bint single = flow.syns != NONE and (<FrameList*>entry(&s.frame_lists, flow.syns)).count == 1
    return not (flow.stage == OPENING and single and flow.capture_end - flow.last_syn_time < SOON)


cdef int handshake(Flow *flow) noexcept nogil:
    """Index into HANDSHAKES."""
    if flow.stage == OPENING:
        return 4 if flow.refused_by else 1
    return flow.stage


cdef void tally(State *s, Flow *flow) noexcept nogil:
    """Count how far the handshake came."""
    cdef int stage = handshake(flow)
    s.handshakes[stage] += 1
    if not judged(s, flow):
        s.unjudged += 1
    elif stage == 1:
        problem(&s.timeline, flow.first_syn_time)
