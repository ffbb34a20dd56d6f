"""One conversation as a ladder: client and server as two lines, an arrow for each packet that tells something."""

from matplotlib.axes import Axes

from workers.contract.pictures import LADDER, Album, FlowPicture
from workers.findings.words import duration, plural
from workers.report.drawing import BLACK, BLUE, GREEN, GREY, RED, Drawing, entitle, plot, took
from workers.report.labels import brief
from workers.report.rungs import Rung, rungs

NAME = 26
_RUNG, _REST = 0.62, 2.3
"""Inches of one line, and of title and names."""
_LEFT, _RIGHT = 0.2, 0.985
"""Where the two lines stand, as parts of the width; the times are before them."""


def ladder(album: Album) -> Drawing | None:
    """The ladder of the album's conversation; None without one."""
    flow = album.ladder
    if flow is None or not flow.trace.segments:
        return None
    lines = rungs(flow.trace, flow.frames)
    drawn, axes = plot(_REST + _RUNG * len(lines))
    axes.set_axis_off()
    axes.set_xlim(0, 1)
    axes.set_ylim(len(lines) - 0.1, -1.6)
    for x, name, side in ((_LEFT, flow.client, "left"), (_RIGHT, flow.server, "right")):
        axes.plot([x, x], [-0.85, len(lines) - 0.2], color=GREY, linewidth=3, solid_capstyle="round")
        at = x - 0.01 if side == "left" else 1.0
        axes.text(at, -1.2, brief(name, NAME), ha=side, va="center", fontsize=20, fontweight="bold")
    axes.text(0.0, -0.55, "after", ha="left", va="center", fontsize=18, color=GREY)
    for y, line in enumerate(lines):
        _line(axes, y, line)
    ends = f"{brief(flow.client, 36)} and {brief(flow.server, 36)}"
    entitle(drawn, flow.about or f"{plural(flow.trace.packets, 'packet')} of {ends}")
    return LADDER, _alt(flow, lines), drawn


def _line(axes: Axes, y: int, line: Rung) -> None:
    if not line.by:
        axes.text((_LEFT + _RIGHT) / 2, y, line.text, ha="center", va="center", fontsize=18, color=GREY, style="italic")
        return
    right = line.by == "client"
    colour = RED if line.trouble else BLUE if right else GREEN
    begin, end = (_LEFT, _RIGHT) if right else (_RIGHT, _LEFT)
    wide = 4.5 if line.trouble else 2.5
    axes.annotate(
        "", xy=(end, y + 0.28), xytext=(begin, y + 0.1),
        arrowprops={"arrowstyle": "-|>", "color": colour, "linewidth": wide, "mutation_scale": 30, "shrinkA": 0,
                    "shrinkB": 2},
    )  # fmt: skip
    heavy = "bold" if line.trouble or line.pointed else "normal"
    axes.text(
        (_LEFT + _RIGHT) / 2, y - 0.13, line.text, ha="center", va="center", fontsize=19, fontweight=heavy,
        color=BLACK if not line.trouble else colour,
    )  # fmt: skip
    axes.text(0.0, y + 0.1, took(line.after) if line.after else "0", ha="left", va="center", fontsize=18, color=GREY)


def _alt(flow: FlowPicture, lines: list[Rung]) -> str:
    told = "; ".join(f"{line.by}: {line.text}" if line.by else line.text for line in lines[:12])
    more = f"; {plural(len(lines) - 12, 'more line')}" if len(lines) > 12 else ""
    about = f"{flow.about} " if flow.about else ""
    return (
        f"{about}Ladder of {brief(flow.client, 60)} and {brief(flow.server, 60)}, "
        f"{plural(flow.trace.packets, 'packet')} in {duration(_lasted(flow))}: {told}{more}."
    )


def _lasted(flow: FlowPicture) -> float:
    segments = flow.trace.segments
    return max(one.at for one in segments) - segments[0].at
