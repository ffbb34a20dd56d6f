cimport cython

from workers.analysis.framing cimport FramedParser, ServiceParser
from workers.analysis.service_groups cimport Request
from workers.analysis.services cimport Exchange
from workers.analysis.sql cimport verb, verb_at
from workers.packets.packet cimport Packet
from workers.packets cimport words

cdef int _ASKS, _TELLS, _EXTENDED, _ASIDE, _ROW, _ERROR, _COMPLETE, _READY
cdef bytes _TABLE
cdef const unsigned char *_KINDS
cdef str EXECUTE
cdef Py_ssize_t _LOOK, _TAG
cdef long long _SSL, _GSS, _CANCEL, _VERSION_3, _MAX_STARTUP, _MAX_SIZE, _CHAIN


cdef class PostgresqlExchange(Exchange):
    cdef public bint negotiating, encrypts, started
    cdef public Request unit


cpdef recognise(object stage, object half, bytes buffer, Py_ssize_t at, Py_ssize_t end)

@cython.locals(size=cython.longlong, code=cython.longlong)
cdef bint _startup(bytes buffer, Py_ssize_t at, Py_ssize_t end)

cdef long long _four(const unsigned char *buffer, Py_ssize_t at) noexcept

@cython.locals(size=cython.longlong)
cdef bint _chain(bytes buffer, Py_ssize_t at, Py_ssize_t end, int kinds)
@cython.locals(size=cython.longlong)
cdef long long _whole(const unsigned char *buffer, Py_ssize_t at, Py_ssize_t end, int kinds) noexcept

@cython.locals(size=cython.longlong)
cdef Py_ssize_t _behind_rows(const unsigned char *buffer, Py_ssize_t at, Py_ssize_t end) noexcept

@cython.locals(place=Py_ssize_t)
cdef Py_ssize_t _behind_name(const unsigned char *buffer, Py_ssize_t at, Py_ssize_t end) noexcept


cdef class PostgresqlRequests(FramedParser):
    cpdef bint between(self)
    cdef PostgresqlExchange _both
    cdef bint _typed
    cdef Request _asked

    @cython.locals(size=cython.longlong, code=cython.longlong)
    cpdef long long size(self, bytes buffer, Py_ssize_t at, Py_ssize_t end) except? -2
    cpdef long long wanted(self, bytes buffer, Py_ssize_t at) except? -2
    cpdef bint message(self, bytes buffer, Py_ssize_t at, Py_ssize_t end, Packet packet)
    @cython.locals(size=cython.longlong, last=Py_ssize_t)
    cdef Py_ssize_t whole(self, const unsigned char *buffer, Py_ssize_t at, Py_ssize_t end, Packet packet) except -2
    @cython.final
    cdef bint _ask(self, int kind, const unsigned char *buffer, Py_ssize_t at, Py_ssize_t end, Packet packet) except -1
    cdef _start(self, long long code, Packet packet)
    @cython.locals(exchange=PostgresqlExchange, unit=Request)
    cdef _extended(self, int kind, const unsigned char *buffer, Py_ssize_t at, Py_ssize_t end, Packet packet)
    cpdef done(self, Packet packet)


cdef class PostgresqlReplies(FramedParser):
    cdef PostgresqlExchange _both

    cpdef bint between(self)
    @cython.locals(size=cython.longlong, exchange=PostgresqlExchange)
    cpdef long long size(self, bytes buffer, Py_ssize_t at, Py_ssize_t end) except? -2
    @cython.locals(kind=int)
    cpdef long long wanted(self, bytes buffer, Py_ssize_t at) except? -2
    @cython.locals(exchange=PostgresqlExchange, kind=int, request=Request)
    cpdef bint message(self, bytes buffer, Py_ssize_t at, Py_ssize_t end, Packet packet)
    @cython.locals(kind=int, known=bint, request=Request, size=cython.longlong)
    cdef Py_ssize_t whole(self, const unsigned char *buffer, Py_ssize_t at, Py_ssize_t end, Packet packet) except -2
    @cython.final
    @cython.locals(exchange=PostgresqlExchange)
    cdef _tell(self, int kind, Request request, const unsigned char *buffer, Py_ssize_t at, Py_ssize_t end, Packet packet)
    @cython.final
    cdef bint _end(self, Request request) except -1
    cdef _negotiated(self, int kind, Request request, Packet packet)
