cimport cython

from workers.packets.packet cimport Packet
from workers.packets.room cimport Room

cdef long long _MASK, _HALF, _PIECE, MAX_PENDING, MAX_PIECES


cdef class Stream
cdef class Pending


cdef class Parser:
    cpdef long long data(self, bytes buffer, Py_ssize_t at, Py_ssize_t end, Packet packet) except? -2
    cpdef skipped(self, Packet packet, bint whole)
    cpdef gap(self, long long size, Packet packet)
    cpdef bint between(self)
    cpdef bint watching(self)
    cpdef int group(self)
    cpdef fin(self, Packet packet)
    cpdef close(self, long long now)
    cpdef make_way(self, long long now)


cdef class Outer(Parser):
    cdef public Parser inner

    cpdef long long succeed(self, bytes buffer, Py_ssize_t at, Py_ssize_t end, Packet packet) except? -2


cdef class Direction:
    cdef public bytes key
    cdef public Direction peer
    cdef public Stream stream
    cdef public object flow

    cpdef speaks(self, str application)
    cpdef long long awaited(self)


cdef class Handlers:
    cpdef Stream open_stream(self, Direction half)
    cpdef str datagram(self, Packet packet, int source, int destination)
    cpdef long_header(self, Packet packet, object half)
    cpdef over(self, Direction half, Packet packet, long long now)
    cpdef latency(self, long long time, long long took)


@cython.final
cdef class Commons:
    cdef public dict late
    cdef public tuple rooms


@cython.locals(made=Stream)
cpdef Stream opened(Parser parser, Commons commons)


@cython.final
cdef class Pending:
    cdef public dict pieces
    cdef public long long bytes, charged
    cdef public Room room


@cython.final
@cython.freelist(64)
cdef class Stream:
    cdef public Parser parser
    cdef Commons _commons
    cdef public long long next, skip
    cdef public Pending pending
    cdef bint _whole

    @cython.locals(start=cython.longlong, length=cython.longlong, end=cython.longlong, ahead=cython.longlong, old=cython.longlong)
    cpdef segment(self, Packet packet, long long acked)
    cpdef acknowledged(self, Packet packet, long long acked)
    cdef _tell_late(self, Packet packet)
    cdef _deliver_rest(self, bytes buffer, long long start, long long end, Packet packet)
    @cython.locals(captured=cython.longlong)
    cdef _deliver(self, bytes buffer, long long start, long long end, long long length, Packet packet)
    @cython.locals(skipped=cython.longlong)
    cdef _miss(self, long long size, Packet packet)
    @cython.locals(waiting=Pending, data=bytes)
    cdef _hold(self, Packet packet, long long length, long long ahead)
    cdef _drain(self, Pending waiting, Packet packet, long long acked)
    @cython.locals(room=Room, cost=cython.longlong, fits=bint)
    cdef bint _may_wait(self, Pending waiting) except -1
    cdef _no_longer(self, Pending waiting)
    @cython.locals(first=cython.longlong, least=cython.longlong, number=cython.longlong, place=cython.longlong)
    cdef long long _oldest(self, dict pieces)
    @cython.locals(data=bytes, captured=cython.longlong, length=cython.longlong, old=cython.longlong)
    cdef _take(self, Pending waiting, long long sequence, Packet packet, bint filled)
    cpdef bint watching(self)
    cpdef flush(self, Packet packet)
