from workers.analysis.framing cimport FramedParser, ServiceParser
from workers.analysis.service_groups cimport Request
from workers.analysis.services cimport Exchange
from workers.packets.packet cimport Packet


cdef class MongodbExchange(Exchange):
    cdef public long long streams


cpdef recognise(object stage, object half, bytes buffer, Py_ssize_t at, Py_ssize_t end)


cdef class _Messages(FramedParser):
    cpdef long long size(self, bytes buffer, Py_ssize_t at, Py_ssize_t end) except? -2
    cpdef long long wanted(self, bytes buffer, Py_ssize_t at) except? -2


cdef class MongodbRequests(_Messages):
    cdef Request _asked

    cpdef bint message(self, bytes buffer, Py_ssize_t at, Py_ssize_t end, Packet packet)
    cpdef done(self, Packet packet)


cdef class MongodbReplies(_Messages):
    cpdef bint message(self, bytes buffer, Py_ssize_t at, Py_ssize_t end, Packet packet)
