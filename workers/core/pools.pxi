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


cdef int32_t take_block(Pool *blocks) noexcept nogil:
    cdef int32_t index = take(blocks)
    if index != NONE:
        (<Block*>entry(blocks, index)).next = NONE
    return index


cdef void give_list(Pool *blocks, int32_t index) noexcept nogil:
    """Give all blocks of a list back; NONE is none."""
    cdef int32_t behind
    while index != NONE:
        behind = (<Block*>entry(blocks, index)).next
        give(blocks, index)
        index = behind


cdef int64_t* item(Pool *blocks, int32_t list, int64_t place) noexcept nogil:
    """An item of a list, which may be the one behind its last; NULL when there is no memory. Good until more is taken."""
    cdef int32_t index = list, behind
    while place >= ITEMS:
        behind = (<Block*>entry(blocks, index)).next
        if behind == NONE:
            if blocks.free == NONE and blocks.used >= MOST_BLOCKS:
                return NULL
            behind = take_block(blocks)
            if behind == NONE:
                return NULL
            (<Block*>entry(blocks, index)).next = behind
        index = behind
        place -= ITEMS
    return &(<Block*>entry(blocks, index)).items[place]


cdef inline int64_t count_of(Pool *blocks, int32_t frames) noexcept nogil:
    """How many frames were noted in this list."""
    return (<Block*>entry(blocks, frames)).items[0] if frames != NONE else 0


cdef void note(Pool *blocks, int32_t *where, int64_t number) noexcept nogil:
    """Count a frame as an example of something (samples.Frames)."""
    cdef int64_t count
    cdef int64_t *place
    if where[0] == NONE:
        where[0] = take_block(blocks)
        if where[0] == NONE:
            return
    count = count_of(blocks, where[0])
    if count < FRAMES:
        place = item(blocks, where[0], count + 1)
        if place != NULL:
            place[0] = number
    (<Block*>entry(blocks, where[0])).items[0] = count + 1


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


cdef inline void sample(Pool *blocks, Samples *seen, int64_t value) noexcept nogil:
    """Add a duration (samples.Durations): count, least and most are exact, the rest is thinned by stride."""
    value = max(value, <int64_t>0)
    if seen.count == 0:
        seen.least = value
    seen.least = min(seen.least, value)
    seen.most = max(seen.most, value)
    if seen.count & seen.stride - 1 == 0:
        keep_sample(blocks, seen, value)
    seen.count += 1


cdef void keep_sample(Pool *blocks, Samples *seen, int64_t value) noexcept nogil:
    cdef int64_t at
    if seen.values == NONE:
        seen.values = seen.latest = take_block(blocks)
        if seen.values == NONE:
            return
    if seen.kept == SAMPLES or (seen.kept and seen.kept % ITEMS == 0 and item(blocks, seen.latest, ITEMS) == NULL):
        thin_out(blocks, seen)
        if seen.count & seen.stride - 1:
            return
    at = seen.kept % ITEMS
    if seen.kept and at == 0:
        seen.latest = (<Block*>entry(blocks, seen.latest)).next
    (<Block*>entry(blocks, seen.latest)).items[at] = value
    seen.kept += 1


cdef void thin_out(Pool *blocks, Samples *seen) noexcept nogil:
    """Every second sample goes."""
    cdef Block *source = <Block*>entry(blocks, seen.values)
    cdef Block *target = source
    cdef int64_t i, kept = 0
    seen.latest = seen.values
    for i in range(seen.kept):
        if i and i % ITEMS == 0:
            source = <Block*>entry(blocks, source.next)
        if i % 2 == 0:
            if kept and kept % ITEMS == 0:
                seen.latest = target.next
                target = <Block*>entry(blocks, target.next)
            target.items[kept % ITEMS] = source.items[i % ITEMS]
            kept += 1
    seen.kept = kept
    seen.stride *= 2
