from workers.analysis.framing cimport FramedParser, ServiceParser
from workers.analysis.service_groups cimport Request
from workers.analysis.services cimport Exchange
from workers.packets.packet cimport Packet


cdef class KafkaExchange(Exchange):
    pass


cpdef recognise(object stage, object half, bytes buffer, Py_ssize_t at, Py_ssize_t end)


cdef class KafkaRequests(FramedParser):
    cdef Request _asked

    cpdef long long size(self, bytes buffer, Py_ssize_t at, Py_ssize_t end) except? -2
    cpdef long long wanted(self, bytes buffer, Py_ssize_t at) except? -2
    cpdef bint message(self, bytes buffer, Py_ssize_t at, Py_ssize_t end, Packet packet)
    cpdef done(self, Packet packet)


cdef class KafkaResponses(FramedParser):
    cpdef long long size(self, bytes buffer, Py_ssize_t at, Py_ssize_t end) except? -2
    cpdef long long wanted(self, bytes buffer, Py_ssize_t at) except? -2
    cpdef bint message(self, bytes buffer, Py_ssize_t at, Py_ssize_t end, Packet packet)
