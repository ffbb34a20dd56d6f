# cython: annotation_typing=False
"""Message heads of HTTP/1.x: telling them from other bytes, and the few fields that are facts (RFC 9112)."""

from workers.packets import words
from workers.packets.pattern import Pattern
from workers.packets.scan import find

MAX_PATH, MAX_HOST, MAX_IDENTITY = 200, 255, 400
METHODS = (
    b"GET HEAD POST PUT DELETE CONNECT OPTIONS TRACE PATCH PROPFIND PROPPATCH MKCOL COPY MOVE LOCK UNLOCK REPORT"
    b" SEARCH NOTIFY SUBSCRIBE UNSUBSCRIBE PURGE CCM_POST RPC_CONNECT RPC_IN_DATA RPC_OUT_DATA BREW"
).split()  # fmt: skip
LOOSE_LINE = Pattern(rb"(" + rb"|".join(METHODS) + rb")(?= |\r?\n)([^\r\n]{0,32768})\r?\n")
"""A broken request line: a known method, whatever follows. Only where HTTP is expected by port."""
_CUT_LINE = Pattern(rb"(" + rb"|".join(METHODS) + rb") ([/*hH][^\r\n]{0,32768})\r?")
_MAX_VALUE, _MAX_TARGET, _MAX_METHOD, _MAX_DIGITS, _HOST_LINE = 512, 32_768, 31, 18, 256
LOOK = _LOOK = 2048
_BLANKS, _BELOW_14, _TOPS = 0x2020202020202020, 0x0E0E0E0E0E0E0E0E, 0x8080808080808080
_LETTERS, _SEVEN, _FOUR = 0x4040404040404040, 0xFFFFFFFFFFFFFF, 0xFFFFFFFF
"""To look at eight bytes at once."""
_VERSION, _CONTENT, _LENGTH, _TRANSFER, _REQUEST, _IDEMPOTENCY, _GET, _POST, _HOST = (
    int.from_bytes(word, "little")
    for word in b"HTTP/1.,content-,t-length,transfer,x-reques,idempote,GET ,POST,host".split(b",")
)
"""What lines and the names of fields begin with."""


