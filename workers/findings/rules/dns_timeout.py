"""DNS queries that were answered only when asked again: every such lookup stalls for the resolver's timeout.

5 s is the default (resolv.conf(5), option timeout). Where A and AAAA go out together from one socket, the second may
lose a race in the node's connection tracking and is dropped (Kubernetes issue 56903).
"""

from workers.contract.report import Finding, Severity
from workers.findings.case import Case, Query, refs, tally
from workers.findings.dns import Resolver, resolvers
from workers.findings.trouble import fold
from workers.findings.words import duration, figures, listing, of, ratio, safe

RULE = "dns-timeout"

LEAST = 2
"""A single lost UDP packet happens; it is noted only."""

DEFAULT = (4.5, 5.5)
"""Seconds around the default timeout."""

DEAD = 0.5
"""Share of queries without any answer from which on the server is silent rather than lossy: another rule's matter."""


def check(case: Case) -> list[Finding]:
    """One finding for each DNS server whose answers come at the second try."""
    found = resolvers(case, lambda q: q.name.asked_again.count > 0 and q.target not in case.one_way_dns)
    return fold(_finding(resolver) for resolver in found if not _dead(resolver) and not _gaps(resolver))


def _dead(resolver: Resolver) -> bool:
    return tally(q.name.unanswered for q in resolver.all) >= DEAD * max(1, resolver.queries)


def _gaps(resolver: Resolver) -> bool:
    again = tally(q.name.asked_again for q in resolver.bad)
    return resolver.case.may_be_gaps((q.target for q in resolver.bad), again, resolver.queries)


def _finding(resolver: Resolver) -> Finding:
    again = tally(q.name.asked_again for q in resolver.bad)
    queries = max(resolver.queries, again)
    waits = [q.name.asked_again_after for q in resolver.bad if q.name.asked_again_after.count > 0]
    typical = max(waits, key=lambda spread: spread.count).p50 if waits else None
    default = typical is not None and DEFAULT[0] <= typical <= DEFAULT[1]
    stall = f"{duration(typical)}{', the timeout of the resolver' if default else ''}"
    names = listing(safe(q.name.name or ".", 60) for q in resolver.bad)
    return Finding(
        RULE,
        Severity.WARNING if again >= LEAST else Severity.NOTE,
        resolver.confidence(again < LEAST),
        f"{resolver.who}: {of(again, queries, 'DNS query', 'DNS queries')} had to be asked again after {stall} "
        f"({names}).{_pair(resolver.bad, resolver.all)}",
        again,
        refs((q.target, q.name.asked_again.frames) for q in resolver.bad),
        "Check the nodes' connection tracking (`conntrack -S`, insert_failed) and drops at the DNS pods; a DNS cache "
        "on the node, or `options single-request-reopen` in the pod's dnsConfig, avoids the race.",
        resolver.filter("dns.retransmission || (dns.flags.response == 0 && !dns.response_in)"),
        figures=figures(asked_again=again, queries=queries, share=ratio(again, queries), waited_s=typical),
        servers=resolver.servers,
        facts=resolver.links("asked_again", "asked_again_after"),
    )


def _pair(bad: tuple[Query, ...], every: tuple[Query, ...]) -> str:
    """Whether of a name's A and AAAA queries only one got lost, as in the race."""
    lost = {(q.name.name.lower(), q.name.qtype) for q in bad}
    asked = {(q.name.name.lower(), q.name.qtype) for q in every}
    pairs = [name for name, qtype in lost if qtype in ("A", "AAAA") and {(name, "A"), (name, "AAAA")} <= asked]
    alone = [name for name in pairs if not {(name, "A"), (name, "AAAA")} <= lost]
    return " Of A and AAAA, asked together, only one got lost: a race in connection tracking." if alone else ""
