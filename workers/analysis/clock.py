"""How far two nodes' clocks are apart, from packets that were captured on both.

In: differences of the times of packets, by direction. Out: a ClockOffset. A packet that goes from the reference to the
other capture says the offset is at most the difference of its times, one that comes back says it is at least that,
whatever the delays were: so the fastest packet of each direction bounds it (the minimum filter of Paxson, "On
Calibrating Measurements of Packet Transit Times", 1998), and half the fastest round trip is the uncertainty. Clocks of
different speeds make the bounds slope; every line between them is possible, and the uncertainty covers all of them.
"""

import math
from collections.abc import Callable
from functools import partial

from msgspec import Struct
from msgspec.structs import replace

from workers.analysis.directions import MAX_DRIFT, Bounds

RESOLUTION = 1_000
"""Nanoseconds a difference of two truncated microsecond times may be wrong by."""
MAX_WANDER = 5_000_000
"""Nanoseconds by which bounds may contradict each other before a clock must have been set during the capture."""
_WINDOWS = 16
_STEPS = 80
"""Of a search over drifts: 2 x MAX_DRIFT shrinks far below a nanosecond."""

Point = tuple[float, float]
"""(seconds since the first pair by the other clock, nanoseconds of offset)"""


class ClockOffset(Struct, frozen=True):
    """How far a clock is ahead of a reference clock; `seconds` None: unsynchronised, `words` say why.

    `uncertainty` holds from the first pair to the last; before and after, the clocks may drift farther.
    `drift` is what it gains, seconds a second; `seconds` holds at `at` (epoch nanoseconds by the other clock).
    """

    seconds: float | None = None
    uncertainty: float = 0.0
    pairs: int = 0
    words: str = ""
    drift: float = 0.0
    at: int = 0

    def corrected(self, time: int) -> int:
        """Return the reference clock's time, epoch nanoseconds; an unsynchronised clock's time stays as it is."""
        if self.seconds is None:
            return time
        return time - round(self.seconds * 1e9 + self.drift * (time - self.at))

    def after(self, nearer: "ClockOffset") -> "ClockOffset":
        """Return this clock's offset to a reference, when this one is to a clock that is itself `nearer` to it."""
        if self.seconds is None or nearer.seconds is None:
            return ClockOffset(pairs=min(self.pairs, nearer.pairs))
        seconds = self.at - nearer.corrected(self.corrected(self.at))
        uncertainty, pairs = self.uncertainty + nearer.uncertainty, min(self.pairs, nearer.pairs)
        return replace(
            self, seconds=seconds / 1e9, uncertainty=uncertainty, pairs=pairs, drift=self.drift + nearer.drift
        )


def estimate(found: Bounds, reference: str, other: str) -> ClockOffset:
    """Return how far `other`'s clock is ahead of `reference`'s; the names are for `words`."""
    if not found.most or not found.least:
        return ClockOffset(pairs=len(found), words=_one_sided(found, reference, other))
    start = min(time for time, _ in found.most + found.least)
    base = found.most[0][1]
    line = _Line(
        _hull([((time - start) / 1e9, float(diff - base + RESOLUTION)) for time, diff in found.most], 1),
        _hull([((time - start) / 1e9, float(diff - base - RESOLUTION)) for time, diff in found.least], -1),
    )
    drift = 0.0 if line.gap(0.0) >= 0 else _peak(line.gap, -MAX_DRIFT, MAX_DRIFT)
    gap, zero, middle = line.gap(drift), line.middle(drift), line.last / 2
    if gap < -2 * MAX_WANDER:
        words = (
            f"unsynchronised: a clock was set during the capture, by about {-gap / 2e9:.3g} s ({reference}, {other})"
        )
        return ClockOffset(pairs=len(found), words=words)
    doubt = line.doubt(drift) if gap >= 0 else _wander(found, start, base, zero, drift)
    seconds, at = (zero + drift * middle + base) / 1e9, start + round(middle * 1e9)
    offset = ClockOffset(seconds, doubt / 1e9, len(found), "", drift / 1e9, at)
    return replace(offset, words=sentence(offset, reference, other))


