# cython: annotation_typing=False
"""MySQL's and MariaDB's client/server protocol (MySQL documentation, "Client/Server Protocol").

A command is a client's packet number 0; its response begins with the server's packet number 1. Told are the verbs of
COM_QUERY, the names of other commands, and error numbers; rows are skipped by their lengths. A latency ends with the
first packet of the response, an error behind rows still counts. TLS may begin behind an SSLRequest; what is compressed
is not read.
"""

from struct import Struct
from typing import ClassVar

from workers.analysis.flows import Half
from workers.analysis.framing import FramedParser, ServiceParser
from workers.analysis.service_groups import Request
from workers.analysis.services import Exchange, ServiceStage
from workers.analysis.sql import LOOK, verb
from workers.packets.packet import Packet
from workers.packets.pattern import Pattern

PORT = b"\x0c\xea"
_FLAGS = Struct("<I").unpack_from
_ERRNO = Struct("<H").unpack_from
_GREETING = Pattern(rb"(?s)..\0\0\x0a\d[!-~]{2,60}\0")
_SSL, _PROTOCOL_41 = 0x800, 0x200
_COMPRESS = 0x20 | 1 << 26
_SSL_REQUEST = 36
_WHOLE = 0xFF_FFFF
"""A packet of this length goes on in the next one."""
_OK, _LOCAL_FILE, _ERR = 0, 0xFB, 0xFF
_COMMANDS = dict(
    enumerate(
        "SLEEP QUIT INIT_DB QUERY FIELD_LIST CREATE_DB DROP_DB REFRESH SHUTDOWN STATISTICS PROCESS_INFO CONNECT"
        " PROCESS_KILL DEBUG PING TIME DELAYED_INSERT CHANGE_USER BINLOG_DUMP TABLE_DUMP CONNECT_OUT REGISTER_SLAVE"
        " STMT_PREPARE STMT_EXECUTE STMT_SEND_LONG_DATA STMT_CLOSE STMT_RESET SET_OPTION STMT_FETCH DAEMON"
        " BINLOG_DUMP_GTID RESET_CONNECTION CLONE".split()
    )
)
_COMMANDS |= {0xFA: "STMT_BULK_EXECUTE"}
_QUERY = 3
_UNANSWERED = frozenset({1, 0x18, 0x19})
"""COM_QUIT, COM_STMT_SEND_LONG_DATA, COM_STMT_CLOSE."""
_CHAIN = 8


class MysqlExchange(Exchange):
    """One connection."""

    __slots__ = ("compressed", "encrypts", "login", "turned", "uploads")
    protocol: ClassVar[str] = "mysql"

    def __init__(self, stage: ServiceStage, asker: Half) -> None:
        super().__init__(stage, asker)
        self.login: Request | None = None
        """Under way from the handshake response to OK or an error."""
        self.encrypts = False
        """TLS begins."""
        self.compressed = False
        """Agreed on, for what follows the login."""
        self.turned = False
        """The client sent a packet within a command: the server's numbers go on behind it."""
        self.uploads = False
        """The client sends a file (LOAD DATA LOCAL), whose packets are no commands."""

    def parser(self, half: Half) -> ServiceParser:
        """The parser of one direction."""
        return MysqlRequests(self) if half is self.asker else MysqlReplies(self)

    def settle(self) -> None:
        """The next command comes: what was answered before is complete."""
        while (request := self.first) is not None and request.took >= 0:
            self.complete(request)


def recognise(stage: ServiceStage, half: Half, buffer: bytes, at: int, end: int) -> ServiceParser | None:
    """A parser for a direction whose next bytes are these: a greeting, or on MySQL's port a command or response."""
    if _GREETING.match(buffer, at, end):
        return MysqlReplies(MysqlExchange(stage, half.peer), fresh=True)
    if half.key[-2:] == PORT and _command(buffer, at, end):
        return MysqlRequests(MysqlExchange(stage, half))
    if half.key[-4:-2] == PORT and (_refusal(buffer, at, end) or _chain(buffer, at, end)):
        return MysqlReplies(MysqlExchange(stage, half.peer), fresh=buffer[at + 3] == 0)
    return None


def _length(buffer: bytes, at: int) -> int:
    return buffer[at] | buffer[at + 1] << 8 | buffer[at + 2] << 16


def _command(buffer: bytes, at: int, end: int) -> bool:
    """Whether these bytes are one command: sent alone, as clients do."""
    if end - at < 5 or buffer[at + 3] or buffer[at + 4] not in _COMMANDS or buffer[at + 4] == 0:
        return False
    return _length(buffer, at) >= end - at - 4


def _refusal(buffer: bytes, at: int, end: int) -> bool:
    """Whether the server says no instead of a greeting."""
    return end - at > 7 and buffer[at + 3] == 0 and buffer[at + 4] == _ERR and _length(buffer, at) == end - at - 4


def _chain(buffer: bytes, at: int, end: int) -> bool:
    """Whether these bytes are packets of a response, numbered from 1."""
    for number in range(1, _CHAIN + 1):
        if at >= end:
            return True
        if end - at < 5 or buffer[at + 3] != number:
            return False
        at += 4 + _length(buffer, at)
    return True


