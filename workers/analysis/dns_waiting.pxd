cimport cython

from workers.analysis.dns_groups cimport Group, Name
from workers.packets.scan cimport digest_both, same

cdef Py_ssize_t _BUCKETS


@cython.final
cdef class Asked:
    cdef public int place, next, older, newer, id
    cdef public long long time, frame
    cdef public unsigned long long hash
    cdef public bytes key
    cdef public Group group
    cdef public Name name


@cython.final
cdef class Waiting:
    cdef list _every
    cdef int _buckets[4096]
    cdef int _free, _oldest, _newest
    cdef public Py_ssize_t count

    @cython.locals(asked=Asked, newest=Asked, bucket=Py_ssize_t)
    cdef Asked add(self, bytes key, int number, unsigned long long hashed, Name name)
    @cython.locals(place=int, asked=Asked)
    cdef Asked find(self, bytes key, int number, unsigned long long hashed)
    @cython.locals(hashed=cython.ulonglong, place=int, asked=Asked, size=Py_ssize_t)
    cdef Asked answered(self, bytes key, int number)
    @cython.locals(asked=Asked)
    cdef Asked latest(self, Group group)
    cdef Asked oldest(self)
    @cython.locals(bucket=Py_ssize_t, place=int, before=Asked)
    cdef drop(self, Asked asked)


@cython.locals(ports=Py_ssize_t, half=Py_ssize_t)
cdef bint _answers(const unsigned char *query, Py_ssize_t length, const unsigned char *key, Py_ssize_t size) noexcept
