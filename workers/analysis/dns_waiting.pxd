cimport cython

from workers.analysis.dns_names cimport Name
from workers.packets cimport words
from workers.packets.words cimport Bytes

cdef int _BUCKETS, _PLACES

cdef unsigned long long _SEED, _ODD


@cython.final
cdef class Ends:
    cdef public unsigned long long client, client_rest, server, server_rest, tag, both, hash
    cdef public int size


@cython.final
cdef class Waiting:
    cdef Ends ends
    cdef int _free, _used, _newest
    cdef int oldest
    cdef Py_ssize_t count
    cdef list names
    cdef int _buckets[4096]
    cdef long long rows[32784]
    cdef int _links[16392]

    @cython.locals(
        data=Bytes, at=Py_ssize_t, client=cython.ulonglong, server=cython.ulonglong, ports=cython.ulonglong,
        tag=cython.ulonglong, both=cython.ulonglong, hashed=cython.ulonglong, place=Py_ssize_t, row=Py_ssize_t,
    )
    cdef int find(self, bytes key, bint answer, unsigned long long number) except -1
    @cython.locals(
        ends=Ends, data=Bytes, at=Py_ssize_t, client=cython.ulonglong, client_rest=cython.ulonglong,
        server=cython.ulonglong, server_rest=cython.ulonglong, ports=cython.ulonglong, tag=cython.ulonglong,
        both=cython.ulonglong, place=Py_ssize_t, row=Py_ssize_t,
    )
    cdef int _find_long(self, bytes key, bint answer, unsigned long long number) except -1
    @cython.locals(place=Py_ssize_t, newest=Py_ssize_t, bucket=Py_ssize_t, row=Py_ssize_t, link=Py_ssize_t)
    cdef int add(self, Name name, int group, long long time, long long frame) except 0
    @cython.locals(name=Name)
    cdef Py_ssize_t behind(self, Py_ssize_t place, const unsigned char *data, Py_ssize_t at, Py_ssize_t end) except -1
    cdef void again(self, Py_ssize_t place, long long time, long long frame) noexcept
    @cython.locals(
        bucket=Py_ssize_t, older=Py_ssize_t, newer=Py_ssize_t, before=Py_ssize_t, link=Py_ssize_t
    )
    cdef void drop(self, Py_ssize_t place) noexcept
