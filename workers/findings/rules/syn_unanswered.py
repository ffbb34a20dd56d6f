"""Connection attempts that meet silence: dropped on the way, or nobody is there to answer."""

from collections.abc import Iterator

from workers.contract.report import Finding
from workers.findings.case import Case, Talk
from workers.findings.trouble import Trouble, fold, severity, troubles
from workers.findings.words import percent

RULE = "syn-unanswered"

CRITICAL_SHARE = 0.2
"""From a fifth of the attempts on, users feel it whatever the retries."""

HALF = (0.25, 0.75)
"""Shares that look like one bad pod among a few behind a service, not like a closed door."""


def check(case: Case) -> list[Finding]:
    """One finding for each server that leaves SYNs unanswered."""
    attempts = [t for t in case.talks if t.tcp.syns.count > 0 and t.target not in case.one_way]
    return fold(_finding(trouble) for trouble in troubles(case, attempts, lambda t: _unanswered(case, t)))


def _unanswered(case: Case, talk: Talk) -> bool:
    """No answer although the capture went on. A client that sent more than SYNs did get one, unseen by us."""
    only_syns = talk.flow.client_payload <= 0 and talk.flow.client_packets <= talk.tcp.syns.count
    return talk.tcp.handshake == "unanswered" and only_syns and case.waited(talk.target, talk.flow.first_at)


def _finding(trouble: Trouble) -> Finding:
    return Finding(
        RULE,
        severity(trouble, CRITICAL_SHARE),
        trouble.confidence(),
        f"{trouble.who}: {trouble.of('connection attempt')} got no answer{trouble.each}."
        + " ".join(("", *_hints(trouble))),
        len(trouble.bad),
        trouble.refs(lambda t: t.tcp.syns.frames),
        _next_step(trouble),
        trouble.filter("tcp.flags.syn == 1"),
    )


def _service(trouble: Trouble) -> str:
    ip = trouble.ends[0][0]
    named = trouble.case.names.get(ip)
    return trouble.case.name(ip) if named is not None and named.kind == "service" else ""


def _hints(trouble: Trouble) -> Iterator[str]:
    service = _service(trouble)
    if service and HALF[0] <= trouble.share <= HALF[1] and len(trouble.bad) >= 2:
        share = percent(len(trouble.bad), len(trouble.all))
        yield f"That is {share} of the attempts to {service}, so one of its pods may be at fault."
    if any(t.flow.server in trouble.case.pods for t in trouble.bad):
        yield "The SYNs did reach the pod."


def _next_step(trouble: Trouble) -> str:
    if any(t.flow.server in trouble.case.pods for t in trouble.bad):
        return (
            "Look inside the pod: a full accept queue (`ss -lnt`), a local firewall, or replies that leave another way."
        )
    if _service(trouble) and trouble.share < 1:
        return "Compare the service's endpoints one by one; capture on each of its pods to see which gets the SYNs."
    return "Check network policies and firewalls on the way, and whether the server's pod or host is alive."
