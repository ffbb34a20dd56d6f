cimport cython

from workers.analysis.addresses cimport endpoints
from workers.analysis.http_groups cimport Group, Pools, Request, Tries, requested
from workers.analysis.http_message cimport Head, text
from workers.analysis.samples cimport Durations, count
from workers.analysis.timeline cimport TimelineStage
from workers.packets.packet cimport Packet

cdef Py_ssize_t MAX_GROUPS, MAX_METHOD, MAX_WIRE


cdef class HttpStage:
    cdef TimelineStage _timeline
    cdef dict _groups, _by_wire, _statuses
    cdef Tries _tries
    cdef Pools _pools
    cdef Durations _latency
    cdef long long _requests, _responses
    cdef public long long beyond, unjudged, not_captured

    @cython.locals(wire=bytes, group=Group, method=str, path=str)
    cpdef Request request(self, Head head, bytes server, object half, bytes both, Packet packet)
    cpdef Group group(self, object half, str host, str method, str path, str protocol)
    @cython.locals(request=Request)
    cpdef Request asked(self, Group group, str method, bytes both, Packet packet, bytes identity)
    @cython.locals(took=cython.longlong, name=str, group=Group)
    cpdef response(self, int status, Request request, long long first_byte, Packet packet, object first=*)
