cimport cython

from workers.packets cimport words

cdef Py_ssize_t MAX_WAITING

cdef int _BUCKETS, _PLACES

cdef unsigned long long _SEED, _ODD


@cython.final
cdef class Ends:
    cdef public unsigned long long client, client_rest, server, server_rest, tag, both, hash
    cdef public int size


@cython.final
cdef class Waiting:
    cdef Ends ends
    cdef int _buckets[4096]
    cdef int _next[4098]
    cdef int _older[4098]
    cdef int _newer[4098]
    cdef int _in[4098]
    cdef unsigned long long _tags[4098]
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

    @cython.locals(
        ends=Ends, at=Py_ssize_t, client=cython.ulonglong, client_rest=cython.ulonglong, server=cython.ulonglong,
        server_rest=cython.ulonglong, both=cython.ulonglong, ports=cython.ulonglong, tag=cython.ulonglong, place=int,
    )
    cdef int find(self, const unsigned char *key, Py_ssize_t size, bint answer, unsigned long long number) noexcept
    @cython.locals(ends=Ends, place=int, bucket=int, newest=int)
    cdef int add(self, object name) except 0
    cdef bint full(self) noexcept
    @cython.locals(bucket=int, older=int, newer=int, before=int)
    cdef void drop(self, int place) noexcept
