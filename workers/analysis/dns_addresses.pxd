cimport cython

from workers.analysis.dns_message cimport Message
from workers.packets.packet cimport Packet
from workers.packets.scan cimport digest, piece, same

cdef Py_ssize_t _BUCKETS


@cython.final
cdef class _Pair:
    cdef public bytes client, given
    cdef unsigned long long hash
    cdef int next, first
    cdef list names
    cdef long long times[16]

    @cython.locals(client=bytes, given=bytes)
    cdef bint is_of(self, bytes key, Py_ssize_t half, bytes buffer, Py_ssize_t at, Py_ssize_t size) noexcept


cdef class DnsAddresses:
    cdef list _pairs
    cdef int _buckets[2048]
    cdef int _oldest, _changes
    cdef public long long forgotten

    @cython.locals(
        key=bytes, half=Py_ssize_t, hashed=cython.ulonglong, index=int, at=Py_ssize_t, size=Py_ssize_t, pair=_Pair
    )
    cpdef note(self, Packet packet, Message message, bytes buffer, str name)
    @cython.locals(place=int, pair=_Pair)
    cdef _Pair _pair(
        self, bytes key, Py_ssize_t half, bytes buffer, Py_ssize_t at, Py_ssize_t size, unsigned long long hashed
    )
    @cython.locals(pair=_Pair, place=int)
    cdef _Pair _new(self, unsigned long long hashed, bytes client, bytes given)
    @cython.locals(old=_Pair, before=_Pair, bucket=Py_ssize_t)
    cdef _forget(self, int place)
    @cython.locals(names=list, latest=str, kept=Py_ssize_t, first=Py_ssize_t)
    cdef _keep(self, _Pair pair, long long time, str name)


@cython.locals(kept=Py_ssize_t)
cdef list _changes(_Pair pair)
