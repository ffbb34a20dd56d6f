cimport cython

from workers.analysis.framing cimport FramedParser, ServiceParser
from workers.analysis.services cimport Exchange, Request
from workers.analysis.sql cimport verb
from workers.packets.packet cimport Packet

cdef int _ROW, _ERROR, _COMPLETE, _READY
cdef long long _SSL, _GSS, _CANCEL, _VERSION_3, _MAX_STARTUP, _MAX_SIZE, _CHAIN


cdef class PostgresqlExchange(Exchange):
    cdef public bint negotiating, encrypts, started


cpdef recognise(object stage, object half, bytes buffer, Py_ssize_t at, Py_ssize_t end)

@cython.locals(size=cython.longlong, code=cython.longlong)
cdef bint _startup(bytes buffer, Py_ssize_t at, Py_ssize_t end)

cdef long long _four(bytes buffer, Py_ssize_t at)

@cython.locals(size=cython.longlong)
cdef bint _chain(bytes buffer, Py_ssize_t at, Py_ssize_t end, object kinds)

@cython.locals(start=Py_ssize_t, size=cython.longlong)
cdef long long _rows(bytes buffer, Py_ssize_t at, Py_ssize_t end)


cdef class PostgresqlRequests(FramedParser):
    cpdef bint between(self)
    cdef bint _typed
    cdef Request _asked, _unit

    @cython.locals(size=cython.longlong, code=cython.longlong)
    cpdef long long size(self, bytes buffer, Py_ssize_t at, Py_ssize_t end)
    cpdef long long wanted(self, bytes buffer, Py_ssize_t at)
    @cython.locals(kind=int)
    cpdef bint message(self, bytes buffer, Py_ssize_t at, Py_ssize_t end, Packet packet)
    cdef _start(self, long long code, Packet packet)
    @cython.locals(unit=Request)
    cdef _extended(self, int kind, bytes body, Packet packet)
    cpdef done(self, Packet packet)


cdef class PostgresqlReplies(FramedParser):
    cpdef bint between(self)
    cpdef long long data(self, bytes buffer, Py_ssize_t at, Py_ssize_t end, Packet packet)
    @cython.locals(size=cython.longlong)
    cpdef long long size(self, bytes buffer, Py_ssize_t at, Py_ssize_t end)
    @cython.locals(kind=int)
    cpdef long long wanted(self, bytes buffer, Py_ssize_t at)
    @cython.locals(exchange=PostgresqlExchange, kind=int, request=Request)
    cpdef bint message(self, bytes buffer, Py_ssize_t at, Py_ssize_t end, Packet packet)
    cdef _negotiated(self, int kind, Request request, Packet packet)
