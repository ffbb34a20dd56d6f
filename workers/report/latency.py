"""How long answers took: every sample and its percentiles over time, and percentiles of each kind side by side."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.legend import Legend
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from workers.contract.pictures import LATENCY, PERCENTILES, Album
from workers.findings.words import number, plural
from workers.report.drawing import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    HEIGHT,
    ORANGE,
    PURPLE,
    RED,
    SKY,
    Drawing,
    head,
    plot,
    rank,
    time_axis,
    took,
)
from workers.report.trend import Trend, step, trend

KINDS = {
    "http": ("HTTP response", BLUE, "o"),
    "dns": ("DNS answer", ORANGE, "s"),
    "tcp": ("TCP handshake", GREEN, "^"),
    "redis": ("Redis answer", RED, "D"),
    "postgresql": ("PostgreSQL answer", PURPLE, "v"),
    "mysql": ("MySQL answer", SKY, "P"),
    "kafka": ("Kafka answer", BLACK, "X"),
    "mongodb": ("MongoDB answer", RED, "*"),
}
LEGEND_LINE = 0.4
"""Inches that each kind beyond three adds."""
ENOUGH = 100
"""Values from which on "99 % within" says more than the slowest one."""
Samples = dict[str, list[tuple[float, float]]]
"""kind -> (epoch seconds, seconds)"""


def samples(album: Album) -> Samples:
    """Those of all targets, only what can be drawn."""
    found: Samples = {}
    for target in album.report.targets:
        for at, seconds, kind in target.facts.timeline.latency if target.facts is not None else ():
            if kind in KINDS and math.isfinite(seconds) and 0 < seconds < 1e6 and 0 <= at < 1e11:
                found.setdefault(kind, []).append((at, seconds))
    return {kind: found[kind] for kind in KINDS if kind in found}


def latency(album: Album) -> Drawing | None:
    """Each sample a point over time, and lines of percentiles; None without samples."""
    found = samples(album)
    if not found:
        return None
    every = [at for points in found.values() for at, _ in points]
    start, end = min(every), max(every)
    drawn, axes = plot(HEIGHT + LEGEND_LINE * max(0, len(found) - 3))
    values = {kind: [seconds for _, seconds in points] for kind, points in found.items()}
    worst = max(values, key=lambda kind: rank(values[kind], 0.9))
    length = step([len(kept) for kept in values.values()], end - start)
    courses = {kind: trend(points, start, end - start, length) if length else None for kind, points in found.items()}
    for kind, points in found.items():
        label, colour, marker = KINDS[kind]
        spread, course = Spread.of(values[kind]), courses[kind]
        axes.scatter(
            [at - start for at, _ in points], values[kind], s=90 if len(points) < 200 else 45, color=colour,
            marker=marker, alpha=0.25 if course else 0.55, linewidths=0, label=f"{label}: {spread.words}",
        )  # fmt: skip
        if course is not None:
            _course(axes, course, colour, marker)
        elif not length:
            axes.axhline(spread.p90, color=colour, linewidth=2, linestyle="--", alpha=0.8)
    _duration_axis(axes.yaxis, axes, [seconds for kept in values.values() for seconds in kept])
    axes.set_ylabel("time to answer")
    time_axis(axes, start, end)
    lines = f"lines: p50, and dashed p95, of each {took(length)}" if length else "dashed: p90"
    axes.set_xlabel(f"{axes.get_xlabel()}; {lines}")
    title = f"Latency: 90 % of {KINDS[worst][0]}s within {took(rank(values[worst], 0.9))}"
    head(axes, title, columns=1)
    for handle in cast(Legend, axes.get_legend()).legend_handles:
        cast(Artist, handle).set_alpha(0.9)
    alt = "; ".join(
        f"{KINDS[kind][0]} {Spread.of(kept).words}{_worded(courses[kind], length)}" for kind, kept in values.items()
    )
    return LATENCY, f"Latency over time: {alt}.", drawn


def _course(axes: Axes, course: Trend, colour: str, marker: str) -> None:
    """Both percentiles over time, on a white edge that sets them off from the points."""
    for line, style, width in ((course.p50, "-", 4.5), (course.p95, (0, (2.2, 1.1)), 3.5)):
        axes.plot(
            course.middles, line, linestyle=style, linewidth=width, color=colour, marker=marker, markersize=9,
            zorder=5, path_effects=[withStroke(linewidth=width + 2.5, foreground="white")],
        )  # fmt: skip


def _worded(course: Trend | None, length: float) -> str:
    """ " (p95 of each 2 s from 4 ms to 60 ms)"."""
    if course is None:
        return ""
    low, high = took(min(course.told)), took(max(course.told))
    return f" (p95 of each {took(length)} {low})" if low == high else f" (p95 of each {took(length)} {low} to {high})"


@dataclass(frozen=True, slots=True)
class Spread:
    """Percentiles of some seconds, by nearest rank."""

    count: int
    p50: float
    p90: float
    top: float
    top_name: str
    """p99, or the slowest of too few."""

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Of at least one value."""
        few = len(values) < ENOUGH
        top = max(values) if few else rank(values, 0.99)
        return cls(len(values), rank(values, 0.5), rank(values, 0.9), top, "slowest" if few else "p99")

    @property
    def words(self) -> str:
        """ "p50 4 ms, p90 12 ms, p99 60 ms"."""
        return f"p50 {took(self.p50)}, p90 {took(self.p90)}, {self.top_name} {took(self.top)}"


