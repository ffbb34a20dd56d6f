"""Requests to databases, caches and brokers that never got a response although the capture went on."""

from workers.contract.facts_services import ServiceGroup
from workers.contract.report import Finding, Severity
from workers.findings.backends import Backend, backends, named
from workers.findings.case import ANSWER_WAIT, Case, refs, tally
from workers.findings.trouble import fold
from workers.findings.words import figures, of, ratio

RULE = "service-unanswered"

LEAST = 3
CRITICAL_SHARE = 0.1
"""A tenth of the requests left hanging is an incident."""


def check(case: Case) -> list[Finding]:
    """One finding for each server that leaves requests without a response."""
    found = backends(case, lambda one: _silent(one.group))
    return fold(_finding(one, count) for one in found if (count := _judged(one)) > 0 and not _gaps(one, count))


def _silent(group: ServiceGroup) -> bool:
    return group.unanswered.count > 0 and not group.waits


def _judged(backend: Backend) -> int:
    """Unanswered requests, less those in flight when the capture ended and those a RST cut off (another rule's)."""
    if backend.bad[0].target in backend.case.one_way:
        return 0
    flying = sum(1 for t in backend.talks if not t.tcp.fins and not t.tcp.resets and _late(backend, t.flow.last_at))
    cut = sum(1 for t in backend.talks if any(r.stage == "before-response" for r in t.tcp.resets))
    return tally(one.group.unanswered for one in backend.bad) - flying - cut


def _late(backend: Backend, last_at: float) -> bool:
    facts = backend.case.targets[backend.bad[0].target].facts
    return facts is not None and facts.last_at - last_at < ANSWER_WAIT


def _gaps(backend: Backend, count: int) -> bool:
    return backend.case.may_be_gaps((one.target for one in backend.bad), count, backend.requests)


def _finding(backend: Backend, count: int) -> Finding:
    requests = max(backend.requests, count)
    share = ratio(count, requests)
    worst = max(backend.bad, key=lambda one: one.group.unanswered.count).group
    mostly = f"; most of them {named(worst.operation)}" if len(backend.bad) > 1 else f" ({named(worst.operation)})"
    many = count >= LEAST and share >= CRITICAL_SHARE
    lost = any(t.tcp.lost_segments.count > 0 for t in backend.talks)
    return Finding(
        RULE,
        Severity.CRITICAL if many else Severity.WARNING if count >= LEAST or count == requests else Severity.NOTE,
        backend.confidence(lost, count < LEAST),
        f"{backend.who}: {of(count, requests, f'{backend.protocol} request')} got no response{mostly}.",
        count,
        refs((one.target, one.group.unanswered.frames) for one in backend.bad),
        f"See what {backend.name} waits for (locks, disk, its own peers), and whether the client "
        "gave up first: compare their timeouts.",
        backend.filter(),
        figures=figures(unanswered=count, requests=requests, share=share),
        servers=backend.servers,
        facts=backend.links("unanswered"),
    )
