# cython: annotation_typing=False
"""PostgreSQL's frontend/backend protocol 3 (PostgreSQL documentation, chapter "Frontend/Backend Protocol").

A request is a simple query, or everything up to a Sync, which ReadyForQuery ends; its operation is the statement's verb
(of several, the last parsed; for a statement parsed before, that of the CommandComplete). Told are verbs and SQLSTATEs;
rows are skipped by their lengths. SSLRequest and GSSENCRequest are requests too: TLS may begin behind their answer.
"""

from typing import ClassVar

from workers.analysis.flows import Half
from workers.analysis.framing import FramedParser, ServiceParser
from workers.analysis.service_groups import Request
from workers.analysis.services import Exchange, ServiceStage
from workers.analysis.sql import LOOK, verb, verb_at
from workers.packets import words
from workers.packets.packet import Packet

PORT = b"\x15\x38"
_SSL, _GSS, _CANCEL = 80_877_103, 80_877_104, 80_877_102
_VERSION_3 = 3
_MAX_STARTUP = 10_000
_MAX_SIZE = 0x3FFF_FFFF
_ASKS, _TELLS, _EXTENDED, _ASIDE = 1, 2, 4, 8
"""The frontend's messages, the backend's; those of extended queries; those of the backend that answer nothing."""
_TABLE = bytes(
    sum(
        flag
        for flag, types in (
            (_ASKS, b"QPBDECSHFdcfpX"), (_TELLS, b"RSKZTDCENnstIVvAGHWdc123"), (_EXTENDED, b"PBDECSH"), (_ASIDE, b"SNA")
        )
        if kind in types
    )
    for kind in range(256)
)  # fmt: skip
_KINDS = _TABLE
_ROW, _ERROR, _COMPLETE, _READY = 68, 69, 67, 90
"""DataRow, ErrorResponse, CommandComplete, ReadyForQuery."""
_LOOK, _TAG = LOOK, 24
"""Bytes of a statement and of a CommandComplete that are looked at."""
EXECUTE = verb(b"EXECUTE")
"""The one that `verb` gives: told apart by identity."""
_CHAIN = 8


class PostgresqlExchange(Exchange):
    """One connection."""

    __slots__ = ("encrypts", "negotiating", "started", "unit")
    protocol: ClassVar[str] = "postgresql"

    def __init__(self, stage: ServiceStage, asker: Half) -> None:
        super().__init__(stage, asker)
        self.negotiating = False
        """The server's next byte alone says whether encryption follows."""
        self.encrypts = False
        """TLS may begin."""
        self.started = False
        """The capture does not begin with the startup."""
        self.unit: Request | None = None
        """Extended queries since the last Sync."""

    def parser(self, half: Half) -> ServiceParser:
        """The parser of one direction."""
        return PostgresqlRequests(self, typed=self.started) if half is self.asker else PostgresqlReplies(self)


def recognise(stage: ServiceStage, half: Half, buffer: bytes, at: int, end: int) -> ServiceParser | None:
    """A parser for a direction whose next bytes are these: a startup, or typed messages on the port of PostgreSQL."""
    if _startup(buffer, at, end):
        return PostgresqlRequests(PostgresqlExchange(stage, half))
    to_server = half.key[-2:] == PORT
    if not to_server and half.key[-4:-2] != PORT:
        return None
    if not _chain(buffer, at, end, _ASKS if to_server else _TELLS):
        return None
    exchange = PostgresqlExchange(stage, half if to_server else half.peer)
    exchange.started = True
    return exchange.parser(half)


def _startup(buffer: bytes, at: int, end: int) -> bool:
    """Whether this is an SSLRequest, GSSENCRequest or CancelRequest, or a startup that names its first parameter."""
    if end - at < 8:
        return False
    size, code = _four(buffer, at), _four(buffer, at + 4)
    if code in (_SSL, _GSS):
        return size == 8
    if code == _CANCEL:
        return 12 < size == end - at
    return code >> 16 == _VERSION_3 and 9 < size <= _MAX_STARTUP and end - at > 8 and 97 <= buffer[at + 8] <= 122


def _four(buffer: bytes, at: int) -> int:
    return words.big(buffer, at)


def _chain(buffer: bytes, at: int, end: int, kinds: int) -> bool:
    """Whether these bytes are typed messages, one behind another, as far as they are looked at."""
    for _ in range(_CHAIN):
        if at >= end:
            return True
        if not _KINDS[buffer[at]] & kinds or end - at < 5:
            return False
        size = _four(buffer, at + 1)
        if not 4 <= size <= _MAX_SIZE:
            return False
        at += 1 + size
    return True