class Head:
    """A request (status 0) or a response: the few fields that are facts, and where they stand in the bytes.

    Read again and again, so that no message costs an object.
    """

    __slots__ = (
        "_at", "_end", "chunked", "host", "host_end", "known_as", "known_as_end", "length", "method", "method_end",
        "path", "path_end", "status", "target_end",
    )  # fmt: skip

    def __init__(self) -> None:
        self._clear()

    def _clear(self) -> None:
        self.status = 0
        self.length = -1
        """Of the body; -1 when it isn't told."""
        self.chunked = False
        self.method = self.method_end = self.path = self.path_end = self.target_end = 0
        """The path is the target's beginning, without query and fragment."""
        self.host = self.host_end = self.known_as = self.known_as_end = 0
        """`known_as`: the id that a client gives all tries of one request."""
        self._at = self._end = 0

    def read(self, data: bytes, at: int, end: int) -> int:
        """Read the head that begins at `at`; the place behind it, -1 when there is no whole one of the usual form."""
        return self._read(data, at, end, min(end, at + _LOOK))

    def _read(self, data: bytes, at: int, end: int, look: int) -> int:
        self._clear()
        line_end = self._status_line(data, at, end) if data[at] == 72 else -1
        if line_end < 0 and self.status == 0:
            line_end = self.request_line(data, at, look)
        return self._fields(data, line_end, end) if line_end >= 0 else -1

    def read_odd(self, raw: bytes, *, loose: bool, cut: bool) -> bool:
        """Read a head of which these are all bytes; whether it is one. One that was `cut` may end in its first line."""
        if self._read(raw, 0, len(raw), len(raw)) >= 0 or self.method_end or self.status:
            return True
        found = (LOOSE_LINE.match(raw) if loose else None) or (_CUT_LINE.fullmatch(raw) if cut else None)
        if found is None:
            return False
        target = found[2].strip()
        self.method_end = found.end(1)
        self.path = found.start(2) + found[2].find(target)
        self.target_end = self.path + len(target)
        self.path_end = _path_end(raw, self.path, self.target_end)
        newline = find(raw, 10, 0, len(raw))
        if newline >= 0:
            self._fields(raw, newline + 1, len(raw))
        return True

    def identity(self, data: bytes) -> bytes:
        """What tells a request that carries an id from every other: that, with method and target."""
        known_as, method = data[self.known_as : self.known_as_end], data[self.method : self.method_end]
        return b" ".join((known_as, method, data[self.path : self.target_end]))[:MAX_IDENTITY]

    def _status_line(self, data: bytes, at: int, end: int) -> int:
        """Read a status line (RFC 9112 section 4); the place of the blank before its reason phrase, which begins no
        field, or behind a line that has none; -1 when it is none or goes on.
        """
        place = at + 8
        if place + 4 > end or not is_version(data, at) or not 48 <= data[at + 7] <= 57 or data[place] != 32:
            return -1
        while place < end and data[place] == 32:
            place += 1
        if place + 3 > end:
            return -1
        first, second, third = data[place] - 48, data[place + 1] - 48, data[place + 2] - 48
        place += 3
        if not (0 < first < 10 and 0 <= second < 10 and 0 <= third < 10):
            return -1
        blank = place < end and data[place] == 32
        if place < end and not blank and data[place] != 13 and data[place] != 10:
            return -1
        self.status = first * 100 + second * 10 + third
        if blank:
            return place
        place = words.find(data, 10, place, end)
        return place + 1 if place >= 0 else -1

    def request_line(self, data: bytes, at: int, end: int) -> int:
        """Read "METHOD target HTTP/1.x" (RFC 9112 section 3); the place behind it, -1 when it is none or goes on.

        The target may hold blanks, and blanks may stand at the end.
        """
        method_end = behind_method(data, at, end)
        if method_end >= end or data[method_end] != 32 or not 2 <= method_end - at <= _MAX_METHOD:
            return -1
        path = method_end + 1
        path_end = _path_end(data, path, end)
        if (
            path_end + 11 <= end
            and 0 < path_end - path <= _MAX_TARGET
            and data[path] > 32
            and data[path_end - 1] > 32
            and _ends_line(data, path_end)
        ):  # what most are
            self.method, self.method_end, self.path = at, method_end, path
            self.path_end = self.target_end = path_end
            return path_end + 11
        while path < end and _blank(data[path]):
            path += 1
        if path > path_end:
            path_end = _path_end(data, path, end)
        stop = _line_stop(data, path_end, end)
        newline = stop
        if stop < end and data[stop] == 13:
            newline += 1
        if newline >= end or data[newline] != 10:
            return -1
        target_end = _version_at(data, method_end + 1, stop)
        if not 0 < target_end - method_end - 1 <= _MAX_TARGET:
            return -1
        path = min(path, target_end)
        while target_end > path and _blank(data[target_end - 1]):
            target_end -= 1
        self.method, self.method_end, self.path = at, method_end, path
        self.path_end, self.target_end = min(path_end, target_end), target_end
        return newline + 1

    def _fields(self, data: bytes, at: int, end: int) -> int:
        """Read the header fields from `at` on; the place behind the empty line, -1 when there is none."""
        line = at
        while at < end:
            newlines = words.which(data, 10, at, end)
            while newlines:
                newline = at + words.lowest(newlines)
                newlines &= newlines - 1
                if newline >= line + 8:
                    word = words.eight(data, line) | _BLANKS
                    if word & _FOUR == _HOST:
                        self._host(data, line, newline)
                    elif word == _CONTENT:
                        if newline > line + 14 and words.eight(data, line + 6) | _BLANKS == _LENGTH:
                            self._length(data, line, newline)
                    elif word in (_TRANSFER, _REQUEST, _IDEMPOTENCY):
                        self._field(data, line, newline, word)
                elif newline == line or (newline == line + 1 and data[line] == 13):
                    return newline + 1
                elif data[line] | 32 == 104:
                    self._host(data, line, newline)
                line = newline + 1
            at += 64
        if line < end:
            self._cut_field(data, line, end)
        return -1

    def _cut_field(self, data: bytes, at: int, end: int) -> None:
        """Read a field whose line does not end."""
        if self._value(data, at, end, b"content-length", 14):
            self._take_length(data)
        elif self._value(data, at, end, b"host", 4):
            if self.host == self.host_end:
                self.host, self.host_end = self._at, self._end
        else:
            self._field(data, at, end, words.eight(data, at) | _BLANKS if at + 8 <= end else 0)

    def _host(self, data: bytes, at: int, end: int) -> None:
        """The first Host that is not empty counts; its line feed, if it has one, stands at the end."""
        if self.host != self.host_end:
            return
        if (
            at + 8 <= end <= at + _HOST_LINE
            and data[at + 4] == 58
            and data[at + 5] == 32
            and data[at + 6] > 32
            and data[end - 2] > 32
            and data[end - 1] == 13
        ):  # what most are
            self.host, self.host_end = at + 6, end - 1
        elif self._value(data, at, end, b"host", 4):
            self.host, self.host_end = self._at, self._end

    def host_as_told(self, data: bytes) -> bytes:
        """The host up to a carriage return: only `_host` leaves some, in what is not printable therefore."""
        return data[self.host : self.host_end].split(b"\r", 1)[0].rstrip(b" \t\v\f")

    def _length(self, data: bytes, at: int, end: int) -> None:
        """The latest Content-Length that is a number counts; it ends with a line feed."""
        place = at + 16
        if place < end and data[at + 7] == 45 and data[at + 14] == 58 and data[at + 15] == 32:
            length = 0
            while 48 <= data[place] <= 57 and place < at + 34:
                length = length * 10 + data[place] - 48
                place += 1
            if data[place] == 13 and place + 1 == end and place > at + 16:  # what most are
                self.length = length
                return
        if self._value(data, at, end, b"content-length", 14):
            self._take_length(data)

    def _field(self, data: bytes, at: int, end: int, word: int) -> None:
        """Read one of the other fields, if it is one; the line feed behind it stands at the end."""
        if word == _TRANSFER:
            if self._value(data, at, end, b"transfer-encoding", 17):
                self.chunked = self.chunked or _is(data, max(self._end - 7, self._at), self._end, b"chunked", 7)
        elif word and self.known_as == self.known_as_end:
            size = 12 if word == _REQUEST else 15
            if self._value(data, at, end, b"x-request-id" if word == _REQUEST else b"idempotency-key", size):
                self.known_as, self.known_as_end = self._at, self._end

    def _value(self, data: bytes, at: int, end: int, name: bytes, size: int) -> bool:
        """Whether the line at `at` is the field of this name in small letters; then find its value.

        That is what comes before a carriage return, without blanks around it.
        """
        if not _is(data, at, end, name, size):
            return False
        at += size
        while at < end and (data[at] == 32 or data[at] == 9):
            at += 1
        if at >= end or data[at] != 58:
            return False
        at += 1
        while at < end and (data[at] == 32 or data[at] == 9):
            at += 1
        stop = words.find(data, 13, at, end)
        if stop < 0:
            stop = end
        if stop - at > _MAX_VALUE:
            stop = at + _MAX_VALUE
        while at < stop and _blank(data[at]):
            at += 1
        while at < stop and _blank(data[stop - 1]):
            stop -= 1
        self._at, self._end = at, stop
        return True

    def _take_length(self, data: bytes) -> None:
        """The number that stands in the value found last, if it is one."""
        at, end, length = self._at, self._end, 0
        if at == end:
            return
        while at < end - 1 and data[at] == 48:
            at += 1
        if end - at > _MAX_DIGITS:
            return
        while at < end:
            if not 48 <= data[at] <= 57:
                return
            length = length * 10 + data[at] - 48
            at += 1
        self.length = length