def _duration_axis(axis: Axis, axes: Axes, values: Sequence[float]) -> None:
    """Logarithmic, whole decades, labels as people say them."""
    low = math.floor(math.log10(min(values)))
    high = max(low + 1, math.ceil(math.log10(max(values)) + 1e-9))
    upright = axis is axes.yaxis
    (axes.set_ylim if upright else axes.set_xlim)(10.0**low * 0.8, 10.0**high * 1.25)  # first, or equal values warn
    (axes.set_yscale if upright else axes.set_xscale)("log")
    step = max(1, math.ceil((high - low) / 6))
    axis.set_major_locator(FixedLocator([10.0**power for power in range(low, high + 1, step)]))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: _decade(value)))


def _decade(seconds: float) -> str:
    if seconds < 0.9e-3:
        return f"{seconds * 1e6:.3g} µs"
    return f"{seconds * 1e3:.3g} ms" if seconds < 0.9 else f"{seconds:,.3g} s" if seconds < 900 else f"{seconds:,.0f} s"


# -- percentiles -------------------------------------------------------------------------------------------------


def percentiles(album: Album) -> Drawing | None:
    """p50, p90 and p99 of each kind on one axis, with their figures; None without values."""
    rows = [(f"{KINDS[kind][0]}s", KINDS[kind][1], Spread.of([s for _, s in points])) for kind, points in
            samples(album).items()]  # fmt: skip
    trips = [seconds for seconds in album.round_trips if math.isfinite(seconds) and 0 < seconds < 1e6]
    if trips:
        rows.append(("TCP round trips of data, the median of each connection", PURPLE, Spread.of(trips)))
    if not rows:
        return None
    drawn, axes = plot(2.4 + 1.45 * len(rows))
    for y, (label, colour, spread) in enumerate(rows):
        _row(axes, y, label, colour, spread)
    values = [value for _, _, spread in rows for value in (spread.p50, spread.top)]
    _duration_axis(axes.xaxis, axes, values)
    axes.set_ylim(len(rows) - 0.4, -0.65)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.grid(axis="y", visible=False)
    axes.grid(axis="x", color="#e3e5e8", linewidth=1.2)
    axes.set_xlabel("time to answer, each line ten times the one before it")
    axes.scatter([], [], s=170, color=GREY, marker="o", label="p50: half within")
    axes.scatter([], [], s=170, color=GREY, marker="D", label="p90: 9 of 10 within")
    axes.scatter([], [], s=230, color=GREY, marker="|", linewidths=5, label="p99, or the slowest")
    label, _, worst = max(rows, key=lambda row: row[2].top)
    head(axes, f"Slowest: {label.split(' of ')[0]}, {worst.top_name} {took(worst.top)}", columns=3)
    said = "; ".join(f"{label}: {spread.words} of {plural(spread.count, 'value')}" for label, _, spread in rows)
    return PERCENTILES, f"Percentiles of how long answers took. {said}.", drawn


def _row(axes: Axes, y: int, label: str, colour: str, spread: Spread) -> None:
    axes.hlines(y, spread.p50, spread.top, color=colour, linewidth=6, alpha=0.35)
    axes.scatter([spread.p50], [y], s=170, color=colour, marker="o", zorder=4)
    axes.scatter([spread.p90], [y], s=170, color=colour, marker="D", zorder=4)
    axes.scatter([spread.top], [y], s=520, color=colour, marker="|", linewidths=5, zorder=4)
    line = axes.get_yaxis_transform()  # across the whole width, at this row
    axes.text(0.0, y - 0.28, f"{label} ({number(spread.count)})", transform=line, fontsize=19, fontweight="bold")
    axes.text(0.0, y + 0.36, spread.words, transform=line, fontsize=19, color=GREY)
