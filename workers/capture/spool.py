"""The pcap as it arrives: one file on the worker's disk, written as received, counted and hashed on the way.

Memory is constant: the walk over records keeps at most one header's worth of bytes between chunks.
"""

import fcntl
import hashlib
import os
import shutil
import struct
import tempfile
import threading
from pathlib import Path

FILE_HEADER = 24
RECORD_HEADER = 16
_CAPLEN = {b"\xd4\xc3\xb2\xa1": "<", b"\x4d\x3c\xb2\xa1": "<", b"\xa1\xb2\xc3\xd4": ">", b"\xa1\xb2\x3c\x4d": ">"}


class RecordWalk:
    """Counts the records of a classic pcap stream and knows where the last whole one ends.

    Layout: draft-ietf-opsawg-pcap, a 24-byte file header, then 16-byte record headers with the captured length at 8.
    """

    def __init__(self) -> None:
        self.records = 0
        self.whole = 0
        """Bytes up to the end of the last whole record (or of the file header)."""
        self._at = 0
        self._head = b""
        self._order = ""
        self._next = FILE_HEADER
        self._inside = False
        self._caplen = struct.Struct("<I").unpack_from

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes."""
        base, end = self._at, self._at + len(chunk)
        self._at = end
        if not self._order and not self._start(chunk):
            return
        while self._next <= end:
            start = self._next - base
            if start >= 0:
                self._settle(self._next)
                start = self._stride(chunk, start, base)
            header = self._header(chunk, start)
            if len(header) < RECORD_HEADER:
                self._head = header
                return
            self._head = b""
            (caplen,) = self._caplen(header, 8)
            self._next += RECORD_HEADER + caplen
            self._inside = True

    def _stride(self, chunk: bytes, start: int, base: int) -> int:
        """Walk over records whose headers are all in `chunk`; returns where the last one seen begins."""
        caplen, last, end, count = self._caplen, len(chunk) - RECORD_HEADER, len(chunk), 0
        while start <= last:
            after = start + RECORD_HEADER + caplen(chunk, start + 8)[0]
            if after > end:
                break
            start = after
            count += 1
        if count:
            self.records += count
            self.whole = self._next = base + start
        return start

    def _settle(self, position: int) -> None:
        """A record ends (and the next begins) at `position`."""
        if self._inside:
            self.records += 1
            self._inside = False
        self.whole = max(self.whole, position)

    def _start(self, chunk: bytes) -> bool:
        self._head += chunk[:4]
        if len(self._head) < 4:
            return False
        self._order = _CAPLEN.get(self._head[:4], "<")
        self._caplen = struct.Struct(f"{self._order}I").unpack_from
        self._head = b""
        return True

    def _header(self, chunk: bytes, offset: int) -> bytes:
        if offset < 0:
            return self._head + chunk[: RECORD_HEADER - len(self._head)]
        return chunk[offset : offset + RECORD_HEADER]


def own_folder(base: Path) -> Path:
    """Return a new folder under `base` for this process alone, and remove those of processes that are gone.

    A folder is locked by its process for as long as it lives, whatever ends it.
    """
    base.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (base / "lock").open("w") as lock:  # so that nobody removes a folder that is not locked yet
        fcntl.flock(lock, fcntl.LOCK_EX)
        for folder in base.glob("worker-*"):
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            except BlockingIOError:
                pass
            finally:
                os.close(handle)
        own = Path(tempfile.mkdtemp(prefix="worker-", dir=base))
        fcntl.flock(os.open(own, os.O_RDONLY | os.O_DIRECTORY), fcntl.LOCK_SH)
    return own


class Spool:
    """One growing pcap file. One thread writes; others may read `size` and the file up to it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0
        self.grown = threading.Event()
        """Set whenever bytes were added; readers clear it."""
        self._file = path.open("wb", buffering=0)
        self._walk = RecordWalk()
        self._digest = hashlib.sha256()

    @property
    def records(self) -> int:
        """Whole records so far."""
        return self._walk.records

    @property
    def whole(self) -> int:
        """Bytes up to the end of the last whole record."""
        return self._walk.whole

    def write(self, chunk: bytes) -> None:
        """Append bytes as received. Raises OSError when they don't all fit; what fitted is written and counted."""
        rest = memoryview(chunk)
        while rest:  # a disk that is nearly full takes a part, and refuses only the next one
            taken = rest[: self._file.write(rest)]
            self._digest.update(taken)
            self._walk.feed(chunk if len(taken) == len(chunk) else bytes(taken))
            self.size += len(taken)
            rest = rest[len(taken) :]
        self.grown.set()

    def sha256(self) -> str:
        """Digest of what the file holds, hex."""
        return self._digest.hexdigest()

    def trim(self) -> int:
        """Cut a partial record off the end of the file; returns the bytes cut."""
        cut = self.size - self.whole
        if cut <= 0:
            return 0
        self._file.truncate(self.whole)
        self.size = self.whole
        with self.path.open("rb") as file:
            self._digest = hashlib.file_digest(file, "sha256")
        return cut

    def close(self) -> None:
        """Close the file; it stays on disk."""
        self._file.close()
