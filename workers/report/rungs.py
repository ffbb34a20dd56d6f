"""Which packets of a conversation a ladder shows, and in which words. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from workers.contract.closeup import Segment, Trace
from workers.findings.words import duration, number, plural, safe

MOST = 15
"""Arrows: what fits two phone screens."""
PAUSE, PAUSE_SHARE = 0.1, 0.2
"""A time without a packet is told from so many seconds, or so much of the whole, on."""
WORDS = 42
ENDS = 1_000
"""Score of the first and the last packet, which are always shown."""
_TROUBLE = frozenset({"retransmission", "out_of_order", "zero_window", "rst", "zero_window_probe", "lost_segment"})
_SYN, _ACK = 2, 16


@dataclass(frozen=True, slots=True)
class Rung:
    """One line of the ladder: an arrow, or, without `by`, what lies between two arrows."""

    text: str
    by: str = ""
    after: float = 0.0
    """Seconds since the conversation's first packet."""
    trouble: bool = False
    pointed: bool = False
    """A finding names this frame."""


def rungs(trace: Trace, frames: Sequence[int]) -> list[Rung]:
    """The ladder's lines, in time; `frames` are a finding's."""
    chosen = sorted(_chosen(trace, frozenset(frames)), key=lambda one: one.nth)
    start = trace.segments[0].at
    whole = max(one.at for one in trace.segments) - start
    told: list[Rung] = []
    before: Segment | None = None
    for one in chosen:
        if before is not None and (gap := _gap(before, one, trace, whole)):
            told.append(Rung(gap))
        words, trouble = words_of(one, trace), bool(_TROUBLE.intersection(one.marks))
        told.append(Rung(words, one.by, max(0.0, one.at - start), trouble, one.frame in frames))
        before = one
    if not any(one.by == "server" for one in trace.segments):
        told.append(Rung("no answer in this capture"))
    return told


def _gap(before: Segment, after: Segment, trace: Trace, whole: float) -> str:
    """What lies between two packets shown; "" when that is nothing to speak of."""
    packets, seconds = after.nth - before.nth - 1, max(0.0, after.at - before.at)
    long = seconds >= max(PAUSE, PAUSE_SHARE * whole)
    if packets > 0:
        return f"… {plural(packets, 'packet')} in {duration(seconds)}{_ill_between(trace, before.nth, after.nth)}"
    return f"nothing for {duration(seconds)}" if long else ""


def _ill_between(trace: Trace, first: int, last: int) -> str:
    """Packets with trouble among those not shown."""
    ill = sum(first < one.nth < last and bool(_TROUBLE.intersection(one.marks)) for one in trace.segments)
    return f", {number(ill)} with trouble" if ill else ""


def _chosen(trace: Trace, frames: frozenset[int]) -> list[Segment]:
    """The MOST that tell most: what a finding names, how it opens and ends, trouble, and what was said around it."""
    scores = {one.frame: _score(one, trace, frames) for one in trace.segments}
    ill = [one.nth for one in trace.segments if _TROUBLE.intersection(one.marks) or one.frame in frames]
    seen = {"trouble": 0, "says": 0}
    for one in trace.segments:
        kind = "trouble" if _TROUBLE.intersection(one.marks) else "says" if one.says else ""
        if kind:
            seen[kind] += 1
            near = kind == "says" and any(0 <= nth - one.nth <= 4 for nth in ill[:40])
            scores[one.frame] += 20 * near - min(30, 3 * seen[kind])
    ranked = sorted(trace.segments, key=lambda one: (-scores[one.frame], one.nth))
    return [one for one in ranked[:MOST] if scores[one.frame] > 0 or len(trace.segments) <= MOST]


def _score(one: Segment, trace: Trace, frames: frozenset[int]) -> int:
    marks = set(one.marks)
    if one.nth in (1, trace.packets):
        return ENDS
    named = 60 if one.frame in frames else 0
    if marks & {"rst", "syn", "synack"}:
        return named + 90
    if marks & _TROUBLE:
        return named + 70
    if "fin" in marks:
        return named + 65
    if one.nth == 3 and trace.segments[0].flags & _SYN:
        return named + 60  # completes the handshake
    return named + (50 if one.says else 5 if one.length else 0)


def words_of(one: Segment, trace: Trace) -> str:
    """What an arrow says, at most WORDS characters."""
    marks = set(one.marks)
    flags = [name for bit, name in ((2, "SYN"), (1, "FIN"), (4, "RST")) if one.flags & bit]
    if one.flags & _SYN and one.flags & _ACK:
        flags.append("ACK")
    payload = safe(one.says, WORDS) or (plural(one.length, "byte") if one.length else "")
    if "keep_alive" in marks:
        payload = "keep-alive"
    what = ", ".join([*flags, *([payload] if payload else [])]) or (
        "ACK" if trace.protocol == "tcp" else trace.protocol
    )
    if "duplicate_ack" in marks:
        what = f"ACK of {number(one.ack or 0)} again"
    if "zero_window" in marks:
        what = f"{what}: window 0, stop sending"
    if "retransmission" in marks:
        what = f"sent again: {what}"
    elif "out_of_order" in marks:
        what = f"late: {what}"
    elif "lost_segment" in marks:
        what = f"{what}, not all captured before it"
    return what if len(what) <= WORDS else what[: WORDS - 1].rstrip() + "…"
