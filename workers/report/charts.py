"""The pictures of a report: throughput with problems marked, and latency. For a phone in the hand.

matplotlib's object API on the Agg canvas, never pyplot (it keeps global state). Imported by render.py alone, in a
process of its own. Colours are Okabe and Ito's palette, told apart by people with colour blindness.
"""

import io
import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, cast

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from workers.contract.facts import Timeline
from workers.contract.report import Report
from workers.findings.words import duration, number, plural, safe

Chart = tuple[str, str, bytes]
"""(file name, alt text, PNG)."""

WIDTH, HEIGHT, DPI = 12.0, 6.75, 100
"""Inches and dots per inch: 1200 x 675 pixels, 16:9 as chat clients preview it."""

BLUE, ORANGE, GREEN, RED, SKY, PURPLE, BLACK = (
    "#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7", "#000000",
)  # fmt: skip
LINES = (BLUE, GREEN, PURPLE, SKY, BLACK)
KINDS = {
    "http": ("HTTP response", BLUE, "o"),
    "dns": ("DNS answer", ORANGE, "s"),
    "tcp": ("TCP round trip", GREEN, "^"),
    "redis": ("Redis answer", RED, "D"),
    "postgresql": ("PostgreSQL answer", PURPLE, "v"),
    "mysql": ("MySQL answer", SKY, "P"),
    "kafka": ("Kafka answer", BLACK, "X"),
    "mongodb": ("MongoDB answer", RED, "*"),
}
GREY = "#5f6368"
STEPS = (
    1e-6, 2e-6, 5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5,
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400,
)  # fmt: skip
"""Seconds between ticks of a time axis that people find round."""

TITLE_LENGTH = 54
"""Characters of a title that fit the width at 25 points; longer ones are set smaller."""

STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 21,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.axisbelow": True,
    "xtick.color": GREY,
    "xtick.major.pad": 9,
    "ytick.color": GREY,
    "axes.labelcolor": GREY,
    "legend.fontsize": 19,
    "legend.frameon": False,
    "figure.constrained_layout.w_pad": 0.12,
    "figure.constrained_layout.h_pad": 0.1,
    "text.parse_math": False,  # a $ in a name is a dollar
}


def charts(report: Report) -> list[Chart]:
    """Throughput, and latency when there are samples. Nothing for a capture without packets."""
    series = _series(report)
    if not series:
        return []
    with mpl.rc_context(STYLE):
        drawn = [_throughput(series), _latency(_samples(report))]
    return [chart for chart in drawn if chart is not None]


def _series(report: Report) -> list[tuple[str, Timeline]]:
    """(pod, timeline) of targets with packets; past the palette the quietest ones are left out and counted."""
    found = [
        (safe(target.pod, 32) or "capture", target.facts.timeline)
        for target in report.targets
        if target.facts is not None and _usable(target.facts.timeline)
    ]
    return sorted(found, key=lambda item: -sum(item[1].bytes))


def _usable(timeline: Timeline) -> bool:
    end = timeline.start_at + timeline.width * len(timeline.bytes)
    return math.isfinite(end) and 0 <= timeline.start_at <= end < 1e11 and timeline.width > 0 and any(timeline.packets)


def _figure() -> tuple[Figure, Axes]:
    figure = Figure(figsize=(WIDTH, HEIGHT), dpi=DPI, layout="constrained")
    axes = figure.add_subplot()
    axes.grid(axis="y", color="#e3e5e8", linewidth=1.2)
    return figure, axes


def _png(figure: Figure) -> bytes:
    out = io.BytesIO()
    # not savefig, which draws everything once more beforehand
    FigureCanvasAgg(figure).print_png(out, metadata={"Software": "threadcap"})  # type: ignore[no-untyped-call]
    return out.getvalue()


# -- throughput --------------------------------------------------------------------------------------------------


def _throughput(series: Sequence[tuple[str, Timeline]]) -> Chart:
    shown = series[: len(LINES)]
    peak = max(max(line.bytes, default=0) * 8 / line.width for _, line in shown)
    factor, unit = _bit_unit(peak)
    start, end = min(t.start_at for _, t in series), max(t.start_at + t.width * len(t.bytes) for _, t in series)
    figure, axes = _figure()
    for (pod, line), colour in zip(shown, LINES, strict=False):
        _draw_rate(axes, line, start, factor, colour, pod if len(shown) > 1 else "")
    problems = _mark_problems(axes, series, start, peak / factor)
    axes.set_ylim(0, max(peak / factor, 1e-9) * (1.3 if problems else 1.15))
    axes.set_ylabel(unit)
    _time_axis(axes, start, end)
    _head(axes, _throughput_title(series, len(shown), f"peak {_amount(peak / factor)} {unit}"), columns=2)
    return "traffic.png", _throughput_alt(series, peak / factor, unit, problems, start, end), _png(figure)


