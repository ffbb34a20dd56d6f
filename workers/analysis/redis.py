# cython: annotation_typing=False
"""Redis and its kin: RESP2 and RESP3 (the Redis serialization protocol specification), in order, pipelined or not.

Told are command names and error prefixes; keys and values are skipped by their lengths. Pushes, and in RESP2 whatever
follows SUBSCRIBE or MONITOR, answer nothing. Commands that block (BLPOP, XREAD, WAIT) take long by their nature. After
PSYNC and SYNC the conversation is a replica's data and not read.
"""

from typing import ClassVar

from workers.analysis.flows import Half
from workers.analysis.framing import NO_END, NOT_MINE, ServiceParser
from workers.analysis.redis_commands import COMMANDS, SPECIAL, SUBSCRIPTIONS, WORDS, command, error
from workers.analysis.redis_lines import behind_line, behind_null, behind_string, missing, number_at
from workers.analysis.service_groups import Request
from workers.analysis.services import Exchange, ServiceStage
from workers.packets import words
from workers.packets.packet import Packet
from workers.packets.pattern import Pattern

PORT = b"\x18\xeb"
_LINE = 128
"""Bytes of a line that are kept; the rest of it is text that nobody needs."""
_WORD = 24
_NUMBER = Pattern(rb"-1|\d{1,10}")
_COMMAND = Pattern(rb"\*([1-9]\d{0,6})\r\n\$(\d{1,2})\r\n([A-Za-z_]{2,20})\r\n")
_INLINE = Pattern(rb"([A-Za-z]{2,20})(?: [ -~]{0,60})?\r?\n")
_REPLY = Pattern(
    rb"\+[ -~]{1,100}\r\n|-[A-Z]{2,20}[ \r]|:[+-]?\d{1,19}\r\n|[$=!](?:-1|\d{1,10})\r\n|_\r\n|#[tf]\r\n"
    rb"|,[ -~]{1,40}\r\n|[*~>%|](?:-1|0|[1-9]\d{0,9})\r\n"
)
_BULKS, _AGGREGATES = b"$=!", b"*~>%|"
_SIMPLE = b"+-:_#,("
_SUBSCRIBED = SUBSCRIPTIONS | {"MONITOR"}
_HEAD, _FORM = int.from_bytes(b"*0\r\n$0\r\n", "little"), 0xFFFFF0FFFFFFF0FF
"""How commands of fewer than ten words and letters begin, and all of its bits but those that count these."""


class RedisExchange(Exchange):
    """One connection."""

    __slots__ = ("pushes", "resp3")
    protocol: ClassVar[str] = "redis"

    def __init__(self, stage: ServiceStage, asker: Half) -> None:
        super().__init__(stage, asker)
        self.resp3 = False
        """Pushes have a type of their own."""
        self.pushes = False
        """A subscription, or MONITOR."""

    def parser(self, half: Half) -> ServiceParser:
        """The parser of one direction."""
        return RedisRequests(self) if half is self.asker else RedisReplies(self)


def recognise(stage: ServiceStage, half: Half, buffer: bytes, at: int, end: int) -> ServiceParser | None:
    """A parser for a direction whose next bytes are these, if they are RESP."""
    to_server = half.key[-2:] == PORT
    if to_server or half.key[-4:-2] == PORT:
        exchange = RedisExchange(stage, half if to_server else half.peer)
        parser = RedisRequests(exchange) if to_server else RedisReplies(exchange)
        return parser if parser.starts(buffer, at, end) else None
    found = _COMMAND.match(buffer, at, end)
    if found and found.group(3).decode().upper() in COMMANDS:
        return RedisRequests(RedisExchange(stage, half))
    return None


