from workers.analysis.samples cimport Thinned

cdef long long BINS


cdef class TimelineStage:
    cdef long long _start, _width, _last_bin, _at, _size
    cdef list _packets, _bytes, _problems, _sent
    cdef public Thinned answers

    cpdef latency(self, long long time, long long nanoseconds, str kind)
