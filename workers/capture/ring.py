"""The words we say to a recording in the pod, and the bytes a grab gets back as one pcap. Pure (sans-I/O)."""

import hashlib
import re
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass

from workers.capture import ring_scripts
from workers.capture.plans import Plan
from workers.capture.spool import FILE_HEADER, RECORD_HEADER
from workers.capture.tcpdump import GRACE, marker, tcpdump_argv
from workers.contract.errors import CaptureInterrupted
from workers.contract.spec import RING_LEAST, CaptureSpec

FOLDER = "/spool"
LAPSE = 900
"""Seconds without a heartbeat after which a recording ends by itself: workers may be away for a while."""
LINGER = 600
"""Seconds its ring waits to be read after its end; a pod of ours lives as long beyond its ceiling."""
SLICES = 16
"""Files a ring of full size is made of, about; two of them are kept free for what comes between two looks."""
MEGABYTE = 1_000_000
"""What `tcpdump -C` counts in."""
HELD_AT_ONCE = 2
"""The ring, and as much again while it is being grabbed."""
MAX_FILES = "100000"
"""Of one slice of time; given so that tcpdump counts with leading zeros, and files are in order by name."""
MAX_CAPLEN = 262_144 + 64
MAX_LINE = 100
MAGIC = {b"\xd4\xc3\xb2\xa1": ("<", 1e6), b"\x4d\x3c\xb2\xa1": ("<", 1e9)}
MAGIC |= {b"\xa1\xb2\xc3\xd4": (">", 1e6), b"\xa1\xb2\x3c\x4d": (">", 1e9)}


def ring_bytes(spec: CaptureSpec) -> int:
    """Return how large a recording's ring may grow."""
    return max(RING_LEAST, spec.max_bytes)


