# Entries of what only some conversations need, by index: taken, given back, and added to.

cdef inline void* entry(Pool *pool, int32_t index) noexcept nogil:
    return pool.memory + <size_t>index * pool.size


cdef int32_t take(Pool *pool) noexcept nogil:
    """A zeroed entry; NONE when there is no memory."""
    cdef int32_t index = pool.free
    cdef char *more
    if index != NONE:
        pool.free = (<int32_t*>entry(pool, index))[0]
    else:
        if pool.used == pool.room:
            more = <char*>realloc(pool.memory, <size_t>(pool.room * 2 + 64) * pool.size)
            if more == NULL:
                return NONE
            pool.memory = more
            pool.room = pool.room * 2 + 64
        index = pool.used
        pool.used += 1
    memset(entry(pool, index), 0, pool.size)
    return index


cdef void give(Pool *pool, int32_t index) noexcept nogil:
    """Give an entry back; NONE is nothing."""
    if index != NONE:
        (<int32_t*>entry(pool, index))[0] = pool.free
        pool.free = index


cdef void note(Pool *frames, int32_t *where, int64_t number) noexcept nogil:
    """Count a frame as an example of something (samples.Frames)."""
    cdef FrameList *seen
    if where[0] == NONE:
        where[0] = take(frames)
        if where[0] == NONE:
            return
    seen = <FrameList*>entry(frames, where[0])
    if seen.count < FRAMES:
        seen.first[seen.count] = number
    seen.count += 1


cdef Extra* extra(Pool *extras, Half *half) noexcept nogil:
    """What few conversations have, of this direction; NULL when there is no memory. Good until the next is taken."""
    cdef Extra *made
    if half.extra == NONE:
        half.extra = take(extras)
        if half.extra == NONE:
            return NULL
        made = <Extra*>entry(extras, half.extra)
        made.window_full = made.zero_window_probes = made.acked_unseen = made.too_big = made.undelivered = NONE
        made.undelivered_end = UNSET
    return <Extra*>entry(extras, half.extra)


cdef inline void sample(Pool *values, Samples *seen, int64_t value) noexcept nogil:
    """Add a duration (samples.Durations): count, least and most are exact, the rest is thinned by stride."""
    value = max(value, <int64_t>0)
    if seen.count == 0:
        seen.least = value
    seen.least = min(seen.least, value)
    seen.most = max(seen.most, value)
    if seen.count & seen.stride - 1 == 0:
        keep_sample(values, seen, value)
    seen.count += 1


cdef void keep_sample(Pool *values, Samples *seen, int64_t value) noexcept nogil:
    cdef int64_t *kept
    cdef int64_t i
    if seen.values == NONE:
        seen.values = take(values)
        if seen.values == NONE:
            return
    kept = <int64_t*>entry(values, seen.values)
    if seen.kept == SAMPLES:
        for i in range(SAMPLES // 2):
            kept[i] = kept[2 * i]
        seen.kept = SAMPLES // 2
        seen.stride *= 2
        if seen.count & seen.stride - 1:
            return
    kept[seen.kept] = value
    seen.kept += 1
