cimport cython

from workers.packets.words cimport longs

cdef long long _FRAMES
cdef double _NANO


cdef class Thinned:
    cdef long long _limit, _stride, _kept
    cdef public long long due, count
    cdef public object items

    @cython.locals(taken=bint)
    cpdef bint takes(self)
    cdef _halve(self)


@cython.final
cdef class Durations(Thinned):
    cdef public long long least, most

    @cython.locals(value=cython.longlong)
    cpdef add(self, long long nanoseconds)
    @cython.locals(kept=list)
    cpdef spread(self)


@cython.final
cdef class Frames:
    cdef public long long count
    cdef public list first

    cpdef add(self, long long frame)


@cython.locals(made=Durations)
cpdef Durations durations(long long limit)

@cython.locals(made=Frames)
cpdef Frames frames()

cpdef spread(Durations durations)

cpdef count(dict counter, str name, long long limit=*)