def recording_argv(plan: Plan, spec: CaptureSpec, job_id: str, ceiling: float, folder: str = FOLDER) -> list[str]:
    """Return what the recording container begins with; it lives `ceiling` seconds at most, and LINGER on top."""
    seconds, most = max(1, round(spec.duration)), ring_bytes(spec)
    until = int(time.time() + max(ceiling, seconds) + GRACE + LINGER)
    megabytes = max(1, most // SLICES // MEGABYTE)
    bounds = [str(seconds), str(most), str(LAPSE), str(LINGER), str(until)]
    ring = [str(max(1, round(spec.keep))), str(megabytes * MEGABYTE)]
    turning = ["-G", str(slice_seconds(spec)), "-C", str(megabytes), "-W", MAX_FILES]
    tcpdump = tcpdump_argv(spec, as_root=plan.may_change_user)
    if plan.where.startswith(("link:", "route:")):  # the interface is found there
        tcpdump = [tcpdump[0], *tcpdump[3:]]
    at = tcpdump.index("-w")
    tcpdump[at : at + 2] = [*turning, "-w", f"{folder}/ring/%s.pcap"]
    script = ["sh", "-c", ring_scripts.RECORDING, "threadcap-recording"]
    return [*script, marker(job_id), folder, *bounds, plan.where, *ring, *tcpdump]


def slice_seconds(spec: CaptureSpec) -> int:
    """Return for how long one file of the ring is written at most, when packets come."""
    return min(60, max(1, round(spec.keep / SLICES)))


def watch_argv(job_id: str, folder: str = FOLDER) -> list[str]:
    """Return what says how a recording goes."""
    return ["sh", "-c", ring_scripts.WATCH, "threadcap-watch", marker(job_id), folder]


def grab_argv(job_id: str, start: int, last: float, folder: str = FOLDER) -> list[str]:
    """Return what hands over the ring, from byte `start` of that on; job_id is the grab's own."""
    given = [marker(job_id), folder, job_id, str(start), str(int(last + 0.999))]
    return ["sh", "-c", ring_scripts.GRAB, "threadcap-grab", *given]


@dataclass(frozen=True, slots=True)
class Held:
    """What a ring holds now: files, bytes of pcap, since which epoch second. Counters since the recording began."""

    files: int = 0
    bytes: int = 0
    since: float = 0.0
    captured: int = 0
    dropped: int | None = None

    def heard(self, line: str) -> "Held":
        """Return what is known after another line of WATCH."""
        match line.split():
            case ["ring", files, size, since] if files.isdigit() and size.isdigit() and since.isdigit():
                return Held(int(files), int(size), float(since), self.captured, self.dropped)
        if counted := counters(line):
            return Held(self.files, self.bytes, self.since, counted[0], counted[2])
        return self


_SEEN = re.compile(r"(\d+) packets? captured, (\d+) packets? received by filter, (\d+) packets? dropped by kernel")


def counters(line: str) -> tuple[int, int, int] | None:
    """Return captured, received and dropped as tcpdump tells them on the way; None when the line is something else."""
    found = _SEEN.search(line)
    return (int(found[1]), int(found[2]), int(found[3])) if found else None


class RingReader:
    """Makes one pcap of what GRAB says: the first file's header, then every whole record of the last `last` seconds.

    Feed it all bytes in order; what goes into the pcap is given to `sink`. Raises CaptureInterrupted for bytes that
    are no ring's.
    """

    def __init__(self, sink: Callable[[bytes], None], last: float = 0.0) -> None:
        self.size = 0
        """Bytes received so far, where the next connection begins."""
        self.ended = False
        self.now = 0.0
        """The pod's clock when the grab began, epoch seconds."""
        self.first_at: float | None = None
        """Time of the first packet that was kept."""
        self.unfinished = 0
        """Bytes of a packet that tcpdump was still writing."""
        self.flaw = ""
        """What is wrong with the ring, as a clause; "" when nothing is."""
        self._sink = sink
        self._last = last
        self._digest = hashlib.sha256()
        self._buffer = b""
        self._left = 0
        """Bytes of the file at hand that have not come."""
        self._fresh = False
        """Whether that file's header is still to come."""
        self._head = b""
        self._order, self._unit = "<", 1e6
        self._keeping = not last
        self._header: bytes | None = None
        self._damaged = False
        """Whether the rest of the file at hand can't be read."""

    def sha256(self) -> str:
        """Digest of all that was received, hex."""
        return self._digest.hexdigest()

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""
        self.size += len(data)
        self._digest.update(data)
        while data:
            data = self._file(data) if self._left else self._line(data)

    def _line(self, data: bytes) -> bytes:
        line, newline, rest = (self._buffer + data).partition(b"\n")
        if not newline and len(line) <= MAX_LINE:
            self._buffer = line
            return b""
        self._file_ended()
        self._buffer = b""
        match line.split():
            case [b"ring", now] if now.isdigit():
                self.now = float(now)
            case [b"slice", size] if size.isdigit():
                self._left, self._fresh = int(size), True
            case [b"end"]:
                self.ended = True
            case _:
                raise CaptureInterrupted("The recording sent something else than its ring. Grab again.")
        return rest

    def _file_ended(self) -> None:
        """What is left in the buffer is a record that is not whole."""
        if self.unfinished:
            self.flaw = self.flaw or "a file of the ring ends within a packet"
        self.unfinished, self._head, self._damaged = len(self._head), b"", False

    def _file(self, data: bytes) -> bytes:
        mine, rest = data[: self._left], data[self._left :]
        self._left -= len(mine)
        if self._damaged:
            return rest
        held = self._head + mine
        if self._fresh:
            if len(held) < FILE_HEADER:
                self._head = held
                return rest
            held = self._began(held)
        self._head = self._records(held)
        return rest

    def _began(self, held: bytes) -> bytes:
        """Read a file's header; the first one is the pcap's. Returns what follows it."""
        self._fresh = False
        known = MAGIC.get(held[:4])
        if known is None:
            self._broken("a file of the ring is no pcap")
            return b""
        self._order, self._unit = known
        self._once(held[:FILE_HEADER])
        return held[FILE_HEADER:]

    def _once(self, header: bytes) -> None:
        if self._header is None:
            self._header = header
            self._sink(header)
        elif header != self._header:
            self.flaw = self.flaw or "the files of the ring differ in their headers"

    def _records(self, held: bytes) -> bytes:
        """Hand on the whole records at the start of `held`; returns the rest."""
        at = start = 0
        layout = struct.Struct(self._order + "III")
        while at + RECORD_HEADER <= len(held):
            seconds, fraction, size = layout.unpack_from(held, at)
            if size > MAX_CAPLEN:
                self._broken("a file of the ring is damaged")
                self._keep(held[start:at])
                return b""
            if at + RECORD_HEADER + size > len(held):
                break
            at += RECORD_HEADER + size
            if self._keeping or seconds + fraction / self._unit >= self.now - self._last:
                self._keeping = True
                self.first_at = self.first_at or seconds + fraction / self._unit
            else:
                start = at
        self._keep(held[start:at])
        return held[at:]

    def _broken(self, why: str) -> None:
        self.flaw, self._damaged = self.flaw or why, True

    def _keep(self, records: bytes) -> None:
        if records:
            self._sink(records)
