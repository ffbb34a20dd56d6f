cimport cython

from workers.analysis.samples cimport Durations, Frames, count
from workers.packets.packet cimport Packet


@cython.final
@cython.freelist(16)
cdef class Request:
    cdef public str operation, error
    cdef public long long end, took, frame, reply_frame, number, detail
    cdef public Py_ssize_t place
    cdef public bint due, waits, spare


@cython.locals(made=Request)
cpdef Request request()


@cython.final
cdef class Group:
    cdef public str operation
    cdef public Frames requests
    cdef public Durations latency
    cdef public bint waits
    cdef public long long slowest, slowest_frame, strays
    cdef public dict errors
    cdef public Frames failed, unanswered

    cdef erred(self, str error, long long frame)


@cython.final
cdef class Server:
    cdef public str protocol, name
    cdef public int port
    cdef public dict groups


@cython.final
cdef class Groups:
    cdef dict _servers
    cdef public dict all, others

    @cython.locals(ports=Py_ssize_t, wire=bytes, server=Server)
    cdef Server server(self, str protocol, bytes key)
    @cython.locals(group=Group, long=bint)
    cdef Group find(self, Server server, str operation)
    cdef Group _other(self, str protocol, bint waits)
