# cython: annotation_typing=False
"""HTTP/1.x transactions (RFC 9112) on any port, from both directions of a conversation.

Bodies are skipped by length, chunk or end of connection and never kept. Told are method, path without query, Host,
status and latency (end of the request to the first byte of its final response). Responses answer requests in order;
after a gap in the responses older requests count as "response not captured", not as unanswered.

The counts `http_req` and `http_resp` are of frames that complete a message with its body, as Wireshark's filters show
them (a frame cut by the snaplen shows its message at once); `HttpFacts` counts heads, whether their bodies came or not.
"""

from workers.analysis.flows import Half
from workers.analysis.http_groups import Group, Pool, Request, served
from workers.analysis.http_message import Head
from workers.analysis.http_stage import HttpStage
from workers.analysis.http_start import head_end, looks_like_start
from workers.analysis.http_waiting import HttpWaiting
from workers.packets import marks
from workers.packets.packet import Packet
from workers.packets.scan import find
from workers.packets.stream import OF_HTTP, Outer

PORTS = frozenset({80, 3128, 8080, 8088})
"""Where broken request lines count as requests too (the server's 400 answers them)."""
MAX_HEAD = 64 * 1024
_MAX_LINE = 4096
_BEGUN = 64
"""What the beginning of a head or a line takes beside its bytes."""
_NO_END = 1 << 62
_HEAD, _BODY, _CHUNK_SIZE, _CHUNK, _TRAILER, _TO_CLOSE, _LOST = 0, 1, 2, 3, 4, 5, 6
_REQ, _RESP = marks.HTTP_REQ, marks.HTTP_RESP


def http_parser(stage: HttpStage, half: Half, outer: Outer, *, loose: bool, lost: bool) -> "HttpParser":
    """A parser of one direction; `loose` where HTTP is expected, `lost` when bytes are missing before."""
    made = HttpParser.__new__(HttpParser)  # the constructor's call costs more
    made._stage, made._half, made._outer, made._loose, made.lost = stage, half, outer, loose, lost
    made._state, made._left, made._owed, made._first_byte, made._served, made._waiting = _HEAD, 0, 0, -1, -1, 0
    made._unkept, made._odd = 0, False
    made._held = made._uploading = made._receiving = made._pool = made._across = made.upgraded = None
    made._oldest = made._latest = made._asker = None
    made._answered_any = made._sought = False
    return made


