"""DNS queries without an answer: a resolver waits 5 s before it asks again, and everything stalls meanwhile."""

from workers.contract.report import Finding, Severity
from workers.findings.case import Case, refs, tally
from workers.findings.dns import Resolver, resolvers
from workers.findings.trouble import fold
from workers.findings.words import figures, listing, of, ratio, safe

RULE = "dns-unanswered"

CRITICAL_SHARE = 0.2
LEAST = 2
"""A single lost UDP packet happens; it is noted only."""


def check(case: Case) -> list[Finding]:
    """One finding for each DNS server that leaves queries unanswered."""
    found = resolvers(case, lambda q: q.name.unanswered.count > 0 and q.target not in case.one_way_dns)
    return fold(_finding(resolver) for resolver in found if not _gaps(resolver))


def _gaps(resolver: Resolver) -> bool:
    lost = tally(q.name.unanswered for q in resolver.bad)
    return resolver.case.may_be_gaps((q.target for q in resolver.bad), lost, resolver.queries)


def _severity(lost: int, queries: int) -> Severity:
    if lost >= LEAST and ratio(lost, queries) >= CRITICAL_SHARE:
        return Severity.CRITICAL
    return Severity.WARNING if lost >= LEAST else Severity.NOTE


def _finding(resolver: Resolver) -> Finding:
    lost = tally(q.name.unanswered for q in resolver.bad)
    queries = max(resolver.queries, lost)
    names = listing(safe(q.name.name or ".", 60) for q in resolver.bad)
    return Finding(
        RULE,
        _severity(lost, queries),
        resolver.confidence(lost < LEAST),
        f"{resolver.who}: {of(lost, queries, 'DNS query', 'DNS queries')} got no answer ({names}).",
        lost,
        refs((q.target, q.name.unanswered.frames) for q in resolver.bad),
        "Check that the DNS pods run and are not throttled, that network policies let UDP and TCP port 53 pass, "
        "and the nodes' connection tracking (insert_failed).",
        resolver.filter("dns.flags.response == 0 && !dns.response_in"),
        figures=figures(unanswered=lost, queries=queries, share=ratio(lost, queries)),
        servers=resolver.servers,
        facts=resolver.links("unanswered"),
    )
