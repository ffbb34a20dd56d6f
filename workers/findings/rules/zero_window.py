"""A full receive buffer: the process at that end does not read as fast as the other sends."""

from collections.abc import Callable

from workers.contract.facts import Tally
from workers.contract.report import Finding, Severity
from workers.findings.case import Case, Talk, refs, tally
from workers.findings.trouble import Trouble, fold, troubles
from workers.findings.words import duration, number

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


def _finding(trouble: Trouble, side: str, seconds: float, count: int) -> Finding:
    slow = trouble.server if side == "server" else ", ".join(trouble.clients[:2])
    waited = f", for up to {duration(seconds)}" if seconds >= SECONDS else ""
    return Finding(
        RULE,
        Severity.WARNING if seconds >= WARNING_SECONDS else Severity.NOTE,
        trouble.confidence(),
        f"{trouble.who}: {slow} stopped reading {number(count)} times in {trouble.of('connection')} "
        f"(zero window){waited}; the process there is slow, not the network.",
        count,
        refs((t.target, _full(t, side).frames) for t in trouble.bad),
        f"Look at {slow}: CPU throttling, a blocked thread, or slow storage behind it.",
        trouble.filter("tcp.analysis.zero_window"),
        figures=trouble.figures(announced=count, longest_s=seconds),
        servers=trouble.servers,
        facts=trouble.links(f"tcp/zero_windows_{side}", "tcp/zero_window_seconds"),
    )
