from workers.analysis.samples cimport Thinned
from workers.packets.words cimport longs

cdef long long BINS


cdef class Answers(Thinned):
    cdef public object times, tooks
    cdef public list kinds

    cdef add(self, long long time, long long took, str kind)
    cdef _halve(self)


cdef class TimelineStage:
    cdef long long _start, _width, _last_bin, _at, _size
    cdef list _packets, _bytes, _problems, _sent
    cdef list _latencies

    cpdef Answers answers(self)
