"""From chunks of a capture file to packet records: unwraps gzip, recognises the format, keeps what is incomplete."""

from collections.abc import Iterator, Sequence

from workers.packets import pcap, pcapng
from workers.packets.gunzip import GZIP_MAGIC, Gunzip

Batch = tuple[bytes, Sequence[pcap.Record]]
_STEP = 1 << 20
"""Bytes walked at a time, so that one huge chunk does not make one huge list of records."""


class CaptureReader:
    """feed(chunk) -> batches of records; any chunking gives the same records.

    `error` is None or one sentence on why reading stopped; records before it stand. Offsets count unpacked bytes.
    """

    def __init__(self) -> None:
        self.error: str | None = None
        self._first: bytes | None = b""
        self._held = bytearray()
        self._gunzip: Gunzip | None = None
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

    def feed(self, chunk: bytes) -> Iterator[Batch]:
        """Yield the records the chunk completes."""
        if self._first is not None:
            chunk = self._first + chunk
            self._first = chunk
            if len(chunk) < len(GZIP_MAGIC):
                return
            self._first = None
            self._gunzip = Gunzip() if chunk.startswith(GZIP_MAGIC) else None
        if self.error is not None:
            return
        if self._gunzip is None:
            yield from self._plain(chunk)
            return
        for piece in self._gunzip.feed(chunk):
            yield from self._plain(piece)
        self.error = self.error or self._gunzip.error

    def close(self) -> None:
        """The stream ended: sets `error` when it ended in the middle of something."""
        if self._first is not None:
            self.error = "the capture is empty" if not self._first else "the capture is one byte long: too short"
        elif self._gunzip is not None:
            self._gunzip.close()
            self.error = self.error or self._gunzip.error
        if self.error is None and self._walker is not None:
            self._walker.close(len(self._held))
            self.error = self._walker.error
        if self.error is None and self._walker is None:
            self.error = f"the capture ends inside its file header, at byte {len(self._held):,}"

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
        records, after = walker.walk(buffer, at)
        self.error, self._need = walker.error, walker.need
        if after < len(buffer) and self.error is None:
            self._held += buffer[after:]
        if records:
            yield buffer, records

    def _open(self, start: bytes) -> bytes:
        """Choose the walker; returns what is left for it. Holds the bytes when more are needed."""
        if start.startswith(pcapng.MAGIC):
            self._walker = pcapng.PcapngWalker()
            return start
        if not pcap.is_pcap(start[:4]):
            self.error = "this is not a capture: the bytes at byte 0 are neither pcap nor pcapng"
            return b""
        if len(start) < pcap.HEADER:
            self._need = pcap.HEADER
            self._held += start
            return b""
        self._walker = pcap.PcapWalker(start, pcap.HEADER)
        return start[pcap.HEADER :]
