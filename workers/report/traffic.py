"""Throughput over time: by direction of one pod or of all together, and of several pods beside each other."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from workers.contract.facts import Timeline
from workers.contract.pictures import DIRECTIONS, TRAFFIC, Album
from workers.findings.words import duration, number, plural, safe, size
from workers.report.drawing import (
    BLUE,
    GREY,
    LINES,
    ORANGE,
    RED,
    Drawing,
    figure,
    grid,
    head,
    plot,
    time_axis,
)
from workers.report.labels import brief

Series = Sequence[tuple[str, Timeline]]
_TALL = 9.0
LEAST_SHARE = 50
"""One in so many packets without a direction is worth a colour of its own."""


def traffic(album: Album) -> Drawing | None:
    """By direction of a single pod; the busiest ones of several as a line each. None without packets."""
    series = pods(album)
    if not series:
        return None
    return _by_pod(series) if len(series) > 1 else _by_direction(series, TRAFFIC)


def directions(album: Album) -> Drawing | None:
    """By direction of several pods together; None of a single one, whose traffic is drawn so anyway."""
    series = pods(album)
    return _by_direction(series, DIRECTIONS) if len(series) > 1 else None


def pods(album: Album) -> Series:
    """(pod, timeline) of targets with packets, the busiest first."""
    found = [
        (brief(safe(target.pod, 80), 32) or "capture", target.facts.timeline)
        for target in album.report.targets
        if target.facts is not None and _usable(target.facts.timeline)
    ]
    return sorted(found, key=lambda item: -sum(item[1].bytes))


def _usable(timeline: Timeline) -> bool:
    end = timeline.start_at + timeline.width * len(timeline.bytes)
    return math.isfinite(end) and 0 <= timeline.start_at <= end < 1e11 and timeline.width > 0 and any(timeline.packets)


def ends(series: Series) -> tuple[float, float]:
    """Where the first timeline begins and the last one ends, epoch seconds."""
    return min(t.start_at for _, t in series), max(t.start_at + t.width * len(t.bytes) for _, t in series)


# -- by pod ------------------------------------------------------------------------------------------------------


def _by_pod(series: Series) -> Drawing:
    shown = series[: len(LINES)]
    peak = max(max(line.bytes, default=0) * 8 / line.width for _, line in shown)
    factor, unit = _bit_unit(peak)
    start, end = ends(series)
    drawn, axes = plot()
    for (pod, line), colour in zip(shown, LINES, strict=False):
        _steps(axes, line, start, [count * 8 / line.width / factor for count in line.bytes], colour, pod)
    problems = _mark_problems(axes, series, start, plain=False)
    axes.set_ylim(0, max(peak / factor, 1e-9) * (1.3 if problems else 1.15))
    axes.set_ylabel(unit)
    time_axis(axes, start, end)
    names = f"{len(series)} pods" if len(shown) == len(series) else f"the {len(shown)} busiest of {len(series)} pods"
    head(axes, f"Traffic of {names}, peak {_amount(peak / factor)} {unit}", columns=2)
    return TRAFFIC, _alt(series, f"peak {_amount(peak / factor)} {unit}", problems, start, end), drawn


def _steps(axes: Axes, line: Timeline, start: float, heights: Sequence[float], colour: str, label: str) -> None:
    edges = [line.start_at - start + i * line.width for i in range(len(line.bytes) + 1)]
    axes.stairs(heights, edges, color=colour, linewidth=3.0 if len(heights) <= 150 else 1.6, label=label, baseline=None)


def _mark_problems(axes: Axes, series: Series, start: float, *, plain: bool) -> int:
    """Mark bins with problems along the top; returns how many problems there are."""
    marks: dict[float, int] = {}
    for _, line in series:
        for i, count in enumerate(line.problems):
            if count > 0:
                middle = line.start_at - start + (i + 0.5) * line.width
                marks[middle] = marks.get(middle, 0) + count
    if marks:
        sizes = [min(90 + 40 * math.sqrt(count), 420) for count in marks.values()]
        what = " (sent again, reset or unanswered)" if plain else ""
        label = f"{plural(sum(marks.values()), 'problem')}{what}"
        axes.scatter(
            list(marks), [0.94] * len(marks), s=sizes, marker="v", color=RED, label=label, zorder=5, alpha=0.85,
            transform=axes.get_xaxis_transform(),
        )  # fmt: skip
    return sum(marks.values())


def _alt(series: Series, what: str, problems: int, start: float, end: float) -> str:
    names = ", ".join(pod for pod, _ in series[:4])
    trouble = f"; {plural(problems, 'problem')} marked" if problems else "; no problems marked"
    return f"Traffic of {names} over {duration(end - start)}, {what}{trouble}."


def _bit_unit(rate: float) -> tuple[float, str]:
    for factor, unit in ((1e9, "Gbit/s"), (1e6, "Mbit/s"), (1e3, "kbit/s")):
        if rate >= factor:
            return factor, unit
    return 1.0, "bit/s"


def _amount(value: float) -> str:
    return f"{value:.2g}" if value < 10 else number(round(value))


# -- by direction ------------------------------------------------------------------------------------------------


class _Way(NamedTuple):
    """What goes one way, a figure a bin."""

    label: str
    colour: str
    down: bool
    packets: Sequence[int]
    bytes: Sequence[int]


def _by_direction(series: Series, name: str) -> Drawing:
    """Bits a second above packets a second, clients' upwards and servers' downwards; both panels share the time."""
    start, end = ends(series)
    together = _added([line for _, line in series], start, end)
    ways = _ways(together)
    factor, unit = _bit_unit(max(max(way.bytes) for way in ways) * 8 / together.width)
    drawn = figure(_TALL)
    above, below = drawn.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    edges = [i * together.width for i in range(len(together.bytes) + 1)]
    for way in ways:
        label = f"{way.label} ({'down' if way.down else 'up'}): {size(sum(way.bytes))}"
        _area(above, edges, way, [count * 8 / together.width / factor for count in way.bytes], label)
        _area(below, edges, way, [count / together.width for count in way.packets], "_")
    for axes in (above, below):
        _mirror(axes)
    problems = _mark_problems(above, series, start, plain=True)
    if problems:
        low, high = above.get_ylim()
        above.set_ylim(low, high + 0.14 * (high - low))
    above.set_ylabel(unit)
    below.set_ylabel("packets/s")
    time_axis(below, start, end)
    peak = max(together.bytes) * 8 / together.width
    total, total_unit = _bit_unit(peak)
    said = f"peak {_amount(peak / total)} {total_unit}"
    who = series[0][0] if len(series) == 1 else f"{len(series)} pods together"
    head(above, f"Traffic of {who}, {said} both ways", columns=1)
    told = ", ".join(f"{way.label} {size(sum(way.bytes))} in {plural(sum(way.packets), 'packet')}" for way in ways)
    return name, _alt(series, f"{said} both ways; {told}", problems, start, end), drawn


def _area(axes: Axes, edges: Sequence[float], way: _Way, heights: Sequence[float], label: str) -> None:
    signed = [-height for height in heights] if way.down else heights
    axes.stairs(signed, edges, color=way.colour, linewidth=1.6, fill=True, alpha=0.85, label=label)


def _mirror(axes: Axes) -> None:
    """Zero as a line, some room both ways, and figures that count from zero both ways."""
    axes.axhline(0, color=GREY, linewidth=1.5)
    low, high = axes.dataLim.y0, axes.dataLim.y1
    least = max(high, -low) * 0.1 or 1e-9
    axes.set_ylim(min(low * 1.1, -least), max(high * 1.1, least))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{abs(value):,.10g}"))
    grid(axes)


def _ways(line: Timeline) -> list[_Way]:
    """Both directions; what has none, where it is more than a trace of it all."""
    rest = [n - c - s for n, c, s in zip(line.packets, line.client_packets, line.server_packets, strict=True)]
    octets = [n - c - s for n, c, s in zip(line.bytes, line.client_bytes, line.server_bytes, strict=True)]
    ways = [
        _Way("client to server", BLUE, False, line.client_packets, line.client_bytes),
        _Way("server to client", ORANGE, True, line.server_packets, line.server_bytes),
    ]
    much = sum(rest) * LEAST_SHARE > sum(line.packets)
    return [*ways, _Way("neither (ARP and such)", GREY, False, rest, octets)] if much else ways


def _added(lines: Sequence[Timeline], start: float, end: float) -> Timeline:
    """Timelines on one scale, the widest of their bins; a bin counts where its middle lies."""
    width = max(line.width for line in lines)
    columns = max(1, math.ceil((end - start) / width - 1e-9))
    sums = {name: [0] * columns for name in _COUNTED}
    for line in lines:
        for name, total in sums.items():
            for i, count in enumerate(getattr(line, name)):
                middle = line.start_at - start + (i + 0.5) * line.width
                total[min(columns - 1, int(middle / width))] += count
    packets, octets, problems, *sides = (tuple(sums[name]) for name in _COUNTED)
    return Timeline(start, width, packets, octets, problems, (), *sides)


_COUNTED = ("packets", "bytes", "problems", "client_packets", "client_bytes", "server_packets", "server_bytes")
