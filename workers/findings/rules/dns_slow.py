"""DNS answers that take long: every new connection waits for them."""

from workers.contract.report import Finding, Severity
from workers.findings.case import Case, Query, refs
from workers.findings.dns import Resolver, resolvers
from workers.findings.trouble import fold
from workers.findings.words import duration, figures, plural, safe

RULE = "dns-slow"

SLOW_P95 = 0.5
"""Seconds. The cluster's DNS answers from cache in under 1 ms, a forwarded query in 10-200 ms."""

LEAST = 5
"""Samples from which a 95th percentile means anything."""


def check(case: Case) -> list[Finding]:
    """One finding for each DNS server with slow answers."""
    return fold(_finding(resolver) for resolver in resolvers(case, _slow) if _samples(resolver) >= LEAST)


def _slow(query: Query) -> bool:
    return query.name.latency.count > 0 and query.name.latency.p95 >= SLOW_P95


def _samples(resolver: Resolver) -> int:
    return sum(q.name.latency.count for q in resolver.bad)


def _finding(resolver: Resolver) -> Finding:
    worst = max((q.name for q in resolver.bad), key=lambda n: n.latency.p95)
    return Finding(
        RULE,
        Severity.WARNING,
        resolver.confidence(),
        f"{resolver.who}: DNS is slow, {safe(worst.name, 60)} takes up to {duration(worst.latency.max)} "
        f"(median {duration(worst.latency.p50)}) over {plural(worst.latency.count, 'answer')}.",
        _samples(resolver),
        refs((q.target, q.name.queries.frames) for q in resolver.bad),
        "Compare with another name: if all are slow, the DNS pods are overloaded or throttled; if not, look at the "
        "servers of that name.",
        resolver.filter(f"dns.time > {SLOW_P95:g}"),
        figures=figures(p50_s=worst.latency.p50, p95_s=worst.latency.p95, max_s=worst.latency.max),
        servers=resolver.servers,
        facts=resolver.links("latency"),
    )