def is_version(data: bytes, at: int) -> bool:
    """Whether "HTTP/1." stands here; eight bytes are there."""
    return words.eight(data, at) & _SEVEN == _VERSION


def _ends_line(data: bytes, at: int) -> bool:
    """Whether a request line ends with these eleven bytes, as most do."""
    return (
        data[at] == 32
        and words.eight(data, at + 1) & _SEVEN == _VERSION
        and 48 <= data[at + 8] <= 57
        and data[at + 9] == 13
        and data[at + 10] == 10
    )


def behind_method(data: bytes, at: int, end: int) -> int:
    """Where the letters end that begin here, or are too many for a method."""
    if at + 5 <= end:
        word = words.four(data, at)
        if word == _GET:
            return at + 3
        if word == _POST and data[at + 4] == 32:
            return at + 4
    end = min(end, at + _MAX_METHOD + 1)
    if at < end and 65 <= data[at] <= 90:
        at += 1
        while at < end and (97 <= data[at] <= 122 or 65 <= data[at] <= 90 or data[at] == 45 or data[at] == 95):
            at += 1
    return at


def _path_end(data: bytes, at: int, end: int) -> int:
    """Where a blank, a query, a fragment or the line's end comes."""
    at = words.path(data, at, end)
    while at < end and not _ends_path(data[at]):  # another control character
        at = words.path(data, at + 1, end)
    return at


