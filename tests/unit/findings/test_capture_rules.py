"""The capture itself: nothing in it, packets dropped, analysis failed; and ICMP errors."""

import dataclasses

import pytest

from tests.unit.findings.cases import (
    CHECKOUT,
    PAYMENTS,
    SPEC,
    alarms,
    facts,
    healthy,
    judge,
    only,
    rules,
    tally,
    target,
)
from workers.contract.facts import Facts, IcmpError
from workers.contract.report import CaptureOutcome, Severity

EMPTY = Facts(format="pcap")
FILTERED = dataclasses.replace(SPEC, filter="port 5432")
OUTCOME = CaptureOutcome(complete=True, started_at=1_000.0, ended_at=1_030.0)


def test_nothing_matched_says_which_ports_were_seen() -> None:
    empty = target(EMPTY, outcome=OUTCOME, other_ports={"tcp/8080": 120, "udp/53": 40})
    finding = only(judge(empty, spec=FILTERED), "nothing-captured")
    assert finding.sentence == (
        "No packets matched the filter `port 5432` on checkout-7d9f-x2z in 30 s. "
        "Seen meanwhile: tcp/8080 (120 packets) and udp/53 (40 packets)."
    )
    assert finding.severity is Severity.NOTE


def test_silence_without_a_filter_is_a_warning() -> None:
    assert only(judge(target(EMPTY, outcome=OUTCOME)), "nothing-captured").severity is Severity.WARNING


def test_one_quiet_pod_beside_a_busy_one_is_a_note() -> None:
    found = judge(facts(healthy(9)), target(EMPTY, "checkout-7d9f-idle", "198.19.1.9"))
    assert alarms(found) == []
    assert "checkout-7d9f-idle" in only(found, "nothing-captured").sentence


@pytest.mark.parametrize(("dropped", "severity"), [(5, Severity.NOTE), (400, Severity.WARNING)])
def test_drops_are_said_by_their_share(dropped: int, severity: Severity) -> None:
    outcome = CaptureOutcome(complete=True, packets=1000, received=1000 + dropped, kernel_dropped=dropped)
    assert only(judge(target(facts(healthy(9)), outcome=outcome)), "capture-drops").severity is severity


def test_failed_analysis_is_the_verdict_and_keeps_the_capture() -> None:
    failed = target(None, analysis_error="out of memory", outcome=CaptureOutcome(complete=True, bytes=5000))
    finding = only(judge(failed), "analysis-failed")
    assert finding.sentence == "Analysis failed for checkout-7d9f-x2z: out of memory. The capture itself is kept."


def test_capture_readable_in_part() -> None:
    found = judge(facts(healthy(9), error="corrupt record at byte 4,096"))
    assert "corrupt record at byte 4,096" in only(found, "capture-partial").sentence
    assert alarms(found) == []


def test_too_little_traffic_is_not_called_healthy() -> None:
    assert only(judge(facts(healthy(1))), "healthy").sentence.startswith("Too little traffic to judge: 1 connection")


def icmp(kind: str, count: int, sender: str = "198.19.0.1", port: int = 8080, mtu: int = 0) -> IcmpError:
    return IcmpError(kind, sender, "tcp", CHECKOUT, PAYMENTS, port, tally(count), mtu)


def test_icmp_says_that_packets_are_too_large() -> None:
    found = judge(facts(healthy(9), icmp_errors=(icmp("fragmentation needed", 1, mtu=1400),)))
    assert "1 ICMP error: fragmentation needed (MTU 1,400)" in only(found, "icmp-error").sentence


def test_late_dns_answers_to_closed_sockets_are_normal() -> None:
    noise = icmp("port unreachable", 50, sender=CHECKOUT, port=53)
    assert rules(judge(facts(healthy(9), icmp_errors=(noise,)))) == {"healthy"}


def test_a_single_unreachable_is_normal() -> None:
    assert rules(judge(facts(healthy(9), icmp_errors=(icmp("host unreachable", 1),)))) == {"healthy"}
