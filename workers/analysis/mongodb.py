# cython: annotation_typing=False
"""MongoDB's wire protocol: OP_MSG, and OP_QUERY with OP_REPLY before it (MongoDB manual, "MongoDB Wire Protocol").

Responses name their request by its id. Told are command names and error codes; of BSON (bsonspec.org) only the keys and
sizes of the outermost elements are read, up to 512 bytes. Compressed requests are "compressed": what they ask is not
visible. An awaitable hello and getMore on a tailable cursor take long by their nature.
"""

from struct import Struct
from typing import ClassVar

from workers.analysis.flows import Half
from workers.analysis.framing import FramedParser, ServiceParser
from workers.analysis.mongodb_names import command, error
from workers.analysis.service_groups import Request
from workers.analysis.services import Exchange, ServiceStage
from workers.packets.packet import Packet

PORT = b"\x69\x89"
_HEADER = Struct("<iiii").unpack_from
"""Size, request id, id of the request answered, operation code."""
_INT = Struct("<i").unpack_from
_LONG = Struct("<q").unpack_from
_DOUBLE = Struct("<d").unpack_from
_REPLY, _UPDATE, _INSERT, _QUERY, _GET_MORE, _DELETE, _KILL_CURSORS, _COMPRESSED, _MSG = (
    1, 2001, 2002, 2004, 2005, 2006, 2007, 2012, 2013,
)  # fmt: skip
_UNANSWERED = {_UPDATE: "OP_UPDATE", _INSERT: "OP_INSERT", _DELETE: "OP_DELETE", _KILL_CURSORS: "OP_KILL_CURSORS"}
"""Operations of old that nobody answers."""
_ASKS = frozenset({_QUERY, _GET_MORE, _COMPRESSED, _MSG, *_UNANSWERED})
_ANSWERS = frozenset({_REPLY, _COMPRESSED, _MSG})
_MAX_SIZE = 48_000_000 + 16 * 1024
_MORE_TO_COME = 2
_KNOWN_FLAGS = 0x1_0003
_LOOK = 512
_STRAYS = 4
_ELEMENTS = 64
_FIXED = {1: 8, 6: 0, 7: 12, 8: 1, 9: 8, 10: 0, 16: 4, 17: 8, 18: 8, 19: 16, 255: 0, 127: 0}
"""BSON element type -> size of its value; others begin with their size."""
_CURSOR_NOT_FOUND, _QUERY_FAILURE = 1, 2


class MongodbExchange(Exchange):
    """One connection."""

    __slots__ = ("streams",)
    protocol: ClassVar[str] = "mongodb"
    IN_ORDER: ClassVar[bool] = False

    def __init__(self, stage: ServiceStage, asker: Half) -> None:
        super().__init__(stage, asker)
        self.streams = 0
        """Id of a response behind which more follow unasked (exhaust), each naming the one before."""

    def parser(self, half: Half) -> ServiceParser:
        """The parser of one direction."""
        return MongodbRequests(self, 16) if half is self.asker else MongodbReplies(self, 16)


def recognise(stage: ServiceStage, half: Half, buffer: bytes, at: int, end: int) -> ServiceParser | None:
    """A parser for a direction whose next bytes are these, if they are a message."""
    if not _starts(buffer, at, end):
        return None
    if _HEADER(buffer, at)[2] == 0:
        return MongodbRequests(MongodbExchange(stage, half), 16)
    return MongodbReplies(MongodbExchange(stage, half.peer), 16)


def _starts(buffer: bytes, at: int, end: int) -> bool:
    """Whether a message begins here, of a code in use, with flags that are known."""
    if end - at < 21:
        return False
    size, _, answered, code = _HEADER(buffer, at)
    if not 21 <= size <= _MAX_SIZE or code not in (_ANSWERS if answered else _ASKS):
        return False
    flags = _INT(buffer, at + 16)[0]
    if code == _MSG:
        return bool(flags & ~_KNOWN_FLAGS == 0 and buffer[at + 20] <= 1)
    return bool(code == _COMPRESSED or flags & ~0xFF == 0)


class _Messages(FramedParser):
    """What both directions share."""

    __slots__ = ()
    exchange: MongodbExchange

    def starts(self, buffer: bytes, at: int, end: int) -> bool:
        """A message of this direction, behind a gap."""
        return _starts(buffer, at, end) and (_HEADER(buffer, at)[2] == 0) is not self.REPLIES

    def size(self, buffer: bytes, at: int, end: int) -> int:
        """The size counts itself."""
        size, _, answered, code = _HEADER(buffer, at)
        known = _ANSWERS if answered else _ASKS
        return size if 16 < size <= _MAX_SIZE and code in known and (answered == 0) is not self.REPLIES else -1

    def wanted(self, buffer: bytes, at: int) -> int:
        """Names and errors are looked for."""
        return _LOOK


