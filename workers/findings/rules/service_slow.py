"""Databases, caches and brokers that answer slowly, by operation: all the time, or now and then (its own median tells).

Operations that wait by their nature (`ServiceGroup.waits`) are never slow.
"""

from workers.contract.facts_services import ServiceGroup
from workers.contract.report import Finding, Severity
from workers.findings.backends import Backend, backends, named
from workers.findings.case import MANY_DROPS, Case, Served, refs
from workers.findings.sides import lossy
from workers.findings.trouble import fold
from workers.findings.words import duration, figures, plural

RULE = "service-slow"

SLOW_P95 = {"redis": 0.1}
"""Seconds. A cache answers in well under a millisecond; a database's usual statement in a few."""

OTHER_P95 = 0.5

CRITICAL_P50 = 1.0
TAIL = 20
"""Times its own median that a 95th percentile must reach before a tail counts, at a fifth of the time above."""

LEAST, MANY = 5, 20
"""Samples from which a 95th percentile means anything, and from which more than one lies beyond it."""

SERVER_SHARE = 0.5
"""Round trip over response time below which the server takes the time."""


def check(case: Case) -> list[Finding]:
    """One finding for each server with slow operations."""
    found = backends(case, lambda one: _slow(one.group) or _tail(one.group))
    return fold(_finding(one) for one in found if any(_credible(case, served) for served in one.bad))


def _limit(group: ServiceGroup) -> float:
    return SLOW_P95.get(group.protocol, OTHER_P95)


def _slow(group: ServiceGroup) -> bool:
    return not group.waits and group.latency.count >= LEAST and group.latency.p95 >= _limit(group)


def _tail(group: ServiceGroup) -> bool:
    latency = group.latency
    late = latency.p95 >= _limit(group) / 5 and latency.p95 >= TAIL * latency.p50
    return not group.waits and latency.count >= MANY and latency.p50 > 0 and late


def _credible(case: Case, served: Served) -> bool:
    """Where packets are missing, responses may be taken for those of earlier requests: one or two prove nothing."""
    latency = served.group.latency
    return latency.count >= MANY or latency.p50 >= _limit(served.group) or case.gaps(served.target) <= MANY_DROPS


def _finding(backend: Backend) -> Finding:
    slow = [one for one in backend.bad if _slow(one.group)]
    worst = max((one.group for one in slow or backend.bad), key=lambda group: group.latency.p95)
    latency, rtt = worst.latency, backend.rtt
    far = rtt is not None and rtt >= SERVER_SHARE * latency.p95
    critical = latency.p50 >= min(CRITICAL_P50, 5 * _limit(worst))
    others = f", and {plural(len(backend.bad) - 1, 'other operation')} too" if len(backend.bad) > 1 else ""
    return Finding(
        RULE,
        Severity.CRITICAL if critical else Severity.WARNING if slow else Severity.NOTE,
        backend.confidence(latency.count < MANY),
        f"{backend.who}: {backend.protocol} {named(worst.operation)} is slow{'' if slow else ' now and then'}, 95 % "
        f"within {duration(latency.p95)} (median {duration(latency.p50)}, worst {duration(latency.max)}, "
        f"{plural(latency.count, 'answer')}){others}.{_blame(backend, far)}",
        sum(one.group.latency.count for one in backend.bad),
        refs((one.target, [one.group.slowest_frame]) for one in backend.bad if one.group.slowest_frame > 0),
        "Check where both ends run and what lies between, for distance and loss, before the server itself."
        if far or lossy(backend.talks)
        else f"Look at {backend.name}: its log of slow requests, locks, CPU limit and disk.",
        backend.filter(),
        figures=figures(p50_s=latency.p50, p95_s=latency.p95, max_s=latency.max, rtt_s=rtt),
        servers=backend.servers,
        facts=backend.links("latency"),
    )


def _blame(backend: Backend, far: bool) -> str:
    if backend.rtt is None:
        return ""
    if far:
        return f" The network's round trip alone is {duration(backend.rtt)}, so look at the network first."
    if lossy(backend.talks):
        return (
            f" The network's round trip is {duration(backend.rtt)}, but packets are lost and sent again: look there "
            "first."
        )
    return f" The network's round trip is {duration(backend.rtt)}, so the time is spent in {backend.name}."
