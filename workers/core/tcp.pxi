# TCP health as workers.analysis.tcp judges it; the definitions and their sources are there.


cdef bint reuses_ports(Pkt *p, Half *mine, Half *theirs) noexcept nogil:
    cdef int64_t after
    if mine.initial != UNSET:
        return mine.initial != p.sequence
    if mine.next == UNSET:
        return False
    after = (<int64_t>p.sequence + 1) & MASK
    return after != theirs.last_ack and after != mine.next


cdef inline uint64_t follow(State *s, Flow *flow, int side, Pkt *p) noexcept nogil:
    """Follow one segment; the marks it earns."""
    cdef Half *mine = &flow.halves[side]
    cdef Half *theirs = &flow.halves[1 - side]
    cdef uint64_t found = 0
    cdef int64_t length = p.payload_length
    cdef int64_t end = (p.sequence + length) & MASK
    mine.data_segments += length != 0
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
    if length and theirs.last_ack != UNSET and not p.flags & F_RST:
        found |= sent(s, mine, theirs, p, end, found)
    if p.window == 0 and not p.flags & (F_SYN | F_FIN | F_RST):
        found |= M_ZERO_WINDOW
    if p.options and has_sack(s.base, p):
        found |= M_SACK
    if p.flags & F_ACK and length and p.ack == mine.last_ack:
        mine.last_ack_time = p.time
    elif p.flags & F_ACK:
        found |= acknowledge(s, mine, theirs, p)
    mine.latest = ORDINARY
    if p.window != mine.window:
        change_window(flow, mine, theirs, p)
    if p.flags & (F_SYN | F_FIN | F_RST) or flow.stage == ANSWERED:
        control(s, flow, side, p)
    if found:
        note_found(s, flow, mine, p, found)
    if (found | p.mask) & M_FOR_SIDE:
        note_side(s, mine, theirs, p.number, found | p.mask)
    return found


cdef inline uint64_t sent(State *s, Half *mine, Half *theirs, Pkt *p, int64_t end, uint64_t found) noexcept nogil:
    """What is in flight with this segment, and whether it fills the window; also what size of packet is tried."""
    cdef int64_t flight = (end - theirs.last_ack) & MASK
    if p.ip_length > mine.largest_acknowledged or mine.tried_end != UNSET:
        if not found & M_SPURIOUS:
            attempt(p, mine, end)
            if found & M_RETRANSMISSION and p.ip_length > mine.largest_acknowledged:
                in_vain(s, mine, p, end)
            elif found & M_RETRANSMISSION and mine.extra != NONE:
                split(<Extra*>entry(&s.extras, mine.extra), p, end)
    if flight > mine.most_in_flight and flight < HALF:
        mine.most_in_flight = <uint32_t>flight
    if flight != (theirs.window if theirs.latest & OPENED else theirs.room):    # a SYN's window is never scaled
        return 0
    return 0 if p.flags & (F_SYN | F_FIN | F_RST) else M_WINDOW_FULL


cdef void attempt(Pkt *p, Half *mine, int64_t end) noexcept nogil:
    """Await this packet's delivery, if none is awaited or it holds bytes of the awaited one in less."""
    if mine.tried_end != UNSET and (
        p.ip_length >= mine.tried_size or not overlap(p.sequence, end, mine.tried_start, mine.tried_end)
    ):
        return
    mine.tried_start = p.sequence
    mine.tried_end = end
    mine.tried_size = p.ip_length


cdef bint overlap(int64_t start, int64_t end, int64_t other, int64_t other_end) noexcept nogil:
    """Whether two ranges of sequence numbers share bytes."""
    return ((other_end - start - 1) & MASK) < HALF and ((end - other - 1) & MASK) < HALF


cdef void in_vain(State *s, Half *mine, Pkt *p, int64_t end) noexcept nogil:
    """A packet larger than any that was acknowledged is sent again."""
    cdef Extra *more = extra(&s.extras, mine)
    if more == NULL:
        return
    note(&s.blocks, &more.undelivered, p.number)
    if p.ip_length >= more.undelivered_size:
        more.undelivered_start = p.sequence
        more.undelivered_end = end
        more.undelivered_size = p.ip_length
    else:
        split(more, p, end)