class MongodbRequests(_Messages):
    """The client's messages."""

    __slots__ = ("_asked",)

    def __init__(self, exchange: MongodbExchange, head: int) -> None:
        super().__init__(exchange, head)
        self._asked: Request | None = None

    def message(self, buffer: bytes, at: int, end: int, packet: Packet) -> bool:
        """Act on one request."""
        _, number, _, code = _HEADER(buffer, at)
        body, exchange = buffer[at + 16 : end], self.exchange
        if code in _UNANSWERED:
            exchange.tell(_UNANSWERED[code], packet)
        elif code == _MSG and body[:1] and body[0] & _MORE_TO_COME:
            exchange.tell(_operation(code, body), packet)
        else:
            self._asked = exchange.ask_numbered(_operation(code, body), packet, number & 0xFFFF_FFFF)
        return True

    def done(self, packet: Packet) -> None:
        """The request is over."""
        if self._asked is not None:
            self._asked.end = packet.time
        self._asked = None


class MongodbReplies(_Messages):
    """The server's messages."""

    __slots__ = ()
    REPLIES: ClassVar[bool] = True

    def message(self, buffer: bytes, at: int, end: int, packet: Packet) -> bool:
        """Act on one response."""
        _, number, answered, code = _HEADER(buffer, at)
        exchange, request = self.exchange, self.exchange.numbered.get(answered & 0xFFFF_FFFF)
        failure = _failure(code, buffer[at + 16 : end])
        streamed, exchange.streams = exchange.streams == answered, 0
        if code == _MSG and end - at > 16 and buffer[at + 16] & _MORE_TO_COME:
            exchange.streams = number
        if request is None and streamed:
            return True
        if request is None:
            exchange.strays += not exchange.paired
            exchange.stray(packet.number, failure)
            return exchange.strays <= _STRAYS
        exchange.begin(request, self.begun, packet.number)
        request.error = failure
        exchange.complete(request)
        return True


def _operation(code: int, body: bytes) -> str:
    """What a request asks: the first key of its document."""
    if code == _MSG:
        return _first_key(body, _document(body))
    if code == _QUERY:
        name = body.find(b"\0", 4)
        return _first_key(body, name + 9) if name >= 0 and body.endswith(b".$cmd", 4, name) else "OP_QUERY"
    return "OP_GET_MORE" if code == _GET_MORE else "compressed"


def _document(body: bytes) -> int:
    """The offset of the document of an OP_MSG: behind document sequences, when those come first; else beyond."""
    at = 4
    while at + 5 <= len(body) and body[at] == 1:
        size = _INT(body, at + 1)[0]
        if size < 4:
            return len(body)
        at += 1 + size
    return at + 1


def _first_key(body: bytes, at: int) -> str:
    stop = body.find(b"\0", at + 5)
    return command(body[at + 5 : stop]) if stop >= 0 else "other"


def _failure(code: int, body: bytes) -> str:
    """The error a response tells, as far as it is within what is looked at; "" for none."""
    if code == _MSG:
        return _told(body, _document(body))
    if code == _REPLY and len(body) >= 4:
        if body[0] & _CURSOR_NOT_FOUND:
            return error(43)
        return _told(body, 20) or ("other" if body[0] & _QUERY_FAILURE else "")
    return ""


def _told(body: bytes, at: int) -> str:
    """The error of a document: its code when `ok` is 0, or that of the first failed write."""
    found, writes = _elements(body, at)
    if writes >= 0:
        inner, _ = _elements(body, writes + 4 + 3)  # the array's first element: type 3, key "0"
        return error(int(inner.get(b"code", 8)))
    if found.get(b"ok", 1) == 0 or b"$err" in found:
        return error(int(found[b"code"])) if b"code" in found else "other"
    return ""


def _elements(body: bytes, at: int) -> tuple[dict[bytes, float], int]:
    """The numbers among a document's elements (and $err), and the offset of its writeErrors, -1 when it has none."""
    found: dict[bytes, float] = {}
    at += 4
    for _ in range(_ELEMENTS):
        stop = body.find(b"\0", at + 1)
        if stop < 0 or body[at] == 0:
            break
        kind, key = body[at], body[at + 1 : stop]
        at = stop + 1
        if key == b"writeErrors" and kind == 4:
            return found, at
        if key in (b"ok", b"code", b"$err"):
            found[key] = _number(body, at, kind)
        size = _value(body, at, kind)
        if size < 0:
            break
        at += size
    return found, -1


def _number(body: bytes, at: int, kind: int) -> float:
    """A value as a number; 1 for what is none or not there."""
    readers = {1: (_DOUBLE, 8), 16: (_INT, 4), 18: (_LONG, 8)}
    if kind == 8 and at < len(body):
        return body[at]
    if kind not in readers or at + readers[kind][1] > len(body):
        return 1
    value = readers[kind][0](body, at)[0]
    return float(value) if abs(value) < 1e15 else 1


def _value(body: bytes, at: int, kind: int) -> int:
    """The size of a value; -1 when it can't be known."""
    fixed = _FIXED.get(kind)
    if fixed is not None:
        return fixed
    if kind not in (2, 3, 4, 5, 13, 14, 15) or at + 4 > len(body):
        return -1
    size = int(_INT(body, at)[0])
    if size < 0:
        return -1
    return size if kind in (3, 4, 15) else size + 5 if kind == 5 else size + 4
