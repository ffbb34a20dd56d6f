"""gRPC calls that end with an error status, by server, status and method."""

from collections import Counter

from workers.contract.facts import HttpGroup
from workers.contract.report import Finding, Severity
from workers.findings.backends import by_name
from workers.findings.case import Case, refs
from workers.findings.rules.health_check import is_probe
from workers.findings.trouble import fold
from workers.findings.web import Site, sites
from workers.findings.words import figures, of, ratio, safe

RULE = "grpc-errors"

MEANING = {
    "UNKNOWN": "the server's code failed",
    "DEADLINE_EXCEEDED": "took longer than the client waits",
    "RESOURCE_EXHAUSTED": "a quota or a size limit is reached",
    "ABORTED": "a conflict",
    "UNIMPLEMENTED": "the server has no such method",
    "INTERNAL": "the server's code failed",
    "UNAVAILABLE": "the server is not ready or gone",
    "DATA_LOSS": "data is lost",
    "UNAUTHENTICATED": "no valid credentials",
    "PERMISSION_DENIED": "not permitted",
}
"""Statuses that speak of the service or the way to it ("gRPC status codes and their use"); the others (NOT_FOUND,
INVALID_ARGUMENT, CANCELLED, …) are answers that clients expect."""

SERVERS = frozenset({"UNKNOWN", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"})

LEAST = 3
CRITICAL_SHARE = 0.05
"""One call in twenty failing is an incident for most services."""


def check(case: Case) -> list[Finding]:
    """One finding for each server whose calls fail."""
    return fold(_finding(site) for site in sites(case, lambda group: _codes(group).total() > 0 and not is_probe(group)))


def _codes(group: HttpGroup) -> Counter[str]:
    return +Counter({status: max(0, group.grpc_statuses.get(status, 0)) for status in MEANING})


def _finding(site: Site) -> Finding:
    codes = sum((_codes(w.group) for w in site.bad), Counter[str]())
    errors, server = codes.total(), sum(codes[status] for status in SERVERS)
    calls = max(errors, sum(max(0, w.group.requests.count) for w in site.all if w.group.protocol == "grpc"))
    worst = max(site.bad, key=lambda w: _codes(w.group).total()).group
    method = safe(worst.path.lstrip("/"), 60)
    return Finding(
        RULE,
        _severity(errors, server, calls),
        site.confidence(errors < LEAST),
        f"{site.who}: {of(errors, calls, 'gRPC call')} failed "
        f"({'mostly ' if len(site.bad) > 1 else ''}{method}) with {by_name(codes.items(), MEANING)}.",
        errors,
        refs((w.target, w.group.grpc_errors.frames) for w in site.bad),
        f"Read the log of {site.name} for these calls; for DEADLINE_EXCEEDED compare the client's "
        "deadline with what the server itself waits for.",
        site.filter("tcp.len > 0"),
        figures=figures(errors=errors, server_errors=server, calls=calls, share=ratio(errors, calls)),
        servers=site.servers,
        facts=site.links("grpc_statuses", "grpc_errors"),
    )


def _severity(errors: int, server: int, calls: int) -> Severity:
    if server >= LEAST and ratio(server, calls) >= CRITICAL_SHARE:
        return Severity.CRITICAL
    return Severity.WARNING if errors >= LEAST else Severity.NOTE
