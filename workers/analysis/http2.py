"""HTTP/2 and gRPC in the clear (RFC 9113; gRPC over HTTP/2), on any port: streams told as HTTP transactions.

A connection is known by its preface, by a 101 that began it (h2c), or in its middle by frames that fit. The request
ends with the latest frame of its sender before the response; latency is from there to the frame in which the final
response begins. A stream whose request is complete and that nobody answered is unanswered, as in HTTP/1.

Pushed streams are not told. What refers to headers from before the capture, or from a gap, is told as not visible.
"""

from workers.analysis.flows import Half
from workers.analysis.http2_frames import error_name
from workers.analysis.http2_headers import Fields, HeaderReader
from workers.analysis.http_groups import Request
from workers.analysis.http_stage import HttpStage, answer_not_captured
from workers.analysis.samples import count
from workers.contract.facts_http import HIDDEN, Goaway, Http2Facts
from workers.packets.packet import Packet
from workers.packets.room import Room

MAX_CONNECTIONS = 256
"""Live connections whose headers are read at once."""
MAX_MEMORY = 8 * 1024 * 1024
"""Bytes of their header tables and streams together: a table takes some 10 KB, at worst 80 KB, a direction."""
MAX_READ = 16 * 1024 * 1024
"""Cost of header blocks read in one capture: their bytes and OVERHEAD each; some 15 seconds at the very worst."""
OVERHEAD = 64
MAX_STREAMS = 128
"""Streams of a connection that wait for their end."""
_STREAM, _STEP = 320, 1024
"""Bytes that such a stream takes; in what steps room is taken."""
MAX_GOAWAYS = 50
NOT_PROCESSED = "GOAWAY"
_NO_STREAM = 0x7FFFFFFF


class _Stream:
    """A request and how far its answer is."""

    __slots__ = ("asker", "grpc", "missed", "request", "responded", "whole")

    def __init__(self, asker: Half, request: Request, *, grpc: bool, whole: bool) -> None:
        self.asker = asker
        self.request = request
        self.grpc = grpc
        self.whole = whole
        """The request is complete."""
        self.responded = self.missed = False
        """`missed`: its response may be in a gap of the capture."""


class Http2Stage:
    """open connections, count what they say, finish into facts. Transactions go to the HTTP stage."""

    def __init__(self, http: HttpStage) -> None:
        self.http = http
        self._connections = self._begun_before = self._upgraded = self._live = 0
        self._resets: dict[str, int] = {}
        self._goaways: list[Goaway] = []
        self._more_goaways = 0
        self.hidden = 0
        self.beyond = 0
        """Connections whose headers were not read because too many were live."""
        self.unread = 0
        """Connections given up because more header blocks came than are read."""
        self._cost = 0
        self.room = Room(MAX_MEMORY)
        """Connections that found none are not read on."""
        self.forgotten = 0
        """Streams no longer waited for because too many were open."""

    def open(self, half: Half, upgraded: Request | None) -> "Connection":
        """A connection; `upgraded` is the request of HTTP/1 that asked for it."""
        self._connections += 1
        self._live += 1
        readable = self._live <= MAX_CONNECTIONS
        self.beyond += not readable
        half.flow.application = "http2"
        connection = Connection(self, half, readable=readable)
        if upgraded is not None:
            self._upgraded += 1
            connection.adopt(upgraded, half)
        return connection

    def closed(self, *, whole: bool) -> None:
        """A connection is over; `whole` when its beginning was in the capture."""
        self._live -= 1
        self._begun_before += not whole

    def affords(self, block: bytes) -> bool:
        """Whether one more header block is read."""
        self._cost += len(block) + OVERHEAD
        affordable = self._cost <= MAX_READ
        self.unread += not affordable
        return affordable

    def reset(self, error: str) -> None:
        """An RST_STREAM frame."""
        count(self._resets, error, 32)

    def goaway(self, goaway: Goaway) -> None:
        """A GOAWAY frame."""
        if len(self._goaways) < MAX_GOAWAYS:
            self._goaways.append(goaway)
        else:
            self._more_goaways += 1

    def finish(self) -> Http2Facts:
        """What is no transaction."""
        return Http2Facts(
            connections=self._connections,
            begun_before=self._begun_before,
            upgraded=self._upgraded,
            hidden_headers=self.hidden,
            resets=dict(sorted(self._resets.items())),
            goaways=tuple(self._goaways),
            more_goaways=self._more_goaways,
        )


