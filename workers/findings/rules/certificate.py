"""Certificates outside their validity, judged at the time of the capture (TLS 1.2 and older show them)."""

from collections import defaultdict

from workers.contract.report import Finding, Severity
from workers.findings import filters
from workers.findings.case import Case, Hello, links
from workers.findings.tls import for_name, refs_of, server_of, servers, who
from workers.findings.trouble import fold
from workers.findings.words import day, duration, figures, listing, safe

RULE = "certificate"

SOON = 7 * 86_400.0
"""Seconds before expiry from which a renewal is clearly overdue; automatic renewal acts weeks ahead."""


def check(case: Case) -> list[Finding]:
    """One finding for each server that shows a certificate out of date."""
    groups: dict[tuple[str, int, bool], list[Hello]] = defaultdict(list)
    for hello in case.hellos:
        if hello.tls.expired or _left(case, hello) is not None:
            groups[(*server_of(hello), hello.tls.expired)].append(hello)
    return fold(_finding(case, hellos) for hellos in groups.values())


def _at(case: Case, hello: Hello) -> float:
    facts = case.targets[hello.target].facts
    return hello.flow.first_at if hello.flow else facts.first_at if facts else 0.0


def _left(case: Case, hello: Hello) -> float | None:
    """Seconds until expiry when that is soon; not for short-lived certificates, which always expire soon."""
    after, before = hello.tls.not_after, hello.tls.not_before
    if after is None or hello.tls.expired or (before is not None and after - before < 4 * SOON):
        return None
    left = after - _at(case, hello)
    return left if 0 < left < SOON else None


def _finding(case: Case, hellos: list[Hello]) -> Finding:
    first = hellos[0]
    names = listing(safe(name, 60) for name in first.tls.subject_names)
    return Finding(
        RULE,
        Severity.CRITICAL if first.tls.expired else Severity.WARNING,
        case.confidence(()),
        f"{who(case, hellos)}: the server's certificate{for_name(hellos)} {_when(case, first)}"
        f"{f' (issued to {names})' if names else ''}.",
        len(hellos),
        refs_of((h, h.tls.server_hello_frame) for h in hellos),
        "Renew the certificate, and check that the server loaded the new one. A wrong clock looks the same.",
        filters.both("tls.handshake.type == 11", filters.endpoint(*server_of(first))),
        figures=figures(cases=len(hellos), not_before=first.tls.not_before, not_after=first.tls.not_after),
        servers=servers(hellos),
        facts=links(hellos),
    )


def _when(case: Case, hello: Hello) -> str:
    tls, now = hello.tls, _at(case, hello)
    if not tls.expired:
        return f"expires in {duration(_left(case, hello))}, on {day(tls.not_after)}"
    if tls.not_before is not None and tls.not_before > now:
        return f"is not valid before {day(tls.not_before)}"
    if tls.not_after is None:
        return "was out of date when this was captured"
    return f"expired on {day(tls.not_after)}, {duration(now - tls.not_after)} before this capture"
