"""Undo gzip as bytes arrive, in bounded pieces (RFC 1952; several members may follow each other)."""

import zlib
from collections.abc import Iterator

GZIP_MAGIC = b"\x1f\x8b"
PIECE = 1 << 18
"""Most bytes one piece unpacks to, so that a bomb costs time in proportion but never memory."""


class Gunzip:
    """feed(packed bytes) -> pieces of plain bytes; `error` says why it stopped."""

    def __init__(self) -> None:
        self.error: str | None = None
        self._packed = 0
        self._member = zlib.decompressobj(31)
        self._started = False

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Yield what the chunk unpacks to. After an error nothing more is yielded."""
        while chunk and self.error is None:
            if self._member.eof and not self._next_member(chunk):
                return
            try:
                piece = self._member.decompress(chunk, PIECE)
            except zlib.error:
                self.error = f"the gzip wrapping is damaged near byte {self._packed:,} of the file"
                return
            self._started = True
            rest = self._member.unused_data if self._member.eof else self._member.unconsumed_tail
            self._packed += len(chunk) - len(rest)
            chunk = rest
            if piece:
                yield piece
        yield from self._drain()

    def _drain(self) -> Iterator[bytes]:
        """What the inflater still holds back because a piece was full."""
        while self.error is None and not self._member.eof:
            try:
                piece = self._member.decompress(b"", PIECE)
            except zlib.error:
                self.error = f"the gzip wrapping is damaged near byte {self._packed:,} of the file"
                return
            if not piece:
                return
            yield piece

    def _next_member(self, chunk: bytes) -> bool:
        """Begin the member that follows; zero padding after the last one is allowed, as gzip itself allows it."""
        if chunk[0] == 0:
            return False
        if chunk[0] != GZIP_MAGIC[0]:
            self.error = f"bytes that are not gzip follow at byte {self._packed:,} of the file"
            return False
        self._member = zlib.decompressobj(31)
        return True

    def close(self) -> None:
        """The file ended: a member that did not is an error."""
        if self.error is None and not self._member.eof:
            self.error = f"the gzip wrapping ends early, at byte {self._packed:,} of the file"
