from workers.analysis.samples cimport Thinned


cdef class TimelineStage:
    cdef long long _start, _width, _last_bin
    cdef list _packets, _bytes, _problems
    cdef Thinned _latency

    cpdef latency(self, long long time, long long nanoseconds, str kind)
