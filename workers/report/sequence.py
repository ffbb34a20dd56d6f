"""One conversation's data over time, as W. Richard Stevens drew it: sequence numbers sent, and acknowledged."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from workers.contract.closeup import Segment, Trace
from workers.contract.pictures import SEQUENCE, Album, FlowPicture
from workers.findings.words import duration, number, plural, size
from workers.report.drawing import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PALE,
    PURPLE,
    RED,
    Drawing,
    head,
    plot,
    time_axis,
)
from workers.report.labels import brief

NAME = 24
STALL, STALL_SHARE = 0.2, 0.1
"""A silence is worth marking from so many seconds and so much of the whole on."""
_AGAIN = frozenset({"retransmission"})


@dataclass(frozen=True, slots=True)
class _Sent:
    """What one side sent, and what the other side had to say to it."""

    side: str
    data: Sequence[Segment]
    acks: Sequence[Segment]
    again: Sequence[Segment]
    late: Sequence[Segment]
    closed: Sequence[Segment]
    """The other side's packets with a window of zero."""
    resets: Sequence[Segment]

    @property
    def reach(self) -> int:
        """Bytes from the first to the last one sent."""
        return max((s.sequence + s.length for s in self.data), default=0) - min(
            (s.sequence for s in self.data), default=0
        )


def sequence(album: Album) -> Drawing | None:
    """The picture of the direction that has trouble, or else of the one that carries more; None without data."""
    flow = album.sequence
    sent = _chosen(flow.trace) if flow is not None else None
    if flow is None or sent is None:
        return None
    trace = flow.trace
    start, end = trace.segments[0].at, max(one.at for one in trace.segments)
    drawn, axes = plot(7.6)
    base = min(s.sequence for s in sent.data)
    _lines(axes, sent, start, base)
    _events(axes, sent, start, base)
    _silence(axes, trace, start, end)
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: size(value)))
    axes.set_ylim(-0.03 * max(sent.reach, 1), 1.06 * max(sent.reach, 1))
    axes.set_ylabel("bytes sent so far")
    time_axis(axes, start, end)
    if not trace.kept_all:
        drawn_of = f"{number(len(trace.segments))} of {number(trace.packets)} packets drawn, trouble first"
        axes.set_xlabel(f"{axes.get_xlabel()}; {drawn_of}")
    ends = [brief(name, NAME) for name in (flow.client, flow.server)]
    who = " to ".join(ends if sent.side == "client" else ends[::-1])
    head(axes, f"{who}: {size(sent.reach)}, {_verdict(sent, trace)}", columns=2)
    return SEQUENCE, _alt(flow, sent, who), drawn


def _chosen(trace: Trace) -> _Sent | None:
    sides = [one for one in (_sent(trace, "client"), _sent(trace, "server")) if one.data]
    return max(sides, key=lambda one: (len(one.again) + len(one.closed), one.reach), default=None)


def _sent(trace: Trace, side: str) -> _Sent:
    mine = [one for one in trace.segments if one.by == side and one.length and "rst" not in one.marks]
    theirs = [one for one in trace.segments if one.by != side]
    return _Sent(
        side,
        mine,
        [one for one in theirs if one.ack is not None and "rst" not in one.marks],
        [one for one in mine if "retransmission" in one.marks],
        [one for one in mine if "out_of_order" in one.marks],
        [one for one in theirs if "zero_window" in one.marks],
        [one for one in trace.segments if "rst" in one.marks],
    )


def _lines(axes: Axes, sent: _Sent, start: float, base: int) -> None:
    plain = [one for one in sent.data if "retransmission" not in one.marks and "out_of_order" not in one.marks]
    small = len(plain) > 300
    axes.vlines(
        [one.at - start for one in plain], [one.sequence - base for one in plain],
        [one.sequence + one.length - base for one in plain], color=BLUE, linewidth=3,
    )  # fmt: skip
    axes.scatter(
        [one.at - start for one in plain], [one.sequence + one.length - base for one in plain],
        s=14 if small else 45, color=BLUE, linewidths=0,
    )  # fmt: skip
    axes.scatter([], [], s=110, color=BLUE, label="sent", linewidths=0)
    if sent.acks:
        axes.step(
            [one.at - start for one in sent.acks], [max(0, (one.ack or 0) - base) for one in sent.acks],
            where="post", color=GREEN, linewidth=2.5, label="acknowledged",
        )  # fmt: skip


def _events(axes: Axes, sent: _Sent, start: float, base: int) -> None:
    for found, label, colour, marker, extent in (
        (sent.again, "sent again", RED, "X", 210),
        (sent.late, "out of order", ORANGE, "D", 130),
    ):
        if found:
            axes.scatter(
                [one.at - start for one in found], [one.sequence + one.length - base for one in found], s=extent,
                color=colour, marker=marker, edgecolors="white", linewidths=1, zorder=5,
                label=f"{label}: {number(len(found))}",
            )  # fmt: skip
    if sent.closed:
        axes.scatter(
            [one.at - start for one in sent.closed], [max(0, (one.ack or 0) - base) for one in sent.closed], s=150,
            color=PURPLE, marker="s", edgecolors="white", linewidths=1, zorder=5,
            label=f"receiver full (zero window): {number(len(sent.closed))}",
        )  # fmt: skip
    for place, one in enumerate(sent.resets):
        axes.axvline(
            one.at - start, color=BLACK, linewidth=2.5, linestyle=":", label="_" if place else f"RST by the {one.by}"
        )


def _silence(axes: Axes, trace: Trace, start: float, end: float) -> None:
    if _stalled(trace, end - start):
        left = trace.silent_at - start
        axes.axvspan(left, left + trace.silence, color=PALE, alpha=0.7, zorder=0)
        middle = left + trace.silence / 2
        axes.text(
            middle, 0.04, f"silent for {duration(trace.silence)}", transform=axes.get_xaxis_transform(), rotation=90,
            ha="center", va="bottom", fontsize=19, color=GREY,
        )  # fmt: skip


def _stalled(trace: Trace, whole: float) -> bool:
    return trace.silence >= max(STALL, STALL_SHARE * whole)


def _verdict(sent: _Sent, trace: Trace) -> str:
    """The worst that the picture shows, in few words."""
    said = []
    if sent.again:
        said.append(f"{plural(len(sent.again), 'segment')} sent again")
    if sent.closed:
        said.append("receiver was full")
    if sent.resets:
        said.append(f"RST by the {sent.resets[0].by}")
    if not said and _stalled(trace, max(one.at for one in trace.segments) - trace.segments[0].at):
        said.append(f"silent for {duration(trace.silence)}")
    return ", ".join(said) or "nothing sent again"


def _alt(flow: FlowPicture, sent: _Sent, who: str) -> str:
    trace = flow.trace
    last = max(one.at for one in trace.segments)
    parts = [
        f"Bytes over time from {who}: {size(sent.reach)} in {duration(last - trace.segments[0].at)}",
        _verdict(sent, trace),
        f"longest silence {duration(trace.silence)}",
    ]
    return f"{', '.join(parts)}." + (f" {flow.about}" if flow.about else "")