cdef void split(Extra *more, Pkt *p, int64_t end) noexcept nogil:
    """Bytes of the largest packet sent in vain may be in this smaller one."""
    if p.ip_length < more.undelivered_size and more.undelivered_end != UNSET:
        if overlap(p.sequence, end, more.undelivered_start, more.undelivered_end):
            more.undelivered_end = UNSET


cdef void delivered(State *s, Half *mine, int64_t ack) noexcept nogil:
    """The awaited packet was acknowledged: the largest one sent in vain is awaited next, or arrived too."""
    cdef Extra *more
    mine.largest_acknowledged = max(mine.largest_acknowledged, mine.tried_size)
    mine.tried_end = UNSET
    if mine.extra == NONE:
        return
    more = <Extra*>entry(&s.extras, mine.extra)
    if more.undelivered == NONE:
        return
    if more.undelivered_end != UNSET and ((ack - more.undelivered_end) & MASK) < HALF:
        mine.largest_acknowledged = max(mine.largest_acknowledged, more.undelivered_size)
    if mine.largest_acknowledged >= more.undelivered_size:
        give_list(&s.blocks, more.undelivered)
        more.undelivered = NONE
        more.undelivered_size = 0
        more.undelivered_end = UNSET
    elif more.undelivered_end != UNSET:
        mine.tried_start = more.undelivered_start
        mine.tried_end = more.undelivered_end
        mine.tried_size = more.undelivered_size


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
    if ahead == 0 and p.payload_length == 1 and theirs.window == 0:
        return M_ZERO_WINDOW_PROBE
    found = M_LOST_SEGMENT if ahead else 0
    if ahead:
        mine.lost |= HOLE
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


cdef inline uint64_t acknowledge(State *s, Half *mine, Half *theirs, Pkt *p) noexcept nogil:
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
    if not p.flags & F_RST:     # a RST takes nothing in, whatever it acknowledges
        mine.last_ack_time = p.time
    if theirs.sample_end != UNSET and ((ack - theirs.sample_end) & MASK) < HALF:
        sample(&s.blocks, &theirs.rtt, p.time - theirs.sample_time)
        theirs.sample_end = UNSET
    if theirs.tried_end != UNSET and ((ack - theirs.tried_end) & MASK) < HALF:
        delivered(s, theirs, ack)
    return found


cdef uint64_t repeated(Pkt *p, Half *mine, Half *theirs) noexcept nogil:
    """The same acknowledgment number again: duplicate ACK, another window, or the answer to a keep-alive or probe."""
    if p.payload_length or p.flags & (F_SYN | F_FIN | F_RST) or p.sequence != mine.next:
        return 0
    if p.window == 0:
        return M_ZERO_WINDOW_PROBE_ACK if mine.window == 0 and theirs.latest == PROBED else 0
    if p.window != mine.window:
        return M_WINDOW_UPDATE
    if theirs.latest == KEPT_ALIVE:
        return M_KEEP_ALIVE_ACK
    mine.duplicates += 1
    return M_DUPLICATE_ACK


cdef void change_window(Flow *flow, Half *mine, Half *theirs, Pkt *p) noexcept nogil:
    """The advertised window changed: measure how long it stood at zero."""
    if p.flags & (F_SYN | F_RST):
        return
    if p.window == 0 and mine.zero_since == UNSET and not p.flags & F_FIN:
        mine.zero_since = p.time
    elif p.window and mine.zero_since != UNSET:
        flow.zero_time += max(<int64_t>0, p.time - mine.zero_since)
        mine.zero_since = UNSET
    mine.window = p.window
    mine.room = room(mine, theirs)


cdef int64_t unacknowledged(Half *mine, Half *theirs) noexcept nogil:
    """Bytes in flight at the end; a FIN takes one number and is no data."""
    cdef int64_t flying
    if mine.next == UNSET or theirs.last_ack == UNSET:
        return 0
    flying = (mine.next - theirs.last_ack) & MASK
    return max(<int64_t>0, flying - mine.finished) if flying < HALF else 0


