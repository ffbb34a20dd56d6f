# The record walk of classic pcap files, as workers.packets.pcap: draft-ietf-opsawg-pcap, and Kuznetzov's records.

cdef enum:
    MAX_CAPTURED = 262144   # as pcap.MAX_CAPTURED
    AHEAD = 16              # records that are found before one is read: where the next begins is slow to learn
    MOST_SPARE = 65536      # records whose memory is kept: more are in no chunk that anybody feeds


cdef struct Walk:           # through a buffer, and the records found so far
    const byte *buffer
    Py_ssize_t at
    Py_ssize_t size
    int64_t fraction
    int32_t length          # of a record's header
    int32_t link
    int32_t big
    int32_t over            # there are no more that are whole
    uint32_t claimed        # bytes of one that can't be
    Record *items
    Py_ssize_t number
    Py_ssize_t room


cdef struct Spare:          # memory of the last records, for the next: new memory costs page faults
    Record *items
    Py_ssize_t room


cdef Spare spare
spare.items = NULL
spare.room = 0


cdef inline uint32_t word(const byte *at, bint big) noexcept nogil:
    if big:
        return four(at)
    return <uint32_t>at[3] << 24 | <uint32_t>at[2] << 16 | <uint32_t>at[1] << 8 | at[0]


cdef inline void walk_on(Walk *w) noexcept nogil:
    """Find the next record, if it is whole. There is room for it."""
    cdef const byte *header = w.buffer + w.at
    cdef Py_ssize_t start = w.at + w.length
    cdef uint32_t captured
    cdef Record *one
    w.over = 1
    if start > w.size:
        return
    captured = word(header + 8, w.big)
    if captured > MAX_CAPTURED:
        w.claimed = captured
    elif start + captured <= w.size:
        one = &w.items[w.number]
        one.start = start
        one.captured = captured
        one.wire = word(header + 12, w.big)
        one.time = word(header, w.big) * <int64_t>1000000000 + word(header + 4, w.big) * w.fraction
        one.link = w.link
        w.number += 1
        w.at = start + captured
        prefetch(w.buffer + w.at + 8)
        w.over = 0


cdef class Records:
    """Packet records as they lie in a buffer; a sequence of pcap.Record tuples to Python. They are found as they are
    read by the core, all of them when Python asks for any."""

    cdef Walk w
    cdef bytes buffer

    def __cinit__(self):
        global spare
        memset(&self.w, 0, sizeof(Walk))
        self.w.over = 1
        self.w.items = spare.items
        self.w.room = spare.room
        spare.items = NULL
        spare.room = 0

    def __dealloc__(self):
        global spare
        if spare.room < self.w.room <= MOST_SPARE:
            free(spare.items)
            spare.items = self.w.items
            spare.room = self.w.room
        else:
            free(self.w.items)

    def __len__(self):
        self.find_all()
        return self.w.number

    def __getitem__(self, Py_ssize_t index):
        cdef Record one
        self.find_all()
        if not 0 <= index < self.w.number:
            raise IndexError(index)
        one = self.w.items[index]
        return one.start, one.captured, one.wire, one.time, one.link

    def __bool__(self):
        if not self.w.number and not self.w.over:
            self.make_room()
            walk_on(&self.w)
        return self.w.number > 0

    @property
    def end(self):
        """Where the next record begins, and the bytes that one claims to have captured and can't, or 0."""
        self.find_all()
        return self.w.at, self.w.claimed

    cdef int find_all(self) except -1:
        while not self.w.over:
            self.make_room()
            with nogil:
                while self.w.number < self.w.room and not self.w.over:
                    walk_on(&self.w)
        return 0

    cdef int make_room(self) except -1:
        """For some more."""
        cdef Py_ssize_t room = self.w.room * 2 + 1024
        cdef Record *more
        if self.w.room - self.w.number < 2 * AHEAD:
            more = <Record*>realloc(self.w.items, room * sizeof(Record))
            if more == NULL:
                raise MemoryError
            self.w.items = more
            self.w.room = room
        return 0

    cdef int add(self, uint32_t start, uint32_t captured, uint32_t wire, int64_t time, int32_t link) except -1:
        cdef Record *one
        self.make_room()
        one = &self.w.items[self.w.number]
        one.start = start
        one.captured = captured
        one.wire = wire
        one.time = time
        one.link = link
        self.w.number += 1
        return 0


def walk_pcap(bytes buffer, Py_ssize_t at, int length, bint big, int64_t fraction, int32_t link):
    """The records of a buffer from `at` on."""
    cdef Records found = Records()
    cdef Walk *w = &found.w
    found.buffer = buffer
    w.buffer = <const byte*>PyBytes_AS_STRING(buffer)
    w.size = PyBytes_GET_SIZE(buffer)
    w.at, w.length, w.big, w.fraction, w.link = at, length, big, fraction, link
    w.over = 0
    return found


cdef Records listed_records(records):
    """Records of a Python walker."""
    cdef Records found = Records()
    for start, captured, wire, time, link in records:
        found.add(start, captured, wire, time, link)
    return found
