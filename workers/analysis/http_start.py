# cython: annotation_typing=False
"""How messages of HTTP/1.x begin (RFC 9112), telling them from other bytes, and where their heads end."""

from workers.analysis.http_message import LOOK, LOOSE_LINE, METHODS, Head, behind_method, is_version
from workers.packets.pattern import Pattern
from workers.packets.scan import find

_KNOWN_START = Pattern(rb"(?:" + rb"|".join(METHODS) + rb") [/*hH\w]")
_STARTS = (b"HTTP/1.", *(method + b" " for method in METHODS))
_LOOK = LOOK
_scratch = Head()


def looks_like_start(buffer: bytes, at: int, end: int, *, loose: bool = False) -> bool:
    """Whether these bytes begin an HTTP/1 message, as far as they are here; `loose` lets broken request lines pass."""
    if not 65 <= buffer[at] <= 90:
        return False
    if end - at < 9:
        return _short_start(buffer, at, end)
    if is_version(buffer, at):
        return True
    limit = min(end, at + _LOOK)
    method_end = behind_method(buffer, at, limit)
    behind = buffer[method_end] if method_end < limit else 0
    if behind != 32 and not (loose and behind in (10, 13)):
        return False
    if _scratch.request_line(buffer, at, limit) >= 0:
        return True
    if find(buffer, 10, method_end, limit) < 0:
        return _KNOWN_START.match(buffer, at, limit) is not None
    return loose and LOOSE_LINE.match(buffer, at, limit) is not None


def _short_start(buffer: bytes, at: int, end: int) -> bool:
    """Too few bytes to tell: whether they can still become a status line or a common method."""
    for known in _STARTS:
        place, last = 0, min(len(known), end - at)
        while place < last and buffer[at + place] == known[place]:
            place += 1
        if place == last:
            return True
    return False


def head_end(buffer: bytes, at: int, end: int) -> int:
    """The place behind the first empty line; -1 when there is none. Lines may end without a carriage return."""
    while True:
        newline = find(buffer, 10, at, end)
        at = newline + 1
        if newline < 0 or at >= end:
            return -1
        if buffer[at] == 10:
            return at + 1
        if buffer[at] == 13 and at + 1 < end and buffer[at + 1] == 10:
            return at + 2
