"""DNS servers that answer with an error of their own: SERVFAIL, REFUSED and the like."""

from collections import Counter

from workers.contract.report import Finding, Severity
from workers.findings.case import Case, Query, refs
from workers.findings.dns import Resolver, resolvers
from workers.findings.trouble import fold
from workers.findings.words import figures, listing, number, percent, plural, ratio, safe

RULE = "dns-failure"

CODES = {"SERVFAIL": 2, "REFUSED": 5, "FORMERR": 1, "NOTIMP": 4}
"""rcodes (RFC 1035 section 4.1.1) that say the server could not do its work."""

CRITICAL_SHARE = 0.1
LEAST = 3


def check(case: Case) -> list[Finding]:
    """One finding for each DNS server that fails."""
    return fold(_finding(resolver) for resolver in resolvers(case, lambda q: _codes(q).total() > 0))


def _codes(query: Query) -> Counter[str]:
    return Counter({code: max(0, query.name.rcodes.get(code, 0)) for code in CODES})


def _finding(resolver: Resolver) -> Finding:
    codes = sum((_codes(q) for q in resolver.bad), Counter[str]())
    failed = codes.total()
    answers = sum(max(0, n) for q in resolver.all for n in q.name.rcodes.values())
    code = codes.most_common(1)[0][0]
    critical = failed >= LEAST and ratio(failed, answers) >= CRITICAL_SHARE
    names = listing(safe(q.name.name, 60) for q in resolver.bad)
    return Finding(
        RULE,
        Severity.CRITICAL if critical else Severity.WARNING if failed >= LEAST else Severity.NOTE,
        resolver.confidence(failed < LEAST),
        f"{resolver.who}: {number(failed)} of {plural(answers, 'DNS answer')} ({percent(failed, answers)}) "
        f"{'says' if failed == 1 else 'say'} {code} ({names}).",
        failed,
        refs((q.target, q.name.queries.frames) for q in resolver.bad),
        "Read the DNS server's log: its upstream may be unreachable, or it may refuse this client or zone.",
        resolver.filter(f"dns.flags.rcode == {CODES[code]}"),
        figures=figures(failures=failed, answers=answers, share=ratio(failed, answers)),
        servers=resolver.servers,
        facts=resolver.links("rcodes"),
    )
