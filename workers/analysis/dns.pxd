cimport cython

from workers.analysis.dns_addresses cimport DnsAddresses
from workers.analysis.dns_groups cimport Group, Groups, Name, Names, Numbers
from workers.analysis.dns_message cimport Message, read
from workers.analysis.dns_waiting cimport Waiting
from workers.analysis.samples cimport Durations, Frames
from workers.analysis.timeline cimport Answers
from workers.packets.packet cimport Packet
from workers.packets.words cimport Bytes
from workers.packets.stream cimport Parser

cdef long long JUDGED_AFTER, ASKED_AGAIN, GIVEN_UP

cdef int _DNS

cdef unsigned long long _QUERY, _RESP, _MALFORMED


@cython.final
cdef class DnsStage:
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
    @cython.locals(
        key=bytes, length=Py_ssize_t, data=Bytes, message=Message, response=bint, place=int, name=Name
    )
    cpdef int message(self, bytes buffer, Py_ssize_t at, Py_ssize_t end, Packet packet, bint udp) except -1
    @cython.locals(waiting=Waiting, group=Group, known=int)
    cdef int _query(self, Message message, int place, Name name, Packet packet, bint udp) except -1
    @cython.locals(before=Name)
    cdef bint _asks_again(self, int place, Group group, Name name) except -1
    @cython.locals(place=int, waited=cython.longlong)
    cdef _again(self, Group group, int same, Packet packet)
    @cython.locals(waiting=Waiting, group=Group, took=cython.longlong)
    cdef int _answer(self, Message message, const unsigned char *data, int place, Name name, Packet packet) except -1
    @cython.locals(waiting=Waiting, group=Group)
    cdef _judge(self, int place, long long now)


cdef class DnsTcpParser(Parser):
    cdef DnsStage _stage
    cdef object _half
    cdef bytes _held
    cdef bint _lost

    cpdef int group(self)
    @cython.locals(size=Py_ssize_t)
    cpdef long long data(self, bytes buffer, Py_ssize_t at, Py_ssize_t end, Packet packet) except? -2
    cpdef skipped(self, Packet packet, bint whole)
    cpdef gap(self, long long size, Packet packet)
