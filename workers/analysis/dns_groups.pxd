cimport cython

from workers.analysis.addresses cimport unpacked
from workers.analysis.dns_message cimport Message, read_message
from workers.analysis.dns_waiting cimport Ends
from workers.analysis.samples cimport Durations, Frames, durations, frames
from workers.packets cimport words
from workers.packets.scan cimport piece

cdef Py_ssize_t MAX_NAMES, _SLOTS, _SEEN, _MAX_KEPT, _NUMBERS

cdef unsigned long long _SEED, _ODD


@cython.final
cdef class Name:
    cdef public bytes wire
    cdef public str text, key
    cdef public unsigned long long hash, hashed, told
    cdef public Py_ssize_t size

    cdef bint begins(self, const unsigned char *data, Py_ssize_t at, Py_ssize_t end) noexcept
    cdef bint same(self, Name other)


@cython.locals(hashed=cython.ulonglong, word=cython.ulonglong, zeros=cython.ulonglong)
cdef unsigned long long _hashed(const unsigned char *data, Py_ssize_t at, Py_ssize_t end) noexcept


@cython.final
cdef class Names:
    cdef list _slots
    cdef Name _none

    @cython.locals(hashed=cython.ulonglong, name=Name)
    cdef Name known(self, const unsigned char *data, Py_ssize_t at, Py_ssize_t end)
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
    cdef public list every
    cdef unsigned long long _slots[4096]

    @cython.locals(
        hashed=cython.ulonglong, slot=Py_ssize_t, held=cython.ulonglong, group=Group, place=Py_ssize_t
    )
    cdef Group of(self, Name name, int qtype, Ends ends)
