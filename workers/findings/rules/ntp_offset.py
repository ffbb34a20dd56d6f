"""A clock that is off: NTP answers tell another time than the host that captured."""

from workers.contract.facts_services import NtpServer
from workers.contract.report import Finding, Severity
from workers.findings import filters
from workers.findings.case import Case, pointers, refs
from workers.findings.trouble import fold
from workers.findings.words import duration, figures, safe

RULE = "ntp-offset"

OFF = 0.1
"""Seconds beyond what the round trip leaves open. NTP keeps clocks within milliseconds."""

FAR = 1.0
"""Seconds from which on leases, tokens and "not before" of certificates suffer."""


def check(case: Case) -> list[Finding]:
    """One finding for each server whose time differs from the capture's."""
    found = [
        (index, nth, server)
        for index, facts in case.facts
        for nth, server in enumerate(facts.ntp.servers)
        if OFF <= _least(server) < 1e9 and not server.unsynchronised
    ]
    return fold(_finding(case, *one) for one in found)


def _least(server: NtpServer) -> float:
    """Seconds the clocks are apart at least: half the round trip may be on either way (RFC 5905 section 8)."""
    return 0.0 if server.offset is None else abs(server.offset) - max(0.0, server.latency.min) / 2


def _finding(case: Case, index: int, nth: int, server: NtpServer) -> Finding:
    offset = server.offset or 0.0
    target = case.targets[index]
    host = f"node {safe(target.node)}" if target.node else f"the host that captured {case.pod(index)}"
    others = [
        s.offset
        for _, facts in case.facts
        for s in facts.ntp.servers
        if s.server != server.server and s.offset is not None
    ]
    alone = bool(others) and not any(abs(offset - other) < max(OFF, abs(offset) / 2) for other in others)
    doubt = " Other time servers disagree with it, so its own clock may be wrong." if alone else ""
    return Finding(
        RULE,
        Severity.WARNING if _least(server) >= FAR and not alone else Severity.NOTE,
        case.confidence([index], alone),
        f"The clock of {host} is {duration(abs(offset))} {'behind' if offset > 0 else 'ahead of'} the NTP server "
        f"{case.server(server.server, 123)}.{doubt}",
        1,
        refs([(index, [server.offset_frame])]) if server.offset_frame > 0 else (),
        "Check `chronyc tracking` on that node: whether it follows any server, and when it was last set.",
        filters.both("ntp", filters.address(server.server)),
        figures=figures(offset_s=offset, least_s=_least(server), round_trip_s=server.latency.min),
        servers=(filters.end(server.server, 123),),
        facts=pointers([(index, f"ntp/servers/{nth}/offset")]),
    )
