# cython: annotation_typing=False
"""Tells which application protocol a TCP direction speaks, and hands its bytes to that parser.

By content on any port: HTTP/1, HTTP/2, TLS, and how Redis, PostgreSQL, MySQL, Kafka and MongoDB begin; by port 53:
DNS. What is not recognised is looked at again with each segment (a capture may begin mid-stream; STARTTLS and proxies
change protocol later), and is never kept. Once one direction is recognised as a service's, the other one is too; when
the first messages do not add up, both are given up.

The compiled core hands on only segments that may begin a protocol: `may_begin` in core/steps.pxi must let pass all that
is recognised here, and whatever comes from or to SERVICE_PORTS.
"""

from collections.abc import Callable

from workers.analysis import kafka, mongodb, mysql, postgresql, redis
from workers.analysis.dns import DnsStage, DnsTcpParser
from workers.analysis.flows import Half
from workers.analysis.framing import ServiceParser
from workers.analysis.http import HttpParser, expected
from workers.analysis.http2 import Http2Stage
from workers.analysis.http2_frames import PREFACE
from workers.analysis.http2_parser import begins, open_parser
from workers.analysis.http_message import looks_like_start
from workers.analysis.http_stage import HttpStage
from workers.analysis.services import ServiceStage
from workers.analysis.tls import TlsStage, looks_like_record
from workers.packets import marks
from workers.packets.packet import Packet
from workers.packets.stream import Outer, Parser, Stream

_DNS_PORT = b"\x00\x35"
_H2 = b"\0P"
"""What HTTP/2 begins with: a frame of less than 65 KiB, and the preface."""
SSDP = 1900
_SHORT = 8
"""A first segment shorter than this waits for the next bytes before it is judged."""
_SERVICES: tuple[Callable[[ServiceStage, Half, bytes, int, int], ServiceParser | None], ...] = (
    redis.recognise, postgresql.recognise, mysql.recognise, mongodb.recognise, kafka.recognise,
)  # fmt: skip
_PORTS = frozenset({redis.PORT, postgresql.PORT, mysql.PORT, kafka.PORT, mongodb.PORT})
SERVICE_PORTS = frozenset(int.from_bytes(port, "big") for port in _PORTS)
"""Where a service may be recognised in the middle of a conversation, and short first segments are waited with."""


def ssdp(packet: Packet) -> int:
    """The mark of an SSDP datagram: HTTP's message format over UDP, where nobody has to answer."""
    if packet.buffer.startswith((b"M-SEARCH * HTTP/1.", b"NOTIFY * HTTP/1."), packet.payload, packet.end):
        return marks.HTTP_REQ
    return marks.HTTP_RESP if packet.buffer.startswith(b"HTTP/1.", packet.payload, packet.end) else 0


class Applications:
    """The protocol stages, and how a conversation gets to them."""

    def __init__(
        self, http: HttpStage, tls: TlsStage, dns: DnsStage, services: ServiceStage, late: dict[int, int]
    ) -> None:
        self.http, self.tls, self.dns, self.services = http, tls, dns, services
        self.http2 = Http2Stage(http)
        self._late = late

    def open(self, half: Half) -> Stream:
        """The stream of a direction that sends its first payload."""
        stream = Stream(self._parser(half), self._late)
        if half.tcp.initial >= 0:
            stream.next = (half.tcp.initial + 1) & 0xFFFFFFFF
        return stream

    def _parser(self, half: Half) -> Parser:
        if _DNS_PORT in (half.key[-4:-2], half.key[-2:]):
            half.flow.application = "dns"
            return DnsTcpParser(self.dns, half)
        return Recogniser(self, half)


