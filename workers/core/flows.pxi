# The bounded table of live conversations, as workers.analysis.flows keeps it: found by addresses and ports in either
# direction; when it is full a quarter is evicted of those that were idle longest.

cdef inline uint64_t mixed(uint64_t value, uint64_t seed) noexcept nogil:
    value = (value ^ seed) * <uint64_t>0x9E3779B97F4A7C15
    value ^= value >> 29
    value *= <uint64_t>0xBF58476D1CE4E5B9
    return value ^ value >> 32


cdef inline uint64_t eight(const byte *at) noexcept nogil:
    cdef uint64_t value
    memcpy(&value, at, 8)
    return value


cdef inline uint32_t four_raw(const byte *at) noexcept nogil:
    cdef uint32_t value
    memcpy(&value, at, 4)
    return value


cdef inline uint32_t two_raw(const byte *at) noexcept nogil:
    return <uint32_t>at[0] | <uint32_t>at[1] << 8


cdef inline void found_by(const byte *key, int length, int kind, uint64_t seed, Ends *ends) noexcept nogil:
    """A key's ends, and a bucket that is the same for both directions; seeded, so that nobody can aim at one."""
    cdef uint64_t one, other
    if length == 12:        # IPv4 and ports, which most are
        one = <uint64_t>four_raw(key) << 16 | two_raw(key + 8)
        other = <uint64_t>four_raw(key + 4) << 16 | two_raw(key + 10)
    elif length == 8:
        one = four_raw(key)
        other = four_raw(key + 4)
    else:
        one = mixed(eight(key), seed) + mixed(eight(key + 8), seed + 1)
        other = mixed(eight(key + 16), seed) + mixed(eight(key + 24), seed + 1)
        if length == 36:
            one = mixed(one + two_raw(key + 32), seed)
            other = mixed(other + two_raw(key + 34), seed)
    ends.sort = <uint16_t>(kind << 8 | length)
    ends.swapped = one > other
    ends.lesser = min(one, other)
    ends.greater = max(one, other)
    ends.bucket = <uint32_t>(
        (folded(one ^ seed, other ^ seed) + kind) * <uint64_t>0x9E3779B97F4A7C15 >> 40
    ) & (BUCKETS - 1)


cdef inline int address_size(int length) noexcept nogil:
    return 4 if length < 16 else 16


cdef bint turned(const byte *key, const byte *other, int length) noexcept nogil:
    """Whether one key is the other's reverse."""
    cdef int size = address_size(length)
    if memcmp(key, other + size, size) or memcmp(key + size, other, size):
        return False
    return length == 2 * size or (
        two_raw(key + 2 * size) == two_raw(other + 2 * size + 2)
        and two_raw(key + 2 * size + 2) == two_raw(other + 2 * size)
    )


cdef inline int32_t find(State *s, const byte *key, const Ends *ends, int *side) noexcept nogil:
    """The live conversation of a key and the direction the key is; NONE when there is none."""
    cdef int32_t index = s.buckets[ends.bucket]
    cdef Flow *flow
    while index != NONE:
        flow = &s.flows[index]
        if flow.sort == ends.sort and flow.lesser == ends.lesser and flow.greater == ends.greater:
            side[0] = flow.swapped ^ ends.swapped       # no branch: which it is nobody can foresee, a processor neither
            break
        index = flow.next_in_bucket
    if index == NONE or ends.sort & 0xFF <= 12:     # the ends of a short key are all of it
        return index
    return confirmed(s, key, ends, index, side)


cdef int32_t confirmed(State *s, const byte *key, const Ends *ends, int32_t index, int *side) noexcept nogil:
    """The same from this conversation on, by the whole keys."""
    cdef Flow *flow
    cdef int length = ends.sort & 0xFF
    while index != NONE:
        flow = &s.flows[index]
        if flow.sort == ends.sort:
            side[0] = 0
            if memcmp(flow.key, key, length) == 0:
                return index
            side[0] = 1
            if turned(flow.key, key, length):
                return index
        index = flow.next_in_bucket
    side[0] = 0
    return NONE


