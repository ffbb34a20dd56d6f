cimport cython

from workers.analysis.addresses cimport Ends
from workers.analysis.dns_groups cimport Name

cdef Py_ssize_t MAX_WAITING

cdef int _BUCKETS, _PLACES


@cython.final
cdef class Waiting:
    cdef int _buckets[4096]
    cdef int _next[4098]
    cdef int _older[4098]
    cdef int _newer[4098]
    cdef int _in[4098]
    cdef unsigned long long _ids[4098]
    cdef unsigned long long _clients[4098]
    cdef unsigned long long _client_rests[4098]
    cdef unsigned long long _servers[4098]
    cdef unsigned long long _server_rests[4098]
    cdef long long times[4098]
    cdef long long frames[4098]
    cdef int groups[4098]
    cdef list names
    cdef int _free, _used, _newest
    cdef int oldest
    cdef Py_ssize_t count

    @cython.locals(place=int, sought=cython.ulonglong)
    cdef int find(self, Ends ends, unsigned long long number) noexcept
    @cython.locals(place=int, bucket=int)
    cdef int add(self, Ends ends, unsigned long long number, Name name) except 0
    cdef bint full(self) noexcept
    @cython.locals(bucket=int, older=int, newer=int, before=int)
    cdef void drop(self, int place) noexcept
