# cython: annotation_typing=False
"""The protocol stages behind the core: what both cores, plain and compiled, hand packets and conversations to."""

from workers.analysis.application import SSDP, Applications, ssdp
from workers.analysis.dhcp import PORTS as DHCP_PORTS
from workers.analysis.dhcp import DhcpStage
from workers.analysis.dns import DNS, DnsStage
from workers.analysis.dns import PORTS as DNS_PORTS
from workers.analysis.flows import Half, Keeper
from workers.analysis.http_stage import HttpStage
from workers.analysis.icmp import IcmpStage
from workers.analysis.ntp import PORT as NTP
from workers.analysis.ntp import NtpStage
from workers.analysis.quic import QuicStage
from workers.analysis.services import ServiceStage
from workers.analysis.timeline import TimelineStage
from workers.analysis.tls import TlsStage
from workers.packets.packet import Packet
from workers.packets.stream import Handlers, Stream

_DNS = DNS
UDP_PORTS = frozenset({*DNS_PORTS, *DHCP_PORTS, NTP, SSDP})
"""Datagrams from and to these ports are read."""


class Stages(Handlers):
    """One of each, and the ways into them. `late` counts frames by marks found after the frame was counted."""

    def __init__(self) -> None:
        self.late: dict[int, int] = {}
        self.keeper = Keeper()
        self.timeline = TimelineStage()
        self._handshakes = self.timeline.answers()
        self.dns = DnsStage(self.timeline)
        self.http = HttpStage(self.timeline)
        self.tls = TlsStage()
        self.quic = QuicStage(self.tls)
        self.services = ServiceStage(self.timeline)
        self.ntp = NtpStage()
        self.dhcp = DhcpStage()
        self.icmp = IcmpStage()
        self.applications = Applications(self.http, self.tls, self.dns, self.services, self.late)

    def open_stream(self, half: Half) -> Stream:
        """The stream of a direction that sends its first payload."""
        return self.applications.open(half)

    def datagram(self, packet: Packet, source: int, destination: int) -> str:
        """One datagram from or to one of UDP_PORTS; the application it belongs to, "" for none."""
        if source == _DNS or destination == _DNS or source in DNS_PORTS or destination in DNS_PORTS:
            return self.dns.datagram(packet, source, destination)
        if NTP in (source, destination):
            return self.ntp.datagram(packet)
        if source in DHCP_PORTS or destination in DHCP_PORTS:
            return self.dhcp.datagram(packet)
        packet.mask |= ssdp(packet)
        return ""

    def long_header(self, packet: Packet, half: Half) -> None:
        """A datagram that begins as QUIC does, on other ports: `quic_packets.may_begin`."""
        self.quic.datagram(packet, half)

    def over(self, half: Half, packet: Packet, now: int) -> None:
        """A conversation that a parser knows is over: give parsers what still waits in its streams.

        It belongs to no frame, so it leaves no mark. `half` is its client's direction, `now` the latest packet time.
        """
        before, one, other = packet.mask, half.stream, half.peer.stream
        if one is not None:
            one.flush(packet)
        if other is not None:
            other.flush(packet)
        packet.mask = before
        if one is not None:
            one.parser.close(now)
        if other is not None:
            other.parser.close(now)
        if one is None and other is None:
            self.quic.end(half.flow, now)

    def latency(self, time: int, took: int) -> None:
        """One handshake."""
        self._handshakes.add(time, took, "tcp")