class Recogniser(Outer):
    """Stands as the parser until the protocol is known, then passes bytes through."""

    __slots__ = ("_applications", "_half", "_known", "_loose", "_lost", "_refused", "short")

    def __init__(self, applications: Applications, half: Half) -> None:
        self._applications = applications
        self._half = half
        self.short = b""
        self._known = half.key[-4:-2] in _PORTS or half.key[-2:] in _PORTS
        self._loose = expected(half)
        self._refused: tuple[str, ...] = ()
        """Services that this conversation turned out not to speak."""
        self._lost = False
        """Bytes are missing before the first that were recognised: maybe whole messages."""
        self.inner = None

    def data(self, buffer: bytes, at: int, end: int, packet: Packet) -> int:
        """The next bytes."""
        inner = self.inner
        # a TLS handshake, an HTTP/2 frame and its preface may follow another protocol
        if inner is not None and not (buffer[at] in (22, 0, 80) and inner.between()):
            skip = inner.data(buffer, at, end, packet)
            return skip if skip >= 0 else self._give_up()
        held, self.short = self.short, b""
        if held:
            joined = held + buffer[at:end]
            if self._begins(joined, 0, len(joined), packet):
                return self._first(joined, 0, len(joined), packet)
        if self._begins(buffer, at, end, packet):
            return self._first(buffer, at, end, packet)
        self._keep(joined if held else buffer[at : min(end, at + _SHORT)])
        return 0

    def _first(self, buffer: bytes, at: int, end: int, packet: Packet) -> int:
        """Give the first bytes to the parser that was chosen by them."""
        assert self.inner is not None
        skip = self.inner.data(buffer, at, end, packet)
        return skip if skip >= 0 else self._give_up()

    def _begins(self, buffer: bytes, at: int, end: int, packet: Packet) -> bool:
        """Choose a parser by the first bytes; whether there is one."""
        if 20 <= buffer[at] <= 23 and looks_like_record(buffer, at, end):
            if isinstance(self.inner, ServiceParser):
                self.inner.exchange.close(packet.time)
            self.inner = self._applications.tls.start(self._half)
        elif buffer[at] in _H2 and self._may_be_http2() and begins(buffer, at, end, self._half):
            self.inner = open_parser(self._applications.http2, self._half)
        elif self.inner is None:
            if end - at >= _SHORT and self._http(buffer, at, end):
                self._half.flow.application = "http"
                self.inner = parser = HttpParser(self._applications.http, self._half)
                parser.successor, parser.lost = self._succeed, self._lost
            else:
                self.inner = self._service(buffer, at, end)
        return self.inner is not None

    def _may_be_http2(self) -> bool:
        return self.inner is None or isinstance(self.inner, HttpParser)

    def _succeed(self, buffer: bytes, at: int, end: int, packet: Packet) -> int:
        """What follows a 101 in the same segment."""
        before = self.inner
        if not self._begins(buffer, at, end, packet) or self.inner is before:
            return 0
        return self._first(buffer, at, end, packet)

    def _service(self, buffer: bytes, at: int, end: int) -> ServiceParser | None:
        """The parser of a service: the one that the other direction is known to speak, or one told by content."""
        half, paired = self._half, self._paired()
        if paired is not None:
            return paired
        if not self._known and not may_be_service(buffer, at, end):
            return None
        for recognise in _SERVICES:
            parser = recognise(self._applications.services, half, buffer, at, end)
            if parser is not None and parser.exchange.protocol not in self._refused:
                half.flow.application = parser.exchange.protocol
                return parser
        return None

    def _paired(self) -> ServiceParser | None:
        """The parser of the service that the other direction speaks."""
        other = getattr(getattr(self._half.peer.stream, "parser", None), "inner", None)
        return other.exchange.parser(self._half) if isinstance(other, ServiceParser) else None

    def _give_up(self) -> int:
        """The bytes do not add up: another protocol, which may be recognised later."""
        assert isinstance(self.inner, ServiceParser)
        exchange, half = self.inner.exchange, self._half
        exchange.abandon()
        half.flow.application = ""
        other = getattr(half.peer.stream, "parser", None)
        for one in (self, other):
            if isinstance(one, Recogniser) and isinstance(one.inner, ServiceParser):
                one.inner = None
                one._refused += (exchange.protocol,)
        return 0

    def _keep(self, start: bytes) -> None:
        """Hold bytes that are too few to tell."""
        if len(start) >= _SHORT:
            return
        if self._known or 20 <= start[0] <= 23 or PREFACE.startswith(start) or self._http(start, 0, len(start)):
            self.short = start

    def _http(self, buffer: bytes, at: int, end: int) -> bool:
        return looks_like_start(buffer, at, end, loose=self._loose)

    def skipped(self, packet: Packet, whole: bool) -> None:
        """The bytes that were not needed are over."""
        if self.inner is not None:
            self.inner.skipped(packet, whole)

    def gap(self, size: int, packet: Packet) -> None:
        """Bytes that are not in the capture; the other direction may wait for them."""
        self.short = b""
        self._lost = True
        if self.inner is None:
            self.inner = self._paired()
        if self.inner is not None:
            self.inner.gap(size, packet)

    def watching(self) -> bool:
        """Whether nothing is known yet."""
        return self.inner is None and not self.short

    def fin(self, packet: Packet) -> None:
        """A direction ended in order: so do bodies that go on to the end."""
        if self.inner is not None:
            self.inner.fin(packet)

    def close(self, now: int) -> None:
        """What was never answered stays so."""
        if self.inner is not None:
            self.inner.close(now)
        self.inner = None  # which knows this object too: no circle is left to the garbage collector


def may_be_service(buffer: bytes, at: int, end: int) -> bool:
    """Whether these bytes are worth to be shown to the services' parsers, off their ports: `may_begin` of the core."""
    first, size = buffer[at], end - at
    if first == 42:  # Redis: "*"
        return True
    if size < 8:
        return False
    kind = buffer[at + 4]
    if first == 0 and buffer[at + 1] == 0 and kind in (0, 4):  # PostgreSQL: version 3, or what asks for TLS
        return True
    if buffer[at + 2] == 0 and buffer[at + 3] == 0 and kind == 10:  # MySQL: greeting
        return True
    if size >= 14 and kind == 0 and buffer[at + 6] == 0 and buffer[at + 7] < 32:  # Kafka: key and version
        return True
    return size >= 16 and buffer[at + 14] == 0 and buffer[at + 15] == 0  # MongoDB: operation codes
