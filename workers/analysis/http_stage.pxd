cimport cython

from workers.analysis.http_groups cimport Group, Groups, Pool, Pools, Request, Statuses, Tries
from workers.analysis.http_message cimport Head
from workers.analysis.samples cimport Durations
from workers.analysis.timeline cimport Answers
from workers.packets cimport words
from workers.packets.packet cimport Packet
from workers.packets.room cimport Room


cdef Py_ssize_t _SPARE


@cython.final
cdef class HttpStage:
    cdef public Room room
    cdef Groups _groups
    cdef Statuses _statuses
    cdef Tries _tries
    cdef Pools _pools
    cdef Durations _latency
    cdef Answers _answers
    cdef Request _spare
    cdef Py_ssize_t _spares
    cdef public Head head
    cdef long long _requests, _responses, _codes
    cdef public long long beyond, unjudged, not_captured, pipelined, unkept

    @cython.locals(head=Head, request=Request, group=Group, size=Py_ssize_t)
    cpdef Request request(self, bytes data, bytes key, unsigned long long served, Packet packet)
    cpdef Group group(self, bytes key, str host, str method, str path, str protocol)
    cpdef Request asked(self, Group group, Packet packet)
    @cython.locals(request=Request)
    cdef inline Request _asked(self, Group group, Packet packet)
    cdef int release(self, Request request) except -1
    cpdef int response(self, int status, Request request, long long first_byte, Packet packet) except -1
    @cython.locals(took=cython.longlong)
    cdef inline int _answered(self, Request request, int status, long long first_byte, Packet packet) except -1
    cdef Pool pool(self, bytes key, Request request)


@cython.locals(request=Request)
cdef Request _fresh()
