"""Connections that came about only after the SYN was sent again: each repeat costs a second or more."""

from workers.contract.report import Finding, Severity
from workers.findings.case import Case, finite
from workers.findings.trouble import Trouble, fold, troubles
from workers.findings.words import duration

RULE = "syn-retried"

SHARE = 0.03
"""Single lost SYNs happen; from 3 % on, latency has a visible second hump at 1 s."""

LEAST = 3

RETRY = 0.2
"""Seconds a handshake takes at least when its SYN really was sent again (Linux waits 1 s, tuned stacks 200 ms). A
capture that holds every packet twice shows two SYNs as well, microseconds apart."""


def check(case: Case) -> list[Finding]:
    """One finding for each server whose connections are slow to come about."""
    opened = [t for t in case.talks if t.tcp.handshake == "complete"]
    found = troubles(case, opened, lambda t: t.tcp.syns.count > 1 and (t.tcp.handshake_rtt or 0) >= RETRY)
    return fold(_finding(t) for t in found if len(t.bad) >= LEAST and t.share >= SHARE)


def _finding(trouble: Trouble) -> Finding:
    waits = finite(t.tcp.handshake_rtt for t in trouble.bad)
    slowest = f", the slowest took {duration(waits[-1])}" if waits else ""
    return Finding(
        RULE,
        Severity.WARNING,
        trouble.confidence(),
        f"{trouble.who}: {trouble.of('connection')} came about only after the SYN was sent again{slowest}"
        f"{trouble.each}.",
        len(trouble.bad),
        trouble.refs(lambda t: t.tcp.syns.frames),
        "First packets are lost or ignored: check for packet loss on the way, a full accept queue at the server, "
        "and connection tracking limits on the nodes.",
        trouble.filter("tcp.flags.syn == 1 && tcp.analysis.retransmission"),
        figures=trouble.figures(slowest_s=waits[-1] if waits else None),
        servers=trouble.servers,
        facts=trouble.links("tcp/syns", "tcp/handshake_rtt"),
    )