cdef void note_found(State *s, Flow *flow, Half *mine, Pkt *p, uint64_t found) noexcept nogil:
    """Keep the frames of what was found."""
    cdef int64_t number = p.number
    if found & M_RETRANSMISSION:
        note(&s.blocks, &mine.retransmissions, number)
        mine.largest_resent = max(mine.largest_resent, p.ip_length)
    if found & M_ZERO_WINDOW:
        note(&s.blocks, &mine.zero_windows, number)
    if found & M_OUT_OF_ORDER:
        note(&s.blocks, &flow.out_of_order, number)
    if found & M_LOST_SEGMENT:
        note(&s.blocks, &flow.lost_segments, number)
    if found & M_DUPLICATE_ACK:
        note(&s.blocks, &flow.duplicate_acks, number)
    if found & M_KEEP_ALIVE:
        note(&s.blocks, &flow.keep_alives, number)
        mine.latest = KEPT_ALIVE


cdef void note_side(State *s, Half *mine, Half *theirs, int64_t number, uint64_t found) noexcept nogil:
    """Count what a sender's facts have beside."""
    cdef Extra *more
    if found & M_ACK_LOST_SEGMENT:
        more = extra(&s.extras, theirs)
        if more != NULL:
            note(&s.blocks, &more.acked_unseen, number)
    if found & M_WINDOW_UPDATE:
        mine.window_updates += 1
    if not found & M_IN_EXTRA:
        return
    if found & M_ZERO_WINDOW_PROBE:
        mine.latest = PROBED
    more = extra(&s.extras, mine)
    if more == NULL:
        return
    if found & M_WINDOW_FULL:
        note(&s.blocks, &more.window_full, number)
    if found & M_ZERO_WINDOW_PROBE:
        note(&s.blocks, &more.zero_window_probes, number)
    more.zero_window_probe_acks += found & M_ZERO_WINDOW_PROBE_ACK != 0
    more.sacks += found & M_SACK != 0
    more.congestion_marked += found & M_CE != 0
    more.congestion_echoed += found & M_ECE != 0
    more.congestion_answered += found & M_CWR != 0


cdef void next_second(Flow *flow, Pkt *p) noexcept nogil:
    """A second of the conversation is over when this packet comes, and maybe many more: count payload and silence."""
    cdef int64_t idle = p.time - flow.last
    cdef Half *half
    cdef int side
    for side in range(2):
        half = &flow.halves[side]
        half.most_per_second = max(half.most_per_second, flow.counted[side].payload - half.bin_base)
        half.bin_base = flow.counted[side].payload
    if idle > SECOND:
        flow.idle_gaps += 1
        if idle > flow.longest_idle:
            flow.longest_idle = idle
            flow.longest_idle_frame = p.number
    flow.bin_end = p.time - (p.time - flow.first) % SECOND + SECOND


cdef void too_big(State *s, Half *half, int64_t number, uint32_t mtu) noexcept nogil:
    """An ICMP error says that a packet of this sender does not fit the path."""
    cdef Extra *more = extra(&s.extras, half)
    if more == NULL:
        return
    note(&s.blocks, &more.too_big, number)
    if mtu and (more.told_mtu == 0 or mtu < more.told_mtu):
        more.told_mtu = mtu


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
    cdef bint single = count_of(&s.blocks, flow.syns) == 1
    return not (flow.stage == OPENING and single and flow.capture_end - flow.last_syn_time < SECOND)


cdef int handshake(Flow *flow) noexcept nogil:
    """Index into HANDSHAKES."""
    if flow.stage == OPENING:
        return 4 if flow.refused_by else 1
    return flow.stage


cdef void tally(State *s, Flow *flow) noexcept nogil:
    """Count how far the handshake came."""
    cdef int stage = handshake(flow)
    s.handshakes[stage] += 1
    if stage == 1 and judged(s, flow):
        problem(&s.timeline, flow.first_syn_time)
    elif stage == 1:
        s.unjudged += 1
