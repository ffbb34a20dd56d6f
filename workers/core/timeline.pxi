# Packets, bytes and problems over time, as workers.analysis.timeline.

cdef void begin_timeline(Timeline *t) noexcept nogil:
    memset(t, 0, sizeof(Timeline))
    t.start = -1
    t.width = 10000000


cdef void halve(int64_t *bins) noexcept nogil:
    """Put pairs of bins together."""
    cdef int i
    for i in range(BINS // 2):
        bins[i] = bins[2 * i] + bins[2 * i + 1]
    memset(&bins[BINS // 2], 0, BINS // 2 * sizeof(int64_t))


cdef int64_t bin_of(Timeline *t, int64_t time) noexcept nogil:
    cdef int side
    while time - t.start >= t.width * BINS:
        t.width *= 2
        halve(t.packets)
        halve(t.bytes)
        halve(t.problems)
        for side in range(2):
            halve(t.sent_packets[side])
            halve(t.sent_bytes[side])
        t.last_bin //= 2
    if time <= t.start:
        return 0
    t.at = (time - t.start) // t.width
    t.since = t.start + t.at * t.width
    t.until = t.since + t.width
    return t.at


cdef void tick(Timeline *t, int64_t time, int64_t wire) noexcept nogil:
    cdef int64_t index
    if t.start < 0:
        t.start = time
    index = t.at if t.since <= time < t.until else bin_of(t, time)
    t.packets[index] += 1
    t.bytes[index] += wire
    if index > t.last_bin:
        t.last_bin = index
    t.here = index
    t.size = wire


cdef inline void sent_by(Timeline *t, bint by_client) noexcept nogil:
    """Who sent the packet that ticked last."""
    t.sent_packets[by_client][t.here] += 1
    t.sent_bytes[by_client][t.here] += t.size


cdef void problem(Timeline *t, int64_t time) noexcept nogil:
    t.problems[bin_of(t, time)] += 1
