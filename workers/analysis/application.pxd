cimport cython

from workers.analysis.http cimport HttpParser, expected
from workers.analysis.http_message cimport looks_like_start
from workers.analysis.tls cimport looks_like_record
from workers.packets.stream cimport Outer, Parser, Stream
from workers.packets.packet cimport Packet

cdef Py_ssize_t _SHORT


cdef class Applications:
    cdef public object http, tls, dns, services, http2
    cdef dict _late

    @cython.locals(stream=Stream)
    cpdef Stream open(self, object half)
    @cython.locals(key=bytes, ports=Py_ssize_t)
    cdef Parser _parser(self, object half)


cdef class Recogniser(Outer):
    cdef Applications _applications
    cdef object _half
    cdef public bytes short
    cdef bint _known, _loose, _lost
    cdef public tuple _refused

    @cython.locals(skip=cython.longlong, held=bytes, joined=bytes, inner=Parser)
    cpdef long long data(self, bytes buffer, Py_ssize_t at, Py_ssize_t end, Packet packet)
    cdef long long _first(self, bytes buffer, Py_ssize_t at, Py_ssize_t end, Packet packet)
    @cython.locals(parser=HttpParser)
    cdef bint _begins(self, bytes buffer, Py_ssize_t at, Py_ssize_t end, Packet packet)
    cdef Parser _service(self, bytes buffer, Py_ssize_t at, Py_ssize_t end)
    cdef Parser _paired(self)
    cdef long long _give_up(self)
    cdef _keep(self, bytes start)
    cdef bint _http(self, bytes buffer, Py_ssize_t at, Py_ssize_t end)
    cpdef skipped(self, Packet packet, bint whole)
    cpdef gap(self, long long size, Packet packet)
    cpdef bint watching(self)
    cpdef fin(self, Packet packet)
    cpdef close(self, long long now)


@cython.locals(first=int, size=Py_ssize_t, kind=int)
cpdef bint may_be_service(bytes buffer, Py_ssize_t at, Py_ssize_t end)