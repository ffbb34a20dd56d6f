cdef class Thinned:
    cdef long long _limit, _stride
    cdef public long long count
    cdef public object items

    cpdef bint takes(self)


cdef class Durations(Thinned):
    cdef public long long least, most

    cpdef add(self, long long nanoseconds)


cdef class Frames:
    cdef public long long count
    cdef public list first

    cpdef add(self, long long frame)


cpdef count(dict counter, str name, long long limit=*)