class MysqlRequests(FramedParser):
    """The client's packets."""

    __slots__ = ("_asked", "_goes_on", "_long")
    exchange: MysqlExchange

    def __init__(self, exchange: MysqlExchange) -> None:
        super().__init__(exchange, 4)
        self._asked: Request | None = None
        self._goes_on = False
        """The packet before was of the greatest length."""
        self._long: Request | None = None

    def between(self) -> bool:
        """Whether TLS may begin here."""
        return self.exchange.encrypts

    def starts(self, buffer: bytes, at: int, end: int) -> bool:
        """A command, behind a gap."""
        return _command(buffer, at, end)

    def size(self, buffer: bytes, at: int, end: int) -> int:
        """The header is not part of the length; the byte behind it is the command."""
        length = _length(buffer, at)
        return 4 + length if length == 0 or end - at > 4 else 0

    def wanted(self, buffer: bytes, at: int) -> int:
        """Statements and the client's capabilities are looked into."""
        return 5 + LOOK if buffer[at + 3 : at + 5] == b"\0\3" else 12

    def message(self, buffer: bytes, at: int, end: int, packet: Packet) -> bool:
        """Act on one packet."""
        number, went_on, exchange = buffer[at + 3], self._goes_on, self.exchange
        self._goes_on = _length(buffer, at) == _WHOLE
        if went_on:
            self._asked = self._long
            return True
        if number == 1 and exchange.login is None and not exchange.waiting and not exchange.paired:
            self._login(buffer, at, end, packet)
        if number or exchange.uploads:
            exchange.turned = True
            return True
        command = buffer[at + 4] if end - at > 4 else 0
        name = _COMMANDS.get(command)
        if not command or name is None:
            return False
        self._command(command, name, buffer[at + 5 : end], packet)
        return True

    def _login(self, buffer: bytes, at: int, end: int, packet: Packet) -> None:
        """The handshake response, or the SSLRequest that is its beginning."""
        exchange = self.exchange
        flags = _FLAGS(buffer, at + 4)[0] if end - at >= 8 else 0
        if flags & _SSL and flags & _PROTOCOL_41 and _length(buffer, at) + 4 == _SSL_REQUEST:
            exchange.encrypts = True
            return
        exchange.compressed = bool(flags & _COMPRESS) and bool(flags & _PROTOCOL_41)
        exchange.login = self._asked = exchange.ask("login", packet)

    def _command(self, command: int, name: str, body: bytes, packet: Packet) -> None:
        exchange = self.exchange
        exchange.settle()
        exchange.login = None
        if command in _UNANSWERED:
            exchange.tell(f"COM_{name}", packet)
            return
        operation = f"COM_{name}"
        if command == _QUERY:
            # with CLIENT_QUERY_ATTRIBUTES: no attributes, one set of them
            operation = verb(body[2:] if body[:2] == b"\0\1" else body)
        self._asked = self._long = exchange.ask(operation, packet)

    def done(self, packet: Packet) -> None:
        """The packet is over."""
        if self._asked is not None:
            self._asked.end = packet.time
        self._asked = None


class MysqlReplies(FramedParser):
    """The server's packets."""

    __slots__ = ("_fresh", "_goes_on", "_next")
    REPLIES: ClassVar[bool] = True
    exchange: MysqlExchange

    def __init__(self, exchange: MysqlExchange, *, fresh: bool = False) -> None:
        super().__init__(exchange, 4)
        self._fresh = fresh
        """The greeting is still to come."""
        self._goes_on = False
        self._next = -1
        """The number of the packet behind the one before, -1 when that is not known."""

    def between(self) -> bool:
        """Whether TLS may begin here."""
        return self.exchange.encrypts

    def starts(self, buffer: bytes, at: int, end: int) -> bool:
        """A response, behind a gap."""
        self._goes_on, self._next = False, -1
        return _chain(buffer, at, end)

    def size(self, buffer: bytes, at: int, end: int) -> int:
        """The header is not part of the length."""
        return 4 + _length(buffer, at)

    def wanted(self, buffer: bytes, at: int) -> int:
        """Error numbers are looked into."""
        return 8

    def message(self, buffer: bytes, at: int, end: int, packet: Packet) -> bool:
        """Act on one packet."""
        exchange, number, went_on = self.exchange, buffer[at + 3], self._goes_on
        expected = -1 if exchange.turned else self._next
        self._goes_on = _length(buffer, at) == _WHOLE
        self._next, exchange.turned = (number + 1) & 0xFF, False
        body = buffer[at + 4 : end]
        if self._fresh:
            return self._greeting(body, packet)
        if expected >= 0 and number not in (expected, 1):
            return False
        if not went_on:
            self._response(number, body, packet)
        return True

    def _greeting(self, body: bytes, packet: Packet) -> bool:
        self._fresh = False
        if body[:1] == b"\xff":
            self.exchange.stray(packet.number, _errno(body))
        return True

    def _response(self, number: int, body: bytes, packet: Packet) -> None:
        exchange = self.exchange
        request, first = exchange.oldest(packet.number), body[0] if body else -1
        if request is not None and request.took >= 0 and number == 1 and exchange.waiting > 1:
            exchange.complete(request)
            request = exchange.oldest(packet.number)
        if request is None:
            if first == _ERR or number == 1:
                exchange.stray(packet.number, _errno(body) if first == _ERR else "")
            return
        exchange.begin(request, self.begun, packet.number)
        exchange.uploads = first == _LOCAL_FILE and number == 1
        if first == _ERR and len(body) > 2:
            request.error = request.error or _errno(body)
        if request is exchange.login and first in (_OK, _ERR):
            exchange.complete(request)
            exchange.login = None
            exchange.stopped = exchange.compressed and first == _OK


def _errno(body: bytes) -> str:
    """The number of an error packet."""
    return str(_ERRNO(body, 1)[0]) if len(body) > 2 else "other"
