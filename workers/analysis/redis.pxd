cimport cython

from workers.analysis.framing cimport ServiceParser
from workers.analysis.keywords cimport Keywords
from workers.analysis.redis_lines cimport behind_line, behind_null, behind_string, missing, number_at
from workers.analysis.service_groups cimport Request
from workers.analysis.services cimport Exchange
from workers.packets cimport words
from workers.packets.packet cimport Packet

cdef Py_ssize_t _LINE, _WORD
cdef Keywords WORDS
cdef unsigned long long _HEAD, _FORM


cdef class RedisExchange(Exchange):
    cdef public bint resp3, pushes


cpdef recognise(object stage, object half, bytes buffer, Py_ssize_t at, Py_ssize_t end)


cdef class _Resp(ServiceParser):
    cdef RedisExchange _both
    cdef public long long begun
    cdef long long _left, _want
    cdef bint _lost
    cdef bytearray _word

    cpdef bint starts(self, bytes buffer, Py_ssize_t at, Py_ssize_t end)
    cpdef bint _line(self, bytes line, Packet packet)
    cpdef _string(self, bytes word, Packet packet)
    @cython.locals(done=bint)
    cpdef long long data(self, bytes buffer, Py_ssize_t at, Py_ssize_t end, Packet packet) except? -2
    @cython.locals(newline=Py_ssize_t, line=bytes, rest=cython.longlong)
    cdef long long _pieces(self, bytes buffer, Py_ssize_t at, Py_ssize_t end, Packet packet)
    cdef Py_ssize_t _whole(self, const unsigned char *buffer, Py_ssize_t at, Py_ssize_t end, Packet packet) except -2
    cdef Py_ssize_t _pass(self, bytes buffer, Py_ssize_t at, Py_ssize_t end, Packet packet)
    cdef _over(self, Packet packet)
    cpdef skipped(self, Packet packet, bint whole)
    @cython.locals(left=cython.longlong)
    cpdef gap(self, long long size, Packet packet)
    cdef long long _stumble(self, Packet packet)
    cdef _lose(self, Packet packet)


cdef class RedisRequests(_Resp):
    cdef bint _first
    cdef Request _asked

    @cython.locals(count=cython.longlong, name=Py_ssize_t)
    cpdef bint starts(self, bytes buffer, Py_ssize_t at, Py_ssize_t end)
    cpdef bint _line(self, bytes line, Packet packet)
    cpdef _string(self, bytes word, Packet packet)
    @cython.locals(want=cython.longlong, head=cython.ulonglong, size=cython.longlong, name=Py_ssize_t, count=cython.longlong, string=bint, behind=cython.longlong, number=int, place=Py_ssize_t)
    cdef Py_ssize_t _whole(self, const unsigned char *buffer, Py_ssize_t at, Py_ssize_t end, Packet packet) except -2
    cdef bint _begin(self, bytes line, Packet packet)
    @cython.final
    cdef Request _ask(self, str name, Packet packet, bint special)


cdef class RedisReplies(_Resp):
    cdef str _error
    cdef bint _push
    cdef Request _request

    cpdef bint starts(self, bytes buffer, Py_ssize_t at, Py_ssize_t end)
    @cython.locals(kind=int, number=cython.longlong)
    cpdef bint _line(self, bytes line, Packet packet)
    cpdef _string(self, bytes word, Packet packet)
    @cython.locals(place=Py_ssize_t, kind=int, elements=cython.longlong, left=cython.longlong)
    cdef Py_ssize_t _whole(self, const unsigned char *buffer, Py_ssize_t at, Py_ssize_t end, Packet packet) except -2
    @cython.final
    @cython.locals(exchange=RedisExchange, request=Request, push=bint)
    cdef _begin(self, int kind, Packet packet)
    @cython.final
    @cython.locals(request=Request)
    cdef _element(self, Packet packet)
