"""Round trips too long for the distance: the handshake itself is slow."""

from workers.contract.report import Finding, Severity
from workers.findings.case import Case, finite, median
from workers.findings.trouble import Trouble, fold, troubles
from workers.findings.words import duration

RULE = "network-slow"

INSIDE = 0.1
"""Seconds. Pods of one cluster are under 2 ms apart, under 80 ms even across regions; the kernel, not the process,
answers the SYN, so a slow process does not show here."""

LEAST = 5


def check(case: Case) -> list[Finding]:
    """One finding for each server inside the cluster that is far away."""
    opened = [
        t
        for t in case.talks
        if t.tcp.handshake == "complete" and t.tcp.syns.count == 1 and _inside(case, t.flow.server)
    ]
    found = troubles(case, opened, lambda t: (t.tcp.server_rtt or 0.0) >= INSIDE)
    return fold(_finding(t) for t in found if len(t.bad) >= LEAST and t.share >= 0.5)


def _inside(case: Case, ip: str) -> bool:
    named = case.names.get(ip)
    return ip in case.pods or (named is not None and named.kind in ("pod", "service", "node"))


def _finding(trouble: Trouble) -> Finding:
    typical = median(finite(t.tcp.server_rtt for t in trouble.bad))
    return Finding(
        RULE,
        Severity.WARNING,
        trouble.confidence(),
        f"{trouble.who}: the network is slow, a bare SYN takes {duration(typical)} to be answered in "
        f"{trouble.of('connection')}{trouble.each}.",
        len(trouble.bad),
        trouble.refs(lambda t: t.tcp.syns.frames[:1]),
        "Check where the two pods run and what lies between: overloaded nodes, an overlay or gateway, another region.",
        trouble.filter("tcp.flags.syn == 1 && tcp.flags.ack == 1"),
        figures=trouble.figures(rtt_s=typical),
        servers=trouble.servers,
        facts=trouble.links("tcp/server_rtt"),
    )
