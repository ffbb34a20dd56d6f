# What Python sees of a close-up; what it does is in `glass`.

cdef class CoreCloseUp(Results):
    """batch(buffer, records) as they come, close() at the end; then `rows`, `traces` and `located`.

    `pairs` are (protocol, key, row), a key two addresses and the server's port; `packet` and `decode` the plain decoder's.
    """

    cdef Glass g
    cdef Packet packet
    cdef object decode
    cdef int32_t height

    def __cinit__(self):
        memset(&self.g, 0, sizeof(Glass))

    def __init__(self, packet, decode, int64_t start, int64_t span, int32_t columns, int32_t rows, pairs, flows, frames):
        cdef Glass *g = &self.g
        cdef PairEntry *entry
        cdef bytes key
        cdef int place, trail
        self.packet = packet
        self.decode = decode
        self.height = rows
        self.make()
        g.start, g.span, g.columns = start, span, columns
        g.bytes = <int64_t*>calloc(rows * columns + 1, sizeof(int64_t))
        g.problems = <int64_t*>calloc(rows * columns + 1, sizeof(int64_t))
        g.pairs = <PairEntry*>calloc(PAIR_SLOTS, sizeof(PairEntry))
        g.traces = <Trace*>calloc(MAX_FLOWS, sizeof(Trace))
        if not (g.bytes and g.problems and g.pairs and g.traces):
            raise MemoryError
        for kind, key, row in pairs:
            entry = pair_at(g, <const byte*>PyBytes_AS_STRING(key), <int>PyBytes_GET_SIZE(key), kind)
            if not entry.used:
                entry.used, entry.kind, entry.row = 1, kind, row
                entry.length = <byte>PyBytes_GET_SIZE(key)
                memcpy(entry.key, PyBytes_AS_STRING(key), entry.length)
        for place, frame in enumerate(flows):
            g.traces[place].first_frame = frame
            for trail in range(TRAILS):
                self.room_for(&g.traces[place].trails[trail], MARKED_POINTS if trail == 2 else SIDE_POINTS)
            g.flows += 1
        for place, frame in enumerate(frames):
            g.wanted[place].frame = frame
            g.frames += 1

    cdef int room_for(self, Trail *trail, int64_t limit) except -1:
        trail.points = <Point*>malloc(limit * sizeof(Point))
        if trail.points == NULL:
            raise MemoryError
        trail.limit = limit
        trail.stride = 1
        return 0

    def __dealloc__(self):
        cdef int place, trail
        free(self.g.bytes)
        free(self.g.problems)
        free(self.g.pairs)
        if self.g.traces != NULL:
            for place in range(MAX_FLOWS):
                for trail in range(TRAILS):
                    free(self.g.traces[place].trails[trail].points)
        free(self.g.traces)

    def batch(self, bytes buffer, records):
        """Take the records of a buffer."""
        cdef Records found = records if isinstance(records, Records) else listed_records(records)
        cdef Py_ssize_t at = 0
        cdef int why = ROOM
        cdef bytes inner
        found.find_all()
        while why != ALL:
            self.s.base = <const byte*>PyBytes_AS_STRING(buffer)
            with nogil:
                why = pass_over(&self.s, &self.g, found.w.items, found.w.number, &at)
            if why == PLAIN:
                inner = read_plainly(&self.s, self.packet, self.decode, buffer, &found.w.items[at - 1])
                look_at(&self.s, &self.g, &self.s.packet)

    def close(self):
        """The capture is over: every conversation with it."""
        cdef State *s = &self.s
        cdef int32_t number = listed(s, True), place
        for place in range(number):
            close_flow(s, s.order[place].flow, &s.packet)
            let_go(s, &self.g)

    @property
    def rows(self):
        """(bytes, problems) a row, column by column."""
        cdef Glass *g = &self.g
        return [
            ([g.bytes[row * g.columns + i] for i in range(g.columns)],
             [g.problems[row * g.columns + i] for i in range(g.columns)])
            for row in range(self.height)
        ]

    @property
    def located(self):
        """(frame, first frame of its conversation, protocol, key of the client's direction), those that were found."""
        cdef Glass *g = &self.g
        return [
            (g.wanted[i].frame, g.wanted[i].first_frame, g.wanted[i].kind,
             sides_key(g.wanted[i].key, g.wanted[i].key_length, g.wanted[i].client))
            for i in range(g.frames) if g.wanted[i].first_frame
        ]

    @property
    def traces(self):
        """Of each conversation seen: first frame, protocol, key of the client's direction, which side that is, packets,
        problems, silence, its begin, and the points kept, the last one included, in no order."""
        cdef Glass *g = &self.g
        cdef Trace *t
        cdef int place, trail
        cdef int64_t i
        told = []
        for place in range(g.flows):
            t = &g.traces[place]
            if t.last.nth == 0:
                continue
            points = [told_point(&t.last)]
            for trail in range(TRAILS):
                points += [told_point(&t.trails[trail].points[i]) for i in range(t.trails[trail].kept)]
            key = sides_key(t.key, t.key_length, t.client)
            told.append((
                t.first_frame, t.kind, key, t.client, t.last.nth, t.problems, t.silence, t.silent_at, points
            ))
        return told


cdef object told_point(Point *p):
    """(frame, nth, time, side, length, sequence, ack or None, window, flags, mask, head)"""
    return (
        p.number, p.nth, p.time, p.side, p.length, p.sequence, p.ack if p.acks else None, p.window, p.flags, p.mask,
        PyBytes_FromStringAndSize(<char*>p.head, p.head_size),
    )
