"""Names that do not exist: a wrong name in some configuration, or the search list at work (ndots)."""

from collections import Counter

from workers.contract.report import Confidence, Finding, Severity
from workers.findings import filters
from workers.findings.case import Case, Query, refs
from workers.findings.dns import found_names, is_search, plain, root
from workers.findings.words import listing, number, percent, plural, ratio, safe

RULE = "dns-nxdomain"
SEARCH_RULE = "dns-search-list"

LEAST = 3
"""Failures of one name before it counts as something that is asked for in earnest."""

STORM = 20
STORM_SHARE = 0.3
"""From here on search-list lookups are a load worth a note."""


def check(case: Case) -> list[Finding]:
    """One finding for names nobody has, one note for a search-list storm."""
    missing = [q for q in case.queries if _count(q) > 0]
    found = found_names(case.queries)
    walked = [q for q in missing if is_search(q.name.name, found)]
    wrong = [q for q in missing if q not in walked]
    return [*_wrong(case, wrong), *_storm(case, walked)]


def _count(query: Query) -> int:
    return max(0, query.name.rcodes.get("NXDOMAIN", 0))


def _earnest(query: Query) -> bool:
    """Address lookups of real names; service discovery by underscore names is allowed to find nothing."""
    return (
        query.name.qtype in ("A", "AAAA") and not query.name.name.startswith("_") and "." in query.name.name.strip(".")
    )


def _wrong(case: Case, queries: list[Query]) -> list[Finding]:
    asked = {plain(q.name.name) for q in queries}
    totals: Counter[str] = Counter()
    for query in filter(_earnest, queries):
        totals[root(query.name.name, asked)] += _count(query)
    names = [name for name, count in totals.most_common() if count >= LEAST]
    if not names:
        return []
    bad = [q for q in queries if root(q.name.name, asked) in names]
    count = sum(totals[name] for name in names)
    who = listing((case.name(q.name.client) for q in bad), 2)
    shown = listing((safe(name, 60) for name in names), 3)
    verb = "a name that does not exist" if len(names) == 1 else "names that do not exist"
    quoted = filters.quoted(names[0])
    return [
        Finding(
            RULE,
            Severity.WARNING,
            case.confidence({q.target for q in bad}, True),
            f"{who} asks for {verb}: {shown}, {plural(count, 'answer')} NXDOMAIN and none with an address.",
            count,
            refs((q.target, q.name.queries.frames) for q in bad),
            "Look for a misspelt or removed service or namespace in the configuration of the pod.",
            filters.both(
                "dns.flags.rcode == 3", f"dns.qry.name contains {quoted}" if quoted and len(names) == 1 else ""
            ),
        )
    ]


def _storm(case: Case, walked: list[Query]) -> list[Finding]:
    count = sum(_count(q) for q in walked)
    answers = sum(max(0, n) for q in case.queries for n in q.name.rcodes.values())
    if count < STORM or ratio(count, answers) < STORM_SHARE:
        return []
    return [
        Finding(
            SEARCH_RULE,
            Severity.NOTE,
            Confidence.HIGH,
            f"{number(count)} of {plural(answers, 'DNS answer')} ({percent(count, answers)}) are NXDOMAIN "
            "from the search list (ndots): harmless, but every lookup costs several queries.",
            count,
            refs((q.target, q.name.queries.frames) for q in walked),
            "Write full names with a final dot, or lower ndots in the pod's dnsConfig.",
            "dns.flags.rcode == 3",
        )
    ]
