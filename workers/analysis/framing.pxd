cimport cython

from workers.analysis.services cimport Exchange
from workers.packets.packet cimport Packet
from workers.packets.stream cimport Parser



cdef class ServiceParser(Parser):
    cdef public Exchange exchange
    cdef public bytes _held

    cpdef int group(self)
    cpdef close(self, long long now)
    cpdef make_way(self, long long now)
    @cython.final
    @cython.locals(before=Py_ssize_t)
    cdef long long _keep(self, bytes held, Packet packet) except? -2
    @cython.locals(held=bytes)
    cpdef bytes let_go(self)
    cdef _lose(self, Packet packet)


cdef class FramedParser(ServiceParser):
    cdef public Py_ssize_t head
    cdef public long long begun
    cdef public long long _rest
    cdef public bint _lost

    cpdef long long size(self, bytes buffer, Py_ssize_t at, Py_ssize_t end) except? -2
    cpdef long long wanted(self, bytes buffer, Py_ssize_t at) except? -2
    cpdef bint message(self, bytes buffer, Py_ssize_t at, Py_ssize_t end, Packet packet)
    cpdef done(self, Packet packet)
    cdef Py_ssize_t whole(self, const unsigned char *buffer, Py_ssize_t at, Py_ssize_t end, Packet packet) except -2
    cpdef bint starts(self, bytes buffer, Py_ssize_t at, Py_ssize_t end)
    cpdef long long data(self, bytes buffer, Py_ssize_t at, Py_ssize_t end, Packet packet) except? -2
    @cython.locals(taken=cython.longlong)
    cdef long long _resume(self, bytes buffer, Py_ssize_t at, Py_ssize_t end, Packet packet) except? -2
    @cython.locals(size=cython.longlong, need=cython.longlong)
    cdef long long _walk(self, bytes buffer, Py_ssize_t at, Py_ssize_t end, Packet packet) except? -2
    cdef long long _stumble(self, Packet packet) except? -2
    cdef _lose(self, Packet packet)
    cpdef skipped(self, Packet packet, bint whole)
    @cython.locals(held=bytes, left=cython.longlong, whole=cython.longlong)
    cpdef gap(self, long long size, Packet packet)
