cimport cython

from workers.analysis.samples cimport Durations, Frames
from workers.packets.packet cimport Packet

cdef long long MAX_TRIES, PATIENCE, MAX_POOLS


cdef class Group:
    cdef public str method
    cdef public Frames requests, errors, unanswered, repeats, grpc_errors
    cdef public dict statuses, resets, grpc
    cdef public Durations latency, upload, download
    cdef public long long slowest, slowest_frame

    cpdef answered(self, Request request)
    cpdef received(self, long long nanoseconds)


cdef class Request:
    cdef public str method
    cdef public Group group
    cdef public bytes pair
    cdef public long long frame, begun, end, status


@cython.locals(request=Request)
cpdef Request requested(str method, Group group, bytes both, Packet packet)

@cython.locals(ports=Py_ssize_t)
cpdef bytes pair(bytes key)


cdef class Tries:
    cdef dict _latest

    @cython.locals(key=bytes, before=Request)
    cpdef bint again(self, bytes identity, Request request)


cdef class _Pool:
    cdef public long long connections, requests, busy, first, last


cdef class Pools:
    cdef dict _pools

    @cython.locals(pool=_Pool)
    cpdef answered(self, Request request, long long first_byte, bint first)
