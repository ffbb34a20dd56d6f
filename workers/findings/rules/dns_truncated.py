"""DNS answers too long for UDP: the client asks again over TCP (RFC 7766), and fails where TCP port 53 is closed."""

from workers.contract.report import Finding, Severity
from workers.findings.case import Case, Talk, links, one_sided, refs
from workers.findings.dns import Resolver, resolvers
from workers.findings.trouble import fold
from workers.findings.words import figures, listing, number, plural, ratio, safe

RULE = "dns-truncated"

MANY = 20
SHARE = 0.2
"""From here on the second round trips are a load worth a note though they work."""


def check(case: Case) -> list[Finding]:
    """One finding for each DNS server that truncates while TCP fails, a note where it truncates a lot."""
    found = resolvers(case, lambda q: q.name.truncated > 0)
    return fold(finding for resolver in found if (finding := _finding(case, resolver)) is not None)


def _failed(case: Case, talk: Talk) -> bool:
    if talk.target in case.one_way or not case.waited(talk.target, talk.flow.first_at):
        return False
    return talk.tcp.handshake in ("unanswered", "refused", "half-open") and not one_sided(talk.flow)


def _finding(case: Case, resolver: Resolver) -> Finding | None:
    cut = sum(max(0, q.name.truncated) for q in resolver.bad)
    answers = max(cut, sum(max(0, n) for q in resolver.all for n in q.name.rcodes.values()))
    over_tcp = case.talks_by_end.get((resolver.server, 53), [])
    failed = [t for t in over_tcp if _failed(case, t)]
    if not failed and (cut < MANY or ratio(cut, answers) < SHARE):
        return None
    names = listing(safe(q.name.name, 60) for q in resolver.bad)
    tries = plural(len(over_tcp), "try", "tries")
    asked = f"{number(len(failed))} of {tries} of DNS over TCP fail, though " if failed else ""
    return Finding(
        RULE,
        Severity.WARNING if failed else Severity.NOTE,
        resolver.confidence(len(failed) < 2),
        f"{resolver.who}: {asked}{number(cut)} of {plural(answers, 'DNS answer')} are too long for UDP ({names})"
        f"{'' if failed else ', each costs a second query over TCP'}.",
        max(cut, len(failed)),
        refs(
            [
                *((q.target, q.name.queries.frames) for q in resolver.bad),
                *((t.target, t.tcp.syns.frames) for t in failed),
            ]
        ),
        "Let TCP port 53 through to the DNS server (network policies often allow UDP only)."
        if failed
        else "Ask for fewer records, or let the resolver offer a larger UDP size (EDNS).",
        resolver.filter("(dns.flags.truncated == 1 || tcp.port == 53)"),
        figures=figures(truncated=cut, answers=answers, tcp_failed=len(failed), tcp=len(over_tcp)),
        servers=resolver.servers,
        facts=(*resolver.links("truncated")[:10], *links(failed, "tcp/handshake")[:10]),
    )
