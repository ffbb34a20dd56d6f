"""Undo Zstandard as bytes arrive (RFC 8878 section 3.1.1).

The library is imported when the first frame comes: Python's own from 3.14 on, its backport before.
"""

import sys

from workers.packets.blocks import BlockFrame, Damaged

MAX_WINDOW = 8 << 20
"""Bytes of earlier output a frame may refer to: what every decoder should support, and no encoder exceed unasked
(section 3.1.1.1.2)."""
_MAX_BLOCK = 128 * 1024
_RLE, _RESERVED = 1, 3
_DICTIONARY_SIZES = (0, 1, 2, 4)
_CONTENT_SIZES = (0, 2, 4, 8)


class Unzstd(BlockFrame):
    """One Zstandard frame."""

    name = "zstd"

    def __init__(self, at: int) -> None:
        super().__init__(at)
        if sys.version_info >= (3, 14):
            from compression import zstd
        else:
            from backports import zstd

        self.failures = (zstd.ZstdError,)
        self._decompressor = zstd.ZstdDecompressor(
            options={zstd.DecompressionParameter.window_log_max: MAX_WINDOW.bit_length() - 1}
        )
        self._head = b""
        self._checksum = self._last = False
        self._next(self._descriptor, 5)

    def _descriptor(self, part: bytes) -> bytes:
        """The magic and the byte that says which fields follow (section 3.1.1.1.1)."""
        flags = part[4]
        self._head, self._checksum = part, bool(flags & 4)
        single = bool(flags & 0x20)
        content = _CONTENT_SIZES[flags >> 6] or int(single)
        self._next(self._fields, (not single) + _DICTIONARY_SIZES[flags & 3] + content)
        return b""

    def _fields(self, part: bytes) -> bytes:
        flags = self._head[4]
        if flags & 0x20:
            content = part[_DICTIONARY_SIZES[flags & 3] :]
            window = int.from_bytes(content, "little") + (256 if len(content) == 2 else 0)
        else:
            base = 1 << 10 + (part[0] >> 3)
            window = base + base // 8 * (part[0] & 7)
        if window > MAX_WINDOW:
            raise Damaged(
                f"needs a window of {window:,} bytes, more than the {MAX_WINDOW:,} read here (unpack it first),"
            )
        if flags & 3 and any(part[not flags & 0x20 :][: _DICTIONARY_SIZES[flags & 3]]):
            raise Damaged("needs a dictionary (unpack it first)")
        self._next(self._block, 3)
        return self._head + part

    def _block(self, part: bytes) -> bytes:
        """A block's header (section 3.1.1.2)."""
        header = int.from_bytes(part, "little")
        self._head, self._last = part, bool(header & 1)
        kind, size = header >> 1 & 3, header >> 3
        if kind == _RESERVED or size > _MAX_BLOCK:
            raise Damaged("is damaged")
        self._next(self._content, 1 if kind == _RLE else size)
        return b""

    def _content(self, part: bytes) -> bytes:
        if not self._last:
            self._next(self._block, 3)
            return self._head + part
        if not self._checksum:
            return self._end(self._head + part)
        self._next(self._end, 4)
        return self._head + part
