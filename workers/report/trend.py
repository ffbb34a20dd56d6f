"""Percentiles over time: p50 and p95 of equal steps of the capture, where there are values enough to tell them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from workers.report.drawing import STEPS, rank

MOST = 24
"""Steps across a picture that a phone can show."""
FEWEST = 4
"""Steps below which there is no course to see."""
VALUES = 10
"""Values a step has on average, for the kind that has most."""
LEAST = 5
"""Values from which on a step's percentiles are told."""


@dataclass(frozen=True, slots=True)
class Trend:
    """One kind's percentiles. `middles` are seconds from the start; a step with too few values holds NaN."""

    middles: tuple[float, ...]
    p50: tuple[float, ...]
    p95: tuple[float, ...]

    @property
    def told(self) -> list[float]:
        """The steps' 95th percentiles, of those that have any."""
        return [value for value in self.p95 if not math.isnan(value)]


def step(counts: Sequence[int], span: float) -> float:
    """The length of a step in seconds, a round one; 0 when there is too little for any."""
    steps = min(MOST, max(counts, default=0) // VALUES)
    if steps < FEWEST or not 0 < span < 1e8:
        return 0.0
    length = next((one for one in STEPS if span / one <= steps), 0.0)
    return length if span / (length or math.inf) > FEWEST - 1 else 0.0


def trend(points: Sequence[tuple[float, float]], start: float, span: float, length: float) -> Trend | None:
    """Percentiles of (epoch seconds, seconds) a step of `length`; None when no step has values enough."""
    count = max(1, math.ceil(span / length))
    steps: list[list[float]] = [[] for _ in range(count)]
    for at, seconds in points:
        steps[min(count - 1, int((at - start) / length))].append(seconds)
    if not any(len(values) >= LEAST for values in steps):
        return None
    ends = [min(span, (n + 1) * length) for n in range(count)]
    return Trend(
        tuple((n * length + end) / 2 for n, end in enumerate(ends)),
        tuple(rank(values, 0.5) if len(values) >= LEAST else math.nan for values in steps),
        tuple(rank(values, 0.95) if len(values) >= LEAST else math.nan for values in steps),
    )