class HttpParser(HttpWaiting):
    """Reads the messages of one direction."""

    __slots__ = (
        "_across", "_answered_any", "_asker", "_first_byte", "_held", "_left", "_loose", "_outer", "_owed", "_pool",
        "_receiving", "_served", "_sought", "_state", "_uploading", "lost", "upgraded",
    )  # fmt: skip

    _outer: Outer
    """Reads what follows a 101 in the same segment."""
    _loose: bool
    _state: int
    _held: bytes | None
    """The beginning of a head or a line."""
    _left: int
    _owed: int
    """The mark of the message under way, due to the frame that completes it."""
    _first_byte: int
    _uploading: Request | None
    _receiving: Group | None
    """Whose response is under way, while its length can be measured."""
    _answered_any: bool
    _served: int
    """The server's hash: `HttpStage.request`; -1 before the first request."""
    _pool: Pool | None
    _sought: bool
    """Of the requests that are answered here: looked up once."""
    _across: Outer | None
    """The recogniser of the other direction, once it has one."""
    _asker: "HttpParser | None"
    """What that had chosen when it was asked last."""
    lost: bool
    """A gap swallowed at least one message head, maybe."""
    upgraded: Request | None
    """The request that 101 answered: what follows is another protocol (RFC 9110 section 7.8)."""

    def between(self) -> bool:
        """Whether no message is under way, so that another protocol may begin here."""
        return self._state == _LOST or (self._state == _HEAD and self._held is None)

    def group(self) -> int:
        """Of which group it is."""
        return OF_HTTP

    def data(self, buffer: bytes, at: int, end: int, packet: Packet) -> int:
        """The next bytes. The rest of a response's body is not needed; a request's tells when it ends."""
        if self._state == _LOST:
            if not looks_like_start(buffer, at, end, loose=self._loose):
                return 0
            self._state = _HEAD
        if self._uploading is not None:
            self._uploading.end = packet.time
        while at < end:
            if self.upgraded is not None:
                return self._outer.succeed(buffer, at, end, packet)
            if self._state == _HEAD:
                at = self._collect_head(buffer, at, end, packet)
            else:
                at = self._step(buffer, at, end, packet)
        if self._uploading is None and self._state in (_BODY, _CHUNK):
            rest, self._left = self._left, 0
            self._state = _HEAD if self._state == _BODY else _CHUNK_SIZE
            return rest
        return _NO_END if self._state == _TO_CLOSE else 0

    def _pay(self, packet: Packet) -> None:
        """A message is complete with this packet."""
        packet.mask |= self._owed
        if self._receiving is not None and self._owed == _RESP:
            self._receiving.received(packet.time - self._first_byte)
        self._owed, self._receiving = 0, None

    def skipped(self, packet: Packet, whole: bool) -> None:
        """The rest of a body, or of a chunk, is over."""
        if not whole:
            self._owed = 0
        elif self._state == _HEAD:
            self._pay(packet)

    def fin(self, packet: Packet) -> None:
        """The sender has no more to say."""
        if self._state == _TO_CLOSE:
            self._receiving = None  # the end may come long after the last byte
            self._pay(packet)

    def gap(self, size: int, packet: Packet) -> None:
        """Bytes that are not in the capture: bodies go on behind them, heads do not."""
        self._owed = 0
        if self._state in (_BODY, _CHUNK) and size <= self._left:
            self._left -= size
            if self._left == 0 and self._state == _BODY:
                self._state, self._uploading = _HEAD, None
            return
        if self._state == _HEAD and self._held is not None:
            self._odd_head(self._held, packet, cut=True)
        self._lose()

    def close(self, now: int) -> None:
        """The conversation is over at `now`: what still waits was not answered, unless it is too young to be judged."""
        self._asker = None  # which may know this one: no circle is left
        if self._held is not None:
            self._hold(None)
        if self._waiting:
            self._unanswered(now)

    def make_way(self, now: int) -> None:
        """Another protocol follows, between messages: what still waits is not answered any more."""
        self._asker = None
        self._judge(now, over=False)

    def _lose(self) -> None:
        self._state, self.lost = _LOST, True
        self._uploading = None
        if self._held is not None:
            self._hold(None)

    def _hold(self, held: bytes | None) -> bool:
        """Keep the beginning of a head or a line, or nothing any more; False: there is no room, and nothing is kept."""
        before = 0 if self._held is None else len(self._held) + _BEGUN
        self._held = held if self._stage.room.hold(before, 0 if held is None else len(held) + _BEGUN) else None
        return held is None or self._held is not None

    def _step(self, buffer: bytes, at: int, end: int, packet: Packet) -> int:
        """Take some bytes behind a head; the offset after them."""
        if self._state == _BODY or self._state == _CHUNK:
            at += self._left
            if at > end:
                self._left = at - end
                return end
            self._left = 0
            if self._state == _CHUNK:
                self._state = _CHUNK_SIZE
                return at
            self._state = _HEAD
            self._pay(packet)
            if self._uploading is not None:
                self._uploading = None
            return at
        if self._state == _CHUNK_SIZE or self._state == _TRAILER:
            return self._collect_line(buffer, at, end, packet)
        return end

    def _collect_head(self, buffer: bytes, at: int, end: int, packet: Packet) -> int:
        """Gather bytes up to the empty line that ends a message head."""
        if self._held is not None:
            return self._resume(self._held, buffer, at, end, packet)
        behind = self._stage.head.read(buffer, at, min(end, at + MAX_HEAD + 4))
        if behind < 0:
            return self._odd_begin(buffer, at, end, packet)
        self._first_byte = packet.time
        self._head(buffer, packet)
        return behind

    def _odd_begin(self, buffer: bytes, at: int, end: int, packet: Packet) -> int:
        """What begins here is no whole head of the usual form."""
        if buffer[at] == 13 or buffer[at] == 10:  # empty lines before a message
            while at < end and (buffer[at] == 13 or buffer[at] == 10):
                at += 1
            return at
        if not looks_like_start(buffer, at, end, loose=self._loose):
            self._lose()
            return end
        self._first_byte = packet.time
        behind = head_end(buffer, at, min(end, at + MAX_HEAD + 4))
        if behind >= 0:
            self._odd_head(buffer[at:behind], packet, cut=False)
            return behind
        return self._resume(b"", buffer, at, end, packet)

    def _resume(self, held: bytes, buffer: bytes, at: int, end: int, packet: Packet) -> int:
        """Put a head's bytes together."""
        before = len(held)
        held += buffer[at : min(end, at + MAX_HEAD + 4)]
        behind = head_end(held, max(0, before - 3), len(held)) if before else -1
        if behind < 0:
            if len(held) > MAX_HEAD:
                self._lose()
            elif not self._hold(held):
                self._odd_head(held, packet, cut=False)
                self._lose()
                self._miss(held)
            return end
        self._hold(None)
        self._odd_head(held[:behind], packet, cut=False)
        return at + behind - before

    def _miss(self, held: bytes) -> None:
        """Reading was lost within a head: when no request was told of it, its response is to be known as nobody's."""
        head = self._stage.head
        if not head.status and not head.method_end and not held.startswith(b"HTTP/"):
            self._unkept += 1
            self._stage.unkept += 1

    def _odd_head(self, raw: bytes, packet: Packet, *, cut: bool) -> None:
        """Read and act on a message head that is all of these bytes."""
        if self._stage.head.read_odd(raw, loose=self._loose, cut=cut):
            self._head(raw, packet)
        else:
            self._lose()

    def _head(self, data: bytes, packet: Packet) -> None:
        """Act on the message head that was read from `data`, and know what follows it."""
        head = self._stage.head
        if head.status:
            self._owed = _RESP
            self._response(head, packet)
        else:
            self._owed = _REQ
            self._request(data, packet)
            self._body(head, _HEAD)
        if self._state == _HEAD or self._state == _LOST:
            self._pay(packet)
        elif packet.end - packet.payload < packet.payload_length:
            self._receiving = None
            self._pay(packet)

    def _request(self, data: bytes, packet: Packet) -> None:
        key: bytes = self._half.key
        if self._served < 0:
            self._served = served(key, 0)
        request = self._stage.request(data, key, self._served, packet)
        request.begun = self._first_byte
        if self._oldest is None and self._unkept == 0:
            self._oldest, self._waiting = request, 1
        else:
            self._behind(request)
        if self._stage.head.chunked or self._stage.head.length > 0:
            self._uploading = request

    def _response(self, head: Head, packet: Packet) -> None:
        status, asker = head.status, self._asked()
        request: Request | None = None
        odd = False
        if self._receiving is not None:
            self._receiving = None
        if asker is not None and (asker._waiting or asker._unkept):
            request = self._answered(asker, status)
            odd = request is None and asker._odd
        self._stage.response(status, request, self._first_byte, packet)
        if asker is None or request is None:
            self._after(head, None)
            if odd and self._state != _HEAD:
                self._lose()  # without a body if it is to HEAD, a tunnel if it is to CONNECT
        else:
            if status >= 200 or status == 101:
                self._final(request, status)
            self._after(head, request)
            if status >= 200 and request is not asker._uploading:
                self._stage.release(request)

    def _final(self, request: Request, status: int) -> None:
        """Note a final response for both ends' pool, and its request for its group."""
        if not self._sought:
            self._pool, self._sought = self._stage.pool(self._half.peer.key, request), True
        if request.group is not None:
            request.group.answered(request)
            if status >= 200:
                self._receiving = request.group
        if self._pool is not None:
            self._pool.answered(request, self._first_byte, first=not self._answered_any)
        if status >= 200:
            self._answered_any = True

    def _after(self, head: Head, request: Request | None) -> None:
        """What follows the head of a response, to this request (RFC 9112 section 6.3)."""
        status = head.status
        if status == 101 or (request is not None and request.is_connect and 200 <= status < 300):
            self._state = _LOST
            self.upgraded = request if status == 101 else None
        elif status < 200 or status == 204 or status == 304 or (request is not None and request.is_head):
            self._state = _HEAD
        else:
            self._body(head, _TO_CLOSE)

    def _asked(self) -> "HttpParser | None":
        """The parser of the other direction."""
        if self._across is None or self._across.inner is not self._asker:
            self._find_asker()
        return self._asker

    def _find_asker(self) -> None:
        stream = self._half.peer.stream
        if self._across is None and stream is not None and isinstance(stream.parser, Outer):
            self._across = stream.parser
        inner = self._across.inner if self._across is not None else None
        self._asker = inner if isinstance(inner, HttpParser) else None

    def _answered(self, asker: "HttpParser", status: int) -> Request | None:
        """The request this response belongs to, None when that is not remembered; an interim response leaves it
        waiting.
        """
        if self.lost:
            asker._not_captured(0 if asker._unkept else 1)
            if not asker._odd:  # else it may be this parser that lost step, and not a response that is missing
                asker._unkept = min(asker._unkept, 1)
            self.lost = False
        interim = 100 <= status < 200 and status != 101
        if asker._waiting:
            return asker._oldest if interim else asker._take()
        if not interim:
            asker._unkept -= 1
        return None

    def _body(self, head: Head, otherwise: int) -> None:
        """The body that comes; when nothing tells one, what is `otherwise` so."""
        if head.chunked:
            self._state = _CHUNK_SIZE
        elif head.length >= 0:
            self._state, self._left = _BODY if head.length else _HEAD, head.length
        else:
            self._state = otherwise
        if self._state == _HEAD:
            self._uploading = None

    def _collect_line(self, buffer: bytes, at: int, end: int, packet: Packet) -> int:
        """A chunk's size line, the empty line behind its data, or a trailer line."""
        newline = find(buffer, 10, at, min(end, at + _MAX_LINE))
        behind = newline + 1 if newline >= 0 else min(end, at + _MAX_LINE)
        line = buffer[at:behind] if self._held is None else self._held + buffer[at:behind]
        if newline < 0:
            if len(line) >= _MAX_LINE or not self._hold(line):
                self._lose()
            return end
        line = line.strip()
        if self._held is not None:
            self._hold(None)
        if self._state == _TRAILER:
            self._state = _TRAILER if line else _HEAD
            if not line:
                self._pay(packet)
                self._uploading = None
        elif line:
            self._chunk_size(line)
        return newline + 1

    def _chunk_size(self, line: bytes) -> None:
        digits = line.split(b";", 1)[0].strip()
        if not digits or len(digits) > 15 or digits.strip(b"0123456789abcdefABCDEF"):
            self._lose()
            return
        self._left = int(digits, 16)
        self._state = _CHUNK if self._left else _TRAILER
