"""The pictures of a report: throughput with problems marked, and latency. For a phone in the hand.

matplotlib's object API on the Agg canvas, never pyplot (it keeps global state). Imported by render.py alone, in a
process of its own. Colours are Okabe and Ito's palette, told apart by people with colour blindness.
"""

import io
import math
from collections.abc import Sequence
from datetime import UTC, datetime

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

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
LINES = (BLUE, ORANGE, GREEN, PURPLE, SKY)
KINDS = {
    "http": ("HTTP response", BLUE, "o"),
    "dns": ("DNS answer", ORANGE, "s"),
    "tcp": ("TCP round trip", GREEN, "^"),
}
GREY = "#5f6368"

STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 21,
    "axes.titlesize": 25,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 20,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.axisbelow": True,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "axes.labelcolor": GREY,
    "legend.fontsize": 19,
    "legend.frameon": False,
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


def _figure(title: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(WIDTH, HEIGHT), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_title(title)
    axes.grid(axis="y", color="#e3e5e8", linewidth=1.2)
    return figure, axes


def _png(figure: Figure) -> bytes:
    out = io.BytesIO()
    figure.savefig(out, format="png", metadata={"Software": "threadcap"})
    return out.getvalue()


# -- throughput --------------------------------------------------------------------------------------------------


def _throughput(series: Sequence[tuple[str, Timeline]]) -> Chart:
    shown = series[: len(LINES)]
    peak = max(max(line.bytes, default=0) * 8 / line.width for _, line in shown)
    factor, unit = _bit_unit(peak)
    title = f"Traffic, peak {_amount(peak / factor)} {unit}"
    figure, axes = _figure(title)
    start, end = min(t.start_at for _, t in series), max(t.start_at + t.width * len(t.bytes) for _, t in series)
    for (pod, line), colour in zip(shown, LINES, strict=False):
        edges = [line.start_at - start + i * line.width for i in range(len(line.bytes) + 1)]
        rates = [count * 8 / line.width / factor for count in line.bytes]
        axes.stairs(
            rates, edges, color=colour, linewidth=3, fill=False, label=pod, baseline=None if len(shown) > 1 else 0
        )
        if len(shown) == 1:
            axes.stairs(rates, edges, color=colour, fill=True, alpha=0.18)
    top = max(peak / factor, 1e-9)
    problems = _mark_problems(axes, series, start, top)
    axes.set_ylim(0, top * (1.3 if problems else 1.15))
    axes.set_ylabel(unit)
    _time_axis(axes, start, end)
    if len(shown) > 1 or problems:
        _legend(axes, len(shown) + bool(problems))
    if len(series) > len(shown):
        axes.set_title(f"{title} ({len(shown)} busiest of {len(series)} pods)")
    return "traffic.png", _throughput_alt(series, peak / factor, unit, problems, start, end), _png(figure)


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
        label = f"{plural(sum(marks.values()), 'problem')}: sent again, reset, no answer"
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
    figure, axes = _figure(f"Latency: 95 % of {_many(worst)} within {duration(value)}")
    for kind, points in samples.items():
        label, colour, marker = KINDS[kind]
        xs, ys = [at - start for at, _ in points], [seconds for _, seconds in points]
        size = 90 if len(points) < 200 else 45
        figures = f"{label}: median {duration(_rank(points, 0.5))}, p95 {duration(_rank(points, 0.95))}"
        axes.scatter(xs, ys, s=size, color=colour, marker=marker, alpha=0.55, linewidths=0, label=figures)
        axes.axhline(_rank(points, 0.95), color=colour, linewidth=2, linestyle="--", alpha=0.8)
    _latency_axis(axes, [seconds for points in samples.values() for _, seconds in points])
    _time_axis(axes, start, end)
    _legend(axes, len(samples), one_column=True)
    return "latency.png", _latency_alt(samples), _png(figure)


def _many(kind: str) -> str:
    return {"http": "HTTP responses", "dns": "DNS answers", "tcp": "TCP round trips"}[kind]


def _rank(points: Sequence[tuple[float, float]], share: float) -> float:
    """Percentile by nearest rank."""
    ordered = sorted(seconds for _, seconds in points)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def _latency_axis(axes: Axes, values: Sequence[float]) -> None:
    """Logarithmic, whole decades, labels as people say them."""
    low = math.floor(math.log10(min(values)))
    high = max(low + 1, math.ceil(math.log10(max(values)) + 1e-9))
    axes.set_yscale("log")
    axes.set_ylim(10.0**low * 0.8, 10.0**high * 1.25)
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
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 3, 5, 6, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _clock(start + value, span)))
    axes.set_xlabel(f"UTC, {_format(start, '%Y-%m-%d')}")


def _clock(epoch: float, span: float) -> str:
    if span > 2 * 86_400:
        return _format(epoch, "%m-%d %Hh")
    if span > 3_600:
        return _format(epoch, "%H:%M")
    if span >= 4:
        return _format(epoch, "%H:%M:%S")
    digits = 1 if span >= 0.4 else 3
    return _format(epoch, "%S.%f")[: 3 + digits] + " s"


def _format(epoch: float, pattern: str) -> str:
    try:
        return datetime.fromtimestamp(epoch, UTC).strftime(pattern)
    except (ValueError, OverflowError, OSError):
        return "?"


def _legend(axes: Axes, count: int, *, one_column: bool = False) -> None:
    """Under the title, above the data: it never covers a point."""
    columns = 1 if one_column else min(2, count)
    axes.legend(loc="lower left", bbox_to_anchor=(-0.01, 0.98), ncols=columns, borderpad=0, handletextpad=0.4)
    rows = math.ceil(count / columns)
    axes.set_title(axes.get_title(loc="left"), pad=14 + 27 * rows)
