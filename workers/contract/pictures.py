"""What the pictures of a report are drawn from: the report, close-ups of its captures, and ready labels.

Every label is safe to show and short; names and payloads of the traffic go no further than this.
"""

from msgspec import Struct

from workers.contract.closeup import Trace
from workers.contract.report import Report

TRAFFIC, DIRECTIONS, LATENCY, PERCENTILES, HEAT, SEQUENCE, LADDER = (
    "traffic.png", "directions.png", "latency.png", "percentiles.png", "heatmap.png", "sequence.png", "ladder.png",
)  # fmt: skip
EVERY = (TRAFFIC, DIRECTIONS, LATENCY, PERCENTILES, HEAT, SEQUENCE, LADDER)
ALWAYS = (TRAFFIC, LATENCY)
"""What a thread gets of every capture that shows it."""


class Band(Struct, frozen=True):
    """One row of the heat map: what some clients and servers said to each other."""

    label: str
    bytes: tuple[int, ...]
    problems: tuple[int, ...]


class HeatMap(Struct, frozen=True):
    """Bands over equal columns of `width` seconds from `start_at` (epoch seconds) on."""

    start_at: float
    width: float
    bands: tuple[Band, ...]
    more: int = 0
    """Pairs of clients and servers that have no band."""


class FlowPicture(Struct, frozen=True):
    """One conversation with names for its ends, and what a finding says about it."""

    trace: Trace
    client: str
    server: str
    about: str = ""
    """The first sentence of the finding that is about it; "" when none is."""
    frames: tuple[int, ...] = ()
    """Frames of that finding."""


class Album(Struct, frozen=True):
    """One report's pictures in the making; what is None has no picture."""

    report: Report
    names: tuple[str, ...] = EVERY
    """File names of the pictures to draw."""
    posted: tuple[str, ...] = ALWAYS
    """Those of them that the thread gets."""
    heat: HeatMap | None = None
    sequence: FlowPicture | None = None
    ladder: FlowPicture | None = None
    round_trips: tuple[float, ...] = ()
    """The median round trip of each TCP connection with data, seconds."""
