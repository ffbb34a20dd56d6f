cimport cython

from workers.analysis.http_groups cimport Request
from workers.analysis.http_stage cimport HttpStage
from workers.packets.stream cimport Direction, Parser

cdef long long MAX_WAITING, MAX_PIPELINED


cdef class HttpWaiting(Parser):
    cdef HttpStage _stage
    cdef Direction _half
    cdef Request _oldest, _latest
    cdef int _unkept
    cdef short _waiting
    cdef unsigned char _odd

    @cython.final
    cdef int _behind(self, Request request) except -1
    @cython.final
    @cython.locals(request=Request)
    cdef Request _take(self)
    @cython.final
    cdef int _unanswered(self, long long now) except -1
    @cython.final
    cdef int _not_captured(self, int left) except -1
    @cython.final
    cdef int _judge(self, long long now, bint over) except -1
