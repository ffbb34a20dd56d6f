"""How every picture looks: colours, sizes, axes and titles that are read on a phone, at a third of their size.

matplotlib's object API on the Agg canvas, never pyplot (it keeps global state). Imported only in the process that
draws. Colours are Okabe and Ito's palette, told apart by people with colour blindness; shapes say the same again.
"""

import io
import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, cast

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter

from workers.findings.words import duration

Drawing = tuple[str, str, Figure]
"""(file name, alt text, picture)."""

WIDTH, HEIGHT, DPI = 12.0, 6.75, 100
"""Inches and dots per inch: 1200 x 675 pixels, 16:9 as chat clients preview it."""
MOST_HEIGHT = 15.0
"""Inches of the tallest picture: two phone screens."""

BLUE, ORANGE, GREEN, RED, SKY, PURPLE, BLACK = (
    "#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7", "#000000",
)  # fmt: skip
LINES = (BLUE, GREEN, PURPLE, SKY, BLACK)
GREY, PALE = "#5f6368", "#e3e5e8"
STEPS = (
    1e-6, 2e-6, 5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5,
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400,
)  # fmt: skip
"""Seconds between ticks of a time axis that people find round."""

TITLE_LENGTH = 54
"""Characters of a title that fit the width at 25 points; longer ones are set smaller, then broken into two lines."""

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


def figure(height: float = HEIGHT) -> Figure:
    """An empty picture of the usual width."""
    return Figure(figsize=(WIDTH, min(height, MOST_HEIGHT)), dpi=DPI, layout="constrained")


def plot(height: float = HEIGHT) -> tuple[Figure, Axes]:
    """A picture with one plot in it."""
    drawn = figure(height)
    axes = drawn.add_subplot()
    grid(axes)
    return drawn, axes


def grid(axes: Axes) -> None:
    """Pale lines at the ticks of the upright axis."""
    axes.grid(axis="y", color=PALE, linewidth=1.2)


def png(drawn: Figure) -> bytes:
    """The picture as a file."""
    out = io.BytesIO()
    # not savefig, which draws everything once more beforehand
    FigureCanvasAgg(drawn).print_png(out, metadata={"Software": "threadcap"})
    return out.getvalue()


def time_axis(axes: Axes, start: float, end: float) -> None:
    """UTC clock time; seconds from `start` are the coordinates, which keeps float precision for microseconds."""
    span = end - start
    axes.set_xlim(-0.02 * (span or 1.0), (span or 1.0) * 1.02)
    axes.xaxis.set_major_locator(FixedLocator(round_times(start, end, 6 if span > 5 else 3)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: clock(start + value, span)))
    axes.set_xlabel(f"UTC, {written(start, '%Y-%m-%d')}")


def round_times(start: float, end: float, most: int) -> list[float]:
    """Round clock times between the ends, as seconds from `start`: at most `most` + 1, two if that can be, or one."""
    span = max(end - start, 1e-6)
    coarse = next((s for s in STEPS if span / s <= most), 86_400.0 * math.ceil(span / 86_400 / most))
    finer = max((s for s in STEPS if s < coarse and span / s <= most + 1), default=coarse)
    ticks = _multiples(coarse, start, end)
    return ticks if len(ticks) > 1 else _multiples(finer, start, end)[: most + 1] or [0.0]


def _multiples(step: float, start: float, end: float) -> list[float]:
    first, last = math.ceil(start / step - 1e-9), math.floor(end / step + 1e-6)
    return [n * step - start for n in range(first, last + 1)]


def clock(epoch: float, span: float) -> str:
    """A time of day, as exact as the time from end to end asks for."""
    if span > 2 * 86_400:
        return written(epoch, "%m-%d %Hh")
    if span > 3_600:
        return written(epoch, "%H:%M")
    if span > 5:
        return written(epoch + 1e-4, "%H:%M:%S")
    digits = 1 if span > 0.5 else 3 if span > 0.005 else 6
    return f"{written(epoch, '%H:%M:')}{epoch % 60:0{digits + 3}.{digits}f}"


def written(epoch: float, pattern: str) -> str:
    """A time by a strftime pattern; "?" for what no calendar holds."""
    try:
        return datetime.fromtimestamp(epoch, UTC).strftime(pattern)
    except (ValueError, OverflowError, OSError):
        return "?"


def head(axes: Axes, title: str, columns: int) -> None:
    """Title, and the legend under it and above the data, where it never covers a point."""
    entries = len(axes.get_legend_handles_labels()[0])
    if entries:
        axes.legend(
            loc="lower left", bbox_to_anchor=(-0.01, 0.98), ncols=min(columns, entries), borderpad=0, handletextpad=0.4
        )
    entitle(cast(Figure, axes.figure), title)


def entitle(drawn: Figure, title: str) -> None:
    """The title, bold, at the left; a long one smaller and in two lines."""
    if len(title) > TITLE_LENGTH * 1.25:
        middle = title.rfind(" ", 0, len(title) // 2 + 8)
        title = f"{title[:middle]}\n{title[middle + 1 :]}" if middle > 0 else title
    longest = max(map(len, title.split("\n")))
    size = min(25.0, 25.0 * TITLE_LENGTH / max(longest, 1))
    drawn.suptitle(title, x=0.012, ha="left", fontsize=size, fontweight="bold")


def rank(values: Sequence[float], share: float) -> float:
    """Percentile by nearest rank, of at least one value."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def took(seconds: float) -> str:
    """A duration as `words.duration` says it, with microseconds where there is nothing else to say."""
    return f"{seconds * 1e6:.3g} µs" if 0 < seconds < 5e-5 else duration(seconds)
