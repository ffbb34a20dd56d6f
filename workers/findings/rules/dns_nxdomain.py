"""Names that do not exist: a wrong name in some configuration, or a service that was removed."""

from collections import Counter

from workers.contract.report import Finding, Severity
from workers.findings import filters
from workers.findings.case import Case, Query, links, refs
from workers.findings.dns import found_names, is_search, nxdomains, plain, root
from workers.findings.words import figures, listing, plural, safe

RULE = "dns-nxdomain"

LEAST = 3
"""Failures of one name before it counts as something that is asked for in earnest."""


def check(case: Case) -> list[Finding]:
    """One finding for names nobody has; those that the search list makes are another rule's."""
    found = found_names(case.queries)
    wrong = [q for q in case.queries if nxdomains(q) > 0 and not is_search(q.name.name, found)]
    asked = {plain(q.name.name) for q in wrong}
    totals: Counter[str] = Counter()
    for query in filter(_earnest, wrong):
        totals[root(query.name.name, asked)] += nxdomains(query)
    names = [name for name, count in totals.most_common() if count >= LEAST]
    return [_finding(case, [q for q in wrong if root(q.name.name, asked) in names], names, totals)] if names else []


def _earnest(query: Query) -> bool:
    """Address lookups of real names; service discovery by underscore names is allowed to find nothing."""
    return (
        query.name.qtype in ("A", "AAAA") and not query.name.name.startswith("_") and "." in query.name.name.strip(".")
    )


def _finding(case: Case, bad: list[Query], names: list[str], totals: Counter[str]) -> Finding:
    count = sum(totals[name] for name in names)
    who = listing((case.name(q.name.client) for q in bad), 2)
    shown = listing((safe(name, 60) for name in names), 3)
    verb = "a name that does not exist" if len(names) == 1 else "names that do not exist"
    quoted = filters.quoted(names[0])
    return Finding(
        RULE,
        Severity.WARNING,
        case.confidence({q.target for q in bad}, True),
        f"{who} asks for {verb}: {shown}, {plural(count, 'answer')} NXDOMAIN and none with an address.",
        count,
        refs((q.target, q.name.queries.frames) for q in bad),
        "Look for a misspelt or removed service or namespace in the configuration of the pod.",
        filters.both("dns.flags.rcode == 3", f"dns.qry.name contains {quoted}" if quoted and len(names) == 1 else ""),
        figures=figures(nxdomain=count, names=len(names)),
        servers=tuple(dict.fromkeys(filters.end(q.name.server, 53) for q in bad)),
        facts=links(bad, "rcodes"),
    )
