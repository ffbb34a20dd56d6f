"""Connection attempts that are refused: a RST or an ICMP error answers the SYN."""

from workers.contract.report import Finding
from workers.findings.case import Case, Talk
from workers.findings.trouble import Trouble, fold, severity, troubles

RULE = "connection-refused"

CRITICAL_SHARE = 0.2
"""From a fifth of the attempts on, users feel it whatever the retries."""


def check(case: Case) -> list[Finding]:
    """One finding for each server that refuses."""
    attempts = [t for t in case.talks if t.tcp.syns.count > 0]
    return fold(_finding(trouble) for trouble in troubles(case, attempts, _refused))


def _refused(talk: Talk) -> bool:
    """A client that goes on to send data had its SYN accepted, out of our sight; what was reset came later. The SYN
    may have data of its own (RFC 7413)."""
    only_syns = talk.flow.client_packets <= talk.tcp.syns.count
    return talk.tcp.handshake == "refused" and (only_syns or talk.flow.client_payload <= 0)


def _finding(trouble: Trouble) -> Finding:
    icmp = sum(1 for t in trouble.bad if t.tcp.refused_by == "icmp")
    how = "an ICMP error" if icmp == len(trouble.bad) else "a RST"
    return Finding(
        RULE,
        severity(trouble, CRITICAL_SHARE),
        trouble.confidence(),
        f"{trouble.who}: {trouble.of('connection attempt')} {'was' if len(trouble.bad) == 1 else 'were'} refused "
        f"by {how}{trouble.each}.{trouble.one_pod}",
        len(trouble.bad),
        trouble.refs(lambda t: [*t.tcp.syns.frames[:1], *(r.frame for r in t.tcp.resets[:1])]),
        _next_step(how),
        trouble.filter("(tcp.flags.syn == 1 || tcp.flags.reset == 1)"),
        figures=trouble.figures(),
        servers=trouble.servers,
        facts=trouble.links("tcp/handshake"),
    )


def _next_step(how: str) -> str:
    if how == "a RST":
        return "Nothing listens on that port there: check the process and its address, and the service's targetPort."
    return "A router or firewall rejects it on the way, or the host is down: see who sends the ICMP errors."
