# The record walk of classic pcap files, as workers.packets.pcap: draft-ietf-opsawg-pcap, and Kuznetzov's records.

cdef enum:
    MAX_CAPTURED = 262144   # as pcap.MAX_CAPTURED
    AHEAD = 2048            # bytes behind the record at hand that are asked for early


cdef struct Spare:          # memory of the last records, for the next: new memory costs page faults
    Record *items
    Py_ssize_t room


cdef Spare spare
spare.items = NULL
spare.room = 0


cdef class Records:
    """Packet records as they lie in a buffer; a sequence of pcap.Record tuples to Python."""

    cdef Record *items
    cdef Py_ssize_t number
    cdef Py_ssize_t room

    def __cinit__(self):
        global spare
        self.items = spare.items
        self.room = spare.room
        self.number = 0
        spare.items = NULL
        spare.room = 0

    def __dealloc__(self):
        global spare
        if self.room > spare.room:
            free(spare.items)
            spare.items = self.items
            spare.room = self.room
        else:
            free(self.items)

    def __len__(self):
        return self.number

    def __getitem__(self, Py_ssize_t index):
        cdef Record one
        if not 0 <= index < self.number:
            raise IndexError(index)
        one = self.items[index]
        return one.start, one.captured, one.wire, one.time, one.link

    cdef int grow(self) except -1:
        cdef Py_ssize_t room = self.room * 2 + 1024
        cdef Record *more = <Record*>realloc(self.items, room * sizeof(Record))
        if more == NULL:
            raise MemoryError
        self.items = more
        self.room = room
        return 0

    cdef int add(self, uint32_t start, uint32_t captured, uint32_t wire, int64_t time, int32_t link) except -1:
        cdef Record *one
        if self.number == self.room:
            self.grow()
        one = &self.items[self.number]
        one.start = start
        one.captured = captured
        one.wire = wire
        one.time = time
        one.link = link
        self.number += 1
        return 0


cdef inline uint32_t word(const byte *at, bint big) noexcept nogil:
    if big:
        return four(at)
    return <uint32_t>at[3] << 24 | <uint32_t>at[2] << 16 | <uint32_t>at[1] << 8 | at[0]


cdef Py_ssize_t walk(
    const byte *buffer, Py_ssize_t at, Py_ssize_t size, int length, bint big, int64_t fraction, int32_t link,
    Record *items, Py_ssize_t room, Py_ssize_t *number, uint32_t *claimed
) noexcept nogil:
    """Fill `items` with the records that are whole; where the next begins. `claimed`: bytes of one that can't be."""
    cdef Record *one
    cdef uint32_t captured
    while at + length <= size and number[0] < room:
        if at < size - AHEAD:
            prefetch(buffer + at + AHEAD)
        captured = word(buffer + at + 8, big)
        if captured > MAX_CAPTURED:
            claimed[0] = captured
            break
        if at + length + captured > size:
            break
        one = &items[number[0]]
        one.start = at + length
        one.captured = captured
        one.wire = word(buffer + at + 12, big)
        one.time = word(buffer + at, big) * <int64_t>1000000000 + word(buffer + at + 4, big) * fraction
        one.link = link
        number[0] += 1
        at += length + captured
    return at


def walk_pcap(const byte[::1] buffer, Py_ssize_t at, int length, bint big, int64_t fraction, int32_t link):
    """(records, where the next begins, bytes that one claims to have captured and can't, or 0)."""
    cdef Records found = Records()
    cdef Py_ssize_t size = buffer.shape[0], before
    cdef uint32_t claimed = 0
    if size == 0:
        return found, at, 0
    while True:
        if found.number == found.room:
            found.grow()
        before = found.number
        with nogil:
            at = walk(
                &buffer[0], at, size, length, big, fraction, link, found.items, found.room, &found.number, &claimed
            )
        if found.number < found.room or found.number == before:
            return found, at, claimed
