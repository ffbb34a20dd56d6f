"""Several captures in one pcapng, in order of time, by one clock where the traffic tells how far clocks are apart.

In: Sources, pcap files of any byte order, resolution and link type. Out: chunks of a pcapng with an interface a source
(one more for each further link type in it), nanosecond times, statistics at the end. Memory is constant: a read or two
of each source and the sightings of `timebase`, whatever the size.

Order: packets are sorted by corrected time; equal times stay in source order, then file order. Within a source a packet
may come later in the file than it should by up to one read (CHUNK bytes) and is still put in its place; one that comes
later still, as after a clock was set back, is written where it is met, its time unchanged, and counted in the notes.
A record that is cut off at the end of a file is left out and said.
"""

import hashlib
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path

from workers.analysis.clock import ClockOffset
from workers.export import pcapng
from workers.export.timebase import CHUNK, Source, batches, offsets
from workers.packets.capture import CaptureReader
from workers.packets.link import ETHERNET
from workers.packets.pcap import Record

HELD = 8 << 20
"""Bytes of one source that may wait for an earlier packet; more go out, in order or not."""
NO_NAMES: Mapping[str, str] = {}
_END = 1 << 80
"""Later than any time: nothing more will come."""

Timed = tuple[int, bytes]
_time = itemgetter(0)


@dataclass(frozen=True, slots=True)
class Merged:
    """A merged file: what it holds, and in sentences what was done to get there."""

    size: int
    sha256: str
    packets: int
    notes: tuple[str, ...]
    clocks: dict[str, ClockOffset]
    """By node: how far its clock is ahead of the first source's node; `seconds` None when unsynchronised."""


def merged(sources: Sequence[Source], out_path: Path, names: Mapping[str, str] = NO_NAMES) -> Merged:
    """Merge `sources` into `out_path`, times by the clock of the first one's node. Removes the file when it fails.

    `names` are what addresses are called, for readers that show names.
    """
    clocks = offsets(sources)
    merge = Merge(sources, clocks, names=names)
    size, digest = 0, hashlib.sha256()
    try:
        with out_path.open("wb") as file:
            for chunk in merge.chunks():
                file.write(chunk)
                digest.update(chunk)
                size += len(chunk)
    except BaseException:
        out_path.unlink(missing_ok=True)
        raise
    return Merged(size, digest.hexdigest(), merge.packets, tuple(merge.notes), clocks)


class Merge:
    """One merge; `chunks` may be taken once, then `packets` and `notes` are complete."""

    def __init__(
        self,
        sources: Sequence[Source],
        clocks: dict[str, ClockOffset],
        chunk_size: int = CHUNK,
        names: Mapping[str, str] = NO_NAMES,
    ) -> None:
        self._names = names
        self.packets = 0
        self.notes = _about_clocks(sources, clocks)
        self._interfaces = 0
        self._last = 0
        self._late = 0
        self._streams = [_Stream(source, clocks[source.clock], self._number, chunk_size) for source in sources]

    def chunks(self) -> Iterator[bytes]:
        """Yield the file."""
        title = f"Merged from {len(self._streams)} captures."
        yield pcapng.section("Threadcap", comment="\n".join([title, *self.notes])) + pcapng.names(self._names)
        for stream in self._streams:
            stream.read()
            if not stream.numbers:
                stream.declare(ETHERNET)
        while self._streams:
            bound = min(stream.horizon for stream in self._streams)
            yield from self._round(bound)
            if bound == _END:
                break
            for stream in self._streams:
                if stream.horizon == bound:
                    stream.read()
        yield b"".join(stream.statistics() for stream in self._streams)
        self._conclude()

    def _round(self, bound: int) -> Iterator[bytes]:
        """Yield all that no later read can come before."""
        declared = [block for stream in self._streams for block in stream.take_declared()]
        ready: list[Timed] = []
        for stream in self._streams:
            ready += stream.take(bound)
        ready.sort(key=_time)
        if ready:
            self._late += bisect_left(ready, self._last, key=_time)
            self._last = max(self._last, ready[-1][0])
            self.packets += len(ready)
        if declared or ready:
            yield b"".join([*declared, *map(itemgetter(1), ready)])

    def _number(self) -> int:
        self._interfaces += 1
        return self._interfaces - 1

    def _conclude(self) -> None:
        self.notes += [
            f"{stream.source.name}: {stream.error}; what is whole is here" for stream in self._streams if stream.error
        ]
        if self._late:
            self.notes.append(f"{self._late:,} packets came too late in their captures to be put in order of time")


