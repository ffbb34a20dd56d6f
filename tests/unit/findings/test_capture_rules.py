"""The capture itself: nothing in it, packets dropped, analysis failed; and ICMP errors."""

import pytest
from msgspec import structs

from tests.unit.findings.cases import (
    CHECKOUT,
    PAYMENTS,
    SPEC,
    alarms,
    dns,
    facts,
    healthy,
    http,
    judge,
    only,
    rules,
    silent,
    tally,
    target,
)
from workers.contract.facts import Facts, IcmpError
from workers.contract.report import CaptureOutcome, Confidence, Severity

EMPTY = Facts(format="pcap")
FILTERED = structs.replace(SPEC, filter="port 5432")
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


def test_silence_that_the_captures_own_gaps_explain_is_not_reported() -> None:
    lossy = CaptureOutcome(complete=True, packets=3_000, received=3_140, kernel_dropped=140)
    one = facts(
        [*healthy(60), *silent(2)], [http(110, unanswered=4)], [dns("web.shop", 300, unanswered=9)], packets=3_000
    )
    assert rules(judge(target(one, outcome=lossy))) == {"capture-drops", "healthy"}
    proved = structs.replace(one, counts={"ack_lost_segment": 140})
    assert rules(judge(proved)) == {"healthy"}


def test_an_outage_stands_out_from_the_captures_gaps() -> None:
    lossy = CaptureOutcome(complete=True, packets=300, received=600, kernel_dropped=300)
    finding = only(judge(target(facts([*silent(30), *healthy(2)], packets=300), outcome=lossy)), "syn-unanswered")
    assert finding.confidence is Confidence.MEDIUM


def test_trouble_of_the_network_is_said_before_trouble_of_the_capture() -> None:
    lossy = CaptureOutcome(complete=True, packets=900, received=1_000, kernel_dropped=100)
    found = judge(target(facts(healthy(20), [http(50, p50=0.02, p95=0.9)]), outcome=lossy))
    assert [f.rule for f in found[:2]] == ["http-slow", "capture-drops"]
    assert {f.severity for f in found[:2]} == {Severity.WARNING}
