"""Handshakes the client never finished: the server's SYN-ACK got no ACK."""

from workers.contract.report import Finding, Severity
from workers.findings.case import Case, Talk
from workers.findings.trouble import Trouble, fold, troubles

RULE = "half-open"

LEAST = 3
"""One or two are clients that gave up or port checks."""

WARNING_SHARE = 0.2


def check(case: Case) -> list[Finding]:
    """One finding for each server with several handshakes left half open."""
    attempts = [t for t in case.talks if t.tcp.syns.count > 0 and t.target not in case.one_way]
    found = troubles(case, attempts, lambda t: _half_open(case, t))
    return fold(_finding(t) for t in found if len(t.bad) >= LEAST and not t.may_be_gaps)


def _half_open(case: Case, talk: Talk) -> bool:
    closed = any(reset.stage == "handshake" for reset in talk.tcp.resets)  # a port check: SYN, SYN-ACK, RST
    if closed or _only_syns(case, talk):
        return False
    return talk.tcp.handshake == "half-open" and case.waited(talk.target, talk.flow.first_at)


def _only_syns(case: Case, talk: Talk) -> bool:
    """A capture of nothing but SYNs and SYN-ACKs was filtered; a SYN-ACK that is not sent again was acknowledged."""
    facts = case.targets[talk.target].facts
    counts = facts.counts if facts else {}
    opening = counts.get("syn", 0) + counts.get("synack", 0)
    return 0 < counts.get("tcp", 0) <= opening and talk.flow.server_packets <= 1


def _finding(trouble: Trouble) -> Finding:
    return Finding(
        RULE,
        Severity.WARNING if trouble.share >= WARNING_SHARE else Severity.NOTE,
        trouble.confidence(),
        f"{trouble.who}: {trouble.of('handshake')} stayed half open, the server answered but no ACK came back"
        f"{trouble.each}.",
        len(trouble.bad),
        trouble.refs(lambda t: t.tcp.syns.frames),
        "The way back to the client loses packets, or someone sends SYNs without meaning to connect: "
        "capture on the client as well.",
        trouble.filter("tcp.flags.syn == 1"),
        figures=trouble.figures(),
        servers=trouble.servers,
        facts=trouble.links("tcp/handshake"),
    )
