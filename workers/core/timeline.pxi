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
        halve(t.problems)
        for side in range(3):
            halve(t.packets[side])
            halve(t.bytes[side])
        t.last_bin //= 2
    if time <= t.start:
        return 0
    t.at = (time - t.start) // t.width
    t.since = t.start + t.at * t.width
    t.until = t.since + t.width
    return t.at


cdef inline void tick(Timeline *t, int64_t time, int64_t wire) noexcept nogil:
    cdef int64_t index
    if t.start < 0:
        t.start = time
    index = t.at if t.since <= time < t.until else bin_of(t, time)
    if index > t.last_bin:
        t.last_bin = index
    t.here = index
    t.size = wire


cdef inline void sent_by(Timeline *t, int whom) noexcept nogil:
    """Count the packet that ticked last."""
    t.packets[whom][t.here] += 1
    t.bytes[whom][t.here] += t.size


cdef void problem(Timeline *t, int64_t time) noexcept nogil:
    t.problems[bin_of(t, time)] += 1
