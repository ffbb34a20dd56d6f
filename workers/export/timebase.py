"""One clock for captures of several nodes: how far each source's clock is ahead of that of the first source's node.

Captures of one node share its clock: offset 0, exactly. Other nodes are compared through the packets that captures of
both saw; a node that shares packets only with nodes in between gets the sum, uncertainties added, by the surest way.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec import Struct, field
from msgspec.structs import replace

from workers.analysis.clock import ClockOffset, estimate, sentence
from workers.analysis.directions import Bounds, bounds
from workers.analysis.sightings import Sightings, pairs
from workers.contract.report import CaptureOutcome
from workers.packets.capture import Batch, CaptureReader

CHUNK = 1 << 18
MEMORY = 131_072
"""Packets remembered over all sources together: about 50 MB, however many and large the captures are."""


class Source(Struct, frozen=True):
    """One capture to merge: a pcap or pcapng on disk, and where it was taken."""

    path: Path
    name: str
    """namespace/pod/container"""
    node: str = ""
    """"" when nobody knows: then it is a node of its own."""
    method: str = ""
    outcome: CaptureOutcome = field(default_factory=CaptureOutcome)
    filter: str = ""
    """The capture filter as tcpdump had it."""

    @property
    def clock(self) -> str:
        """Whose clock its times are by."""
        return self.node or self.name


def batches(path: Path, reader: CaptureReader, chunk_size: int = CHUNK) -> Iterator[Batch]:
    """Yield a file's records, a read at a time; then `reader.error` says whether it ended in the middle."""
    with path.open("rb") as file:
        while chunk := file.read(chunk_size):
            yield from reader.feed(chunk)
    reader.close()


def offsets(sources: Sequence[Source]) -> dict[str, ClockOffset]:
    """By clock (node): how far it is ahead of the first source's. With several clocks every source is read once."""
    clocks = list(dict.fromkeys(source.clock for source in sources))
    if not clocks:
        return {}
    known = {clocks[0]: ClockOffset(0.0, words=f"{clocks[0]}'s clock is the one that times are by")}
    if len(clocks) > 1:
        _reach(known, clocks, _together(sources))
    return {clock: known[clock] for clock in clocks}


def _together(sources: Sequence[Source]) -> dict[str, list[Sightings]]:
    limit = min(Sightings().limit, max(1, MEMORY // len(sources)))
    seen: dict[str, list[Sightings]] = {}
    for source in sources:
        sightings = Sightings(limit)
        for buffer, records in batches(source.path, CaptureReader()):
            sightings.add(buffer, records)
        seen.setdefault(source.clock, []).append(sightings)
    return seen


def _reach(known: dict[str, ClockOffset], clocks: list[str], seen: dict[str, list[Sightings]]) -> None:
    """Add every clock, the surest first; those that share no packets both ways with a known one stay unsynchronised."""
    first = clocks[0]
    open_ways: dict[str, ClockOffset] = {}
    last = first
    while len(known) < len(clocks):
        for clock in (clock for clock in clocks if clock not in known):
            direct = _between(seen, last, clock)
            way = direct.after(known[last]) if last != first else direct
            best = open_ways.get(clock)
            if best is None or (way.seconds is not None and _surer(way, best)):
                open_ways[clock] = way if last == first else _said(way, direct, first, last, clock)
        last = min(open_ways, key=lambda clock: (open_ways[clock].seconds is None, open_ways[clock].uncertainty))
        if open_ways[last].seconds is None:
            known.update(open_ways)
            return
        known[last] = open_ways.pop(last)


def _surer(way: ClockOffset, best: ClockOffset) -> bool:
    return best.seconds is None or way.uncertainty < best.uncertainty


def _said(way: ClockOffset, direct: ClockOffset, first: str, last: str, clock: str) -> ClockOffset:
    if way.seconds is None:
        return replace(way, words=direct.words)
    return replace(way, words=f"{sentence(way, first, clock)}, through {last}")


def _between(seen: dict[str, list[Sightings]], one: str, other: str) -> ClockOffset:
    """Estimate from all pairs of captures of both nodes."""
    found = Bounds([], [])
    for a in seen[one]:
        for b in seen[other]:
            more = bounds(pairs(a, b))
            found.most += more.most
            found.least += more.least
            found.unclear += more.unclear
    return estimate(found, one, other)
