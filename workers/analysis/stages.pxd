cimport cython

from workers.analysis.application cimport Applications
from workers.analysis.dns cimport DnsStage
from workers.analysis.http_stage cimport HttpStage
from workers.analysis.timeline cimport Answers, TimelineStage
from workers.packets.packet cimport Packet
from workers.packets.stream cimport Direction, Handlers, Stream

cdef int _DNS


cdef class Stages(Handlers):
    cdef public dict late
    cdef public object keeper, tls, quic, services, ntp, dhcp, icmp
    cdef public TimelineStage timeline
    cdef Answers _handshakes
    cdef public DnsStage dns
    cdef public HttpStage http
    cdef public Applications applications

    cpdef Stream open_stream(self, Direction half)
    cpdef str datagram(self, Packet packet, int source, int destination)
    cpdef long_header(self, Packet packet, object half)
    @cython.locals(before=cython.ulonglong, one=Stream, other=Stream)
    cpdef over(self, Direction half, Packet packet, long long now)
    cpdef latency(self, long long time, long long took)
