cimport cython

from workers.analysis.samples cimport Durations, Frames, Thinned, count
from workers.analysis.service_pools cimport ServicePools
from workers.analysis.timeline cimport TimelineStage
from workers.packets.packet cimport Packet

cdef long long _FRAMES


@cython.final
cdef class Request:
    cdef public str operation, error
    cdef public long long number, frame, end, took, reply_frame, detail
    cdef public bint due, waits
    cdef public Request before, behind


@cython.locals(request=Request)
cdef Request _request(Request spare, str operation, long long number, Packet packet)


@cython.final
cdef class _Group:
    cdef public str operation
    cdef public Frames requests, failed, unanswered
    cdef public long long responses, slowest, slowest_frame
    cdef public dict errors
    cdef public Durations latency
    cdef public bint waits

    @cython.locals(latency=Durations, took=cython.longlong)
    cdef answered(self, Request request)
    cdef erred(self, str error, long long frame)


@cython.final
cdef class ServiceStage:
    cdef TimelineStage _timeline
    cdef Thinned _answers
    cdef ServicePools _pools
    cdef dict _groups
    cdef public dict spread, protocols
    cdef long long _responses
    cdef public long long most_waiting, most_open, open, beyond, forgotten, not_captured, unjudged

    @cython.locals(group=_Group)
    cpdef _Group asked(self, Exchange exchange, Request request)
    @cython.locals(group=_Group, answers=Thinned)
    cdef answered(self, Exchange exchange, Request request)
    @cython.locals(group=_Group)
    cdef _Group _group(self, Exchange exchange, str operation)


cdef class Exchange:
    cdef ServiceStage _stage
    cdef public object asker
    cdef public _Group group, group_before
    cdef public Request first, spare
    cdef Request _last
    cdef public str spoken
    cdef public Frames tallied
    cdef public tuple server
    cdef public dict operations, numbered
    cdef public long long waiting, _gap, _beyond, strays, answers, busy, began, free_at
    cdef public bint waited, paired, lost, stopped, ended

    @cython.locals(stage=ServiceStage, request=Request, known=Request, last=Request)
    cdef Request ask(self, str operation, Packet packet, long long number=*)
    cdef tell(self, str operation, Packet packet)
    @cython.final
    @cython.locals(request=Request, oldest=Request)
    cdef Request oldest(self, long long frame)
    @cython.final
    cdef begin(self, Request request, long long time, long long frame)
    @cython.final
    cdef complete(self, Request request)
    cdef stray(self, long long frame, str error=*)
    @cython.locals(request=Request)
    cdef reply(self, Packet packet)
    @cython.final
    cdef worked(self, long long asked, long long replied)
    @cython.final
    @cython.locals(before=Request, behind=Request)
    cdef _take(self, Request request)
    cdef _drop(self, Request request)
    @cython.locals(request=Request)
    cpdef abandon(self)
    @cython.locals(request=Request)
    cpdef close(self, long long now)
