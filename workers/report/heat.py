"""Who talked to whom and when: a band of colour for each client and server, as dark as they said much."""

import math

from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, LogNorm
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from workers.contract.pictures import HEAT, Album, Band, HeatMap
from workers.findings.words import duration, plural, size
from workers.report.drawing import GREY, RED, Drawing, entitle, plot, time_axis, took

COLOURS = LinearSegmentedColormap.from_list("bytes", ["#cfe3f2", "#56B4E9", "#0072B2", "#06263f"])
NOTHING = "#f4f5f7"
_BAND, _REST = 0.92, 2.9
"""Inches of one band with its name, and of title, time axis and scale."""


def heat(album: Album) -> Drawing | None:
    """The heat map; None when nothing was looked at."""
    found = album.heat
    if found is None or not 0 <= found.start_at < 1e11 or not 0 < found.width < 1e9:
        return None
    drawn, axes = plot(_REST + _BAND * len(found.bands))
    columns = len(found.bands[0].bytes)
    end = columns * found.width
    counts = [count for band in found.bands for count in band.bytes if count > 0]
    norm = LogNorm(min(counts) if min(counts) < max(counts) else max(counts) / 10, max(counts))
    for y, band in enumerate(found.bands):
        _band(axes, y, band, found, norm)
    axes.set_ylim(len(found.bands) + 0.05, -0.02)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.grid(visible=False)
    time_axis(axes, found.start_at, found.start_at + end)
    bar = drawn.colorbar(ScalarMappable(norm, COLOURS), ax=axes, orientation="horizontal", aspect=45, pad=0.01)
    bar.set_label(f"bytes in {took(found.width)}, on a logarithmic scale; grey: none", color=GREY)
    bar.ax.xaxis.set_major_locator(FixedLocator(_ticks(min(counts), max(counts))))
    bar.ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: size(value)))
    bar.ax.xaxis.set_minor_locator(NullLocator())
    title = _title(found)
    if any(any(band.problems) for band in found.bands):
        axes.scatter(
            [], [], s=200, marker="v", color=RED, label="problems: sent again, reset, unanswered, or receiver full"
        )
        axes.legend(loc="lower left", bbox_to_anchor=(-0.01, 0.99), borderpad=0, handletextpad=0.4)
    entitle(drawn, title)
    return HEAT, _alt(found, end), drawn


def _band(axes: Axes, y: int, band: Band, found: HeatMap, norm: LogNorm) -> None:
    """Its name and figures, and its cells below them."""
    edges = [i * found.width for i in range(len(band.bytes) + 1)]
    cells = [[count or math.nan for count in band.bytes]]
    axes.fill_between([edges[0], edges[-1]], y + 0.45, y + 0.92, color=NOTHING, linewidth=0)
    axes.pcolormesh(edges, [y + 0.45, y + 0.92], cells, cmap=COLOURS, norm=norm)
    line = axes.get_yaxis_transform()
    troubles = sum(band.problems)
    axes.text(0.0, y + 0.23, band.label, transform=line, fontsize=19, va="center")
    told = size(sum(band.bytes)) + (f", {plural(troubles, 'problem')}" if troubles else "")
    axes.text(1.0, y + 0.23, told, transform=line, fontsize=19, va="center", ha="right", color=GREY)
    marks = [(edges[i] + found.width / 2, count) for i, count in enumerate(band.problems) if count]
    axes.scatter(
        [x for x, _ in marks], [y + 0.62] * len(marks), s=[min(110 + 40 * math.sqrt(n), 420) for _, n in marks],
        marker="v", color=RED, edgecolors="white", linewidths=1.5, zorder=5,
    )  # fmt: skip


def _ticks(low: int, high: int) -> list[float]:
    """Powers of ten between the fewest and the most, or these two themselves."""
    powers = [10.0**n for n in range(math.ceil(math.log10(low)), math.floor(math.log10(high)) + 1)]
    return powers if len(powers) > 1 else [low, high]


def _title(found: HeatMap) -> str:
    shown, pairs = len(found.bands), len(found.bands) + found.more
    whom = (
        f"{shown} of {pairs} pairs of client and server"
        if found.more
        else plural(pairs, "pair") + " of client and server"
    )
    ill = [band for band in found.bands if any(band.problems)]
    return f"{whom}: problems in {len(ill)}" if ill else f"{whom}: no problems"


def _alt(found: HeatMap, end: float) -> str:
    largest = max(found.bands, key=lambda band: sum(band.bytes))
    ill = sorted((band for band in found.bands if any(band.problems)), key=lambda band: -sum(band.problems))
    trouble = "; ".join(f"{band.label}: {plural(sum(band.problems), 'problem')}" for band in ill[:4])
    return (
        f"Bytes over {duration(end)} between {_title(found)}. "
        f"Most between {largest.label}, {size(sum(largest.bytes))}." + (f" {trouble}." if trouble else "")
    )
