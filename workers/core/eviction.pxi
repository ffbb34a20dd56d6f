# Which conversations end early when the table is full, and in which order all of them end with the capture.

cdef int by_place(const void *a, const void *b) noexcept nogil:
    cdef int64_t x = (<const Rank*>a).place, y = (<const Rank*>b).place
    return -1 if x < y else x > y


cdef void least_first(Rank *order, int32_t number, int32_t wanted, uint64_t seed) noexcept nogil:
    """Bring the `wanted` least of different places to the front, in any order: no need to sort all that stay."""
    cdef int32_t low = 0, high = number - 1, i, j
    cdef int64_t pivot
    cdef Rank kept
    while low < high:
        # by the seed, so that nobody can aim at the worst case
        pivot = order[low + <int32_t>(mixed(<uint64_t>low << 32 | high, seed) % <uint64_t>(high - low + 1))].place
        i, j = low, high
        while i <= j:
            while order[i].place < pivot:
                i += 1
            while order[j].place > pivot:
                j -= 1
            if i <= j:
                kept = order[i]
                order[i] = order[j]
                order[j] = kept
                i += 1
                j -= 1
        if wanted <= j:
            high = j
        elif wanted >= i:
            low = i
        else:
            return


cdef int32_t listed(State *s, bint by_id) noexcept nogil:
    """Fill `order` with the live conversations, as they lie; how many there are."""
    cdef int32_t index, number = 0
    for index in range(s.touched):
        s.order[number].place = s.latest[index]
        s.order[number].flow = index
        number += s.latest[index] != NONE
    if by_id:
        for index in range(number):
            s.order[index].place = s.flows[s.order[index].flow].id
    return number


cdef void sort(Rank *order, int32_t number) noexcept nogil:
    qsort(order, number, sizeof(Rank), by_place)


cdef int32_t closed_untold(State *s, int32_t number, Pkt *p) noexcept nogil:
    """Close those of the first in `order` of which nobody is told: their order shows nowhere, and need not be found.
    How many are left, at its beginning."""
    cdef int32_t place, left = 0
    for place in range(number):
        if place + 12 < number:
            ask_for(&s.flows[s.order[place + 12].flow], 3)
            prefetch(&s.buckets[s.flows[s.order[place + 8].flow].hash])
            prefetch(&s.flows[s.buckets[s.flows[s.order[place + 4].flow].hash]])    # the first of those before it
        if told_to_nobody(s, s.order[place].flow):
            close_flow(s, s.order[place].flow, p)
        else:
            s.order[left] = s.order[place]
            left += 1
    return left


cdef bint lasting(const Flow *flow) noexcept nogil:
    """As flows.lasting: whether more may come of a conversation that is idle."""
    if flow.counted[0].packets + flow.counted[1].packets <= LASTING:
        return False
    if flow.counted[0].payload + flow.counted[1].payload == 0:
        return False
    return flow.kind != 6 or (flow.fins == 0 and flow.resets == NONE)


cdef void evict(State *s, Pkt *p) noexcept nogil:
    cdef int32_t place, number
    least_first(s.order, listed(s, False), MAX_LIVE // 2, s.seed)
    for place in range(MAX_LIVE // 2):
        if place + 12 < MAX_LIVE // 2:
            ask_for(&s.flows[s.order[place + 12].flow], 3)
        if lasting(&s.flows[s.order[place].flow]):
            s.order[place].place += BEHIND_ALL
    least_first(s.order, MAX_LIVE // 2, MAX_LIVE // 4, s.seed)
    number = closed_untold(s, MAX_LIVE // 4, p)
    sort(s.order, number)
    for place in range(number):
        close_flow(s, s.order[place].flow, p)
    s.evicted += MAX_LIVE // 4
