"""Options of pcapng blocks, and the comments among them (IETF draft-ietf-opsawg-pcapng section 3.5)."""

import struct
from collections.abc import Iterator

COMMENT = 1
MAX_COMMENTS = 100
MAX_COMMENT = 1_000
"""Bytes kept of one comment."""


def options(order: str, buffer: bytes, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield code, offset and size of each option's value; ends at one that does not fit."""
    while at + 4 <= end:
        code, size = struct.unpack_from(order + "HH", buffer, at)
        at += 4
        if code == 0 or at + size > end:
            return
        yield code, at, size
        at += size + (-size % 4)


class Comments:
    """The first comments of a file; the others are counted."""

    def __init__(self) -> None:
        self.kept: list[tuple[int, str]] = []
        """(frame, text); frame 0 for a comment on a section, an interface or its statistics."""
        self.more = 0

    def read(self, order: str, buffer: bytes, at: int, end: int, frame: int = 0) -> None:
        """Keep the comments among the options between two offsets."""
        for code, value, size in options(order, buffer, at, end):
            if code != COMMENT or not size:
                continue
            if len(self.kept) < MAX_COMMENTS:
                text = buffer[value : value + min(size, MAX_COMMENT)].decode("utf-8", "replace")
                self.kept.append((frame, text.rstrip("\0")))
            else:
                self.more += 1
