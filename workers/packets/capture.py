"""From chunks of a capture file to packet records: unwraps it, recognises the format, keeps what is incomplete."""

from collections.abc import Iterator, Sequence

from workers.packets import pcap, pcapng
from workers.packets.unwrap import Unwrap

Batch = tuple[bytes, Sequence[pcap.Record]]
_STEP = 1 << 20
"""Bytes walked at a time, so that one huge chunk does not make one huge list of records."""
_PACKED = {b"\xfd7zX": "xz", b"BZh": "bzip2", b"PK\x03\x04": "zip", b"\x02\x21\x4c\x18": "lz4's legacy format"}
"""How files begin that are packed in a way that is not read here."""
_NEITHER = "the bytes at byte 0 are neither pcap nor pcapng"


class CaptureReader:
    """feed(chunk) -> batches of records; any chunking gives the same records.

    `error` is None or one sentence on why reading stopped; records before it stand. Offsets count unpacked bytes.
    """

    def __init__(self) -> None:
        self.error: str | None = None
        self._unwrap = Unwrap()
        self._held = bytearray()
        self._walker: pcap.PcapWalker | pcapng.PcapngWalker | None = None
        self._need = 4

    @property
    def format(self) -> str:
        """pcap, pcapng, or "" while unknown."""
        return self._walker.format if self._walker else ""

    @property
    def link_types(self) -> tuple[int, ...]:
        """Link types the file declares, in order of appearance."""
        return tuple(self._walker.link_types) if self._walker else ()

    @property
    def snaplen(self) -> int:
        """Largest snapshot length declared, 0 when none."""
        return self._walker.snaplen if self._walker else 0

    @property
    def untimed(self) -> int:
        """Packets whose block carries no time."""
        return self._walker.untimed if self._walker else 0

    @property
    def comments(self) -> tuple[tuple[int, str], ...]:
        """The first comments in the file, as (frame, text); frame 0 for what is on no packet."""
        return tuple(self._walker.comments.kept) if self._walker else ()

    @property
    def more_comments(self) -> int:
        """Comments beyond those kept."""
        return self._walker.comments.more if self._walker else 0

    def feed(self, chunk: bytes) -> Iterator[Batch]:
        """Yield the records the chunk completes."""
        if self._unwrap.plain:
            yield from self._plain(chunk)
            return
        pieces = self._unwrap.feed(chunk)
        while self.error is None and (piece := next(pieces, None)) is not None:
            yield from self._plain(piece)
        self.error = self.error or self._unwrap.error

    def close(self) -> None:
        """The stream ended: sets `error` when it ended in the middle of something."""
        if self.error is None:
            self._unwrap.close()
            self.error = self._unwrap.error
        if self.error is None and self._walker is not None:
            self._walker.close(len(self._held))
            self.error = self._walker.error
        if self.error is None and self._walker is None:
            self.error = self._short(self._unwrap.short or len(self._held))

    @staticmethod
    def _short(size: int) -> str:
        if size < 2:
            return "the capture is one byte long: too short" if size else "the capture is empty"
        return f"the capture ends inside its file header, at byte {size:,}"

    def _plain(self, chunk: bytes) -> Iterator[Batch]:
        for at in range(0, len(chunk), _STEP):
            step = chunk[at : at + _STEP] if len(chunk) > _STEP else chunk
            if self.error is None:
                yield from self._walk(step)

    def _walk(self, chunk: bytes) -> Iterator[Batch]:
        """What was held is made whole first, alone: the rest of the chunk is read where it lies."""
        at = 0
        while self._held or self._walker is None:
            taken = min(len(chunk), at + self._need - len(self._held))
            self._held += chunk[at:taken]
            at = taken
            if len(self._held) < self._need:
                return
            start = bytes(self._held)
            self._held.clear()
            if self._walker is None:
                start = self._open(start)
            if self._walker is None:
                if self.error is not None:
                    return
                continue
            yield from self._records(self._walker, start, 0)
            if self.error is not None:
                return
        if at < len(chunk):
            yield from self._records(self._walker, chunk, at)

    def _records(self, walker: pcap.PcapWalker | pcapng.PcapngWalker, buffer: bytes, at: int) -> Iterator[Batch]:
        records = walker.walk(buffer, at)
        try:
            if records:
                yield buffer, records
        finally:
            after = walker.walked(records, buffer, at)
            self.error, self._need = walker.error, walker.need
            if after < len(buffer) and self.error is None:
                self._held += buffer[after:]

    def _open(self, start: bytes) -> bytes:
        """Choose the walker; returns what is left for it. Holds the bytes when more are needed."""
        if start.startswith(pcapng.MAGIC):
            self._walker = pcapng.PcapngWalker()
            return start
        if not pcap.is_pcap(start[:4]):
            packed = next((name for magic, name in _PACKED.items() if start.startswith(magic)), "")
            hint = f"it is packed in {packed}, unpack it first (byte 0)" if packed else _NEITHER
            self.error = f"this is not a capture: {hint}"
            return b""
        if len(start) < pcap.HEADER:
            self._need = pcap.HEADER
            self._held += start
            return b""
        self._walker = pcap.PcapWalker(start, pcap.HEADER)
        return start[pcap.HEADER :]