def _whole(buffer: bytes, at: int, end: int, kinds: int) -> int:
    """The size of the message that begins here, if it is of these kinds and here as a whole; else 0."""
    if end - at < 5 or not _KINDS[buffer[at]] & kinds:
        return 0
    size = 1 + _four(buffer, at + 1)
    return size if 5 <= size <= end - at else 0


def _behind_rows(buffer: bytes, at: int, end: int) -> int:
    """The offset behind all DataRows that are here as a whole, one behind another."""
    while end - at >= 5 and buffer[at] == _ROW:
        size = 1 + _four(buffer, at + 1)
        if not 5 <= size <= end - at:
            break
        at += size
    return at


def _behind_name(buffer: bytes, at: int, end: int) -> int:
    """The offset behind the name that begins here, as far as it is seen."""
    place = at
    while place < end:
        place += 1
        if buffer[place - 1] == 0:
            break
    return place


class PostgresqlRequests(FramedParser):
    """The frontend's messages."""

    __slots__ = ("_asked", "_both", "_typed")

    def __init__(self, exchange: PostgresqlExchange, *, typed: bool = False) -> None:
        super().__init__(exchange, 5 if typed else 8)
        self._both = exchange
        self._typed = typed
        """Not before the startup, whose message has no type."""
        self._asked: Request | None = None

    def between(self) -> bool:
        """Whether TLS may begin here."""
        exchange = self._both
        return not self._typed and (exchange.encrypts or exchange.negotiating)

    def starts(self, buffer: bytes, at: int, end: int) -> bool:
        """Typed messages, behind a gap."""
        self._typed, self.head = True, 5
        return _chain(buffer, at, end, _ASKS)

    def size(self, buffer: bytes, at: int, end: int) -> int:
        """A type byte is not part of the length."""
        if self._typed:
            size = _four(buffer, at + 1)
            return size + 1 if _KINDS[buffer[at]] & _ASKS and 4 <= size <= _MAX_SIZE else -1
        size, code = _four(buffer, at), _four(buffer, at + 4)
        known = code in (_SSL, _GSS, _CANCEL) or code >> 16 == _VERSION_3
        return size if known and 8 <= size <= _MAX_STARTUP else -1

    def wanted(self, buffer: bytes, at: int) -> int:
        """Statements are looked into."""
        return 5 + _LOOK if self._typed and buffer[at] in (80, 81) else self.head

    def message(self, buffer: bytes, at: int, end: int, packet: Packet) -> bool:
        """Act on one message."""
        if not self._typed:
            self._start(_four(buffer, at + 4), packet)
            return True
        self._ask(buffer[at], buffer, at + 5, end, packet)
        return True

    def whole(self, buffer: bytes, at: int, end: int, packet: Packet) -> int:
        """Typed messages."""
        while self._typed and (size := _whole(buffer, at, end, _ASKS)) > 0:
            last = at + min(5 + _LOOK, size)
            if buffer[at] == 81:
                self._both.ask(verb_at(buffer, at + 5, last), packet)
            else:
                self._ask(buffer[at], buffer, at + 5, last, packet)
                self.done(packet)
            at += size
        return at

    def _ask(self, kind: int, buffer: bytes, at: int, end: int, packet: Packet) -> None:
        """A typed message, whose body begins at `at`."""
        if kind == 81:
            self._asked = self._both.ask(verb_at(buffer, at, end), packet)
        elif _KINDS[kind] & _EXTENDED:
            self._extended(kind, buffer, at, end, packet)
        elif kind == 70:
            self._asked = self._both.ask("FUNCTION", packet)

    def _start(self, code: int, packet: Packet) -> None:
        exchange = self._both
        if code == _CANCEL:
            exchange.tell("cancel", packet)
        elif code in (_SSL, _GSS):
            self._asked = exchange.ask("ssl-request" if code == _SSL else "gss-request", packet)
            exchange.negotiating = True
        else:
            self._asked = exchange.ask("startup", packet)
            self._typed, self.head = True, 5

    def _extended(self, kind: int, buffer: bytes, at: int, end: int, packet: Packet) -> None:
        exchange = self._both
        unit = exchange.unit
        if unit is None:
            unit = exchange.unit = exchange.ask(EXECUTE, packet)
            unit.due = False
        if kind == 80:
            unit.operation = verb_at(buffer, _behind_name(buffer, at, end), end)
        elif kind in (72, 83):
            unit.due = True
        self._asked = unit
        if kind == 83:
            exchange.unit = None

    def done(self, packet: Packet) -> None:
        """The message is over; a request's latency begins with its last message before the response."""
        if self._asked is not None and self._asked.took < 0:
            self._asked.end = packet.time
        self._asked = None


