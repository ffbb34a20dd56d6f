cimport cython

from workers.analysis.addresses cimport Ends, unpacked
from workers.analysis.dns_groups cimport Name
from workers.analysis.dns_message cimport Message
from workers.packets cimport words

cdef int _BUCKETS

cdef unsigned long long _SEED, _ODD


@cython.final
cdef class _Pair:
    cdef unsigned long long client, client_rest, given, given_rest
    cdef int client_size, size, bucket, next, kept, first
    cdef Name latest
    cdef list names
    cdef long long times[16]

    cdef void begin(self, Ends ends, unsigned long long given, unsigned long long rest, int size) noexcept
    @cython.locals(index=int, place=int)
    cpdef tell(self, list every)


cdef class DnsAddresses:
    cdef list _pairs
    cdef int _buckets[2048]
    cdef int _oldest, _changes
    cdef public long long forgotten

    @cython.locals(index=int, at=Py_ssize_t, pair=_Pair)
    cdef note(self, Ends ends, Message message, const unsigned char *data, long long time, Name name)
    @cython.locals(hashed=cython.ulonglong, bucket=int, place=int, pair=_Pair)
    cdef _Pair _pair(self, Ends ends, unsigned long long given, unsigned long long rest, int size)
    @cython.locals(pair=_Pair, place=int)
    cdef _Pair _new(self, int bucket)
    @cython.locals(old=_Pair, before=_Pair)
    cdef _forget(self, int place)
    @cython.locals(place=int)
    cdef _keep(self, _Pair pair, long long time, Name name)
