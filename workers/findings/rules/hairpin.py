"""Hairpin: a pod that calls its own service is sent back to itself, and the answer does not find its way."""

from workers.contract.report import Finding, Severity
from workers.findings.case import Case, Talk
from workers.findings.trouble import Trouble, fold, troubles

RULE = "hairpin"

NEAR = 5.0
"""Seconds between the way out and the way back in."""


def check(case: Case) -> list[Finding]:
    """One finding for each service through which a pod fails to reach itself."""
    looped = {
        (talk.target, talk.flow.client, talk.flow.client_port): talk.flow.first_at
        for talk in case.talks
        if talk.flow.client == talk.flow.server
    }
    if not looped:
        return []
    attempts = [t for t in case.talks if t.tcp.syns.count > 0 and t.flow.client != t.flow.server]
    return fold(_finding(t) for t in troubles(case, attempts, lambda talk: _came_back(talk, looped)))


def _came_back(talk: Talk, looped: dict[tuple[int, str, int], float]) -> bool:
    """A failed connection whose SYN came in again, from the pod's own address and port to the pod itself."""
    at = looped.get((talk.target, talk.flow.client, talk.flow.client_port))
    failed = talk.tcp.handshake in ("unanswered", "half-open", "refused")
    return failed and at is not None and abs(at - talk.flow.first_at) <= NEAR


def _finding(trouble: Trouble) -> Finding:
    pod = ", ".join(trouble.clients[:2])
    return Finding(
        RULE,
        Severity.WARNING if len(trouble.bad) > 1 else Severity.NOTE,
        trouble.confidence(),
        f"{pod} gets no answer when it calls itself through {trouble.server} ({trouble.of('connection attempt')}); "
        "the SYN comes back from the pod's own address, so the pod answers itself (hairpin).",
        len(trouble.bad),
        trouble.refs(lambda t: t.tcp.syns.frames),
        "Let the node masquerade such traffic (kubelet hairpin mode, kube-proxy or CNI setting), or let the pod use "
        "localhost for itself.",
        trouble.filter("tcp.flags.syn == 1"),
        figures=trouble.figures(),
        servers=trouble.servers,
        facts=trouble.links("tcp/handshake"),
    )
