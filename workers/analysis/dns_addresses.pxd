cimport cython

from workers.analysis.dns_message cimport Message
from workers.packets cimport words
from workers.packets.scan cimport digest

cdef Py_ssize_t _BUCKETS
cdef double _NANO


@cython.final
cdef class _Pair:
    cdef unsigned long long hash
    cdef unsigned int ends[8]
    cdef int half, size, next, kept, first
    cdef str latest
    cdef list names
    cdef long long times[16]

    @cython.locals(place=Py_ssize_t)
    cdef bint is_of(
        self, const unsigned char *client, Py_ssize_t half, const unsigned char *given, Py_ssize_t at, Py_ssize_t size
    ) noexcept
    @cython.locals(place=Py_ssize_t)
    cdef begin(
        self, const unsigned char *client, Py_ssize_t half, const unsigned char *given, Py_ssize_t at, Py_ssize_t size
    )
    @cython.locals(index=int, place=int, word=cython.uint, shift=int)
    cdef tell(self, list every)


cdef class DnsAddresses:
    cdef list _pairs
    cdef int _buckets[2048]
    cdef int _oldest, _changes
    cdef public long long forgotten

    @cython.locals(half=Py_ssize_t, hashed=cython.ulonglong, index=int, at=Py_ssize_t, size=Py_ssize_t, pair=_Pair)
    cdef note(
        self, const unsigned char *key, Py_ssize_t length, Message message, const unsigned char *data, long long time,
        str name,
    )
    @cython.locals(place=int, pair=_Pair)
    cdef _Pair _pair(
        self, const unsigned char *key, Py_ssize_t half, const unsigned char *data, Py_ssize_t at, Py_ssize_t size,
        unsigned long long hashed,
    )
    @cython.locals(pair=_Pair, place=int)
    cdef _Pair _new(self, unsigned long long hashed)
    @cython.locals(old=_Pair, before=_Pair, bucket=Py_ssize_t)
    cdef _forget(self, int place)
    @cython.locals(place=Py_ssize_t)
    cdef _keep(self, _Pair pair, long long time, str name)
    @cython.locals(every=list, pair=_Pair)
    cpdef tuple told(self)
