# cython: annotation_typing=False
"""Message heads of HTTP/1.x: telling them from other bytes, and the few fields that are facts (RFC 9112)."""

from workers.packets.pattern import Pattern
from workers.packets.scan import find

MAX_PATH, MAX_HOST, MAX_IDENTITY = 200, 255, 400
_METHODS = (
    b"GET HEAD POST PUT DELETE CONNECT OPTIONS TRACE PATCH PROPFIND PROPPATCH MKCOL COPY MOVE LOCK UNLOCK REPORT"
    b" SEARCH NOTIFY SUBSCRIBE UNSUBSCRIBE PURGE CCM_POST RPC_CONNECT RPC_IN_DATA RPC_OUT_DATA BREW"
).split()  # fmt: skip
_LOOSE_LINE = Pattern(rb"(" + rb"|".join(_METHODS) + rb")(?= |\r?\n)([^\r\n]{0,32768})\r?\n")
"""A broken request line: a known method, whatever follows. Only where HTTP is expected by port."""
_KNOWN_START = Pattern(rb"(?:" + rb"|".join(_METHODS) + rb") [/*hH\w]")
_CUT_LINE = Pattern(rb"(" + rb"|".join(_METHODS) + rb") ([/*hH][^\r\n]{0,32768})\r?")
_FIELDS = frozenset({b"host", b"content-length", b"transfer-encoding", b"x-request-id", b"idempotency-key"})
_MAX_VALUE, _MAX_TARGET, _MAX_METHOD = 512, 32_768, 31
_LOOK = 2048


class Head:
    """A request (status 0) or a response, as on the wire."""

    __slots__ = ("chunked", "host", "identity", "length", "method", "path", "status")

    method: bytes
    path: bytes
    host: bytes
    status: int
    length: int
    """Of the body; -1 when it isn't told."""
    chunked: bool
    identity: bytes
    """What tells a request from every other: the id it carries with method and target; empty when it has none."""


def _head(method: bytes, path: bytes, status: int) -> Head:
    """A new one; not by a constructor, whose call costs more."""
    head = Head.__new__(Head)
    head.method, head.path, head.status = method, path, status
    head.host = head.identity = b""
    head.length, head.chunked = -1, False
    return head


def looks_like_start(buffer: bytes, at: int, end: int, *, loose: bool = False) -> bool:
    """Whether these bytes begin an HTTP/1 message, as far as they are here; `loose` lets broken request lines pass."""
    first = buffer[at]
    if not 65 <= first <= 90:
        return False
    if end - at < 9:
        return _short_start(buffer[at:end])
    if first == 72 and buffer[at : at + 7] == b"HTTP/1.":
        return True
    limit = min(end, at + _LOOK)
    newline = find(buffer, 10, at, limit)
    if newline < 0:
        return _KNOWN_START.match(buffer, at, limit) is not None
    if _method_end(buffer, at, newline) >= 0:
        return True
    return loose and _LOOSE_LINE.match(buffer, at, limit) is not None


def _method_end(buffer: bytes, at: int, newline: int) -> int:
    """Where the method ends of the request line up to this newline; -1 when it is none.

    "METHOD target HTTP/1.x" (RFC 9112 section 3), with blanks behind it; the target may hold blanks.
    """
    behind = _version_at(buffer, at, newline)
    if behind < 0:
        return -1
    place, limit = at + 1, min(behind, at + _MAX_METHOD)
    while place < limit:
        byte = buffer[place]
        if not (97 <= byte <= 122 or 65 <= byte <= 90 or byte in (45, 95)):
            break
        place += 1
    if not 65 <= buffer[at] <= 90 or place - at < 2 or buffer[place] != 32 or not 0 < behind - place - 1 <= _MAX_TARGET:
        return -1
    return place if find(buffer, 13, at, behind) < 0 else -1


def _version_at(buffer: bytes, at: int, newline: int) -> int:
    """Where " HTTP/1.x" stands at the end of this line; -1 when it doesn't."""
    end = newline
    if end > at and buffer[end - 1] == 13:
        end -= 1
    while end > at and buffer[end - 1] in (32, 9):
        end -= 1
    behind = end - 9
    if behind <= at or buffer[behind : end - 1] != b" HTTP/1." or not 48 <= buffer[end - 1] <= 57:
        return -1
    return behind