class Connection:
    """Both directions: streams by number, and the header table of each direction."""

    __slots__ = ("_asker", "_both", "_charged", "_flow", "_over", "_streams", "_whole", "readable", "readers", "stage")

    def __init__(self, stage: Http2Stage, half: Half, *, readable: bool) -> None:
        self.stage = stage
        self.readable = readable
        self._flow = half.flow
        self._streams: dict[int, _Stream] = {}
        self._both = HeaderReader(), HeaderReader()
        self.readers = {half.key: self._both[0], half.peer.key: self._both[1]}
        self._charged = 0
        """What it takes up in the stage's room."""
        self._asker: Half | None = None
        """The side that asks, once that was seen."""
        self._whole = self._over = False

    def adopt(self, request: Request, half: Half) -> None:
        """The request that asked for the upgrade is stream 1, and complete (RFC 7540 section 3.2)."""
        asker = half.flow.client
        self._whole = True
        self._streams[1] = _Stream(asker, request, grpc=False, whole=True)

    def asks(self, half: Half) -> None:
        """This side sends the client's preface."""
        self._asker, self._whole = half, True
        self.readers[half.key].begin()

    def answers_from_here(self, half: Half) -> None:
        """This side's first frame is SETTINGS, as a server's must be: its beginning, if the capture has that."""
        if self._whole or half.tcp.initial >= 0:
            self.readers[half.key].begin()

    def missed(self, half: Half) -> None:
        """Bytes of this direction are not in the capture."""
        self.readers[half.key].lose()
        for stream in self._streams.values():
            stream.missed = stream.missed or stream.asker is not half

    def promise(self, block: bytes, half: Half) -> None:
        """The header block of a PUSH_PROMISE: later blocks may refer to it."""
        self._read(block, half)
        self._charge()

    def _cost(self) -> int:
        return self._both[0].cost + self._both[1].cost + _STREAM * len(self._streams)

    def _charge(self) -> None:
        """Tables and streams are larger or smaller now: no more is read when there is no room for them."""
        cost = self._cost()
        if self._charged - 4 * _STEP <= cost <= self._charged:
            return
        if cost + _STEP > self.stage.room.left + self._charged:
            for reader in self._both:
                reader.forget()
            cost = self._cost()
        if self.stage.room.hold(self._charged, cost + _STEP):
            self._charged = cost + _STEP
        else:
            self._charged = 0
            self._stop()

    def _stop(self) -> None:
        """No more header blocks are read, and so the connection's streams can't be followed."""
        self.readable = False
        self._streams.clear()
        for reader in self._both:
            reader.lose()
        self.stage.room.hold(self._charged, 0)
        self._charged = 0

    def _read(self, block: bytes, half: Half) -> Fields | None:
        """The fields of a block; None when it is not read, nor any other from now on."""
        fields = self.readers[half.key].known(block)
        if fields is None and self.readable and self.stage.affords(block):
            fields = self.readers[half.key].read(block)
        elif fields is None:
            self._stop()
        return fields

    def block(self, block: bytes, number: int, half: Half, begun: int, packet: Packet, *, last: bool) -> None:
        """A header block of a stream; its first byte came at `begun`; `last` when its sender has no more to say."""
        fields = self._read(block, half)
        if fields is None:
            return
        self.stage.hidden += fields.hidden
        stream = self._streams.get(number)
        if self._answers(fields, stream, half):
            self._answer(fields, number, stream, begun, packet, last=last)
        elif stream is not None:  # the request's trailers
            stream.request.end, stream.whole = packet.time, stream.whole or last
        elif number & 1 and (fields.method or self._asker is half):
            self._ask(fields, number, half, packet, last=last)
        self._charge()

    def _answers(self, fields: Fields, stream: _Stream | None, half: Half) -> bool:
        """Whether a block is of a response."""
        if fields.status or fields.method:
            answers = fields.status != 0
            self._asker = half.peer if answers else half
            return answers
        if stream is not None:
            return stream.asker is not half
        return self._asker is not None and self._asker is not half

    def _ask(self, fields: Fields, number: int, half: Half, packet: Packet, *, last: bool) -> None:
        missing = HIDDEN if fields.hidden else ""
        if fields.grpc:
            half.flow.application = "grpc"
        http, method = self.stage.http, fields.method or missing
        group = http.group(half.key, fields.host, method, fields.path or missing, "grpc" if fields.grpc else "h2")
        request = http.asked(group, packet)
        if len(self._streams) >= MAX_STREAMS:
            self.stage.forgotten += 1
            del self._streams[next(iter(self._streams))]
        self._streams[number] = _Stream(half, request, grpc=fields.grpc, whole=last)

    def _answer(
        self, fields: Fields, number: int, stream: _Stream | None, begun: int, packet: Packet, *, last: bool
    ) -> None:
        if number & 1 == 0:
            return
        if stream is None:
            if fields.status:
                self.stage.http.response(fields.status, None, begun, packet)
            return
        if not stream.responded:
            self.stage.http.response(fields.status, stream.request, begun, packet)
            stream.responded = not 100 <= fields.status < 200
        stream.grpc = stream.grpc or fields.grpc
        if fields.grpc_status or (last and stream.grpc and fields.hidden):
            self._flow.application = "grpc"
            self.stage.http.grpc(fields.grpc_status or HIDDEN, stream.request, packet)
        if last:
            del self._streams[number]

    def data(self, number: int, half: Half, packet: Packet, *, last: bool) -> None:
        """Some or all of a DATA frame came."""
        stream = self._streams.get(number)
        if stream is None:
            return
        if stream.asker is half:
            if not stream.responded:
                stream.request.end = packet.time
            stream.whole = stream.whole or last
        elif last and stream.responded:
            del self._streams[number]

    def reset(self, number: int, code: int, packet: Packet) -> None:
        """RST_STREAM: nothing more is to come."""
        error = error_name(code)
        self.stage.reset(error)
        stream = self._streams.pop(number, None)
        if stream is not None:
            self.stage.http.reset(error, stream.request, packet)

    def goaway(self, last: int, code: int, half: Half, packet: Packet) -> None:
        """GOAWAY: what this side has not processed up to `last`, it never will (RFC 9113 section 6.8)."""
        gone = [n for n, stream in self._streams.items() if n > last and stream.asker is not half]
        for number in gone:
            self.stage.http.reset(NOT_PROCESSED, self._streams.pop(number).request, packet)
        by = "client" if half is half.flow.client else "server"
        self.stage.goaway(Goaway(half.flow.id, packet.number, by, error_name(code), last, len(gone)))

    def close(self, now: int) -> None:
        """The conversation is over at `now`: what still waits was not answered."""
        if self._over:
            return
        self._over = True
        self.stage.closed(whole=self._whole)
        state = self._flow.state
        over = state is not None and bool(state.fins or state.resets)
        unseen: dict[bytes, bool] = {}
        for stream in self._streams.values():
            if stream.responded:
                continue
            asker = stream.asker
            if asker.key not in unseen:
                unseen[asker.key] = answer_not_captured(asker)
            if stream.missed or unseen[asker.key]:
                self.stage.http.not_captured += 1
            else:
                self.stage.http.silence(stream.request, now, over=over, whole=stream.whole)
        self._stop()
