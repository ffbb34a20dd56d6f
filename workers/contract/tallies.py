"""The small facts that others are made of: counts with example frames, and distributions of durations."""

from msgspec import Struct

MAX_FRAMES = 20
"""Frames kept as examples for any one fact."""


class Tally(Struct, frozen=True):
    """How often something was seen, and the first frames that show it."""

    count: int = 0
    frames: tuple[int, ...] = ()


class Spread(Struct, frozen=True):
    """A distribution of durations in seconds. Percentiles are by nearest rank over the kept samples."""

    count: int = 0
    min: float = 0.0
    p50: float = 0.0
    p95: float = 0.0
    max: float = 0.0
