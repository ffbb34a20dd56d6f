"""TLS alerts in the clear: one side refuses the handshake and says why (RFC 8446 section 6)."""

from collections import defaultdict

from workers.contract.facts import TlsAlert
from workers.contract.report import Finding, Severity
from workers.findings import filters
from workers.findings.case import Case, Hello, links
from workers.findings.tls import for_name, refs_of, server_of, servers, who
from workers.findings.trouble import fold
from workers.findings.words import figures, plural, safe

RULE = "tls-alert"

QUIET = frozenset({"close_notify", "user_canceled", "no_renegotiation"})
"""Alerts that end or decline something in good order."""

MEANING = {
    "handshake_failure": "no cipher suite or parameter suits both",
    "protocol_version": "no TLS version suits both",
    "insufficient_security": "the ciphers offered are too weak",
    "unknown_ca": "the certificate's issuer is not trusted",
    "certificate_expired": "the certificate has expired",
    "certificate_revoked": "the certificate was revoked",
    "certificate_unknown": "the certificate was not accepted",
    "bad_certificate": "the certificate is not valid",
    "unsupported_certificate": "the certificate's type is not supported",
    "certificate_required": "a client certificate is required and none was sent",
    "unrecognized_name": "the server does not know that name (SNI)",
    "no_application_protocol": "no application protocol (ALPN) suits both",
    "access_denied": "the certificate is valid but has no access",
    "decrypt_error": "a signature or key check failed",
    "internal_error": "that side failed internally",
    "inappropriate_fallback": "the client fell back to an older version though a newer one would do",
}


def check(case: Case) -> list[Finding]:
    """One finding for each server and alert."""
    groups: dict[tuple[str, int, str, str], list[tuple[Hello, TlsAlert]]] = defaultdict(list)
    for hello in case.hellos:
        for alert in hello.tls.alerts:
            if alert.description not in QUIET:
                groups[(*server_of(hello), alert.by, alert.description)].append((hello, alert))
    return fold(_finding(case, alert[0][1], [hello for hello, _ in alert], alert) for alert in groups.values())


def _finding(case: Case, alert: TlsAlert, hellos: list[Hello], seen: list[tuple[Hello, TlsAlert]]) -> Finding:
    why = MEANING.get(alert.description)
    side = alert.by if alert.by in ("client", "server") else "one side"
    failed = alert.level != "warning" or any(not h.tls.server_hello_frame for h in hellos)
    return Finding(
        RULE,
        Severity.CRITICAL if failed and len(seen) >= 2 else Severity.WARNING,
        case.confidence({h.target for h in hellos}),
        f"{who(case, hellos)}: the {side} ended {plural(len(seen), 'TLS handshake')}{for_name(hellos)} with "
        f"{safe(alert.description, 40)}{f': {why}' if why else ''}.".replace("the one side", "one side"),
        len(seen),
        refs_of((h, a.frame) for h, a in seen),
        _next_step(alert),
        filters.both("tls.alert_message", filters.endpoint(*server_of(hellos[0]))),
        figures=figures(alerts=len(seen)),
        servers=servers(hellos),
        facts=links(hellos, "alerts"),
    )


def _next_step(alert: TlsAlert) -> str:
    if "certificate" in alert.description or alert.description == "unknown_ca":
        return "Compare the certificate that is served (names, issuer, dates) with what the other side trusts."
    return "Compare TLS versions, ciphers and names that both sides are configured for."