def _ends_path(byte: int) -> bool:
    return byte < 64 and (byte == 32 or byte == 63 or byte == 35 or byte == 13 or byte == 10)


def _line_stop(data: bytes, at: int, end: int) -> int:
    """Where the first carriage return or line feed stands, or the end."""
    while at + 8 <= end:
        word = words.eight(data, at)
        low = (word - _BELOW_14) & ~word & _TOPS  # of bytes below 14; what stands above the first may be wrong
        if low == 0:
            at += 8
            continue
        at += words.first(low)
        if data[at] == 13 or data[at] == 10:
            return at
        at += 1
    while at < end and data[at] != 13 and data[at] != 10:
        at += 1
    return min(at, end)


def _version_at(data: bytes, at: int, end: int) -> int:
    """Where " HTTP/1.x" stands at the end, blanks aside; -1 when it doesn't."""
    while end > at and (data[end - 1] == 32 or data[end - 1] == 9):
        end -= 1
    behind = end - 9
    if behind < at or data[behind] != 32 or not is_version(data, behind + 1) or not 48 <= data[end - 1] <= 57:
        return -1
    return behind


def _blank(byte: int) -> bool:
    """Whether it is one of those that `bytes.strip` takes, without the ends of lines."""
    return byte == 32 or byte == 9 or byte == 11 or byte == 12


def _is(data: bytes, at: int, end: int, name: bytes, size: int) -> bool:
    """Whether this name, told in small letters, stands here in any letters."""
    if at + size > end:
        return False
    if size < 8:
        return _alike(words.rest(data, at, at + size), words.rest(name, 0, size))
    place, last = 0, size - 8
    if not _alike(words.eight(data, at + last), words.eight(name, last)):  # names often begin like others
        return False
    while place < last:
        if not _alike(words.eight(data, at + place), words.eight(name, place)):
            return False
        place += 8
    return True


def _alike(word: int, wanted: int) -> bool:
    """Whether bytes are these small letters, or their capitals, and hyphens."""
    return (word ^ wanted) & ~((wanted & _LETTERS) >> 1) == 0


_PRINTABLE = bytes(byte if 32 <= byte < 127 else ord("?") for byte in range(256))


def text(raw: bytes, limit: int) -> str:
    """Bytes of the wire as printable text of bounded length; what is not printable ASCII becomes a question mark."""
    piece = raw[:limit]
    if piece.isascii():
        read = piece.decode("ascii")
        if read.isprintable():
            return read
    return piece.translate(_PRINTABLE).decode("ascii")


def printable(raw: bytes, limit: int) -> bytes:
    """The same, as bytes."""
    return raw[:limit].translate(_PRINTABLE)
