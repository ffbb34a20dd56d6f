"""Connections broken off by a RST: after a request and before its response, or in the middle."""

from collections import Counter
from collections.abc import Callable

from workers.contract.facts import Reset
from workers.contract.report import Finding, Severity
from workers.findings.case import Case, Talk, finite, median, one_sided
from workers.findings.trouble import Trouble, fold, troubles
from workers.findings.words import duration

RULE = "reset"

CRITICAL_SHARE = 0.1
"""A request cut off is an error someone saw: a tenth of the connections is an incident."""

SERVER_LATE = (3, 0.2)
"""Resets after data (count, share): servers and proxies close idle connections this way, so several are needed."""

CLIENT_LATE = (5, 0.3)
"""Clients drop pooled connections by RST as a matter of routine: many are needed, and it stays a note."""


def check(case: Case) -> list[Finding]:
    """One finding for each server, side that resets and stage."""
    found: list[Finding] = []
    for stage in ("before-response", "after-data"):
        for side in ("server", "client"):
            for trouble in troubles(case, case.talks, _reset_by(side, stage)):
                severity = _severity(trouble, side, stage)
                if severity is not None:
                    found.append(_finding(trouble, severity, side, stage))
    return fold(found)


def _reset_by(side: str, stage: str) -> Callable[[Talk], bool]:
    return lambda talk: _first(talk, side, stage) is not None


def _first(talk: Talk, side: str, stage: str) -> Reset | None:
    """The RST that ended the talk, when it is of this side and stage; later ones only echo it."""
    first = next((r for r in talk.tcp.resets if r.stage not in ("refused", "after-fin")), None)
    closed = talk.tcp.fins > 0 and stage == "after-data"  # an orderly close was under way
    closed = closed or (stage == "before-response" and one_sided(talk.flow))  # the response was out of our sight
    return first if first is not None and (first.by, first.stage) == (side, stage) and not closed else None


def _severity(trouble: Trouble, side: str, stage: str) -> Severity | None:
    count, share = len(trouble.bad), trouble.share
    if stage == "before-response":
        if side == "client":  # it gave up or was stopped; the wait itself is another rule's matter
            return Severity.WARNING if count >= 3 and share >= CRITICAL_SHARE else Severity.NOTE
        if count >= 2 and share >= CRITICAL_SHARE:
            return Severity.CRITICAL
        return Severity.WARNING if count >= 2 or share >= 0.5 else Severity.NOTE
    least, least_share = SERVER_LATE if side == "server" else CLIENT_LATE
    if count < least or share < least_share:
        return None
    return Severity.WARNING if side == "server" else Severity.NOTE


def _finding(trouble: Trouble, severity: Severity, side: str, stage: str) -> Finding:
    after = median(finite(r.after for t in trouble.bad if (r := _first(t, side, stage))))
    when = "before any response" if stage == "before-response" else "in the middle"
    timing = f", typically {duration(after)} after the start" if after is not None else ""
    by = "the server" if side == "server" else "the client"
    return Finding(
        RULE,
        severity,
        trouble.confidence(Counter(t.tcp.handshake for t in trouble.bad)["unseen"] * 2 > len(trouble.bad)),
        f"{trouble.who}: {by} reset {trouble.of('connection')} {when}{timing}{trouble.each}.{trouble.one_pod}",
        len(trouble.bad),
        trouble.refs(lambda t: [r.frame for r in t.tcp.resets[:1]]),
        _next_step(side, stage),
        trouble.filter("tcp.flags.reset == 1"),
        figures=trouble.figures(after_s=after),
        servers=trouble.servers,
        facts=trouble.links("tcp/resets"),
    )


def _next_step(side: str, stage: str) -> str:
    if side == "client":
        return "The client gave up: compare its timeout with the server's response time."
    if stage == "before-response":
        return "Read the server's log at these times: it crashed, closed the socket unread, or a proxy before it did."
    return "Compare idle timeouts of client and server, and look for restarts of the server at these times."
