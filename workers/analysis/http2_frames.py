"""HTTP/2 frame headers (RFC 9113 section 4.1): telling them from other bytes, and the names of error codes."""

from struct import Struct

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS, PADDED, HAS_PRIORITY = 1, 1, 4, 8, 32
SIZE = 9
_HEADER = Struct("!BHBBI").unpack_from
_MAX_LENGTH = 16_384
"""Every peer accepts frames up to this size; larger ones must be asked for."""
_FLAGS = (0x09, 0x2D, 0, 0, 0x01, 0x0C, 0x01, 0, 0, 0x04)
"""Flags that mean something, by frame type; the others are sent as 0."""
_ON_STREAM = frozenset({DATA, HEADERS, PRIORITY, RST_STREAM, PUSH_PROMISE, CONTINUATION})
_FIXED = {PRIORITY: 5, RST_STREAM: 4, PING: 8, WINDOW_UPDATE: 4}
_ALONE = frozenset({SETTINGS, PING})
"""Frames with so many fixed bits that one that fills a segment is enough to tell the protocol."""
_ERRORS = (
    "NO_ERROR PROTOCOL_ERROR INTERNAL_ERROR FLOW_CONTROL_ERROR SETTINGS_TIMEOUT STREAM_CLOSED FRAME_SIZE_ERROR"
    " REFUSED_STREAM CANCEL COMPRESSION_ERROR CONNECT_ERROR ENHANCE_YOUR_CALM INADEQUATE_SECURITY HTTP_1_1_REQUIRED"
).split(" ")  # fmt: skip


def error_name(code: int) -> str:
    """The RFC's name (section 7), or the number in hex."""
    return _ERRORS[code] if code < len(_ERRORS) else f"0x{code:x}"


def header(buffer: bytes, at: int) -> tuple[int, int, int, int]:
    """Length, type, flags and stream of the frame header at `at`."""
    high, low, kind, flags, stream = _HEADER(buffer, at)
    return high << 16 | low, kind, flags, stream & 0x7FFFFFFF


def possible(length: int, kind: int, stream: int) -> bool:
    """Whether length and stream fit the frame type (RFC 9113 section 6); types of extensions may be anything."""
    if length != _FIXED.get(kind, length):
        return False
    if kind in _ON_STREAM:
        return stream != 0
    if kind == SETTINGS:
        return stream == 0 and length % 6 == 0
    if kind == GOAWAY:
        return stream == 0 and length >= 8
    return kind != PING or stream == 0


def plausible(length: int, kind: int, flags: int, stream: int) -> bool:
    """Whether this is a frame as RFC 9113 has it, without extensions."""
    if kind > CONTINUATION or length > _MAX_LENGTH or flags & ~_FLAGS[kind]:
        return False
    return possible(length, kind, stream) and not (kind == SETTINGS and flags and length)


def looks_like_preface(buffer: bytes, at: int, end: int) -> bool:
    """Whether these bytes begin a client's connection preface (RFC 9113 section 3.4), as far as they are here."""
    return end - at >= 8 and buffer.startswith(PREFACE[: end - at], at, end)


def looks_like_frames(buffer: bytes, at: int, end: int, *, known: bool) -> bool:
    """Whether these bytes are HTTP/2 frames; `known` when the connection is HTTP/2 for other reasons.

    Then one frame is enough, and the last may go on in the next segment. Else at least two that fill the segment.
    """
    seen = kind = 0
    while at + SIZE <= end:
        length, kind, flags, stream = header(buffer, at)
        if not plausible(length, kind, flags, stream):
            return False
        seen += 1
        at += SIZE + length
    if known:
        return seen > 0 and (at == end or kind in (DATA, HEADERS))
    return at == end and (seen > 1 or (seen == 1 and kind in _ALONE))
