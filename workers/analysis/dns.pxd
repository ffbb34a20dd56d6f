cimport cython

from workers.analysis.dns_addresses cimport DnsAddresses
from workers.analysis.dns_groups cimport Group, Groups, Numbers
from workers.analysis.dns_message cimport Message, read
from workers.analysis.dns_names cimport Name, Names
from workers.analysis.dns_waiting cimport Waiting
from workers.analysis.samples cimport Durations, Frames
from workers.analysis.timeline cimport Answers
from workers.packets.packet cimport Packet
from workers.packets.room cimport Room
from workers.packets.stream cimport Parser

cdef long long JUDGED_AFTER, ASKED_AGAIN, GIVEN_UP

cdef int _DNS, _MOST, _FREE

cdef unsigned long long _QUERY, _RESP, _MALFORMED


@cython.final
cdef class DnsStage:
    cdef public Room room
    cdef Answers _answers
    cdef Message _read
    cdef Groups _groups
    cdef Names _names
    cdef Waiting _waiting
    cdef Numbers _edns_sizes, _rcodes
    cdef long long _queries, _responses, _retried, _truncated
    cdef long long _tcp_queries, _tcp_responses, _edns_queries, _dnssec_ok
    cdef Frames _unanswered
    cdef Durations _latency
    cdef public long long beyond, unjudged, forgotten
    cdef public DnsAddresses addresses

    cpdef str datagram(self, Packet packet, int source, int destination)
    cpdef int message(self, bytes buffer, Py_ssize_t at, Py_ssize_t end, Packet packet, bint udp) except -1
    @cython.locals(message=Message, name=Name, known=Py_ssize_t, place=Py_ssize_t, kept=int)
    cdef int _query(
        self, const unsigned char *data, Py_ssize_t at, Py_ssize_t end, Packet packet, bint udp
    ) except -1
    @cython.locals(
        message=Message, behind=Py_ssize_t, place=Py_ssize_t, took=cython.longlong, kept=Py_ssize_t,
        group=Group, name=Name,
    )
    cdef int _response(
        self, const unsigned char *data, Py_ssize_t at, Py_ssize_t end, Packet packet, bint udp
    ) except -1
    cdef inline void _mark(self, Packet packet, bint udp, unsigned long long mark) noexcept
    @cython.locals(group=Group)
    cdef int _keep(self, Py_ssize_t kept, Py_ssize_t known, Py_ssize_t place, Packet packet, bint udp) except -1
    cdef _forget(self, long long now)
    @cython.locals(before=Name)
    cdef bint _asks_again(self, Py_ssize_t place, int kept, Name name) except -1
    @cython.locals(row=Py_ssize_t, waited=cython.longlong)
    cdef int _again(self, Group group, Py_ssize_t same, Packet packet) except -1
    @cython.locals(waiting=Waiting, row=Py_ssize_t, group=Group, kept=Py_ssize_t, frame=cython.longlong)
    cdef _judge(self, Py_ssize_t place, long long now)


cdef str _elsewhere(Packet packet, int source, int destination)

cdef _refuse()


cdef class DnsTcpParser(Parser):
    cdef DnsStage _stage
    cdef object _half
    cdef bytes _held
    cdef bint _lost

    cpdef int group(self)
    @cython.locals(size=Py_ssize_t)
    cpdef long long data(self, bytes buffer, Py_ssize_t at, Py_ssize_t end, Packet packet) except? -2
    @cython.locals(before=Py_ssize_t, now=Py_ssize_t, fits=bint)
    cdef bint _keep(self, bytes begun) except -1
    cpdef skipped(self, Packet packet, bint whole)
    cpdef gap(self, long long size, Packet packet)
    cpdef close(self, long long now)
