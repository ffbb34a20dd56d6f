"""Undo LZ4's frame format as bytes arrive (lz4_Frame_format.md of the LZ4 project, version 1.6.4).

The library is imported when the first frame comes.
"""

from workers.packets.blocks import BlockFrame, Damaged

_BLOCK_SIZES = {4: 64 << 10, 5: 256 << 10, 6: 1 << 20, 7: 4 << 20}
_BLOCK_CHECKSUM, _CONTENT_SIZE, _CONTENT_CHECKSUM, _DICTIONARY = 16, 8, 4, 1


class Unlz4(BlockFrame):
    """One LZ4 frame."""

    name = "lz4"
    failures = (RuntimeError,)

    def __init__(self, at: int) -> None:
        super().__init__(at)
        import lz4.frame

        self._decompressor = lz4.frame.LZ4FrameDecompressor()
        self._head = b""
        self._flags = 0
        self._most = 0
        self._next(self._descriptor, 6)

    def _descriptor(self, part: bytes) -> bytes:
        """The magic, the flags, and the largest size of a block."""
        self._head, self._flags = part, part[4]
        self._most = _BLOCK_SIZES.get(part[5] >> 4 & 7, 0)
        if self._flags >> 6 != 1 or not self._most:
            raise Damaged("is damaged")
        if self._flags & _DICTIONARY:
            raise Damaged("needs a dictionary (unpack it first)")
        self._next(self._fields, 9 if self._flags & _CONTENT_SIZE else 1)
        return b""

    def _fields(self, part: bytes) -> bytes:
        self._next(self._block, 4)
        return self._head + part

    def _block(self, part: bytes) -> bytes:
        """A block's size; its highest bit says that the block is not compressed. 0 ends the frame."""
        size = int.from_bytes(part, "little") & 0x7FFFFFFF
        if not any(part):
            if not self._flags & _CONTENT_CHECKSUM:
                return self._end(part)
            self._next(self._end, 4)
            return part
        if size > self._most:
            raise Damaged("is damaged")
        self._head = part
        self._next(self._content, size + (4 if self._flags & _BLOCK_CHECKSUM else 0))
        return b""

    def _content(self, part: bytes) -> bytes:
        self._next(self._block, 4)
        return self._head + part