class _Line(Struct):
    """Lines of offset over time that lie below every point of `most` and above every point of `least`."""

    most: list[Point]
    least: list[Point]

    @property
    def last(self) -> float:
        return max(self.most[-1][0], self.least[-1][0])

    def high(self, drift: float) -> float:
        """Return the largest offset at second 0."""
        return min(y - drift * x for x, y in self.most)

    def low(self, drift: float) -> float:
        """Return the least one."""
        return max(y - drift * x for x, y in self.least)

    def gap(self, drift: float) -> float:
        """Return the room between both, negative where they contradict; concave."""
        return self.high(drift) - self.low(drift)

    def middle(self, drift: float) -> float:
        return (self.high(drift) + self.low(drift)) / 2

    def doubt(self, drift: float) -> float:
        """Return the most that any possible line is away from the middle one, from the first pair to the last."""
        slowest, fastest = _edge(self.gap, drift, -MAX_DRIFT), _edge(self.gap, drift, MAX_DRIFT)
        worst = 0.0
        for x in (0.0, self.last):
            above, below = partial(self._above, x), partial(self._below, x)
            own = self.middle(drift) + drift * x
            highest, lowest = above(_peak(above, slowest, fastest)), -below(_peak(below, slowest, fastest))
            worst = max(worst, highest - own, own - lowest)
        return worst

    def _above(self, x: float, drift: float) -> float:
        return self.high(drift) + drift * x

    def _below(self, x: float, drift: float) -> float:
        return -(self.low(drift) + drift * x)


def _peak(value: Callable[[float], float], low: float, high: float) -> float:
    """Return where a concave function is largest."""
    for _ in range(_STEPS):
        third = (high - low) / 3
        if value(low + third) < value(high - third):
            low += third
        else:
            high -= third
    return (low + high) / 2


def _edge(gap: Callable[[float], float], inside: float, outside: float) -> float:
    """Return the drift farthest towards `outside` at which `gap` is not negative, as it is at `inside`."""
    if gap(outside) >= 0:
        return outside
    for _ in range(_STEPS):
        middle = (inside + outside) / 2
        if gap(middle) >= 0:
            inside = middle
        else:
            outside = middle
    return inside


def _hull(points: list[Point], side: int) -> list[Point]:
    """Return the lower (side 1) or upper (-1) convex hull: the points that bound a line at all."""
    hull: list[Point] = []
    for x, y in sorted(points, key=lambda point: (point[0], point[1] * side)):
        while len(hull) > 1 and side * _turn(hull[-2], hull[-1], (x, y)) <= 0:
            hull.pop()
        if not hull or hull[-1][0] != x:
            hull.append((x, y))
    return hull


def _turn(a: Point, b: Point, c: Point) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _wander(found: Bounds, start: int, base: int, zero: float, drift: float) -> float:
    """Return how far the bounds of each window of time leave the line of clocks that did not run evenly."""
    last = max(time for time, _ in found.most + found.least)
    width = (last - start) // _WINDOWS + 1
    high: dict[int, float] = {}
    low: dict[int, float] = {}
    for time, difference in found.most:
        left, window = difference - base - zero - drift * (time - start) / 1e9, (time - start) // width
        high[window] = min(high.get(window, left), left)
    for time, difference in found.least:
        left, window = difference - base - zero - drift * (time - start) / 1e9, (time - start) // width
        low[window] = max(low.get(window, left), left)
    both = high.keys() & low.keys()
    # a window in which the clock moved contradicts itself: what the fastest round trip leaves open comes on top
    trip = min((high[n] - low[n] for n in both if high[n] >= low[n]), default=MAX_WANDER)
    return RESOLUTION + trip + max((max(abs(high[n]), abs(low[n])) for n in both), default=MAX_WANDER)


def sentence(offset: ClockOffset, reference: str, other: str) -> str:
    """Say a known offset to people, in as many digits as its uncertainty deserves."""
    assert offset.seconds is not None
    digits = next((n for n in range(8) if offset.uncertainty >= 10**-n), 8) + 1
    way = "behind" if offset.seconds < 0 else "ahead of"
    drift = f", gaining {offset.drift * 1e6:+.1f} µs a second" if offset.drift else ""
    doubt = math.ceil(offset.uncertainty * 10**digits) / 10**digits
    return (
        f"{other}'s clock is {abs(offset.seconds):.{digits}f} s {way} {reference}'s"
        f" (± {doubt:.{digits}f} s, from {offset.pairs:,} packet pairs{drift})"
    )


def _one_sided(found: Bounds, reference: str, other: str) -> str:
    why = f"unsynchronised: no packet was seen on both {reference} and {other}"
    if found.unclear:
        why = f"unsynchronised: nothing tells which way packets between {reference} and {other} went"
    if found.most or found.least:
        why = f"unsynchronised: packets between {reference} and {other} were seen in one direction only"
    if found.most:
        return f"{why}; {other}'s clock is {_limit(min(diff for _, diff in found.most), 'at most')} {reference}'s"
    if found.least:
        return f"{why}; {other}'s clock is {_limit(max(diff for _, diff in found.least), 'at least')} {reference}'s"
    return why


def _limit(bound: int, how: str) -> str:
    if bound < 0:
        return f"{'at least' if how == 'at most' else 'at most'} {-bound / 1e9:.6f} s behind"
    return f"{how} {bound / 1e9:.6f} s ahead of"
