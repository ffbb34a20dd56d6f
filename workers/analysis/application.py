"""Tells which application protocol a TCP direction speaks, and hands its bytes to that parser.

By content on any port: HTTP/1 and TLS; by port 53: DNS. What is not recognised is looked at again with each segment
(a capture may begin mid-stream; STARTTLS and proxies change protocol later), and is never kept.
"""

from workers.analysis.dns import DnsStage, DnsTcpParser
from workers.analysis.flows import Half
from workers.analysis.http import HttpParser, HttpStage, expected
from workers.analysis.http_message import looks_like_start
from workers.analysis.stream import Parser, Stream
from workers.analysis.tls import TlsStage, looks_like_record
from workers.packets import marks
from workers.packets.packet import Packet

_DNS_PORT = b"\x00\x35"
_HELLO = 22
SSDP = 1900
_SHORT = 8
"""A first segment shorter than this waits for the next bytes before it is judged."""


def ssdp(packet: Packet) -> int:
    """The mark of an SSDP datagram: HTTP's message format over UDP, where nobody has to answer."""
    if packet.buffer.startswith((b"M-SEARCH * HTTP/1.", b"NOTIFY * HTTP/1."), packet.payload, packet.end):
        return marks.HTTP_REQ
    return marks.HTTP_RESP if packet.buffer.startswith(b"HTTP/1.", packet.payload, packet.end) else 0


class Applications:
    """The protocol stages, and how a conversation gets to them."""

    def __init__(self, http: HttpStage, tls: TlsStage, dns: DnsStage, late: dict[int, int]) -> None:
        self.http, self.tls, self.dns = http, tls, dns
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

    @staticmethod
    def watching(stream: Stream) -> bool:
        """Whether only what may begin a protocol is of interest: `may_begin` of a segment's first byte."""
        parser = stream.parser
        return isinstance(parser, Recogniser) and parser.inner is None and not parser.short and not stream.pending

    def close(self, half: Half, packet: Packet) -> None:
        """The conversation is over: hand on what waits."""
        if half.stream is not None:
            half.stream.flush(packet)

    def fin(self, half: Half, packet: Packet) -> None:
        """A direction ended in order: so do bodies that go on to the end."""
        inner = getattr(getattr(half.stream, "parser", None), "inner", None)
        if isinstance(inner, HttpParser):
            inner.fin(packet)

    def closed(self, half: Half, now: int) -> None:
        """Both directions were handed on: what was never answered stays so."""
        parser = getattr(half.stream, "parser", None)
        inner = getattr(parser, "inner", None)
        if isinstance(inner, HttpParser):
            inner.close(now)


class Recogniser:
    """Stands as the parser until the protocol is known, then passes bytes through."""

    __slots__ = ("_applications", "_half", "_lost", "inner", "short")

    def __init__(self, applications: Applications, half: Half) -> None:
        self._applications = applications
        self._half = half
        self.short = b""
        self._lost = False
        """Bytes are missing before the first that were recognised: maybe whole messages."""
        self.inner: Parser | None = None

    def data(self, buffer: bytes, at: int, end: int, packet: Packet) -> int:
        """The next bytes."""
        inner = self.inner
        if inner is not None and not (buffer[at] == _HELLO and isinstance(inner, HttpParser) and inner.between):
            return inner.data(buffer, at, end, packet)
        held, self.short = self.short, b""
        if held:
            joined = held + buffer[at:end]
            if self._begins(joined, 0, len(joined)):
                assert self.inner is not None
                return self.inner.data(joined, 0, len(joined), packet)
        if self._begins(buffer, at, end):
            assert self.inner is not None
            return self.inner.data(buffer, at, end, packet)
        self._keep(joined if held else buffer[at : min(end, at + _SHORT)])
        return 0

    def _begins(self, buffer: bytes, at: int, end: int) -> bool:
        """Choose a parser by the first bytes; whether there is one."""
        if 20 <= buffer[at] <= 23 and looks_like_record(buffer, at, end):
            self.inner = self._applications.tls.start(self._half)
        elif end - at >= _SHORT and self.inner is None and self._http(buffer, at, end):
            self.inner = parser = self._applications.http.start(self._half)
            parser.lost = self._lost
        return self.inner is not None

    def _keep(self, start: bytes) -> None:
        """Hold bytes that are too few to tell."""
        if len(start) < _SHORT and (20 <= start[0] <= 23 or self._http(start, 0, len(start))):
            self.short = start

    def _http(self, buffer: bytes, at: int, end: int) -> bool:
        return looks_like_start(buffer, at, end, loose=expected(self._half))

    def skipped(self, packet: Packet, *, whole: bool) -> None:
        """The bytes that were not needed are over."""
        if self.inner is not None:
            self.inner.skipped(packet, whole=whole)

    def gap(self, size: int, packet: Packet) -> None:
        """Bytes that are not in the capture."""
        self.short = b""
        self._lost = True
        if self.inner is not None:
            self.inner.gap(size, packet)