class _Stream:
    """One source as pcapng blocks, sorted within two batches. `horizon`: nothing earlier is expected from it."""

    def __init__(self, source: Source, clock: ClockOffset, number: Callable[[], int], chunk_size: int) -> None:
        self.source = source
        self.horizon = self._earliest = 0
        self.error = ""
        self.numbers: dict[int, int] = {}
        """Interface by link type."""
        self._clock = clock
        self._number = number
        self._reader = CaptureReader()
        self._batches = batches(source.path, self._reader, chunk_size)
        self._declared: list[bytes] = []
        self._held: list[Timed] = []
        self._size = 0
        self._last = 0

    def read(self) -> None:
        """Take the next records; at the end of the file the horizon is _END."""
        batch = next(self._batches, None)
        for link_type in self._reader.link_types:
            if link_type not in self.numbers:
                self.declare(link_type)
        if batch is None:
            self.horizon = _END
            self.error = self._reader.error or ""
            return
        buffer, records = batch
        blocks = self._blocks(buffer, records)
        self._size += len(buffer)
        earliest = min(blocks, key=_time)[0]
        self.horizon, self._earliest = min(earliest, self._earliest), earliest
        self._held += blocks
        self._held.sort(key=_time)

    def take(self, bound: int) -> list[Timed]:
        """Hand over what is earlier than `bound`, and more when too much waits."""
        cut = bisect_left(self._held, bound, key=_time)
        if self._size > HELD:
            self._size = sum(len(block) for _, block in self._held[cut:])
            cut = cut if self._size <= HELD else (cut + len(self._held)) // 2
        ready, self._held = self._held[:cut], self._held[cut:]
        if ready:
            self._last = max(self._last, ready[-1][0])
        return ready

    def take_declared(self) -> list[bytes]:
        """Hand over the interface blocks that must come before the packets."""
        declared, self._declared = self._declared, []
        return declared

    def declare(self, link_type: int) -> None:
        """Open an interface for a link type of this source."""
        self.numbers[link_type] = self._number()
        source = self.source
        where = f"node {source.node or 'unknown'}, method {source.method or 'unknown'}"
        about = pcapng.Interface(
            source.name,
            link_type,
            self._reader.snaplen,
            where,
            f"{where}; {_about_times(self._clock)}",
            source.filter,
        )
        self._declared.append(pcapng.interface(about))

    def statistics(self) -> bytes:
        """Return the statistics of its interfaces; tcpdump counted for the source, so the first one has them."""
        outcome = self.source.outcome
        number = next(iter(self.numbers.values()))
        about = pcapng.Statistics(
            _nanoseconds(outcome.started_at),
            _nanoseconds(outcome.ended_at),
            outcome.received,
            outcome.interface_dropped,
            outcome.kernel_dropped,
            outcome.captured,
            "; ".join(word for word in (outcome.reason, self.error) if word),
        )
        return pcapng.statistics(number, max(self._last, about.ended or 0), about)

    def _blocks(self, buffer: bytes, records: Sequence[Record]) -> list[Timed]:
        """Enhanced Packet Blocks (pcapng.packet, unrolled for speed) with corrected times."""
        head, tails, lengths, kind = pcapng.packet_head, pcapng.TAILS, pcapng.lengths, pcapng.ENHANCED
        numbers, blocks = self.numbers, []
        for at, captured, wire, time, link_type in self._corrected(records):
            length = 32 + captured + (-captured & 3)
            start = head(kind, length, numbers[link_type], time >> 32, time & 0xFFFF_FFFF, captured, wire)
            blocks.append((time, start + buffer[at : at + captured] + tails[captured & 3] + lengths(length)))
        return blocks

    def _corrected(self, records: Sequence[Record]) -> Sequence[Record]:
        if not self._clock.seconds:
            return records
        corrected, clamped = self._clock.corrected, pcapng.clamped
        return [(at, size, wire, clamped(corrected(time)), link) for at, size, wire, time, link in records]


def _nanoseconds(seconds: float) -> int | None:
    return round(seconds * 1e9) if seconds else None


def _about_clocks(sources: Sequence[Source], clocks: dict[str, ClockOffset]) -> list[str]:
    """Say by whose clock the times are, and what each other clock was found to be."""
    if len(clocks) < 2:
        return [f"All captures are of {name}: one clock, offset 0." for name in clocks]
    first = sources[0].clock
    said = [f"Times are by {first}'s clock, corrected where another clock's distance to it is known."]
    return said + [f"{clock.words}." for name, clock in clocks.items() if name != first]


def _about_times(clock: ClockOffset) -> str:
    corrected = "times corrected" if clock.seconds else "times as captured"
    return f"{corrected}: {clock.words}"
