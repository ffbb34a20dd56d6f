"""Loss that strikes all at once: a short outage of the way (failover, route change, a stalled node), not a bad link."""

from collections.abc import Sequence
from datetime import UTC, datetime

from workers.contract.facts import Facts
from workers.contract.report import Finding, Severity
from workers.findings.case import Case, Talk, pointers, refs
from workers.findings.sides import path
from workers.findings.words import duration, figures, number, ratio

RULE = "retransmission-burst"

LEAST = 20
"""Retransmissions below this number cluster by chance."""

SHARE = 0.8
"""Part of the problems that fall into the burst."""

NARROW = 0.1
"""Part of the capture a burst may last at most."""

DENSE = 0.1
"""Problems a packet within the burst: below, traffic itself came in a burst and took its everyday loss along."""

LONG_ENOUGH = 5.0
"""Seconds of capture needed to tell a burst from the whole."""


def check(case: Case) -> list[Finding]:
    """One finding for each target whose retransmissions come in one burst."""
    return [finding for target, facts in case.facts if (finding := _target(case, target, facts)) is not None]


def _target(case: Case, target: int, facts: Facts) -> Finding | None:
    again = facts.counts.get("retransmission", 0)
    problems, packets, width = facts.timeline.problems, facts.timeline.packets, facts.timeline.width
    total = sum(problems)
    if again < LEAST or total <= 0 or again < SHARE * total or not 0 < width < 1e9 or facts.duration < LONG_ENOUGH:
        return None
    first, last = _densest(problems, total)
    seconds = (last - first + 1) * width
    inside = sum(problems[first : last + 1])
    if seconds > NARROW * facts.duration or inside < DENSE * max(1, sum(packets[first : last + 1])):
        return None
    return _finding(case, target, facts, (first * width, seconds, min(inside, again)))


def _densest(problems: Sequence[int], total: int) -> tuple[int, int]:
    """The shortest run of bins, (first, last), that holds SHARE of the problems."""
    best, start, inside = (0, len(problems) - 1), 0, 0
    for end, count in enumerate(problems):
        inside += count
        while inside - problems[start] >= SHARE * total:
            inside -= problems[start]
            start += 1
        if inside >= SHARE * total and end - start < best[1] - best[0]:
            best = (start, end)
    return best


def _again(talk: Talk) -> int:
    return talk.tcp.retransmissions_client.count + talk.tcp.retransmissions_server.count


def _finding(case: Case, target: int, facts: Facts, burst: tuple[float, float, int]) -> Finding:
    at, seconds, count = burst
    again = facts.counts.get("retransmission", 0)
    hit = [t for t in case.talks if t.target == target and _again(t) > max(0, t.tcp.syns.count - 1)]
    frames = [*(t.tcp.retransmissions_client for t in hit), *(t.tcp.retransmissions_server for t in hit)]
    return Finding(
        RULE,
        Severity.WARNING,
        case.confidence([target], facts.more_conversations > 0, target in case.one_way),
        f"{case.pod(target)}: {number(count)} of {number(again)} retransmissions fall within {duration(seconds)}, "
        f"{duration(at)} into the capture{_clock(facts.timeline.start_at + at)}: a short outage, not steady loss."
        f"{path(case, hit)}",
        count,
        refs((target, seen.frames) for seen in frames),
        "See what happened at that time: failover, route or policy change, migration, a node that stalled.",
        "tcp.analysis.retransmission",
        figures=figures(resent=again, in_burst=count, share=ratio(count, again), at_s=at, lasted_s=seconds),
        facts=pointers([(target, "timeline/problems"), *((target, t.path) for t in hit)]),
    )


def _clock(epoch: float) -> str:
    try:
        return f" ({datetime.fromtimestamp(epoch, UTC):%H:%M:%S} UTC)"
    except (ValueError, OverflowError, OSError):
        return ""