class _Resp(ServiceParser):
    """What both directions share: lines, and strings of known length."""

    __slots__ = ("_both", "_left", "_lost", "_want", "_word", "begun")
    REPLIES: ClassVar[bool] = False
    FIRST: ClassVar[bytes] = bytes([*b"*$\r", *range(65, 91), *range(97, 123)])
    """Bytes that a line may begin with."""

    def __init__(self, exchange: RedisExchange) -> None:
        super().__init__(exchange)
        self._both = exchange
        self.begun = 0
        self._left = 0
        """Bytes of a string that are still to come, with its line end."""
        self._word: bytearray | None = None
        """The beginning of a string that is needed."""
        self._want = 0
        """Elements of the message that are still to come."""
        self._lost = False

    def starts(self, buffer: bytes, at: int, end: int) -> bool:
        """Whether these bytes surely begin a message."""
        raise NotImplementedError

    def _whole(self, buffer: bytes, at: int, end: int, packet: Packet) -> int:
        """Take what is here as a whole, as most is, without a copy of it; the offset after it."""
        raise NotImplementedError

    def _line(self, line: bytes, packet: Packet) -> bool:
        """Act on one line; False when it does not add up."""
        raise NotImplementedError

    def _string(self, word: bytes | None, packet: Packet) -> None:
        """A string is over."""
        raise NotImplementedError

    def data(self, buffer: bytes, at: int, end: int, packet: Packet) -> int:
        """The next bytes."""
        if self._lost or self._left or self._held or self._both.stopped:
            return self._pieces(buffer, at, end, packet)
        at = self._whole(buffer, at, end, packet)
        done = at == end and not self._left and not self._both.stopped
        return 0 if done else self._pieces(buffer, at, end, packet)

    def _pieces(self, buffer: bytes, at: int, end: int, packet: Packet) -> int:
        """Bytes that do not begin with what is whole. The rest of a string is not needed."""
        if self._lost:
            if not self.starts(buffer, at, end):
                return 0
            self._lost = False
        while at < end and not self._both.stopped:
            if self._left:
                at = self._pass(buffer, at, end, packet)
            else:
                newline = buffer.find(b"\n", at, end)
                line = (self._held + buffer[at : min(end if newline < 0 else newline, at + _LINE)])[:_LINE]
                if not self._held and not self._want:
                    self.begun = packet.time
                if newline < 0:
                    too_long = len(line) == _LINE and line[0] in _AGGREGATES + _BULKS
                    if too_long or line[0] not in self.FIRST:
                        return self._stumble(packet)
                    return self._keep(line, packet)
                self.let_go()
                at = newline + 1
                if not self._line(line.rstrip(b"\r"), packet):
                    return self._stumble(packet)
            if not self._left and at < end:
                at = self._whole(buffer, at, end, packet)
        if self._both.stopped:
            return NO_END
        if self._word is not None:
            return 0
        rest, self._left = self._left, 0
        return rest

    def _pass(self, buffer: bytes, at: int, end: int, packet: Packet) -> int:
        """Bytes of a string; the offset after them."""
        taken = min(self._left, end - at)
        self._left -= taken
        if self._word is not None:
            self._word += buffer[at : at + min(taken, _WORD - len(self._word))]
        if self._left == 0:
            self._over(packet)
        return at + taken

    def _over(self, packet: Packet) -> None:
        word, self._word = self._word, None
        self._string(None if word is None else bytes(word), packet)

    def skipped(self, packet: Packet, whole: bool) -> None:
        """The rest of a string is over."""
        self._over(packet)

    def gap(self, size: int, packet: Packet) -> None:
        """Bytes that are not in the capture: go on at the next segment that begins with a message."""
        left = self._left - size
        if left >= 0 < self._left:
            self._left = left
            if left == 0:
                self._over(packet)
            return
        self._lose(packet)

    def _stumble(self, packet: Packet) -> int:
        if not self._both.paired:
            return NOT_MINE
        self._lose(packet)
        return 0

    def _lose(self, packet: Packet) -> None:
        self.let_go()
        self._left, self._want, self._word, self._lost = 0, 0, None, True
        self._both.gap(packet.number, replies=self.REPLIES)


