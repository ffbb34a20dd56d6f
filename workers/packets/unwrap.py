"""Undo what a capture file is wrapped in (gzip, zstd, lz4), recognised by its first bytes, as bytes arrive.

Several members of the same kind may follow each other, skippable frames may stand between those of zstd and lz4
(RFC 8878 section 3.1.2), and zeros may pad the end. Pieces are bounded, whatever a file claims.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workers.packets.gunzip import Gunzip
    from workers.packets.unlz4 import Unlz4
    from workers.packets.unzstd import Unzstd

    _Member = Gunzip | Unzstd | Unlz4

_MAGICS = {"gzip": b"\x1f\x8b", "zstd": b"\x28\xb5\x2f\xfd", "lz4": b"\x04\x22\x4d\x18"}
_SKIPPABLE = b"\x2a\x4d\x18"
_SKIP = "skippable"
_SLICE = 1 << 16
"""Bytes looked at together: what follows a member is copied once a member, and members may be tiny."""


class _Skip:
    """A skippable frame: 4 bytes that tell its length, then as many to pass over."""

    error = None

    def __init__(self) -> None:
        self.rest: bytes | None = None
        self._head = bytearray()
        self._left = 0

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Yield nothing."""
        if len(self._head) < 8:
            taken = chunk[: 8 - len(self._head)]
            self._head += taken
            chunk = chunk[len(taken) :]
            if len(self._head) < 8:
                return
            self._left = int.from_bytes(self._head[4:], "little")
        if self._left <= len(chunk):
            self.rest = chunk[self._left :]
        self._left -= min(self._left, len(chunk))
        yield from ()


class Unwrap:
    """feed(bytes of a file) -> pieces of the bytes in it. A file that is not wrapped passes as it is: `plain`.

    `error` says why it stopped; pieces before it stand. Any chunking gives the same bytes and the same error.
    """

    def __init__(self) -> None:
        self.error: str | None = None
        self.plain = False
        self._fed = 0
        self._kind = ""
        self._member: _Member | _Skip | None = None
        self._held = b""
        """The beginning of a member, or of the file, that is too short to tell."""
        self._padded = False

    @property
    def short(self) -> int:
        """Bytes of a file that is too short to tell what it is, 0 once that is known."""
        return 0 if self._kind or self.plain else len(self._held)

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Yield what the chunk unpacks to. After an error nothing more is yielded."""
        for at in range(0, len(chunk), _SLICE):
            yield from self._slice(chunk[at : at + _SLICE])

    def _slice(self, chunk: bytes) -> Iterator[bytes]:
        self._fed += len(chunk)
        while chunk and self.error is None and not self.plain:
            if self._member is None:
                chunk = self._begin(self._held + chunk)
                continue
            yield from self._member.feed(chunk)
            self.error, rest = self._member.error, self._member.rest
            if rest is None:
                return
            chunk, self._member = rest, None
        if chunk and self.plain:
            yield chunk

    def close(self) -> None:
        """The file ended: sets `error` when it ended inside its wrapping."""
        if self.error is None and not self.plain and (self._member or (self._held and self._kind)):
            self.error = f"the {self._kind or _SKIP} wrapping ends early, at byte {self._fed:,} of the file"

    def _begin(self, start: bytes) -> bytes:
        """Choose what unpacks the bytes that begin here; returns what is left for it."""
        self._held = b""
        if self._kind and (self._padded or start[0] == 0):
            self._padded = True
            start = start.lstrip(b"\0")
        if not start:
            return b""
        at = self._fed - len(start)
        kind = self._recognised(start) if not self._padded else ""
        if kind is None:
            self._held = start
            return b""
        if kind:
            self._open(kind, at)
        elif self._kind:
            self.error = f"bytes that are not {self._kind} follow at byte {at:,} of the file"
        else:
            self.plain = True
        return start

    def _recognised(self, start: bytes) -> str | None:
        """What begins so: a kind, "" when it is none that may stand here, None when more bytes are needed."""
        for kind, magic in _MAGICS.items():
            if self._kind in ("", _SKIP, kind) and start[: len(magic)] == magic[: len(start)]:
                return kind if len(start) >= len(magic) else None
        if self._kind != "gzip" and start[0] >> 4 == 5 and start[1:4] == _SKIPPABLE[: len(start) - 1]:
            return _SKIP if len(start) >= 4 else None
        return ""

    def _open(self, kind: str, at: int) -> None:
        if kind == _SKIP:
            self._kind, self._member = self._kind or _SKIP, _Skip()
            return
        self._kind = kind
        try:
            self._member = _member(kind, at)
        except (ImportError, OSError):  # a confined process can open no file; what tcpdump writes is not wrapped
            self.error = f"the file is wrapped in {kind}, which can't be unpacked here (byte {at:,})"


def _member(kind: str, at: int) -> "_Member":
    """What unpacks one; loaded with the first of its kind."""
    if kind == "gzip":
        from workers.packets.gunzip import Gunzip

        return Gunzip(at)
    if kind == "zstd":
        from workers.packets.unzstd import Unzstd

        return Unzstd(at)
    from workers.packets.unlz4 import Unlz4

    return Unlz4(at)
