# TCP options, as workers.analysis.tcp_options reads them.

cdef enum:                  # bits of an offer
    WHOLE = 1               # it was seen, with its options whole
    OFFERS_SACK = 2
    OFFERS_TIMESTAMPS = 4
    OFFERS_ECN = 8

cdef enum:
    ONLY_TIMESTAMPS = 0x0101080A    # what nearly every segment with options has: two fillers and timestamps
    MOST_SCALE = 14                 # RFC 7323 section 2.3


cdef int next_option(const byte *base, uint32_t *at, uint32_t end) noexcept nogil:
    """Move to the next option that is whole and no filler; its size, 0 for none."""
    cdef int size
    while at[0] < end and base[at[0]] == 1:
        at[0] += 1
    if at[0] >= end or base[at[0]] == 0 or at[0] + 1 >= end:
        return 0
    size = base[at[0] + 1]
    return size if size >= 2 and at[0] + size <= end else 0


cdef inline bint has_sack(const byte *base, Pkt *p) noexcept nogil:
    """Whether there are SACK blocks (RFC 2018 section 3)."""
    cdef uint32_t at = p.payload - p.options, end = min(p.payload, p.end)
    cdef int size
    if p.options == 12 and end >= at + 4 and four(base + at) == ONLY_TIMESTAMPS:
        return False
    size = next_option(base, &at, end)
    while size:
        if base[at] == 5 and size >= 10:
            return True
        at += size
        size = next_option(base, &at, end)
    return False


cdef void offer(const byte *base, Pkt *p, Half *mine) noexcept nogil:
    """Keep what a SYN or SYN-ACK says."""
    cdef uint32_t at = p.payload - p.options, end = min(p.payload, p.end)
    cdef int size = next_option(base, &at, end)
    mine.offered = WHOLE if p.payload <= p.end else 0
    mine.mss = 0
    mine.scale = UNSET
    while size:
        if base[at] == 2 and size == 4:
            mine.mss = two(base + at + 2)
        elif base[at] == 3 and size == 3:
            mine.scale = min(base[at + 2], MOST_SCALE)
        elif base[at] == 4:
            mine.offered |= OFFERS_SACK
        elif base[at] == 8:
            mine.offered |= OFFERS_TIMESTAMPS
        at += size
        size = next_option(base, &at, end)
    if p.flags & (F_ECE | F_CWR) == (F_ECE if p.flags & F_ACK else F_ECE | F_CWR):
        mine.offered |= OFFERS_ECN


cdef int32_t room(Half *mine, Half *theirs) noexcept nogil:
    """The advertised window in bytes; UNSET when the SYN that gives its unit was not seen (RFC 7323 section 2.2)."""
    if not mine.offered & WHOLE:
        return UNSET
    if mine.scale == UNSET or (theirs.offered & WHOLE and theirs.scale == UNSET):
        return mine.window
    return mine.window << mine.scale
