cimport cython

from workers.analysis.addresses cimport unpacked
from workers.analysis.dns_groups cimport Name
from workers.analysis.dns_message cimport Message
from workers.analysis.dns_waiting cimport Ends
from workers.packets cimport words

cdef int _BUCKETS
cdef double _NANO

cdef unsigned long long _SEED, _ODD


@cython.final
cdef class _Pair:
    cdef unsigned long long client, client_rest, given, given_rest
    cdef int client_size, size, bucket, next, kept, first
    cdef Name latest
    cdef list names
    cdef long long times[16]

    cdef bint is_of(self, Ends ends, unsigned long long rest, int size) noexcept
    cdef void begin(self, Ends ends, unsigned long long given, unsigned long long rest, int size) noexcept
    @cython.locals(index=int, place=int)
    cdef tell(self, list every)


cdef class DnsAddresses:
    cdef list _pairs
    cdef int _buckets[2048]
    cdef int _oldest, _changes
    cdef public long long forgotten

    @cython.locals(
        index=int, at=Py_ssize_t, size=int, given=cython.ulonglong, rest=cython.ulonglong, hashed=cython.ulonglong,
        bucket=int, place=int, pair=_Pair,
    )
    cdef int note(self, Ends ends, Message message, const unsigned char *data, long long time, Name name) except -1
    @cython.locals(pair=_Pair, place=int)
    cdef _Pair _new(self, int bucket)
    @cython.locals(old=_Pair, before=_Pair)
    cdef _forget(self, int place)
    @cython.locals(place=int)
    cdef int _keep(self, _Pair pair, long long time, Name name) except -1
    @cython.locals(pair=_Pair)
    cpdef tuple told(self)
