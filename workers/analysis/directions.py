"""Which way packets went that two captures saw, and what each thereby says of the clocks.

In: pairs of sightings, at a reference capture and at another one. Out: Bounds for `clock`. The direction is told by
the falling TTL, or, between ends without a router, by the conversation: the half whose differences are the larger ones
goes from reference to other, as no delay is negative.
"""

from collections import defaultdict
from collections.abc import Iterable
from itertools import pairwise

from msgspec import Struct

from workers.analysis.sightings import Sighting

MAX_DRIFT = 500_000.0
"""Nanoseconds a second: no clock in use runs wronger, and NTP slews no faster."""


class Bounds(Struct):
    """(other clock's epoch nanoseconds, difference in nanoseconds) of pairs: `most` from reference to other."""

    most: list[tuple[int, int]]
    least: list[tuple[int, int]]
    unclear: int = 0
    """Pairs whose direction nothing tells."""

    def __len__(self) -> int:
        return len(self.most) + len(self.least)


def bounds(seen: Iterable[tuple[Sighting, Sighting]]) -> Bounds:
    """Sort pairs (reference, other) of two captures by direction."""
    halves: dict[tuple[bytes, bytes], list[tuple[int, int, int]]] = defaultdict(list)
    for one, other in seen:
        halves[one.source, one.destination].append((other.time, other.time - one.time, one.hops - other.hops))
    found = Bounds([], [])
    for ends, half in halves.items():
        mirror = halves.get(ends[::-1], [])
        sign = _by_hops(half) or -_by_hops(mirror) or _by_order(half, mirror)
        if sign == 0:
            found.unclear += len(half)
        else:
            (found.most if sign > 0 else found.least).extend((time, difference) for time, difference, _ in half)
    return found


def _by_hops(half: list[tuple[int, int, int]]) -> int:
    """1 when packets lose hops from reference to other, -1 the other way, 0 when none does."""
    votes = sum((hops > 0) - (hops < 0) for _, _, hops in half)
    return (votes > 0) - (votes < 0)


def _by_order(half: list[tuple[int, int, int]], mirror: list[tuple[int, int, int]]) -> int:
    """Compare neighbours in time of both halves, where drift between them can't explain the difference."""
    both = sorted([(*item[:2], 1) for item in half] + [(*item[:2], -1) for item in mirror])
    votes = 0
    for (before, one, side), (after, other, far_side) in pairwise(both):
        if side != far_side and abs(one - other) > (after - before) * MAX_DRIFT / 1e9:
            votes += side if one > other else -side
    return (votes > 0) - (votes < 0)
