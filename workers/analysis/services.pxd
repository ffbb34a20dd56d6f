cimport cython

from workers.analysis.samples cimport Durations, Frames
from workers.analysis.service_groups cimport Group, Groups, Request, Server, request
from workers.analysis.service_pools cimport ServicePools
from workers.analysis.timeline cimport Answers
from workers.packets.packet cimport Packet
from workers.packets.room cimport Room

cdef long long _FRAMES, _PIECE
cdef Py_ssize_t _FEW
cdef str UNKNOWN
cdef Group _NONE
cdef dict _UNNUMBERED


@cython.final
cdef class ServiceStage:
    cdef public Room room
    cdef long long open, most_waiting, most_open
    cdef public long long forgotten, not_captured, unjudged
    cdef Answers answers
    cdef ServicePools pools
    cdef Groups groups


cdef class Exchange:
    cdef public Request first
    cdef ServiceStage _stage
    cdef Request _spare
    cdef list _queue
    cdef Py_ssize_t _head
    cdef public long long waiting
    cdef long long _beyond, answers, busy, free_at, began
    cdef Group _group, _group_before
    cdef public Server server
    cdef public bint stopped, lost, paired, waited, ended
    cdef public object asker
    cdef public dict numbered
    cdef long long _gap
    cdef public long long strays

    @cython.final
    @cython.locals(asked=Request)
    cdef Request ask(self, str operation, Packet packet)
    @cython.final
    @cython.locals(known=Request, asked=Request)
    cdef Request ask_numbered(self, str operation, Packet packet, long long number)
    @cython.final
    cdef bint _behind(self, Request asked) except -1
    @cython.final
    @cython.locals(told=Request)
    cdef tell(self, str operation, Packet packet)
    @cython.final
    @cython.locals(oldest=Request)
    cdef Request oldest(self, long long frame)
    @cython.final
    @cython.locals(asked=Request)
    cdef bint _resume(self) except -1
    @cython.final
    cdef void begin(self, Request asked, long long time, long long frame) noexcept
    @cython.final
    @cython.locals(asked=Request)
    cdef bint reply(self, Packet packet) except -1
    @cython.final
    cdef bint complete(self, Request asked) except -1
    @cython.final
    cdef bint end(self, Request asked) except -1
    @cython.final
    @cython.locals(group=Group)
    cdef stray(self, long long frame, str error)
    @cython.final
    cdef bint hold(self, long long before, long long now) except -1
    @cython.locals(asked=Request)
    cpdef abandon(self)
    cpdef close(self, long long now)
    cpdef make_way(self, long long now)
    @cython.final
    cdef _finish(self, long long now, bint over, bint not_captured)
    @cython.final
    @cython.locals(asked=Request)
    cdef _judge(self, long long now, bint over, bint not_captured)


cdef inline void _begin(Request asked, long long time, long long frame) noexcept

cdef inline bint _count(Exchange exchange, Request asked) except -1

@cython.locals(group=Group)
cdef bint _change_group(Exchange exchange, str operation) except -1

@cython.locals(took=cython.longlong, end=cython.longlong, replied=cython.longlong, latency=Durations)
cdef inline bint _answered(Exchange exchange, Request asked) except -1

cdef inline bint _end(Exchange exchange, Request asked) except -1

cdef inline bint _take(Exchange exchange, Request asked) except -1

@cython.locals(queue=list)
cdef bint _step_out(Exchange exchange, Request asked) except -1

@cython.locals(waiting=Request, place=Py_ssize_t, numbered=dict)
cdef bint _close_up(Exchange exchange) except -1

cdef bint _drop(Exchange exchange, Request asked) except -1