def _throughput_title(series: Sequence[tuple[str, Timeline]], shown: int, peak: str) -> str:
    if len(series) == 1:
        return f"Traffic of {series[0][0]}, {peak}"
    pods = f"{len(series)} pods" if shown == len(series) else f"the {shown} busiest of {len(series)} pods"
    return f"Traffic of {pods}, {peak}"


def _draw_rate(axes: Axes, line: Timeline, start: float, factor: float, colour: str, label: str) -> None:
    """One pod's rate as steps; the area below is filled when it is alone (it has no label then)."""
    edges = [line.start_at - start + i * line.width for i in range(len(line.bytes) + 1)]
    rates = [count * 8 / line.width / factor for count in line.bytes]
    width = 3.0 if len(rates) <= 150 else 1.6
    axes.stairs(rates, edges, color=colour, linewidth=width, label=label or "_", baseline=None if label else 0)
    if not label:
        axes.stairs(rates, edges, color=colour, fill=True, alpha=0.18)


def _mark_problems(axes: Axes, series: Sequence[tuple[str, Timeline]], start: float, top: float) -> int:
    """Mark bins with problems along the top; returns how many problems there are."""
    marks: dict[float, int] = {}
    for _, line in series:
        for i, count in enumerate(line.problems):
            if count > 0:
                middle = line.start_at - start + (i + 0.5) * line.width
                marks[middle] = marks.get(middle, 0) + count
    if marks:
        sizes = [min(90 + 40 * math.sqrt(count), 420) for count in marks.values()]
        what = " (sent again, reset or unanswered)" if len(series) == 1 else ""
        label = f"{plural(sum(marks.values()), 'problem')}{what}"
        axes.scatter(
            list(marks), [top * 1.12] * len(marks), s=sizes, marker="v", color=RED, label=label, zorder=5, alpha=0.85
        )
    return sum(marks.values())


def _throughput_alt(
    series: Sequence[tuple[str, Timeline]], peak: float, unit: str, problems: int, start: float, end: float
) -> str:
    pods = ", ".join(pod for pod, _ in series[:4])
    trouble = f"; {plural(problems, 'problem')} marked" if problems else "; no problems marked"
    return f"Traffic of {pods} over {duration(end - start)}, peak {_amount(peak)} {unit}{trouble}."


def _bit_unit(rate: float) -> tuple[float, str]:
    for factor, unit in ((1e9, "Gbit/s"), (1e6, "Mbit/s"), (1e3, "kbit/s")):
        if rate >= factor:
            return factor, unit
    return 1.0, "bit/s"


def _amount(value: float) -> str:
    return f"{value:.2g}" if value < 10 else number(round(value))


# -- latency -----------------------------------------------------------------------------------------------------


def _samples(report: Report) -> dict[str, list[tuple[float, float]]]:
    """kind -> (epoch seconds, seconds) of all targets, only what can be drawn."""
    found: dict[str, list[tuple[float, float]]] = {}
    for target in report.targets:
        for at, seconds, kind in target.facts.timeline.latency if target.facts is not None else ():
            if kind in KINDS and math.isfinite(seconds) and 0 < seconds < 1e6 and 0 <= at < 1e11:
                found.setdefault(kind, []).append((at, seconds))
    return {kind: found[kind] for kind in KINDS if kind in found}


def _latency(samples: dict[str, list[tuple[float, float]]]) -> Chart | None:
    if not samples:
        return None
    every = [at for points in samples.values() for at, _ in points]
    start, end = min(every), max(every)
    worst, value = max(((kind, _rank(points, 0.95)) for kind, points in samples.items()), key=lambda item: item[1])
    figure, axes = _figure()
    for kind, points in samples.items():
        label, colour, marker = KINDS[kind]
        xs, ys = [at - start for at, _ in points], [seconds for _, seconds in points]
        size = 90 if len(points) < 200 else 45
        figures = f"{label}: median {duration(_rank(points, 0.5))}, p95 {duration(_rank(points, 0.95))} (dashed)"
        axes.scatter(xs, ys, s=size, color=colour, marker=marker, alpha=0.55, linewidths=0, label=figures)
        axes.axhline(_rank(points, 0.95), color=colour, linewidth=2, linestyle="--", alpha=0.8)
    _latency_axis(axes, [seconds for points in samples.values() for _, seconds in points])
    _time_axis(axes, start, end)
    _head(axes, f"Latency: 95 % of {_many(worst)} within {duration(value)}", columns=1)
    return "latency.png", _latency_alt(samples), _png(figure)


