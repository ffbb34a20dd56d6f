cimport cython

from workers.analysis.dns_groups cimport Group, Name
from workers.packets cimport words
from workers.packets.scan cimport digest_both

cdef Py_ssize_t _BUCKETS, _LONGEST


@cython.final
cdef class Asked:
    cdef public unsigned long long hash
    cdef public int place, next, older, newer, id, length
    cdef unsigned int ends[9]
    cdef public long long time, frame
    cdef public Group group
    cdef public Name name

    @cython.locals(place=Py_ssize_t)
    cdef void begin(self, const unsigned char *key, Py_ssize_t length) noexcept
    @cython.locals(place=Py_ssize_t)
    cdef bint is_of(self, const unsigned char *key, Py_ssize_t length) noexcept
    @cython.locals(half=Py_ssize_t, place=Py_ssize_t, ports=cython.uint)
    cdef bint is_answered(self, const unsigned char *key, Py_ssize_t length) noexcept


@cython.final
cdef class Waiting:
    cdef list _every
    cdef int _buckets[4096]
    cdef int _free, _oldest, _newest
    cdef public Py_ssize_t count

    @cython.locals(asked=Asked, newest=Asked, bucket=Py_ssize_t)
    cdef Asked add(self, const unsigned char *key, Py_ssize_t length, int number, unsigned long long hashed, Name name)
    @cython.locals(place=int, asked=Asked)
    cdef Asked find(self, const unsigned char *key, Py_ssize_t length, int number, unsigned long long hashed)
    @cython.locals(hashed=cython.ulonglong, place=int, asked=Asked)
    cdef Asked answered(self, const unsigned char *key, Py_ssize_t length, int number)
    @cython.locals(asked=Asked)
    cdef Asked latest(self, Group group)
    cdef Asked oldest(self)
    @cython.locals(bucket=Py_ssize_t, place=int, before=Asked)
    cdef drop(self, Asked asked)
