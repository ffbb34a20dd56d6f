"""NTP queries without an answer: clocks drift apart unnoticed, and leases, tokens and certificates depend on them."""

from workers.contract.facts_services import NtpServer
from workers.contract.report import Finding, Severity
from workers.findings import filters
from workers.findings.case import Case, pointers, refs
from workers.findings.trouble import fold
from workers.findings.words import figures, of, ratio

RULE = "ntp-unanswered"

LEAST = 2
SHARE = 0.5
"""Part of the queries: NTP lives with single losses."""


def check(case: Case) -> list[Finding]:
    """One finding for each client and server between which answers are missing."""
    if case.selective:
        return []
    found = [
        (index, nth, server)
        for index, facts in case.facts
        for nth, server in enumerate(facts.ntp.servers)
        if _silent(server) and not case.may_be_gaps([index], server.unanswered.count, server.queries.count)
    ]
    return fold(_finding(case, *one) for one in found)


def _silent(server: NtpServer) -> bool:
    return server.unanswered.count > 0 and ratio(server.unanswered.count, server.queries.count) >= SHARE


def _finding(case: Case, index: int, nth: int, server: NtpServer) -> Finding:
    silent, queries = server.unanswered.count, max(server.queries.count, server.unanswered.count)
    return Finding(
        RULE,
        Severity.WARNING if silent >= LEAST and server.answered <= 0 else Severity.NOTE,
        case.confidence([index], silent < LEAST),
        f"{case.name(server.client)} → {case.server(server.server, 123)}: "
        f"{of(silent, queries, 'NTP query', 'NTP queries')} got no answer; the client's clock is not kept right by "
        "this server.",
        silent,
        refs([(index, server.unanswered.frames)]),
        "Check network policies and firewalls for UDP port 123, and whether that time server is alive; "
        "`chronyc sources` on the client shows what it uses instead.",
        filters.both("ntp", filters.address(server.server)),
        figures=figures(unanswered=silent, queries=queries, share=ratio(silent, queries)),
        servers=(filters.end(server.server, 123),),
        facts=pointers([(index, f"ntp/servers/{nth}")]),
    )