cdef inline void ask_for(const Flow *flow, int lines) noexcept nogil:
    """Ask early for a conversation's first cache lines."""
    cdef int line
    for line in range(lines):
        prefetch(<const char*>flow + 64 * line)


cdef int32_t open_flow(State *s, Pkt *p, const Ends *ends) noexcept nogil:
    """A new conversation, which begins with this packet. There is room: `step` sees to it."""
    cdef int32_t index = s.free_flow
    cdef Flow *flow = &s.flows[index if index != NONE else 0]
    cdef int side
    cdef uint32_t source, destination
    if index == NONE:
        index = s.touched
        s.touched += 1
        flow = &s.flows[index]
    else:
        s.free_flow = flow.next_in_bucket
        if s.free_flow != NONE:
            ask_for(&s.flows[s.free_flow], 3)
    memset(flow, 0, OF_TCP)             # its memory may be another one's, or anybody's before
    s.opened += 1
    s.live += 1
    flow.id = s.opened
    flow.kind = p.kind
    flow.first = flow.last = p.time
    flow.first_frame = p.number
    flow.key_length = p.key_length
    memcpy(flow.key, p.key, KEY)        # all of it: the size is known
    flow.sort = ends.sort
    flow.lesser = ends.lesser
    flow.greater = ends.greater
    flow.swapped = ends.swapped
    flow.hash = ends.bucket
    flow.next_in_bucket = s.buckets[ends.bucket]
    s.buckets[ends.bucket] = index
    flow.bin_end = p.time + SECOND
    flow.tunnel = carrier(s, p) if p.tunnel else NONE
    if p.kind == 6:
        memset(flow.halves, 0, sizeof(Flow) - OF_TCP)
        flow.handshake_rtt = flow.initial_rtt = flow.server_rtt = flow.reused_after = UNSET
        flow.syns = flow.out_of_order = flow.lost_segments = flow.duplicate_acks = flow.keep_alives = flow.resets = NONE
        for side in range(2):
            begin_half(&flow.halves[side])
    if p.kind == 6 or p.kind == 17:
        source = two(p.key + p.key_length - 4)
        destination = two(p.key + p.key_length - 2)
        if p.kind == 6:
            flow.client = 1 if source < destination else 0
        elif source < 1024 <= destination:
            flow.client = 1
    return index


cdef int32_t carrier(State *s, Pkt *p) noexcept nogil:
    """Keep what tunnel the packet came in."""
    cdef int32_t index = take(&s.carriers)
    cdef Carrier *made
    if index != NONE:
        made = <Carrier*>entry(&s.carriers, index)
        made.kind = p.tunnel
        made.id = p.tunnel_id
        made.length = p.outer_length
        memcpy(made.ends, p.outer, p.outer_length)
    return index


cdef void begin_half(Half *half) noexcept nogil:
    half.initial = half.next = half.last_ack = half.to_be_acked = half.sample_end = half.zero_since = UNSET
    half.stream_next = -1
    half.window = half.room = half.scale = UNSET
    half.tried_end = UNSET
    half.rtt.stride = 1
    half.rtt.values = half.retransmissions = half.zero_windows = half.extra = NONE


cdef void forget(State *s, int32_t index) noexcept nogil:
    """Take a conversation out of the table; its slot stays until `release`."""
    cdef Flow *flow = &s.flows[index]
    cdef int32_t *where = &s.buckets[flow.hash]
    while where[0] != index:
        where = &s.flows[where[0]].next_in_bucket
    where[0] = flow.next_in_bucket
    s.live -= 1
    s.latest[index] = NONE
    flow.capture_end = s.last


cdef void release(State *s, int32_t index) noexcept nogil:
    """Give back the slot of a conversation whose facts were taken."""
    cdef Flow *flow = &s.flows[index]
    give(&s.carriers, flow.tunnel)
    if flow.kind == 6:
        release_tcp(s, flow)
    flow.next_in_bucket = s.free_flow
    s.free_flow = index


