cimport cython


cdef class _Pool:
    cdef public long long busy, connections, first, last, requests


cdef class ServicePools:
    cdef dict _pools

    @cython.locals(pool=_Pool, both=tuple)
    cpdef over(self, str protocol, bytes key, long long requests, long long busy, long long first, long long last)
