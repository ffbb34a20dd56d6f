cimport cython

from workers.packets.packet cimport Packet
from workers.packets.stream cimport Parser


cdef class Http2Parser(Parser):
    cdef public object connection
    cdef object _half
    cdef long long _preface, _kind, _flags, _stream, _length, _left, _room, _begun, _charged
    cdef bint _first, _lost, _spoilt
    cdef bytes _held
    cdef bytearray _body, _block
    cdef tuple _open

    cpdef int group(self)
    @cython.locals(taken=cython.longlong, read=cython.longlong, rest=cython.longlong)
    cpdef long long data(self, bytes buffer, Py_ssize_t at, Py_ssize_t end, Packet packet) except? -2
    cpdef skipped(self, Packet packet, bint whole)
    cpdef gap(self, long long size, Packet packet)
    @cython.locals(held=cython.longlong)
    cpdef _charge(self)
    cpdef close(self, long long now)
