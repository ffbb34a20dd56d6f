cimport cython

from workers.analysis.http_groups cimport Group, Pool, Request, served
from workers.analysis.http_message cimport Head
from workers.analysis.http_stage cimport HttpStage
from workers.analysis.http_start cimport head_end, looks_like_start
from workers.analysis.http_waiting cimport HttpWaiting
from workers.packets.packet cimport Packet
from workers.packets.scan cimport find
from workers.packets.stream cimport Direction, Outer, Parser, Stream

cdef Py_ssize_t MAX_HEAD, _MAX_LINE, _BEGUN


cdef int _HEAD, _BODY, _CHUNK_SIZE, _CHUNK, _TRAILER, _TO_CLOSE, _LOST
cdef long long _NO_END
cdef unsigned long long _REQ, _RESP


@cython.locals(made=HttpParser)
cpdef HttpParser http_parser(HttpStage stage, Direction half, Outer outer, bint loose, bint lost)


cdef class HttpParser(HttpWaiting):
    cdef Outer _outer
    cdef unsigned char _loose, _answered_any, _sought
    cdef int _state
    cdef public bint lost
    cdef bytes _held
    cdef long long _left, _first_byte, _served
    cdef unsigned long long _owed
    cdef Request _uploading
    cdef Group _receiving
    cdef Pool _pool
    cdef Outer _across
    cdef HttpParser _asker
    cdef public Request upgraded

    @cython.locals(rest=cython.longlong)
    cpdef long long data(self, bytes buffer, Py_ssize_t at, Py_ssize_t end, Packet packet) except? -2
    @cython.final
    cdef inline int _pay(self, Packet packet) except -1
    @cython.final
    cdef int _lose(self) except -1
    @cython.final
    @cython.locals(head=Head)
    cdef int _miss(self, bytes held) except -1
    @cython.final
    @cython.locals(before=cython.longlong)
    cdef bint _hold(self, bytes held) except -1
    @cython.final
    cdef inline Py_ssize_t _step(self, bytes buffer, Py_ssize_t at, Py_ssize_t end, Packet packet) except -1
    @cython.final
    @cython.locals(behind=Py_ssize_t)
    cdef inline Py_ssize_t _collect_head(self, bytes buffer, Py_ssize_t at, Py_ssize_t end, Packet packet) except -1
    @cython.final
    @cython.locals(behind=Py_ssize_t)
    cdef Py_ssize_t _odd_begin(self, bytes buffer, Py_ssize_t at, Py_ssize_t end, Packet packet) except -1
    @cython.final
    @cython.locals(behind=Py_ssize_t, before=Py_ssize_t)
    cdef Py_ssize_t _resume(self, bytes held, bytes buffer, Py_ssize_t at, Py_ssize_t end, Packet packet) except -1
    @cython.final
    cdef int _odd_head(self, bytes raw, Packet packet, bint cut) except -1
    @cython.final
    @cython.locals(head=Head)
    cdef inline int _head(self, bytes data, Packet packet) except -1
    @cython.final
    @cython.locals(request=Request, key=bytes)
    cdef int _request(self, bytes data, Packet packet) except -1
    @cython.final
    @cython.locals(request=Request, status=int, asker=HttpParser, odd=bint)
    cdef int _response(self, Head head, Packet packet) except -1
    @cython.final
    cdef inline int _final(self, Request request, int status) except -1
    @cython.final
    @cython.locals(status=int)
    cdef inline int _after(self, Head head, Request request) except -1
    @cython.final
    cdef inline HttpParser _asked(self)
    @cython.final
    @cython.locals(inner=Parser, stream=Stream)
    cdef int _find_asker(self) except -1
    @cython.final
    @cython.locals(interim=bint)
    cdef inline Request _answered(self, HttpParser asker, int status)
    @cython.final
    cdef inline void _body(self, Head head, int otherwise) noexcept
    @cython.final
    @cython.locals(newline=Py_ssize_t, behind=Py_ssize_t, line=bytes)
    cdef Py_ssize_t _collect_line(self, bytes buffer, Py_ssize_t at, Py_ssize_t end, Packet packet) except -1
