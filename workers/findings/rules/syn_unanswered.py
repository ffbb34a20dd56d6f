"""Connection attempts that meet silence: dropped on the way, or nobody is there to answer."""

from workers.contract.report import Finding
from workers.findings.case import Case, Talk
from workers.findings.sides import fate
from workers.findings.trouble import Trouble, fold, severity, troubles

RULE = "syn-unanswered"

CRITICAL_SHARE = 0.2
"""From a fifth of the attempts on, users feel it whatever the retries."""


def check(case: Case) -> list[Finding]:
    """One finding for each server that leaves SYNs unanswered."""
    attempts = [t for t in case.talks if t.tcp.syns.count > 0 and t.target not in case.one_way]
    found = troubles(case, attempts, lambda t: _unanswered(case, t))
    return fold(_finding(trouble) for trouble in found if not trouble.may_be_gaps)


def _unanswered(case: Case, talk: Talk) -> bool:
    """No answer although the capture went on. A client that sent more than SYNs did get one, unseen by us."""
    only_syns = talk.flow.client_payload <= 0 and talk.flow.client_packets <= talk.tcp.syns.count
    return talk.tcp.handshake == "unanswered" and only_syns and case.waited(talk.target, talk.flow.first_at)


def _finding(trouble: Trouble) -> Finding:
    return Finding(
        RULE,
        severity(trouble, CRITICAL_SHARE),
        trouble.confidence(),
        f"{trouble.who}: {trouble.of('connection attempt')} got no answer{trouble.each}"
        f"{fate(trouble.case, trouble.bad)}.{trouble.one_pod}",
        len(trouble.bad),
        trouble.refs(lambda t: t.tcp.syns.frames),
        _next_step(trouble),
        trouble.filter("tcp.flags.syn == 1"),
        figures=trouble.figures(),
        servers=trouble.servers,
        facts=trouble.links("tcp/syns"),
    )


def _next_step(trouble: Trouble) -> str:
    if any(trouble.case.pods.get(t.flow.server) == t.target for t in trouble.bad):
        return (
            "Look inside the pod: a full accept queue (`ss -lnt`), a local firewall, or replies that leave another way."
        )
    if trouble.service and trouble.share < 1:
        return "Compare the service's endpoints one by one; capture on each of its pods to see which gets the SYNs."
    return "Check network policies and firewalls on the way, and whether the server's pod or host is alive."
