"""Certificates for other names than the one the client asked for (SNI against SAN, RFC 9525 section 6.3)."""

from collections import defaultdict

from workers.contract.report import Finding, Severity
from workers.findings import filters
from workers.findings.case import Case, Hello, links
from workers.findings.tls import refs_of, server_of, servers, who
from workers.findings.trouble import fold
from workers.findings.words import figures, listing, plural, safe

RULE = "certificate-name"

ALL_NAMES = 16
"""The facts hold at most so many names; with that many, the one asked for may be among those left out."""


def check(case: Case) -> list[Finding]:
    """One finding for each server and name it has no certificate for."""
    groups: dict[tuple[str, int, str], list[Hello]] = defaultdict(list)
    for hello in case.hellos:
        if _mismatch(hello):
            groups[(*server_of(hello), hello.tls.sni.lower())].append(hello)
    return fold(_finding(case, hellos) for hellos in groups.values())


def _mismatch(hello: Hello) -> bool:
    names, asked = hello.tls.subject_names, hello.tls.sni.lower().rstrip(".")
    if not names or not asked or len(names) >= ALL_NAMES:
        return False
    return not any(_covers(name.lower().rstrip("."), asked) for name in names)


def _covers(name: str, asked: str) -> bool:
    """A wildcard stands for exactly one label, the leftmost."""
    return name == asked or (name.startswith("*.") and asked.partition(".")[2] == name[2:])


def _finding(case: Case, hellos: list[Hello]) -> Finding:
    first = hellos[0]
    refused = sum(1 for h in hellos if any(a.by == "client" and a.description != "close_notify" for a in h.tls.alerts))
    issued = listing(safe(name, 60) for name in first.tls.subject_names)
    outcome = f"refused it {plural(refused, 'time')}" if refused else "did not refuse it"
    return Finding(
        RULE,
        (Severity.NOTE, Severity.WARNING, Severity.CRITICAL)[min(refused, 2)],
        case.confidence({h.target for h in hellos}),
        f"{who(case, hellos)}: asked for {safe(first.tls.sni, 60)}, the server shows a certificate for {issued}; "
        f"the client {outcome}.",
        len(hellos),
        refs_of((h, h.tls.server_hello_frame) for h in hellos),
        "Check which host name the client uses, and that the server (or ingress) has a certificate for it: a default "
        "certificate means no rule or secret matched that name.",
        filters.both("(tls.handshake.type == 1 || tls.handshake.type == 11)", filters.endpoint(*server_of(first))),
        figures=figures(handshakes=len(hellos), refused=refused),
        servers=servers(hellos),
        facts=links(hellos, "sni", "subject_names"),
    )
