cimport cython


cdef class Use:
    cdef public long long busy, first, free_at, requests
    cdef public bint waited

    @cython.locals(reply=cython.longlong)
    cpdef answered(self, long long end, long long took)


cdef class _Pool:
    cdef public long long busy, connections, first, last, requests


cdef class ServicePools:
    cdef dict _pools

    @cython.locals(pool=_Pool)
    cpdef over(self, tuple key, Use use)
