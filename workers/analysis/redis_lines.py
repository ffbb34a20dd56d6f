# cython: annotation_typing=False
"""RESP's lines and strings, by where they end: nothing is made of what is skipped."""

from workers.packets import words

_END = 0x0A0D
"""Of a line."""
_NEWLINES, _ONES, _TOPS = 0x0A0A0A0A0A0A0A0A, 0x0101010101010101, 0x8080808080808080


def number_at(buffer: bytes, at: int, end: int) -> int:
    """The number that stands here up to a line end, and in four bits below it its size with that; -1 for none."""
    value, first, last = 0, at, min(at + 10, end - 2)
    while at < last and 48 <= buffer[at] <= 57:
        value = 10 * value + buffer[at] - 48
        at += 1
    if at == first or at > end - 2 or buffer[at] != 13 or buffer[at + 1] != 10:
        return -1
    return value << 4 | (at + 2 - first)


def behind_line(buffer: bytes, at: int, end: int) -> int:
    """The offset behind the line that begins here; -1 when its end is not here."""
    while at < end:
        word = (words.eight(buffer, at) if end - at >= 8 else words.rest(buffer, at, end)) ^ _NEWLINES
        word = (word - _ONES) & ~word & _TOPS  # the first byte with its highest bit is the first newline
        if word:
            return at + words.first(word) + 1
        at += 8
    return -1


def behind_string(buffer: bytes, at: int, end: int) -> int:
    """The offset behind the string that begins here; -1 when it is none, or not all of it is here."""
    head = words.eight(buffer, at) if end - at >= 8 else words.rest(buffer, at, end)
    size, behind = (head >> 8 & 0xFF) - 48, at + 4  # most have one digit, or two
    if head >> 16 & 0xFFFF != _END:
        behind, size = at + 5, 10 * size + (head >> 16 & 0xFF) - 48
        if head >> 24 & 0xFFFF != _END or not 48 <= head >> 16 & 0xFF <= 57:
            number = number_at(buffer, at + 1, end)
            if number < 0:
                return -1
            size, behind = number >> 4, at + 1 + (number & 15)
    behind += size + 2
    if head & 0xFF != 36 or not 48 <= head >> 8 & 0xFF <= 57 or behind > end:
        return -1
    return behind if buffer[behind - 2] == 13 and buffer[behind - 1] == 10 else -1


def missing(buffer: bytes, at: int, end: int) -> int:
    """How many bytes of the string that begins here are still to come, with its line end; 0 when it is not so."""
    number = number_at(buffer, at + 1, end) if at < end and buffer[at] == 36 else -1
    left = at + 1 + (number & 15) + (number >> 4) + 2 - end
    return left if number >= 0 and left > 0 else 0


def behind_null(buffer: bytes, at: int, end: int) -> int:
    """The offset behind the null that begins here, in RESP2 a string or array of size -1; -1 for anything else."""
    null = at + 5 <= end and buffer[at + 1] == 45 and buffer[at + 2] == 49 and buffer[at + 3] == 13
    return at + 5 if null and buffer[at + 4] == 10 else -1
