"""Compressed frames that are made of blocks: cut at the blocks, so that each is unpacked whole.

So any chunking gives the same bytes and the same place of a damage, and no more than one block is held.
"""

from collections.abc import Callable, Iterator
from typing import Protocol

from workers.packets.gunzip import PIECE


class Decompressor(Protocol):
    """What unpacks: fed a frame's header and then block by block, it gives each block's bytes, so many a call."""

    @property
    def eof(self) -> bool:
        """Whether the frame is over."""

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        """The bytes these unpack to; what goes beyond `max_length` comes with the next calls."""


class Damaged(Exception):
    """What is wrong with a frame, in words that go before a place."""


class BlockFrame:
    """feed(packed bytes) -> pieces of plain bytes, until `rest` (what follows the frame) is not None, or `error`.

    A format says where its parts end: `_next(step, size)` asks for the next part, `step(part)` takes it and returns
    what to hand to the decompressor now.
    """

    name = ""
    failures: tuple[type[Exception], ...] = ()
    """What the decompressor raises."""

    def __init__(self, at: int) -> None:
        """`at` is the file offset of the frame's first byte."""
        self.error: str | None = None
        self.rest: bytes | None = None
        self._at = at
        self._held = bytearray()
        self._step: Callable[[bytes], bytes]
        self._size: int
        self._over = False
        self._decompressor: Decompressor | None = None

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Yield what the chunk completes."""
        self._held += chunk
        done = 0
        while not self._over and len(self._held) - done >= self._size:
            size = self._size
            with memoryview(self._held) as held:
                part = bytes(held[done : done + size])
            done += size
            if size > PIECE:  # several megabytes, maybe: they are not kept while they are unpacked
                del self._held[:done]
                done = 0
            try:
                packed = self._unpack(self._step(part))
                part = b""
                yield from packed
            except Damaged as why:
                self.error = f"the {self.name} wrapping {why} at byte {self._at:,} of the file"
                return
            self._at += size
        del self._held[:done]
        if self._over:
            assert self._decompressor is not None
            self.rest = bytes(self._held)
            if not self._decompressor.eof:
                self.error = f"the {self.name} wrapping is damaged before byte {self._at:,} of the file"

    def _next(self, step: Callable[[bytes], bytes], size: int) -> None:
        self._step, self._size = step, size

    def _unpack(self, packed: bytes) -> Iterator[bytes]:
        """What a header, or one whole block, unpacks to."""
        assert self._decompressor is not None
        full = bool(packed)
        while full:
            try:
                piece = self._decompressor.decompress(packed, PIECE)
            except self.failures as error:
                raise Damaged("is damaged") from error
            packed, full = b"", len(piece) == PIECE
            if piece:
                yield piece

    def _end(self, part: bytes) -> bytes:
        """The frame's last part."""
        self._over = True
        return part
