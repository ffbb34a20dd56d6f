# cython: annotation_typing=False
"""Packets, bytes and problems over time in at most 300 bins; the bin width doubles as the capture grows."""

from array import array

from workers.analysis.samples import NANO, Thinned
from workers.contract.facts import Timeline
from workers.packets.words import longs

BINS = 300
FIRST_WIDTH = 10_000_000
"""Nanoseconds."""
MAX_LATENCIES = 1_000
"""Of each stage."""
Sent = list[tuple[list[int], list[int]]]
"""Packets and bytes a bin: those of servers, those of clients."""
Bins = tuple[int, int, list[int], list[int], list[int], Sent]
"""Start and width in nanoseconds; packets, bytes and problems a bin; the packets and bytes by who sent them."""


class Answers(Thinned):
    """Of some answers when each came, how long it took and of what kind it is."""

    __slots__ = ("kinds", "times", "tooks")

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self.times, self.tooks = array("q"), array("q")
        self.kinds: list[str] = []

    def add(self, time: int, took: int, kind: str) -> None:
        """One more."""
        if self.takes():
            longs.append(self.times, time)
            longs.append(self.tooks, max(0, took))
            self.kinds.append(kind)

    def _halve(self) -> None:
        self.times, self.tooks, self.kinds = self.times[::2], self.tooks[::2], self.kinds[::2]
        self._kept = len(self.kinds)


class TimelineStage:
    """start at the first packet, update with each, finish into bins. Times before the first packet go into bin 0."""

    def __init__(self) -> None:
        self._start = -1
        self._width = FIRST_WIDTH
        self._packets = [0] * BINS
        self._bytes = [0] * BINS
        self._problems = [0] * BINS
        self._sent: Sent = [([0] * BINS, [0] * BINS), ([0] * BINS, [0] * BINS)]
        self._last_bin = 0
        self._at = self._size = 0
        self._latencies: list[Answers] = []

    def update(self, time: int, wire: int) -> None:
        """One packet of so many bytes on the wire, at epoch nanoseconds."""
        if self._start < 0:
            self._start = time
        index = (time - self._start) // self._width
        if not 0 <= index < BINS:
            index = self._bin(time)
        self._packets[index] += 1
        self._bytes[index] += wire
        if index > self._last_bin:
            self._last_bin = index
        self._at, self._size = index, wire

    def sent(self, by_client: bool) -> None:
        """Who sent the packet that `update` heard of last, as far as that is known by now."""
        packets, sizes = self._sent[by_client]
        packets[self._at] += 1
        sizes[self._at] += self._size

    def problem(self, time: int) -> None:
        """One retransmission, reset or unanswered SYN."""
        self._problems[self._bin(time)] += 1

    def answers(self) -> Answers:
        """Where one stage tells its answers (see `Timeline.latency`): stages know nothing of each other's order."""
        self._latencies.append(Answers(MAX_LATENCIES))
        return self._latencies[-1]

    def _bin(self, time: int) -> int:
        while time - self._start >= self._width * BINS:
            self._width *= 2
            self._packets = _halve(self._packets)
            self._bytes = _halve(self._bytes)
            self._problems = _halve(self._problems)
            self._sent = [(_halve(packets), _halve(sizes)) for packets, sizes in self._sent]
            self._last_bin //= 2
        return max(0, (time - self._start) // self._width)

    @property
    def bins(self) -> Bins:
        """The bins up to the last one used."""
        used = self._last_bin + 1
        sent = [(packets[:used], sizes[:used]) for packets, sizes in self._sent]
        return self._start, self._width, self._packets[:used], self._bytes[:used], self._problems[:used], sent

    def finish(self, bins: Bins) -> Timeline:
        """Bins and latencies as facts."""
        start, width, packets, sizes, problems, (server, client) = bins
        if start < 0:
            return Timeline()
        latencies = [one for kept in self._latencies for one in zip(kept.times, kept.tooks, kept.kinds, strict=True)]
        return Timeline(
            start_at=start * NANO,
            width=width * NANO,
            packets=tuple(packets),
            bytes=tuple(sizes),
            problems=tuple(problems),
            client_packets=tuple(client[0]),
            client_bytes=tuple(client[1]),
            server_packets=tuple(server[0]),
            server_bytes=tuple(server[1]),
            latency=tuple([(time * NANO, took * NANO, kind) for time, took, kind in sorted(latencies)]),
        )


def _halve(bins: list[int]) -> list[int]:
    """Put pairs of bins together."""
    return [bins[i] + bins[i + 1] for i in range(0, BINS, 2)] + [0] * (BINS // 2)
