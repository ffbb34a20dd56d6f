"""A full receive buffer: the process at that end does not read as fast as the other sends (RFC 9293 section 3.8.6)."""

import math
from collections.abc import Callable

from workers.contract.facts import Tally
from workers.contract.report import Finding, Severity
from workers.findings.case import Case, Talk, refs, tally
from workers.findings.trouble import Trouble, fold, troubles
from workers.findings.words import duration, plural

RULE = "zero-window"

SECONDS = 0.2
"""Shorter stops happen in every bulk transfer and nobody notices them."""

WARNING_SECONDS = 1.0
LEAST = 3
"""Announcements that count even when their length could not be measured."""


def check(case: Case) -> list[Finding]:
    """One finding for each server and side that stops reading."""
    found: list[Finding] = []
    for side in ("client", "server"):
        for trouble in troubles(case, case.talks, _fills(side)):
            seconds = _seconds(trouble)
            count = tally(_full(t, side) for t in trouble.bad)
            if seconds >= SECONDS or count >= LEAST:
                found.append(_finding(trouble, side, seconds, count))
    return fold(found)


def _fills(side: str) -> Callable[[Talk], bool]:
    return lambda talk: _full(talk, side).count > 0


def _full(talk: Talk, side: str) -> Tally:
    return talk.tcp.zero_windows_client if side == "client" else talk.tcp.zero_windows_server


def _seconds(trouble: Trouble) -> float:
    """Longest time a conversation stood still."""
    return max((t.tcp.zero_window_seconds for t in trouble.bad), default=0.0)


def _probes(talk: Talk, side: str) -> Tally:
    """The other side's questions whether there is room again, those at least that surely are."""
    asked = talk.ends(side)[1].zero_window_probes
    return asked if asked.count > 0 else _linux(talk, side)


def _linux(talk: Talk, side: str) -> Tally:
    """Linux asks with what looks like a keep-alive (a sequence number just below the expected one). The facts don't say
    whose those are; but one between two zero windows is no keep-alive of the full side, which would be a zero window
    itself, and no window was open there if none was filled again."""
    mine, other = talk.ends(side)
    again, full = talk.tcp.keep_alives, _full(talk, side)
    every = (other.window_full, again, full)
    kinds = {frame: one for one in every for frame in one.frames}
    seen = sorted(kinds)
    end = min((max(one.frames, default=0) for one in every if one.count > len(one.frames)), default=math.inf)
    sure = tuple(
        frame
        for before, frame, after in zip(seen, seen[1:], seen[2:], strict=False)
        if kinds[frame] is again and kinds[before] is kinds[after] is full and after <= end
    )
    return Tally(len(sure), sure) if mine.offered else Tally()  # else no window is known to be filled


def _more(talk: Talk, side: str) -> bool:
    """Whether some keep-alives may be probes that don't count."""
    return talk.ends(side)[1].zero_window_probes.count <= 0 and talk.tcp.keep_alives.count > _linux(talk, side).count


def _refused(trouble: Trouble, side: str) -> int:
    """Probes answered: still full. To keep-alives such answers are counted as zero windows alone."""
    return sum(max(0, t.ends(side)[0].zero_window_probe_acks) for t in trouble.bad)


def _finding(trouble: Trouble, side: str, seconds: float, count: int) -> Finding:
    slow = trouble.side(side)
    other = "client" if side == "server" else "server"
    most = "up to " if len(trouble.bad) > 1 else ""
    waited = f", for {most}{duration(seconds)}" if seconds >= SECONDS else ""
    asked = tally(_probes(t, side) for t in trouble.bad)
    least = "at least " if any(_more(t, side) for t in trouble.bad) else ""
    probed = f"; the {other} probed {least}{plural(asked, 'time')} for room" if asked else ""
    return Finding(
        RULE,
        Severity.WARNING if seconds >= WARNING_SECONDS else Severity.NOTE,
        trouble.confidence(),
        f"{trouble.who}: {slow} stopped reading {plural(count, 'time')} in {trouble.of('connection')} "
        f"(zero window){waited}{probed}; the process there is slow, not the network.",
        count,
        refs((t.target, seen.frames[:10]) for t in trouble.bad for seen in (_full(t, side), _probes(t, side))),
        f"Look at the process on {slow}: CPU throttling, a blocked thread, or slow storage behind it; `ss -tnm` there "
        "shows what waits to be read (Recv-Q).",
        trouble.filter("(tcp.analysis.zero_window || tcp.analysis.zero_window_probe || tcp.analysis.keep_alive)"),
        figures=trouble.figures(
            announced=count,
            longest_s=seconds,
            probes=asked,
            probes_refused=_refused(trouble, side),
            filled=tally(t.ends(side)[1].window_full for t in trouble.bad),
        ),
        servers=trouble.servers,
        facts=trouble.links(
            f"tcp/zero_windows_{side}",
            "tcp/zero_window_seconds",
            f"tcp/{other}/zero_window_probes",
            f"tcp/{other}/window_full",
        ),
    )
