cimport cython

from workers.analysis.samples cimport Durations, Frames, count
from workers.analysis.service_pools cimport ServicePools, Use
from workers.analysis.timeline cimport TimelineStage
from workers.packets.packet cimport Packet


@cython.final
@cython.freelist(64)
cdef class Request:
    cdef public str operation, error
    cdef public long long number, frame, end, took, reply_frame, detail
    cdef public bint due, waits
    cdef public Request before, behind


@cython.locals(request=Request)
cdef Request _request(str operation, long long number, Packet packet)


@cython.final
cdef class _Group:
    cdef public str operation
    cdef public Frames requests, failed, unanswered
    cdef public long long responses, slowest, slowest_frame
    cdef public dict errors
    cdef public Durations latency
    cdef public bint waits

    cdef answered(self, Request request)
    cdef replied(self, str error, long long frame)


cdef class ServiceStage:
    cdef TimelineStage _timeline
    cdef ServicePools _pools
    cdef dict _groups, _spread, _protocols
    cdef long long _requests, _responses
    cdef public long long most_waiting, most_open, open, beyond, forgotten, not_captured, unjudged

    @cython.locals(group=_Group)
    cpdef _Group asked(self, Exchange exchange, Request request)
    @cython.locals(group=_Group)
    cpdef answered(self, Exchange exchange, Request request)
    @cython.locals(group=_Group)
    cdef _Group _group(self, Exchange exchange, str operation)


cdef class Exchange:
    cdef ServiceStage _stage
    cdef public object asker
    cdef public Use use
    cdef public _Group group
    cdef public Request first
    cdef Request _last
    cdef public str spoken
    cdef public Frames tallied
    cdef public tuple server
    cdef public dict operations, numbered
    cdef public long long waiting, _gap, _beyond, strays
    cdef public bint paired, lost, stopped, ended

    @cython.locals(stage=ServiceStage, request=Request, known=Request, last=Request)
    cpdef Request ask(self, str operation, Packet packet, long long number=*)
    cpdef tell(self, str operation, Packet packet)
    @cython.locals(request=Request, oldest=Request)
    cpdef Request oldest(self, long long frame)
    cpdef begin(self, Request request, long long time, long long frame)
    cpdef complete(self, Request request)
    cpdef stray(self, long long frame, str error=*)
    @cython.locals(before=Request, behind=Request)
    cdef _take(self, Request request)
    cdef _drop(self, Request request)
    @cython.locals(request=Request)
    cpdef abandon(self)
    @cython.locals(request=Request)
    cpdef close(self, long long now)
