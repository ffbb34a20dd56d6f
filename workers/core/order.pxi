# The order in which waiting events are handed on: by groups, so that the code for each is loaded once.
#
# A group is what shares a stage's state: HTTP/1 and /2; TLS and QUIC; DNS; all services; and the rest, of which no two
# share anything. Events of one group keep the order of their frames, as do all of one conversation; of two groups it
# shows in no fact. An event that may go to more than one group is handed on alone, between all before and behind it.
#
# Groups are handed on in the order of their numbers. A conversation that turns out not to speak a service's protocol may
# speak any other from then on; nothing else changes its group but in an event that is handed on alone. So services come
# first: when one gives up, nothing of the other groups was handed on ahead of it, and what is left is put in order anew.
#
# `Parser.group` says who reads a direction. Of one that was not read so far the first bytes tell, as
# analysis.application goes by them: see `begins`.

cdef inline bint may_turn(State *s, const Half *half, const Event *event) noexcept nogil:
    """Whether another protocol may follow the one that is read with these bytes, or with some that came before."""
    return half.group < TLS and (half.pending or event.payload >= event.end or s.base[event.payload] == 22)


cdef int group_of(State *s, PyObject **streams, Event *event) noexcept nogil:
    """The group of an event when all before it were handed on, or have one."""
    cdef Flow *flow = &s.flows[event.flow]
    cdef int group
    if event.kind != SEGMENT:
        return group_of_end(flow)
    group = group_of_segment(s, streams, flow, event)
    if not event.data or group == ALONE:
        return group
    if flow.group == NO_GROUP:
        flow.group = group
    return group if group == flow.group else ALONE


cdef int group_of_end(Flow *flow) noexcept nogil:
    """The group of a conversation that is over; which may be one of datagrams, whose group is told."""
    cdef Half *half
    cdef int side
    if flow.kind != 6:
        return TLS if flow.viewed else REST
    for side in range(2):
        half = &flow.halves[side]
        if half.pending and half.group < TLS:
            return ALONE
    return flow.group if flow.group else REST


cdef int group_of_segment(State *s, PyObject **streams, Flow *flow, Event *event) noexcept nogil:
    cdef Half *half = &flow.halves[event.side]
    if half.group >= TLS:
        return half.group       # for good
    if half.pending or event.proof:
        return ALONE            # bytes that came before may be handed on
    if not event.data:
        return flow.group if flow.group else REST
    if half.group:
        return ALONE if may_turn(s, half, event) else half.group
    if streams[2 * event.flow + event.side] != NULL:
        return ALONE            # it was read before, and nothing recognised, or too little was there
    return begins(s, flow, half, event)


cdef int begins(State *s, Flow *flow, Half *half, Event *event) noexcept nogil:
    """The only group whose parsers bytes can go to, if to any, that begin a segment of a direction not yet read."""
    cdef const byte *start = s.base + event.payload
    cdef int64_t size = <int64_t>event.end - event.payload
    cdef bint sure = True
    cdef int group = SERVICES
    if to_or_from(flow, 53):
        half.group = DNS
        return DNS
    if not event.first or (half.stream_next >= 0 and half.stream_next != event.sequence):
        return ALONE            # may wait for what comes before, in the room of nobody's group
    if size < 8:
        return ALONE            # may be kept, and judged with what follows
    if 20 <= start[0] <= 23 and begins_record(start):
        group = TLS
    elif start[0] == 0 and size >= 9 and begins_frame(start):
        return ALONE
    elif 65 <= start[0] <= 90 and begins_word(start, size):
        group = HTTP
        sure = size >= 9 and memcmp(start, b"HTTP/1.", 7) == 0
        if not sure and (size < 16 or read_port(s, flow) or not (start[2] and start[6] and start[14])):
            return ALONE        # or a service, as _alike has it
    else:
        sure = False
    if sure and (flow.group == NO_GROUP or flow.group == group):
        half.group = group
    return group


cdef inline bint begins_record(const byte *start) noexcept nogil:
    """As workers.analysis.tls.looks_like_record."""
    cdef uint32_t length = two(start + 3)
    if start[1] != 3 or start[2] > 4:
        return False
    if start[0] == 22:
        return 4 <= length <= 18432
    if start[0] == 21:
        return 2 <= length <= 64
    return 0 < length <= 18432 if start[0] == 23 else length == 1


cdef int32_t put_in_order(State *s, PyObject **streams, int32_t *turns, int32_t *at) noexcept nogil:
    """Give the places of the next events to be handed on, and move `at` behind them; how many."""
    cdef byte groups[MAX_EVENTS]
    cdef int32_t counts[256]
    cdef int32_t begun = at[0], behind = at[0], number = 0, before
    cdef int group
    cdef Event *event
    memset(counts, 0, sizeof(counts))
    while behind < s.waiting:
        event = &s.events[behind]
        group = event.group
        if group == NO_GROUP or (s.changing and event.kind == SEGMENT and group != OVER):
            group = group_of(s, streams, event)
            if group == ALONE:
                break
        groups[behind] = group
        counts[group] += 1
        behind += 1
    if behind == begun:
        turns[0] = begun
        at[0] = begun + 1
        return 1
    for group in range(SERVICES, GROUPS):
        before = number
        number += counts[group]
        counts[group] = before
    at[0] = behind
    while begun < behind:
        group = groups[begun]
        if group != OVER:
            turns[counts[group]] = begun
            counts[group] += 1
        begun += 1
    return number
