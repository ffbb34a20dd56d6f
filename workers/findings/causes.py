"""Which finding is the cause of which, so that the cause is said first."""

from collections.abc import Sequence

from msgspec.structs import replace

from workers.contract.report import Finding, Severity

CAUSES: dict[str, frozenset[str]] = {
    "mtu-black-hole": frozenset(
        {"retransmissions", "retransmission-burst", "tls-incomplete", "http-unanswered", "http-slow", "icmp-error"}
        | {"reset", "stale-connection", "service-unanswered", "service-slow"}
    ),
    "syn-flood": frozenset({"half-open", "syn-unanswered", "syn-retried"}),
    "port-scan": frozenset({"syn-unanswered", "connection-refused", "half-open"}),
    "hairpin": frozenset({"syn-unanswered", "half-open", "connection-refused", "reset"}),
    "port-exhaustion": frozenset({"syn-unanswered", "connection-refused", "syn-retried", "half-open"}),
    "dns-truncated": frozenset({"syn-unanswered", "connection-refused", "half-open"}),
    "dns-timeout": frozenset({"dns-unanswered", "dns-slow"}),
    "connections-full": frozenset({"service-errors", "reset", "tls-refused"}),
    "tls-refused": frozenset({"reset", "tls-incomplete", "service-errors"}),
    "certificate": frozenset({"certificate-name", "tls-alert"}),
    "certificate-name": frozenset({"tls-alert"}),
    "stale-connection": frozenset({"reset", "retransmissions", "http-unanswered"}),
    "idle-reset": frozenset({"reset", "http-unanswered"}),
    "reset-middlebox": frozenset({"idle-reset", "reset", "tls-incomplete"}),
    "http-upstream": frozenset({"http-errors", "health-check", "retries"}),
    "retransmission-burst": frozenset({"retransmissions", "http-slow", "service-slow"}),
    "retransmissions": frozenset({"http-slow", "service-slow", "tls-incomplete"}),
    "zero-window": frozenset({"client-slow"}),
    "window-limited": frozenset({"client-slow", "network-slow"}),
    "http-slow": frozenset({"pool-exhausted", "http2-reset"}),
    "service-slow": frozenset({"pool-exhausted", "service-unanswered"}),
    "http2-goaway": frozenset({"grpc-errors", "http2-reset"}),
    "ntp-unsynchronised": frozenset({"ntp-offset"}),
    "http-errors": frozenset({"health-check", "retries"}),
}
"""Rule -> the rules whose findings it explains when both speak of the same server."""


def explains(cause: Finding, effect: Finding) -> bool:
    """Whether `effect` follows from `cause`."""
    if effect.rule not in CAUSES.get(cause.rule, ()):
        return False
    return not cause.servers or not effect.servers or bool(set(cause.servers) & set(effect.servers))


def causes_first(ranked: Sequence[Finding]) -> list[Finding]:
    """Move each cause before the first finding that it explains, and let it be as bad as that; else keep the order."""
    ordered: list[Finding] = []
    for finding in ranked:
        sure = finding.severity in (Severity.CRITICAL, Severity.WARNING)
        place = next((i for i, before in enumerate(ordered) if sure and explains(finding, before)), None)
        if place is None:
            ordered.append(finding)
        else:
            ordered.insert(place, replace(finding, severity=ordered[place].severity))
    return ordered