def _short_start(head: bytes) -> bool:
    """Too few bytes to tell: whether they can still become a status line or a common method."""
    return any(known.startswith(head[: len(known)]) for known in (b"HTTP/1.", *(m + b" " for m in _METHODS)))


def read_head(raw: bytes, *, loose: bool = False, cut: bool = False) -> Head | None:
    """The fields of a head; None when it is not HTTP/1. One that was `cut` may end inside its request line."""
    newline = find(raw, 10, 0, len(raw))
    if raw[:7] == b"HTTP/1.":
        status = _status(raw, len(raw) if newline < 0 else newline + 1)
        if status:
            head = _head(b"", b"", status)
            _fields(head, raw, newline)
            return head
    method_end = _method_end(raw, 0, newline) if newline > 0 else -1
    if method_end >= 0:
        method, target = raw[:method_end], raw[method_end + 1 : _version_at(raw, 0, newline)].strip()
    else:
        found = (_LOOSE_LINE.match(raw) if loose else None) or (_CUT_LINE.fullmatch(raw) if cut else None)
        if found is None:
            return None
        method, target = found[1], found[2].strip()
    head = _head(method, _path(target), 0)
    known_as = _fields(head, raw, newline)
    if known_as:
        head.identity = b" ".join((known_as, method, target))[:MAX_IDENTITY]
    return head


def _status(raw: bytes, end: int) -> int:
    """The status that the status line up to `end` tells (RFC 9112 section 4); 0 when it tells none."""
    at = 8
    while at < end and raw[at] == 32:
        at += 1
    digits = raw[at : at + 3]
    if at == 8 or at + 3 > end or not 48 <= raw[7] <= 57 or not digits.isdigit() or digits[0] == 48:
        return 0
    return int(digits) if at + 3 == len(raw) or raw[at + 3] in (32, 13, 10) else 0


def _path(target: bytes) -> bytes:
    """The target without what follows a blank, its query and its fragment."""
    end = len(target)
    for mark in (32, 63, 35):
        place = find(target, mark, 0, end)
        end = end if place < 0 else place
    return target[:end]


def _fields(head: Head, raw: bytes, newline: int) -> bytes:
    """Read length, whether chunked and host into the head; the id that a client gives all tries of one request."""
    known_as, end = b"", len(raw)
    while 0 <= newline < end - 1:
        at = newline + 1
        newline = find(raw, 10, at, end)
        first = raw[at] | 32
        if first not in (104, 99, 116, 120, 105):  # h, c, t, x, i
            continue
        line_end = end if newline < 0 else newline
        colon = find(raw, 58, at, line_end)
        if colon < 0:
            continue
        name = raw[at:colon].rstrip(b" \t").lower()
        if name not in _FIELDS:
            continue
        value = _value(raw[colon + 1 : line_end])
        if first == 99:
            if value.isdigit() and len(value.lstrip(b"0")) <= 18:
                head.length = int(value)
        elif first == 116:
            head.chunked = head.chunked or value.lower().endswith(b"chunked")
        elif first == 104:
            head.host = head.host or value
        else:
            known_as = known_as or value
    return known_as


def _value(rest: bytes) -> bytes:
    """A field's value: of its line what comes before a carriage return, without blanks around it."""
    value = rest.lstrip(b" \t")[:_MAX_VALUE]
    cut = find(value, 13, 0, len(value))
    return (value if cut < 0 else value[:cut]).strip()


_PRINTABLE = bytes(byte if 32 <= byte < 127 else ord("?") for byte in range(256))


def text(raw: bytes, limit: int) -> str:
    """Bytes of the wire as printable text of bounded length; what is not printable ASCII becomes a question mark."""
    piece = raw[:limit]
    if piece.isascii():
        read = piece.decode("ascii")
        if read.isprintable():
            return read
    return piece.translate(_PRINTABLE).decode("ascii")