class PostgresqlReplies(FramedParser):
    """The backend's messages."""

    __slots__ = ("_both",)
    REPLIES: ClassVar[bool] = True

    def __init__(self, exchange: PostgresqlExchange) -> None:
        super().__init__(exchange, 1)
        self._both = exchange

    def between(self) -> bool:
        """Whether TLS may begin here."""
        exchange = self._both
        return exchange.encrypts or exchange.negotiating

    def starts(self, buffer: bytes, at: int, end: int) -> bool:
        """Typed messages, behind a gap."""
        return _chain(buffer, at, end, _TELLS)

    def size(self, buffer: bytes, at: int, end: int) -> int:
        """A type byte is not part of the length; the answer to SSLRequest is one alone."""
        exchange = self._both
        if exchange.negotiating and buffer[at] in (71, 78, 83):
            return 1
        if end - at < 5:  # an old server answers SSLRequest with an ErrorResponse
            return 0
        size = _four(buffer, at + 1)
        return size + 1 if _KINDS[buffer[at]] & _TELLS and 4 <= size <= _MAX_SIZE else -1

    def wanted(self, buffer: bytes, at: int) -> int:
        """Errors and tags are looked into."""
        kind = buffer[at]
        if kind == _ERROR:
            return 128
        return _TAG if kind == _COMPLETE else 5

    def message(self, buffer: bytes, at: int, end: int, packet: Packet) -> bool:
        """Act on one message."""
        exchange, kind = self._both, buffer[at]
        if not exchange.negotiating:
            self._tell(kind, exchange.oldest(packet.number), buffer, at + 5, end, packet)
            return True
        request = exchange.oldest(packet.number)
        if request is not None and kind == _ERROR:
            request.error = _sqlstate(buffer[at + 5 : end])
        self._negotiated(kind, request, packet)
        return True

    def whole(self, buffer: bytes, at: int, end: int, packet: Packet) -> int:
        """Messages but errors. Once a response began, only its end says more, and its tag may."""
        request, known = None, False
        while not self._both.negotiating and (size := _whole(buffer, at, end, _TELLS)) > 0:
            kind = buffer[at]
            if kind == _ERROR:
                break
            if not known:
                request, known = self._both.oldest(packet.number), True
            if request is None or (kind == _COMPLETE and request.operation == EXECUTE):
                self._tell(kind, request, buffer, at + 5, at + min(_TAG, size), packet)
                known = kind != _READY
            elif not _KINDS[kind] & _ASIDE:
                if request.took < 0:
                    self._both.begin(request, self.begun, packet.number)
                if kind == _READY:
                    self._end(request)
                    known = False
            at += size
            if kind == _ROW:
                at = _behind_rows(buffer, at, end)
        return at

    def _tell(self, kind: int, request: Request | None, buffer: bytes, at: int, end: int, packet: Packet) -> None:
        """A message about the oldest request; its body begins at `at`."""
        exchange = self._both
        if _KINDS[kind] & _ASIDE:
            return
        if request is None:
            if kind in (_ERROR, _READY):
                exchange.stray(packet.number, _sqlstate(buffer[at:end]) if kind == _ERROR else "")
            return
        exchange.begin(request, self.begun, packet.number)
        if kind == _ERROR:
            request.error = request.error or _sqlstate(buffer[at:end])
        elif kind == _COMPLETE and request.operation == EXECUTE:
            request.operation = verb_at(buffer, at, end)
        if kind == _READY or (kind == _ERROR and request.operation == "startup"):
            self._end(request)

    def _end(self, request: Request) -> None:
        """The response is whole."""
        if request is self._both.unit:
            self._both.complete(request)
        else:
            self._both.end(request)

    def _negotiated(self, kind: int, request: Request | None, packet: Packet) -> None:
        """One byte: S for TLS, G for GSSAPI encryption, N for neither; or an error from long before all this."""
        exchange = self._both
        exchange.negotiating = False
        exchange.encrypts = kind == ord("S")
        exchange.stopped = kind == ord("G")
        if request is not None:
            exchange.begin(request, self.begun, packet.number)
            exchange.complete(request)


def _sqlstate(fields: bytes) -> str:
    """The field C of an ErrorResponse: five digits or capitals; "other" when it is not in what was looked at."""
    for one in fields.split(b"\0"):
        if one[:1] == b"C":
            code = one[1:].decode("latin-1")
            return code if len(code) == 5 and code.isascii() and code.isalnum() and code == code.upper() else "other"
    return "other"
