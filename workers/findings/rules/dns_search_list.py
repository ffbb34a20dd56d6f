"""The search list at work: with ndots:5 a pod tries each search domain before the name itself (resolv.conf(5))."""

from workers.contract.report import Confidence, Finding, Severity
from workers.findings.case import Case, links, refs
from workers.findings.dns import found_names, is_search, nxdomains
from workers.findings.words import figures, number, percent, plural, ratio

RULE = "dns-search-list"

STORM = 20
STORM_SHARE = 0.3
"""From here on search-list lookups are a load worth a note."""


def check(case: Case) -> list[Finding]:
    """One note when a large part of all answers is the search list's."""
    found = found_names(case.queries)
    walked = [q for q in case.queries if nxdomains(q) > 0 and is_search(q.name.name, found)]
    count = sum(nxdomains(q) for q in walked)
    answers = sum(max(0, n) for q in case.queries for n in q.name.rcodes.values())
    share = ratio(count, answers)
    if count < STORM or share < STORM_SHARE:
        return []
    return [
        Finding(
            RULE,
            Severity.NOTE,
            Confidence.HIGH,
            f"{number(count)} of {plural(answers, 'DNS answer')} ({percent(count, answers)}) are NXDOMAIN "
            "from the search list (ndots): harmless, but every lookup costs several queries.",
            count,
            refs((q.target, q.name.queries.frames) for q in walked),
            "Write full names with a final dot, or lower ndots in the pod's dnsConfig.",
            "dns.flags.rcode == 3",
            figures=figures(nxdomain=count, answers=answers, share=share),
            facts=links(walked, "rcodes"),
        )
    ]
