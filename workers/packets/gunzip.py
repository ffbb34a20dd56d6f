"""Undo gzip as bytes arrive, in bounded pieces (RFC 1952). One object a member; several may follow each other."""

import zlib
from collections.abc import Iterator

PIECE = 1 << 18
"""Most bytes one piece unpacks to, so that a bomb costs time in proportion but never memory."""


class Gunzip:
    """feed(packed bytes) -> pieces of plain bytes, until `rest` (what follows the member) is not None, or `error`.

    Any chunking gives the same bytes before a damage, and the same place of it.
    """

    def __init__(self, at: int) -> None:
        """`at` is the file offset of the member's first byte."""
        self.error: str | None = None
        self.rest: bytes | None = None
        self._at = at
        self._inflater = zlib.decompressobj(31)

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Yield what the chunk unpacks to. A smaller chunk is read again sooner when it is damaged."""
        before, left, given, full = self._inflater.copy(), chunk, 0, True
        try:
            while left or full:
                piece = self._inflater.decompress(left, PIECE)
                left, full, given = self._inflater.unconsumed_tail, len(piece) == PIECE, given + len(piece)
                if piece:
                    yield piece
                if self._inflater.eof:
                    self.rest = self._inflater.unused_data
                    return
        except zlib.error:
            yield from self._until_damage(before, chunk, given)
        self._at += len(chunk)

    def _until_damage(self, inflater: "zlib._Decompress", packed: bytes, given: int) -> Iterator[bytes]:
        """zlib drops what a failing call unpacked: go again byte by byte, without the bytes already given."""
        for at in range(len(packed)):
            try:
                piece = inflater.decompress(packed[at : at + 1])
            except zlib.error:
                self.error = f"the gzip wrapping is damaged at byte {self._at + at:,} of the file"
                return
            if len(piece) > given:
                yield piece[given:]
            given = max(0, given - len(piece))
        near = self._at + len(packed)  # pragma: no cover - zlib fails once more, and at one of these bytes
        self.error = f"the gzip wrapping is damaged near byte {near:,} of the file"  # pragma: no cover
