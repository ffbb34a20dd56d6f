# cython: annotation_typing=False
"""Tells which application protocol a TCP direction speaks, and hands its bytes to that parser.

By content on any port: HTTP/1, HTTP/2, TLS, and how Redis, PostgreSQL, MySQL, Kafka and MongoDB begin; by port 53:
DNS. What is not recognised is looked at again with each segment (a capture may begin mid-stream; STARTTLS and proxies
change protocol later), and is never kept. Once one direction is recognised as a service's, the other one is too; when
the first messages do not add up, both are given up.

The compiled core hands on only segments that may begin a protocol: `may_begin` in core/steps.pxi must let pass all that
is recognised here, and whatever comes from or to SERVICE_PORTS.
"""

from workers.analysis import http, kafka, mongodb, mysql, postgresql, redis
from workers.analysis.dns import DnsStage, DnsTcpParser
from workers.analysis.flows import Half
from workers.analysis.framing import ServiceParser
from workers.analysis.http import HttpParser, http_parser
from workers.analysis.http2 import Http2Stage
from workers.analysis.http2_frames import PREFACE
from workers.analysis.http2_parser import begins, open_parser
from workers.analysis.http_stage import HttpStage
from workers.analysis.http_start import looks_like_start
from workers.analysis.kafka import recognise as kafka_begins
from workers.analysis.mongodb import recognise as mongodb_begins
from workers.analysis.mysql import recognise as mysql_begins
from workers.analysis.postgresql import recognise as postgresql_begins
from workers.analysis.redis import recognise as redis_begins
from workers.analysis.services import ServiceStage
from workers.analysis.tls import TlsParser, TlsStage, looks_like_record
from workers.packets import marks
from workers.packets.packet import Packet
from workers.packets.room import Room
from workers.packets.stream import Commons, Outer, Parser, Stream, opened

SSDP = 1900
_SHORT = 8
"""A first segment shorter than this waits for the next bytes before it is judged."""
_REDIS, _POSTGRESQL, _MYSQL, _MONGODB, _KAFKA, _HTTP, _DNS = 1, 2, 4, 8, 16, 32, 64
_SERVICES = _REDIS | _POSTGRESQL | _MYSQL | _MONGODB | _KAFKA
_PORTS = {
    int.from_bytes(redis.PORT, "big"): _REDIS,
    int.from_bytes(postgresql.PORT, "big"): _POSTGRESQL,
    int.from_bytes(mysql.PORT, "big"): _MYSQL,
    int.from_bytes(mongodb.PORT, "big"): _MONGODB,
    int.from_bytes(kafka.PORT, "big"): _KAFKA,
}
_NAMES = {"redis": _REDIS, "postgresql": _POSTGRESQL, "mysql": _MYSQL, "mongodb": _MONGODB, "kafka": _KAFKA}
SERVICE_PORTS = frozenset(_PORTS)
"""Where a service may be recognised in the middle of a conversation, and short first segments are waited with."""


def _by_port() -> bytes:
    """What is expected at each port."""
    found = bytearray(65536)
    for port, kind in (*_PORTS.items(), *((port, _HTTP) for port in http.PORTS), (53, _DNS)):
        found[port] = kind
    return bytes(found)


_EXPECTED = _by_port()


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
        self.rooms = (Room(), services.room, http.room, tls.room, dns.room)
        """By the group of parsers, as `stream.OF_SERVICES`; the first is of those whose group is not known."""
        self._commons = Commons(late, self.rooms)

    def open(self, half: Half) -> Stream:
        """The stream of a direction that sends its first payload."""
        key: bytes = half.key
        at = len(key) - 4
        ports = _EXPECTED[key[at] << 8 | key[at + 1]] | _EXPECTED[key[at + 2] << 8 | key[at + 3]]
        if ports & _DNS:
            half.speaks("dns")
            return opened(DnsTcpParser(self.dns, half), self._commons)
        return opened(_recogniser(self, half, ports), self._commons)


def _recogniser(applications: Applications, half: Half, ports: int) -> "Recogniser":
    made = Recogniser.__new__(Recogniser)  # the constructor's call costs more
    made._applications, made._half, made._ports = applications, half, ports
    made.inner, made.short, made._refused, made._lost = None, None, 0, False
    return made