cdef void release_tcp(State *s, Flow *flow) noexcept nogil:
    cdef int side
    give_list(&s.blocks, flow.syns)
    give_list(&s.blocks, flow.out_of_order)
    give_list(&s.blocks, flow.lost_segments)
    give_list(&s.blocks, flow.duplicate_acks)
    give_list(&s.blocks, flow.keep_alives)
    give_list(&s.blocks, flow.resets)
    for side in range(2):
        give_list(&s.blocks, flow.halves[side].retransmissions)
        give_list(&s.blocks, flow.halves[side].zero_windows)
        give_list(&s.blocks, flow.halves[side].rtt.values)
        if flow.halves[side].extra != NONE:
            release_extra(s, flow.halves[side].extra)


cdef void release_extra(State *s, int32_t index) noexcept nogil:
    cdef Extra *more = <Extra*>entry(&s.extras, index)
    give_list(&s.blocks, more.window_full)
    give_list(&s.blocks, more.zero_window_probes)
    give_list(&s.blocks, more.acked_unseen)
    give_list(&s.blocks, more.too_big)
    give_list(&s.blocks, more.undelivered)
    give(&s.extras, index)


cdef void close_flow(State *s, int32_t index, Pkt *p) noexcept nogil:
    """A conversation is over: at once when no parser has to hear of it, else as an event."""
    cdef Flow *flow = &s.flows[index]
    cdef Event *event
    cdef bint untold = told_to_nobody(s, index)
    forget(s, index)
    if flow.kind == 6:
        tally(s, flow)
    count_port(s, flow)
    s.ended += 1
    if untold:
        settle(s, index)
        return
    event = &s.events[s.waiting]
    s.waiting += 1
    event.kind = CLOSE
    event.group = NO_GROUP
    event.flow = index
    event.client = flow.client
    event.number = p.number
    event.time = p.time


cdef inline bint told_to_nobody(State *s, int32_t index) noexcept nogil:
    """Whether no parser has to hear of a conversation's end."""
    cdef Flow *flow = &s.flows[index]
    return s.alone or (
        not flow.viewed and s.latest[index] <= s.dispatched and not (flow.kind == 6 and flow.handshake_rtt >= 0)
    )


cdef void count_port(State *s, Flow *flow) noexcept nogil:
    cdef int row
    cdef uint32_t port
    if flow.key_length != 12 and flow.key_length != 36:
        return
    if flow.kind == 6:
        row = 0
    elif flow.kind == 17:
        row = 1
    elif flow.kind == 132:
        row = 2
    else:
        return
    port = two(flow.key + flow.key_length - (4 if flow.client else 2))
    port += row * 65536
    s.ports[port] += flow.counted[0].packets + flow.counted[1].packets
    s.port_blocks[port // BLOCK] = 1


cdef void settle(State *s, int32_t index) noexcept nogil:
    """Keep a conversation that is over if it is among those to be told, in the place of the last of them."""
    cdef Flow *flow = &s.flows[index]
    cdef Kept one
    cdef int32_t at, above
    one.healthy = not (flow.kind == 6 and troubled(flow))
    one.size = flow.counted[0].bytes + flow.counted[1].bytes
    one.id = flow.id
    one.flow = index
    if s.kept_number < KEPT:
        at = s.kept_number
        s.kept_number += 1
        while at:
            above = (at - 1) // 2
            if not ranks_before(&s.kept[above], &one):
                break
            s.kept[at] = s.kept[above]
            at = above
        s.kept[at] = one
    elif ranks_before(&one, &s.kept[0]):
        release(s, s.kept[0].flow)
        sift(s.kept, s.kept_number, &one)
    else:
        release(s, index)


cdef bint ranks_before(const Kept *one, const Kept *other) noexcept nogil:
    """Those with trouble are told first, then the largest, then the earliest."""
    if one.healthy != other.healthy:
        return other.healthy
    if one.size != other.size:
        return one.size > other.size
    return one.id < other.id


cdef void sift(Kept *kept, int32_t number, const Kept *one) noexcept nogil:
    """Put a conversation in the place of the heap's first."""
    cdef int32_t at = 0, below = 1
    while below < number:
        if below + 1 < number and ranks_before(&kept[below], &kept[below + 1]):
            below += 1
        if not ranks_before(one, &kept[below]):
            break
        kept[at] = kept[below]
        at = below
        below = 2 * at + 1
    kept[at] = one[0]