class RedisRequests(_Resp):
    """Commands: arrays of strings, or inline."""

    __slots__ = ("_asked", "_first")

    def __init__(self, exchange: RedisExchange) -> None:
        super().__init__(exchange)
        self._first = False
        """The next string is the command's name."""
        self._asked: Request | None = None

    def _whole(self, buffer: bytes, at: int, end: int, packet: Packet) -> int:
        """Take a command whose name is here, and strings; the offset after them."""
        while at < end and not self._both.stopped:
            want = self._want
            if want == 0:
                head = words.eight(buffer, at) if end - at >= 16 else 0
                want, size, name = head >> 8 & 15, head >> 40 & 15, at + 8
                if (head ^ _HEAD) & _FORM or want > 9 or size > 9:
                    count = number_at(buffer, at + 1, end) if buffer[at] == 42 else -1
                    name = at + 1 + (count & 15)
                    string = count > 0 and name < end and buffer[name] == 36
                    want, count = count >> 4, number_at(buffer, name + 1, end) if string else -1
                    size, name = count >> 4, name + 1 + (count & 15)
                behind = name + size
                if want < 1 or size < 1 or behind + 2 > end or buffer[behind] != 13 or buffer[behind + 1] != 10:
                    return at
                number = WORDS.find(buffer, name, behind)
                if number < 0:
                    return at
                at, want = behind + 2, want - 1
                while want and (place := behind_string(buffer, at, end)) > 0:
                    at, want = place, want - 1
                if want or WORDS.special[number] or self._both.pushes:
                    self._asked = self._ask(WORDS.names[number], packet, special=bool(WORDS.special[number]))
                    self._want, self._first = want, False
                else:
                    self._both.ask(WORDS.names[number], packet)
            elif self._first:
                return at
            else:
                while want and (place := behind_string(buffer, at, end)) > 0:
                    at, want = place, want - 1
                self._want = want
                if want == 0 and self._asked is not None:
                    self._asked.end = packet.time
            if want:
                self._left = missing(buffer, at, end)
                return end if self._left else at
        return at

    def starts(self, buffer: bytes, at: int, end: int) -> bool:
        """An array of strings, or an inline command that Redis has."""
        count = number_at(buffer, at + 1, end) if at + 1 < end and buffer[at] == 42 and buffer[at + 1] != 48 else -1
        name = at + 1 + (count & 15)
        if 0 < count >> 4 < 10_000_000 and name < end and buffer[name] == 36 and number_at(buffer, name + 1, end) >= 0:
            return True
        inline = _INLINE.match(buffer, at, end)
        return inline is not None and inline.group(1).decode().upper() in COMMANDS

    def _line(self, line: bytes, packet: Packet) -> bool:
        if self._want == 0:
            return self._begin(line, packet)
        if line[:1] != b"$" or not _NUMBER.fullmatch(line, 1) or line == b"$-1":
            return False
        self._left = int(line[1:]) + 2
        if self._first:
            self._word = bytearray()
        return True

    def _begin(self, line: bytes, packet: Packet) -> bool:
        if line[:1] == b"*":
            if not _NUMBER.fullmatch(line, 1):
                return False
            self._want = max(0, int(line[1:]))
            self._first = True
            return True
        name = line.split(b" ", 1)[0]
        if name and name.decode("latin-1").upper() not in COMMANDS:
            return False
        if name:
            found = command(name)
            self._ask(found, packet, special=found in SPECIAL)
        return True

    def _ask(self, name: str, packet: Packet, *, special: bool) -> Request | None:
        """A command began; what is answered of it."""
        if not special and not self._both.pushes:
            return self._both.ask(name, packet)
        if special and name in ("SYNC", "PSYNC", "SHUTDOWN"):
            self._both.tell(name, packet)
            self._both.stopped = name != "SHUTDOWN"
            return None
        if self._both.pushes and not self._both.resp3:
            self._both.tell(name, packet)
            return None
        self._both.pushes = self._both.pushes or special
        return self._both.ask(name, packet)

    def _string(self, word: bytes | None, packet: Packet) -> None:
        self._want -= 1
        if self._first:
            self._first = False
            name = command((word or b"").strip())
            self._asked = self._ask(name, packet, special=name in SPECIAL)
        if self._want == 0 and self._asked is not None:
            self._asked.end = packet.time
            self._asked = None