class Recogniser(Outer):
    """Stands as the parser until the protocol is known, then passes bytes through."""

    __slots__ = ("_applications", "_half", "_lost", "_ports", "_refused", "short")

    _applications: Applications
    _half: Half
    _ports: int
    """What is expected at the ports of both sides."""
    short: bytes | None
    """Bytes that are too few to tell."""
    _refused: int
    """Services that this conversation turned out not to speak."""
    _lost: bool
    """Bytes are missing before the first that were recognised: maybe whole messages."""

    def data(self, buffer: bytes, at: int, end: int, packet: Packet) -> int:
        """The next bytes."""
        inner, segment = self.inner, at == packet.payload  # as every protocol does, with a segment
        if inner is not None and not (
            segment and buffer[at] in (0, 22, 80) and _may_follow(buffer, at, end) and inner.between()
        ):
            skip = inner.data(buffer, at, end, packet)
            return skip if skip >= 0 else self._give_up()
        if not segment:
            return 0
        held, self.short = self.short, None
        if held is not None:
            joined = held + buffer[at:end]
            if self._begins(joined, 0, len(joined), packet):
                return self._first(joined, 0, len(joined), packet)
        if self._begins(buffer, at, end, packet):
            return self._first(buffer, at, end, packet)
        if held is not None:
            self._keep(joined)
        elif end - at < _SHORT:
            self._keep(buffer[at:end])
        return 0

    def _first(self, buffer: bytes, at: int, end: int, packet: Packet) -> int:
        """Give the first bytes to the parser that was chosen by them."""
        assert self.inner is not None
        skip = self.inner.data(buffer, at, end, packet)
        return skip if skip >= 0 else self._give_up()

    def _begins(self, buffer: bytes, at: int, end: int, packet: Packet) -> bool:
        """Choose a parser by the first bytes; whether there is one."""
        before, first = self.inner, buffer[at]
        if 20 <= first <= 23 and looks_like_record(buffer, at, end):
            self._follow(self._applications.tls.start(self._half), packet.time)
        elif (
            _may_follow(buffer, at, end)
            and (before is None or isinstance(before, HttpParser))
            and begins(buffer, at, end, self._half)
        ):
            self._follow(open_parser(self._applications.http2, self._half), packet.time)
        elif before is None:
            if end - at >= _SHORT and self._http(buffer, at, end):
                self._half.speaks("http")
                loose = self._ports & _HTTP != 0
                self.inner = http_parser(self._applications.http, self._half, self, loose=loose, lost=self._lost)
            else:
                self.inner = self._service(buffer, at, end)
        return self.inner is not None

    def _follow(self, parser: Parser, now: int) -> None:
        """Have bytes read by this parser from now on; what waits in the one before is not answered any more."""
        if self.inner is not None:
            self.inner.make_way(now)
        self.inner = parser

    def succeed(self, buffer: bytes, at: int, end: int, packet: Packet) -> int:
        """What follows a 101 in the same segment: HTTP/2, as a server of anything else waits for its client."""
        if not begins(buffer, at, end, self._half):
            return 0
        self._follow(open_parser(self._applications.http2, self._half), packet.time)
        return self._first(buffer, at, end, packet)

    def _service(self, buffer: bytes, at: int, end: int) -> ServiceParser | None:
        """The parser of a service: the one that the other direction is known to speak, or one told by content."""
        paired = self._paired()
        if paired is not None:
            return paired
        worth, kind = (self._ports & _SERVICES | _alike(buffer, at, end)) & ~self._refused, _REDIS
        while kind <= worth:
            parser = self._recognised(kind, buffer, at, end) if worth & kind else None
            if parser is not None:
                self._half.speaks(parser.exchange.protocol)
                return parser
            kind <<= 1
        return None

    def _recognised(self, kind: int, buffer: bytes, at: int, end: int) -> ServiceParser | None:
        """The parser of this service, if these are its bytes."""
        half, stage = self._half, self._applications.services
        if kind == _REDIS:
            return redis_begins(stage, half, buffer, at, end)
        if kind == _POSTGRESQL:
            return postgresql_begins(stage, half, buffer, at, end)
        if kind == _MYSQL:
            return mysql_begins(stage, half, buffer, at, end)
        if kind == _MONGODB:
            return mongodb_begins(stage, half, buffer, at, end)
        return kafka_begins(stage, half, buffer, at, end)

    def _across(self) -> "Recogniser | None":
        """The other direction's."""
        stream = self._half.peer.stream
        return stream.parser if stream is not None and isinstance(stream.parser, Recogniser) else None

    def _paired(self) -> ServiceParser | None:
        """The parser of the service that the other direction speaks."""
        across = self._across()
        if across is None or not isinstance(across.inner, ServiceParser):
            return None
        return across.inner.exchange.parser(self._half)

    def _give_up(self) -> int:
        """The bytes do not add up: another protocol, which may be recognised later."""
        assert isinstance(self.inner, ServiceParser)
        exchange = self.inner.exchange
        exchange.abandon()
        self._half.speaks("")
        for one in (self, self._across()):
            if one is not None and isinstance(one.inner, ServiceParser):
                one.inner.let_go()
                one.inner = None
                one._refused |= _NAMES[exchange.protocol]
        return 0

    def _keep(self, start: bytes) -> None:
        """Hold bytes that are too few to tell."""
        if len(start) >= _SHORT:
            return
        known = self._ports & _SERVICES != 0
        if known or 20 <= start[0] <= 23 or PREFACE.startswith(start) or self._http(start, 0, len(start)):
            self.short = start

    def _http(self, buffer: bytes, at: int, end: int) -> bool:
        return looks_like_start(buffer, at, end, loose=self._ports & _HTTP != 0)

    def skipped(self, packet: Packet, whole: bool) -> None:
        """The bytes that were not needed are over."""
        if self.inner is not None:
            self.inner.skipped(packet, whole)

    def gap(self, size: int, packet: Packet) -> None:
        """Bytes that are not in the capture; the other direction may wait for them."""
        self.short = None
        self._lost = True
        if self.inner is None:
            self.inner = self._paired()
        if self.inner is not None:
            self.inner.gap(size, packet)

    def watching(self) -> bool:
        """Whether nothing is known yet."""
        return self.inner is None and self.short is None

    def group(self) -> int:
        """Of which group the protocol is."""
        return 0 if self.inner is None else self.inner.group()

    def fin(self, packet: Packet) -> None:
        """A direction ended in order: so do bodies that go on to the end."""
        if self.inner is not None:
            self.inner.fin(packet)

    def close(self, now: int) -> None:
        """What was never answered stays so."""
        inner = self.inner
        if inner is None:
            return
        self.inner = None  # which knows this object too: no circle is left to the garbage collector
        inner.close(now)
        if isinstance(inner, TlsParser):
            self._applications.tls.end(self._half.flow.id)


def _may_follow(buffer: bytes, at: int, end: int) -> bool:
    """Whether what may follow another protocol may begin here: a TLS handshake, an HTTP/2 frame or its preface."""
    first = buffer[at]
    return first == 22 or first == 0 or (first == 80 and at + 1 < end and buffer[at + 1] == 82)


def _alike(buffer: bytes, at: int, end: int) -> int:
    """The services whose parsers have to see these bytes, whatever the ports: as `may_begin` of the core."""
    first, size = buffer[at], end - at
    if size < 8:
        return _REDIS if first == 42 else 0
    found, kind = _REDIS if first == 42 else 0, buffer[at + 4]
    if first == 0 and buffer[at + 1] == 0 and (kind == 0 or kind == 4):  # version 3, or what asks for TLS
        found |= _POSTGRESQL
    if buffer[at + 2] == 0 and buffer[at + 3] == 0 and kind == 10:  # greeting
        found |= _MYSQL
    if size >= 16 and buffer[at + 14] == 0 and buffer[at + 15] == 0:  # operation codes
        found |= _MONGODB
    if size >= 14 and kind == 0 and buffer[at + 6] == 0 and buffer[at + 7] < 32:  # key and version
        found |= _KAFKA
    return found
