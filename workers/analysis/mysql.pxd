cimport cython

from workers.analysis.framing cimport FramedParser, ServiceParser
from workers.analysis.service_groups cimport Request
from workers.analysis.services cimport Exchange
from workers.analysis.sql cimport verb
from workers.packets.packet cimport Packet

cdef long long _SSL, _PROTOCOL_41, _COMPRESS, _SSL_REQUEST, _WHOLE, _OK, _LOCAL_FILE, _ERR, _QUERY, _CHAIN


cdef class MysqlExchange(Exchange):
    cdef public Request login
    cdef public bint encrypts, compressed, turned, uploads

    @cython.locals(request=Request)
    cpdef settle(self)


cpdef recognise(object stage, object half, bytes buffer, Py_ssize_t at, Py_ssize_t end)

cdef long long _length(bytes buffer, Py_ssize_t at)
cdef bint _command(bytes buffer, Py_ssize_t at, Py_ssize_t end)
cdef bint _refusal(bytes buffer, Py_ssize_t at, Py_ssize_t end)
cdef bint _chain(bytes buffer, Py_ssize_t at, Py_ssize_t end)


cdef class MysqlRequests(FramedParser):
    cpdef bint between(self)
    cdef Request _asked, _long
    cdef bint _goes_on

    @cython.locals(length=cython.longlong)
    cpdef long long size(self, bytes buffer, Py_ssize_t at, Py_ssize_t end) except? -2
    cpdef long long wanted(self, bytes buffer, Py_ssize_t at) except? -2
    @cython.locals(number=int, went_on=bint, command=int)
    cpdef bint message(self, bytes buffer, Py_ssize_t at, Py_ssize_t end, Packet packet)
    cdef _login(self, bytes buffer, Py_ssize_t at, Py_ssize_t end, Packet packet)
    cdef _command(self, int command, str name, bytes body, Packet packet)
    cpdef done(self, Packet packet)


cdef class MysqlReplies(FramedParser):
    cpdef bint between(self)
    cdef bint _fresh, _goes_on
    cdef int _next

    cpdef long long size(self, bytes buffer, Py_ssize_t at, Py_ssize_t end) except? -2
    cpdef long long wanted(self, bytes buffer, Py_ssize_t at) except? -2
    @cython.locals(number=int, went_on=bint, expected=int, body=bytes)
    cpdef bint message(self, bytes buffer, Py_ssize_t at, Py_ssize_t end, Packet packet)
    cdef bint _greeting(self, bytes body, Packet packet)
    @cython.locals(request=Request, first=int)
    cdef _response(self, int number, bytes body, Packet packet)
