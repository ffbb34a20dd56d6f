"""Message heads of HTTP/1.x: telling them from other bytes, and the few fields that are facts (RFC 9112)."""

import re
from dataclasses import dataclass

MAX_PATH, MAX_HOST, MAX_IDENTITY = 200, 255, 400
_METHODS = (
    b"GET HEAD POST PUT DELETE CONNECT OPTIONS TRACE PATCH PROPFIND PROPPATCH MKCOL COPY MOVE LOCK UNLOCK REPORT"
    b" SEARCH NOTIFY SUBSCRIBE UNSUBSCRIBE PURGE CCM_POST RPC_CONNECT RPC_IN_DATA RPC_OUT_DATA BREW"
).split()  # fmt: skip
_REQUEST_LINE = re.compile(rb"([A-Z][A-Za-z_-]{1,30}) ([^\r\n]{1,32768}) HTTP/1\.[0-9][ \t]*\r?\n")
_LOOSE_LINE = re.compile(rb"(" + rb"|".join(_METHODS) + rb")(?= |\r?\n)([^\r\n]{0,32768})\r?\n")
"""A broken request line: a known method, whatever follows. Only where HTTP is expected by port."""
_STATUS_LINE = re.compile(rb"HTTP/1\.[0-9] +([1-9][0-9]{2})(?:[ \r\n]|$)")
_KNOWN_START = re.compile(rb"(?:" + rb"|".join(_METHODS) + rb") [/*hH\w]")
_CUT_LINE = re.compile(rb"(" + rb"|".join(_METHODS) + rb") ([/*hH][^\r\n]{0,32768})\r?")
_FIELD = re.compile(
    rb"^(host|content-length|transfer-encoding|x-request-id|idempotency-key)[ \t]*:[ \t]*([^\r\n]{0,512})",
    re.IGNORECASE | re.MULTILINE,
)
_LOOK = 2048


@dataclass(frozen=True, slots=True)
class Head:
    """A request (status 0) or a response."""

    method: str = ""
    path: str = ""
    host: str = ""
    status: int = 0
    length: int | None = None
    chunked: bool = False
    identity: bytes = b""
    """What tells a request from every other: the id it carries with method and target; empty when it carries none."""


def looks_like_start(buffer: bytes, at: int, end: int, *, loose: bool = False) -> bool:
    """Whether these bytes begin an HTTP/1 message, as far as they are here; `loose` lets broken request lines pass."""
    first = buffer[at]
    if not 65 <= first <= 90:
        return False
    size = end - at
    if size < 9:
        return _short_start(buffer[at:end])
    if buffer.startswith(b"HTTP/1.", at, end):
        return True
    limit = min(end, at + _LOOK)
    if buffer.find(b"\n", at, limit) < 0:
        return _KNOWN_START.match(buffer, at, limit) is not None
    if loose and _LOOSE_LINE.match(buffer, at, limit) is not None:
        return True
    return _REQUEST_LINE.match(buffer, at, limit) is not None


def _short_start(head: bytes) -> bool:
    """Too few bytes to tell: whether they can still become a status line or a common method."""
    return any(known.startswith(head[: len(known)]) for known in (b"HTTP/1.", *(m + b" " for m in _METHODS)))


def read_head(raw: bytes, *, loose: bool = False, cut: bool = False) -> Head | None:
    """The fields of a head; None when it is not HTTP/1. One that was `cut` may end inside its request line."""
    status = _STATUS_LINE.match(raw)
    if status is not None:
        length, chunked, _, _ = _fields(raw)
        return Head(status=int(status[1]), length=length, chunked=chunked)
    request = _REQUEST_LINE.match(raw) or (_LOOSE_LINE.match(raw) if loose else None)
    if request is None and cut:
        request = _CUT_LINE.fullmatch(raw)
    if request is None:
        return None
    length, chunked, host, known_as = _fields(raw)
    path = request[2].strip().split(b" ", 1)[0].split(b"?", 1)[0].split(b"#", 1)[0]
    return Head(
        method=text(request[1], 32),
        path=text(path, MAX_PATH),
        host=text(host, MAX_HOST),
        length=length,
        chunked=chunked,
        identity=b" ".join((known_as, request[1], request[2]))[:MAX_IDENTITY] if known_as else b"",
    )


def _fields(raw: bytes) -> tuple[int | None, bool, bytes, bytes]:
    """Length, whether chunked, host, and the id that a client gives all tries of one request."""
    length, chunked, host, known_as = None, False, b"", b""
    for field, content in _FIELD.findall(raw):
        name, value = field.lower(), content.strip()
        if name == b"content-length" and value.isdigit() and len(value.lstrip(b"0")) <= 18:
            length = int(value.lstrip(b"0") or b"0")
        elif name == b"transfer-encoding":
            chunked = chunked or value.lower().endswith(b"chunked")
        elif name == b"host" and not host:
            host = value
        elif name in (b"x-request-id", b"idempotency-key"):
            known_as = known_as or value
    return length, chunked, host, known_as


_PRINTABLE = bytes(byte if 32 <= byte < 127 else ord("?") for byte in range(256))


def text(raw: bytes, limit: int) -> str:
    """Bytes of the wire as printable text of bounded length; what is not printable ASCII becomes a question mark."""
    return raw[:limit].translate(_PRINTABLE).decode("ascii")
