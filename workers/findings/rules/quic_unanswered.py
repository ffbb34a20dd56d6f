"""QUIC that meets silence: UDP to that port is dropped on the way, or the server does not speak QUIC."""

from collections import defaultdict

from workers.contract.facts import Facts
from workers.contract.facts_quic import QuicEnd
from workers.contract.report import Finding, Severity
from workers.findings import filters
from workers.findings.case import Case, pointers, refs, tally
from workers.findings.trouble import fold
from workers.findings.words import figures, listing, number, of, plural, ratio

RULE = "quic-unanswered"

Seen = tuple[int, int, QuicEnd]
"""Target, place in its facts, client and server."""

LEAST = 2
SHARE = 0.5
"""Part of the attempts: UDP loses packets, but a way that is open answers most."""


def check(case: Case) -> list[Finding]:
    """One finding for each server that leaves QUIC unanswered."""
    groups: dict[tuple[str, int], list[Seen]] = defaultdict(list)
    for target, facts in case.facts:
        for nth, end in enumerate(facts.quic.silent):
            if not case.selective and target not in case.one_way and _blocked(end):
                groups[end.server, end.server_port].append((target, nth, end))
    return fold(_finding(case, ends) for ends in groups.values())


def _blocked(end: QuicEnd) -> bool:
    return end.unanswered.count > 0 and ratio(end.unanswered.count, end.connections) >= SHARE


def _finding(case: Case, ends: list[Seen]) -> Finding:
    server = ends[0][2].server, ends[0][2].server_port
    silent = tally(end.unanswered for *_, end in ends)
    tries = max(silent, sum(max(0, end.connections) for *_, end in ends))
    targets = {target for target, *_ in ends}
    instead = sum(1 for t in case.talks_by_end.get(server, []) if t.flow.server_payload > 0)
    clients = listing((case.name(end.client) for *_, end in ends), 2)
    flows = [flow for target in targets for flow in _facts(case, target).conversations if flow.application == "quic"]
    name = case.server(*server, flows)
    fallback = f" Over TCP the same server answers ({plural(instead, 'connection')})." if instead else ""
    return Finding(
        RULE,
        Severity.WARNING if silent >= LEAST else Severity.NOTE,
        case.confidence(targets, silent < LEAST),
        f"{clients} → {name}: {of(silent, tries, 'QUIC connection attempt')} got no answer, UDP port "
        f"{number(server[1])} may be blocked.{fallback}",
        silent,
        refs((target, end.unanswered.frames) for target, _, end in ends),
        "Check network policies and firewalls for UDP to that port; until then clients wait before they fall back to "
        "TCP.",
        filters.both("quic", filters.endpoint(*server, "udp")),
        figures=figures(cases=silent, of=tries, share=ratio(silent, tries), over_tcp=instead),
        servers=(filters.end(*server),),
        facts=pointers((target, f"quic/silent/{nth}") for target, nth, _ in ends),
    )


def _facts(case: Case, target: int) -> Facts:
    return case.targets[target].facts or Facts()
