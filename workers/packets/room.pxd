cimport cython


@cython.final
cdef class Room:
    cdef public long long left, refused

    cpdef bint hold(self, long long before, long long now)
