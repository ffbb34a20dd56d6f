cimport cython

from workers.analysis.samples cimport Thinned
from workers.packets.words cimport longs

cdef long long BINS


@cython.final
cdef class Answers(Thinned):
    cdef public object times, tooks
    cdef public list kinds

    cdef add(self, long long time, long long took, str kind)


@cython.final
cdef class TimelineStage:
    cdef long long _start, _width, _last_bin, _at, _size
    cdef list _packets, _bytes, _problems, _sent
    cdef list _latencies

    cpdef Answers answers(self)
