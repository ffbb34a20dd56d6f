"""Time servers that have no time to give: not synchronised themselves, or they turn the client away.

Stratum 16 and leap indicator 3 (RFC 5905 section 7.3); Kiss-o'-Death codes (section 7.4).
"""

from workers.contract.facts_services import NtpServer
from workers.contract.report import Finding, Severity
from workers.findings import filters
from workers.findings.backends import by_name
from workers.findings.case import Case, pointers, refs
from workers.findings.trouble import fold
from workers.findings.words import figures, number

RULE = "ntp-unsynchronised"

UNSYNCHRONISED = 16
MEANING = {"RATE": "asked too often", "DENY": "access denied", "RSTR": "access denied"}


def check(case: Case) -> list[Finding]:
    """One finding for each client and server whose answers can't be used."""
    found = [
        (index, nth, server)
        for index, facts in case.facts
        for nth, server in enumerate(facts.ntp.servers)
        if _lost(server) or _kisses(server)
    ]
    return fold(_finding(case, *one) for one in found)


def _lost(server: NtpServer) -> bool:
    """A server that says so of all it answered, lately: one that has just been started says it for a while."""
    answers = max(0, server.answered)
    return server.stratum == UNSYNCHRONISED or 0 < answers <= server.unsynchronised


def _kisses(server: NtpServer) -> dict[str, int]:
    return {code: count for code, count in server.kisses.items() if code in MEANING and count > 0}


def _finding(case: Case, index: int, nth: int, server: NtpServer) -> Finding:
    kisses = _kisses(server)
    what = (
        f"turns the client away with {by_name(kisses.items(), MEANING)}"
        if kisses
        else "is not synchronised itself"
        + (f" (stratum {number(UNSYNCHRONISED)})" if server.stratum == UNSYNCHRONISED else "")
    )
    return Finding(
        RULE,
        Severity.WARNING,
        case.confidence([index]),
        f"{case.name(server.client)} → {case.server(server.server, 123)}: the NTP server {what}; its time can't be "
        "used.",
        max(1, sum(kisses.values()), server.unsynchronised),
        refs([(index, server.kissed.frames or server.queries.frames)]),
        "Let the client ask less often, or another server; see who may ask this one."
        if kisses
        else "Look at that time server's own sources (`chronyc sources`, `ntpq -p`), and give clients more than one.",
        filters.both("ntp", filters.address(server.server)),
        figures=figures(unsynchronised=server.unsynchronised, stratum=server.stratum, kisses=sum(kisses.values())),
        servers=(filters.end(server.server, 123),),
        facts=pointers([(index, f"ntp/servers/{nth}")]),
    )