class RedisReplies(_Resp):
    """Replies, of any depth: only how many elements are still to come is remembered."""

    __slots__ = ("_error", "_push", "_request")
    REPLIES: ClassVar[bool] = True
    FIRST: ClassVar[bytes] = _SIMPLE + _BULKS + _AGGREGATES

    def __init__(self, exchange: RedisExchange) -> None:
        super().__init__(exchange)
        self._error = ""
        self._push = False
        self._request: Request | None = None

    def starts(self, buffer: bytes, at: int, end: int) -> bool:
        """A reply's first line."""
        return _REPLY.match(buffer, at, end) is not None

    def _line(self, line: bytes, packet: Packet) -> bool:
        kind = line[0] if line else 0
        if kind not in self.FIRST:
            return False
        if kind in _BULKS + _AGGREGATES and not _NUMBER.fullmatch(line, 1):
            return False
        if self._want == 0:
            self._begin(kind, packet)
        if kind in _SIMPLE:
            if kind == 45:
                self._error = self._error or error(line[1:])
            self._element(packet)
            return True
        number = int(line[1:])
        if kind in _BULKS and number >= 0:
            self._left = number + 2
            self._word = bytearray() if kind == 33 else None
            return True
        if kind in _AGGREGATES and number > 0:
            self._want += number * (2 if kind in b"%|" else 1)
        if kind != 124:  # attributes come before the element they belong to
            self._element(packet)
        return True

    def _whole(self, buffer: bytes, at: int, end: int, packet: Packet) -> int:
        """Take whole strings, numbers, words and beginnings of arrays; the offset after them."""
        while at < end and not self._both.stopped:
            kind, elements, place = buffer[at], 0, -1
            if self._want == 0:
                self.begun = packet.time
            if kind == 36:
                place = behind_string(buffer, at, end)
                if place < 0:
                    place = behind_null(buffer, at, end)
            elif kind in (35, 40, 43, 44, 58, 95):
                place = behind_line(buffer, at, end)
            elif kind == 42:
                elements = number_at(buffer, at + 1, end)
                place = at + 1 + (elements & 15) if elements >= 0 else behind_null(buffer, at, end)
                elements = max(0, elements >> 4)
            if place < 0:
                left = missing(buffer, at, end)
                if left and self._want == 0:
                    self._begin(kind, packet)
                self._left = left
                return end if left else at
            if self._want == 0 and elements == 0 and not self._both.pushes:
                self._both.reply(packet)
            else:
                if self._want == 0:
                    self._begin(kind, packet)
                self._want += elements
                if self._want > 1:
                    self._want -= 1
                else:
                    self._element(packet)
            at = place
        return at

    def _begin(self, kind: int, packet: Packet) -> None:
        """The first line of a reply, or of a push."""
        exchange = self._both
        self._want, self._error = 1, ""
        if kind in (37, 62, 126):
            exchange.resp3 = True
        request = exchange.oldest(packet.number)
        push = kind == 62 or (exchange.pushes and not exchange.resp3)
        self._push = push and (request is None or request.operation not in _SUBSCRIBED)
        self._request = None if self._push else request
        if self._request is not None:
            exchange.begin(self._request, self.begun, packet.number)

    def _string(self, word: bytes | None, packet: Packet) -> None:
        if word is not None:
            self._error = self._error or error(word.strip())
        self._element(packet)

    def _element(self, packet: Packet) -> None:
        """One element is over, and with the last one the reply."""
        self._want -= 1
        if self._want or self._push:
            return
        request, self._request = self._request, None
        if request is None:
            self._both.stray(packet.number, self._error)
        else:
            request.error = self._error
            self._both.end(request)
