"""Causes are said before what follows from them."""

import sys

from workers.contract.report import Confidence, Finding, Severity
from workers.findings.causes import CAUSES, causes_first
from workers.findings.rules import RULES


def finding(rule: str, severity: Severity = Severity.WARNING, server: str = "198.18.7.1:8080") -> Finding:
    return Finding(rule, severity, Confidence.HIGH, f"{rule}.", servers=(server,) if server else ())


def order(*ranked: Finding) -> list[tuple[str, str]]:
    return [(one.rule, one.severity.value) for one in causes_first(ranked)]


def test_every_cause_and_effect_is_a_rule() -> None:
    known = {vars(sys.modules[rule.__module__])["RULE"] for rule in RULES}
    assert set(CAUSES) | set().union(*CAUSES.values()) <= known


def test_cause_moves_before_its_effect_and_is_as_bad() -> None:
    found = order(finding("retransmissions", Severity.CRITICAL), finding("http-errors"), finding("mtu-black-hole"))
    assert found == [("mtu-black-hole", "critical"), ("retransmissions", "critical"), ("http-errors", "warning")]


def test_trouble_with_another_server_is_no_effect() -> None:
    apart = (finding("retransmissions", Severity.CRITICAL, "198.18.7.2:80"), finding("mtu-black-hole"))
    assert order(*apart) == [("retransmissions", "critical"), ("mtu-black-hole", "warning")]


def test_finding_about_no_single_server_is_related_to_all() -> None:
    assert order(finding("retransmissions"), finding("retransmission-burst", server=""))[0][0] == "retransmission-burst"


def test_a_note_leads_nothing() -> None:
    found = order(finding("dns-unanswered", Severity.CRITICAL), finding("dns-timeout", Severity.NOTE))
    assert found == [("dns-unanswered", "critical"), ("dns-timeout", "note")]


def test_order_stays_otherwise() -> None:
    ranked = [finding("http-errors"), finding("dns-slow"), finding("zero-window")]
    assert causes_first(ranked) == ranked
