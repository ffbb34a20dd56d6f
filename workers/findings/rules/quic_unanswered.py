"""QUIC that meets silence: UDP to that port is dropped on the way, or the server does not speak QUIC."""

from collections import defaultdict

from workers.contract.facts import Conversation
from workers.contract.report import Finding, Severity
from workers.findings import filters
from workers.findings.case import Case, pointers, refs
from workers.findings.trouble import fold
from workers.findings.words import figures, listing, number, of, plural, ratio

RULE = "quic-unanswered"

Seen = tuple[int, int, Conversation]
"""Target, place in its facts, conversation."""

TRIES = 2
"""Packets a client sends at least before silence means anything: an Initial is repeated within a second (RFC 9002)."""

LEAST = 2
SHARE = 0.5
"""Part of the attempts: UDP loses packets, but a way that is open answers most."""


def check(case: Case) -> list[Finding]:
    """One finding for each server that leaves QUIC unanswered."""
    groups: dict[tuple[str, int], list[Seen]] = defaultdict(list)
    for target, facts in case.facts:
        for nth, flow in enumerate(facts.conversations):
            if flow.protocol == "udp" and flow.application == "quic":
                groups[flow.server, flow.server_port].append((target, nth, flow))
    found = (([one for one in every if _silent(case, one)], len(every)) for every in groups.values())
    return fold(_finding(case, bad, count) for bad, count in found if bad and ratio(len(bad), count) >= SHARE)


def _silent(case: Case, seen: Seen) -> bool:
    target, _, flow = seen
    visible = not case.selective and target not in case.one_way
    return visible and flow.server_packets <= 0 < TRIES <= flow.client_packets and case.waited(target, flow.first_at)


def _finding(case: Case, bad: list[Seen], count: int) -> Finding:
    end = bad[0][2].server, bad[0][2].server_port
    instead = sum(1 for t in case.talks_by_end.get(end, []) if t.flow.server_payload > 0)
    server = case.server(*end, (flow for *_, flow in bad))
    clients = listing((case.name(flow.client, flow.first_at) for *_, flow in bad), 2)
    fallback = f" Over TCP the same server answers ({plural(instead, 'connection')}), later." if instead else ""
    return Finding(
        RULE,
        Severity.WARNING if len(bad) >= LEAST else Severity.NOTE,
        case.confidence({target for target, *_ in bad}, len(bad) < LEAST),
        f"{clients} → {server}: {of(len(bad), count, 'QUIC connection attempt')} got no answer, UDP port "
        f"{number(end[1])} may be blocked.{fallback}",
        len(bad),
        refs((target, [flow.first_frame]) for target, _, flow in bad),
        "Check network policies and firewalls for UDP to that port; until then clients wait before they fall back to "
        "TCP.",
        filters.both("quic", filters.endpoint(*end, "udp")),
        figures=figures(cases=len(bad), of=count, share=ratio(len(bad), count), over_tcp=instead),
        servers=(filters.end(*end),),
        facts=pointers((target, f"conversations/{nth}") for target, nth, _ in bad),
    )
