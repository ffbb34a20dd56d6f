cimport cython

from workers.analysis.dns_message cimport Message, read_message
from workers.analysis.samples cimport Durations, Frames
from workers.packets.scan cimport digest, piece, same

cdef Py_ssize_t MAX_NAMES, _SLOTS, _SEEN, _MAX_KEPT, _NUMBERS


@cython.final
cdef class Name:
    cdef public bytes wire
    cdef public str text, key
    cdef public unsigned long long hash

    @cython.locals(begin=Py_ssize_t, size=Py_ssize_t)
    cdef bint is_of(self, Message message, const unsigned char *data) noexcept


@cython.final
cdef class Names:
    cdef list _slots
    cdef Name _none

    @cython.locals(begin=Py_ssize_t, slot=Py_ssize_t, name=Name, text=str)
    cdef Name of(self, Message message, const unsigned char *data)


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
    cdef public str name, key
    cdef public bytes ends
    cdef public int qtype, last
    cdef public Frames queries, unanswered, again
    cdef public Durations again_after, latency
    cdef public long long answered, retried, truncated, chain, tcp
    cdef public Numbers rcodes
    cdef bytes _answer
    cdef list _found

    cdef bint is_for(self, Name name, int qtype, const unsigned char *key, Py_ssize_t ends) noexcept
    cdef asked_again(self, long long frame, long long after)
    cdef not_answered(self, long long frame)
    cdef answer(self, Message message, const unsigned char *data, long long took)
    cpdef bint has_found(self)
    cdef _keep(self, Message message, const unsigned char *data)


@cython.final
cdef class Groups:
    cdef public list every
    cdef unsigned long long _slots[4096]

    @cython.locals(
        ends=Py_ssize_t, hashed=cython.ulonglong, slot=Py_ssize_t, held=cython.ulonglong, group=Group
    )
    cdef Group of(self, Name name, int qtype, const unsigned char *key, Py_ssize_t length)
