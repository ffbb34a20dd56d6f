cimport cython

from workers.analysis.addresses cimport unpacked
from workers.analysis.dns_message cimport Message
from workers.analysis.dns_names cimport Name
from workers.analysis.dns_waiting cimport Ends
from workers.packets cimport words

cdef int _BUCKETS
cdef double _NANO

cdef unsigned long long _SEED, _ODD


@cython.final
cdef class DnsAddresses:
    cdef Ends _ends
    cdef Message _message
    cdef list _names
    cdef int _oldest, _used, _pairs, _changes, _most, _kept, _thinned
    cdef public long long forgotten
    cdef int _buckets[2048]
    cdef int _links[4100]
    cdef unsigned long long _rows[8200]
    cdef long long _times[16400]

    @cython.locals(
        index=int, at=Py_ssize_t, size=int, sizes=int, given=cython.ulonglong, rest=cython.ulonglong,
        hashed=cython.ulonglong, bucket=int, place=Py_ssize_t,
    )
    cdef int note(self, const unsigned char *data, long long time, Name name) except -1
    @cython.locals(row=Py_ssize_t)
    cdef inline bint _is_of(
        self, Py_ssize_t place, unsigned long long given, unsigned long long rest, int sizes
    ) noexcept
    @cython.locals(place=int, row=Py_ssize_t, link=Py_ssize_t)
    cdef int _begin(
        self, int bucket, unsigned long long given, unsigned long long rest, int sizes
    ) except -1
    @cython.locals(link=Py_ssize_t, before=Py_ssize_t)
    cdef _forget(self, Py_ssize_t place)
    @cython.locals(kept=int)
    cdef _drop(self, Py_ssize_t place)
    @cython.locals(latest=str, kept=int, change=int)
    cdef _change(self, Py_ssize_t place, long long time, str name)
    cpdef tuple told(self)
    @cython.locals(row=Py_ssize_t, kept=int, latest=int, index=int, change=Py_ssize_t, client=str, given=str)
    cdef _tell(self, Py_ssize_t place, list every)
