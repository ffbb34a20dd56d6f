cimport cython

from workers.analysis.addresses cimport endpoints, reverse
from workers.analysis.dns_addresses cimport DnsAddresses
from workers.analysis.dns_message cimport Message, read_message
from workers.analysis.samples cimport Durations, Frames, count
from workers.analysis.timeline cimport TimelineStage
from workers.packets.packet cimport Packet
from workers.packets.stream cimport Parser

cdef long long MAX_NAMES, MAX_WAITING, JUDGED_AFTER, ASKED_AGAIN, GIVEN_UP

cdef unsigned long long _QUERY, _RESP


cdef class _Name:
    cdef public str name
    cdef public Frames queries, unanswered, again
    cdef public long long answered, retried, truncated, chain, tcp
    cdef public Durations again_after, latency
    cdef public bytes last
    cdef public dict rcodes
    cdef public list found


cdef class _Asked:
    cdef public long long time, frame
    cdef public _Name name


@cython.locals(asked=_Asked)
cdef _Asked _begun(Packet packet, _Name name)


cdef class DnsStage:
    cdef TimelineStage _timeline
    cdef dict _names, _by_wire, _waiting, _edns_sizes, _rcodes
    cdef long long _queries, _responses, _retried, _truncated
    cdef long long _tcp_queries, _tcp_responses, _edns_queries, _dnssec_ok
    cdef Frames _unanswered
    cdef Durations _latency
    cdef public long long beyond, unjudged, forgotten
    cdef public DnsAddresses addresses

    cpdef datagram(self, Packet packet, int source, int destination)
    @cython.locals(message=Message)
    cpdef message(self, bytes buffer, Py_ssize_t at, Py_ssize_t end, Packet packet, bint udp)
    @cython.locals(same=_Asked, asked=_Asked, waited=cython.longlong)
    cdef _again(self, _Name name, bytes key, Packet packet)
    @cython.locals(key=bytes, known=_Asked, group=_Name)
    cdef _query(self, Message message, Packet packet, bint udp)
    @cython.locals(wire=bytes, group=_Name)
    cdef _Name _name(self, Message message, bytes ends)
    @cython.locals(rcode=str, asked=_Asked, group=_Name, time=cython.longlong, took=cython.longlong)
    cdef _response(self, Message message, Packet packet)
    @cython.locals(group=_Name)
    cdef _judge(self, _Asked asked, long long now)


cdef class DnsTcpParser(Parser):
    cdef DnsStage _stage
    cdef object _half
    cdef bytes _held
    cdef bint _lost

    @cython.locals(held=bytes, size=Py_ssize_t)
    cpdef long long data(self, bytes buffer, Py_ssize_t at, Py_ssize_t end, Packet packet)
    cpdef skipped(self, Packet packet, bint whole)
    cpdef gap(self, long long size, Packet packet)
