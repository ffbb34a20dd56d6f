# Packets, bytes and problems over time, as workers.analysis.timeline.

cdef void begin_timeline(Timeline *t) noexcept nogil:
    memset(t, 0, sizeof(Timeline))
    t.start = -1
    t.width = 10000000


cdef int64_t bin_of(Timeline *t, int64_t time) noexcept nogil:
    cdef int i
    while time - t.start >= t.width * BINS:
        t.width *= 2
        for i in range(BINS // 2):
            t.packets[i] = t.packets[2 * i] + t.packets[2 * i + 1]
            t.bytes[i] = t.bytes[2 * i] + t.bytes[2 * i + 1]
            t.problems[i] = t.problems[2 * i] + t.problems[2 * i + 1]
        memset(&t.packets[BINS // 2], 0, BINS // 2 * sizeof(int64_t))
        memset(&t.bytes[BINS // 2], 0, BINS // 2 * sizeof(int64_t))
        memset(&t.problems[BINS // 2], 0, BINS // 2 * sizeof(int64_t))
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


cdef void problem(Timeline *t, int64_t time) noexcept nogil:
    t.problems[bin_of(t, time)] += 1
