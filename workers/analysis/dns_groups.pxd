cimport cython

from workers.analysis.addresses cimport unpacked
from workers.analysis.dns_message cimport Message, read_message
from workers.analysis.dns_names cimport Name
from workers.analysis.dns_waiting cimport Ends
from workers.analysis.samples cimport Durations, Frames, durations, frames
from workers.packets cimport words
from workers.packets.scan cimport piece

cdef Py_ssize_t MAX_NAMES, _SLOTS, _MAX_KEPT, _NUMBERS

cdef unsigned long long _ODD


@cython.final
cdef class Numbers:
    cdef int _known, _limit
    cdef long long _other
    cdef int _numbers[32]
    cdef long long _counts[32]

    @cython.locals(place=int)
    cdef void add(self, int number) noexcept
    @cython.locals(place=int)
    cpdef long long count(self, int number)


@cython.final
cdef class Group:
    cdef public Name name
    cdef public int qtype, place, last, size
    cdef unsigned long long client, client_rest, server, server_rest
    cdef public Frames queries, unanswered, again
    cdef public Durations again_after, latency
    cdef public long long answered, retried, truncated, chain, tcp
    cdef public Numbers rcodes
    cdef int _number, _long
    cdef unsigned long long _given[16]
    cdef bytes _answer
    cdef list _found

    cdef bint is_for(self, Name name, int qtype, Ends ends)
    cpdef tuple ends(self)
    cdef int asked_again(self, long long frame, long long after) except -1
    cdef int not_answered(self, long long frame) except -1
    cdef int answer(self, Message message, const unsigned char *data, long long took) except -1
    cpdef bint has_found(self)
    @cython.locals(index=int)
    cpdef list found(self)
    @cython.locals(index=int, at=Py_ssize_t)
    cdef int _keep(self, Message message, const unsigned char *data) except -1


@cython.final
cdef class Groups:
    cdef Ends _ends
    cdef public list every
    cdef unsigned long long _slots[4096]

    cdef int _kept

    @cython.locals(hashed=cython.ulonglong, slot=Py_ssize_t)
    cdef int of(self, Name name, int qtype) except -1
    @cython.locals(group=Group)
    cdef bint _is_for(self, Py_ssize_t place, Name name, int qtype) except -1
    cdef int _begin(self, Py_ssize_t slot, unsigned long long hashed, Name name, int qtype) except -1