def _many(kind: str) -> str:
    return f"{KINDS[kind][0]}s"


def _rank(points: Sequence[tuple[float, float]], share: float) -> float:
    """Percentile by nearest rank."""
    ordered = sorted(seconds for _, seconds in points)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def _latency_axis(axes: Axes, values: Sequence[float]) -> None:
    """Logarithmic, whole decades, labels as people say them."""
    low = math.floor(math.log10(min(values)))
    high = max(low + 1, math.ceil(math.log10(max(values)) + 1e-9))
    axes.set_ylim(10.0**low * 0.8, 10.0**high * 1.25)  # before the scale, which would warn of equal values
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(FixedLocator([10.0**power for power in range(low, high + 1)]))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _decade(value)))
    axes.set_ylabel("time to answer")


def _decade(seconds: float) -> str:
    if seconds < 0.9e-3:
        return f"{seconds * 1e6:.3g} µs"
    return f"{seconds * 1e3:.3g} ms" if seconds < 0.9 else f"{seconds:,.3g} s" if seconds < 900 else f"{seconds:,.0f} s"


def _latency_alt(samples: dict[str, list[tuple[float, float]]]) -> str:
    parts = [
        f"{KINDS[kind][0]} median {duration(_rank(points, 0.5))}, 95 % within {duration(_rank(points, 0.95))}"
        for kind, points in samples.items()
    ]
    return f"Latency over time: {'; '.join(parts)}."


# -- shared ------------------------------------------------------------------------------------------------------


def _time_axis(axes: Axes, start: float, end: float) -> None:
    """UTC clock time; seconds from `start` are the coordinates, which keeps float precision for microseconds."""
    span = end - start
    axes.set_xlim(-0.02 * (span or 1.0), (span or 1.0) * 1.02)
    axes.xaxis.set_major_locator(FixedLocator(_round_times(start, end, 6 if span > 5 else 3)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _clock(start + value, span)))
    axes.set_xlabel(f"UTC, {_format(start, '%Y-%m-%d')}")


def _round_times(start: float, end: float, most: int) -> list[float]:
    """At most `most` + 1 round clock times between the ends, as seconds from `start`; at least the start."""
    span = max(end - start, 1e-6)
    step = next((s for s in STEPS if span / s <= most), 86_400.0 * math.ceil(span / 86_400 / most))
    first = math.ceil(start / step - 1e-9)
    ticks = [n * step - start for n in range(first, first + most + 2) if n * step <= end + step * 1e-6]
    return ticks or [0.0]


def _clock(epoch: float, span: float) -> str:
    if span > 2 * 86_400:
        return _format(epoch, "%m-%d %Hh")
    if span > 3_600:
        return _format(epoch, "%H:%M")
    if span > 5:
        return _format(epoch + 1e-4, "%H:%M:%S")
    digits = 1 if span > 0.5 else 3 if span > 0.005 else 6
    return f"{_format(epoch, '%H:%M:')}{epoch % 60:0{digits + 3}.{digits}f}"


def _format(epoch: float, pattern: str) -> str:
    try:
        return datetime.fromtimestamp(epoch, UTC).strftime(pattern)
    except (ValueError, OverflowError, OSError):
        return "?"


def _head(axes: Axes, title: str, columns: int) -> None:
    """Title, and the legend under it and above the data, where it never covers a point."""
    entries = len(axes.get_legend_handles_labels()[0])
    if entries:
        axes.legend(
            loc="lower left", bbox_to_anchor=(-0.01, 0.98), ncols=min(columns, entries), borderpad=0, handletextpad=0.4
        )
    size = min(25.0, 25.0 * TITLE_LENGTH / max(len(title), 1))
    figure = cast(Figure, axes.figure)
    figure.suptitle(title, x=0.012, ha="left", fontsize=size, fontweight="bold")
