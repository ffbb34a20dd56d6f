"""The rules, lower layers first: where two findings are as bad, the one nearer the cause is said first."""

from collections.abc import Callable

from workers.contract.report import Finding
from workers.findings.case import Case
from workers.findings.rules import (
    certificate,
    dns_failures,
    dns_nxdomain,
    dns_slow,
    dns_unanswered,
    half_open,
    http_errors,
    http_unanswered,
    icmp,
    nothing,
    quality,
    refused,
    resets,
    retransmissions,
    slow_http,
    slow_network,
    syn_retried,
    syn_unanswered,
    tls_alert,
    tls_incomplete,
    zero_window,
)

Rule = Callable[[Case], list[Finding]]

RULES: tuple[Rule, ...] = (
    syn_unanswered.check,
    refused.check,
    dns_unanswered.check,
    dns_failures.check,
    certificate.check,
    tls_alert.check,
    tls_incomplete.check,
    resets.check,
    http_unanswered.check,
    retransmissions.check,
    zero_window.check,
    syn_retried.check,
    half_open.check,
    slow_http.check,
    http_errors.check,
    slow_network.check,
    dns_slow.check,
    icmp.check,
    dns_nxdomain.check,
    nothing.check,
    quality.check,
)
