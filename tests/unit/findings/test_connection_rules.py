"""Connection attempts: silence, refusal, SYNs sent again, handshakes left half open."""

from msgspec import structs
from msgspec.structs import replace

from tests.unit.findings.cases import (
    CHECKOUT_B,
    END,
    PAYMENTS,
    SPEC,
    alarms,
    facts,
    healthy,
    judge,
    only,
    reset,
    rules,
    silent,
    talk,
    tally,
    target,
)
from workers.contract.report import CaptureOutcome, Confidence, Severity


def test_unanswered_syns_name_both_ends_and_the_counts() -> None:
    finding = only(judge(facts(silent(14))), "syn-unanswered")
    assert finding.sentence.startswith(
        "checkout-7d9f-x2z → service payments (198.18.7.1:8080): 14 of 14 connection attempts got no answer."
    )
    assert (finding.severity, finding.confidence, finding.count) == (Severity.CRITICAL, Confidence.HIGH, 14)
    assert finding.frames
    assert finding.next_step
    assert finding.display_filter == "tcp.flags.syn == 1 && ip.addr == 198.18.7.1 && tcp.port == 8080"


def test_half_of_a_services_attempts_points_at_one_of_its_pods() -> None:
    finding = only(judge(facts([*silent(10), *healthy(12)])), "syn-unanswered")
    assert "one of its pods may be at fault" in finding.sentence
    assert "45 %" in finding.sentence


def test_same_silence_seen_from_two_pods_is_one_finding_with_counts_by_pod() -> None:
    second = target(facts(silent(7, client=CHECKOUT_B)), "checkout-7d9f-q9k", CHECKOUT_B)
    finding = only(judge(facts(silent(9)), second), "syn-unanswered")
    assert "(checkout-7d9f-x2z 9 of 9, checkout-7d9f-q9k 7 of 7)" in finding.sentence
    assert {ref.target for ref in finding.frames} == {0, 1}


def test_conversation_captured_at_both_ends_counts_once() -> None:
    flows = silent(5)
    finding = only(judge(facts(flows), target(facts(flows), "payments-a", PAYMENTS)), "syn-unanswered")
    assert finding.count == 5


def test_syns_of_the_last_moments_are_not_judged() -> None:
    assert rules(judge(facts([*healthy(9), *silent(3, at=END - 1.0)]))) == {"healthy"}


def test_one_lost_attempt_among_many_is_a_note() -> None:
    found = judge(facts([*healthy(60), *silent(1)]))
    assert only(found, "syn-unanswered").severity is Severity.NOTE
    assert only(found, "healthy").severity is Severity.OK


def test_filter_of_one_direction_does_not_look_like_an_outage() -> None:
    spec = structs.replace(SPEC, filter="dst port 8080")
    found = judge(facts([*silent(20)]), spec=spec)
    assert alarms(found) == []
    assert "one direction only" in only(found, "one-way").sentence


def test_client_that_goes_on_talking_was_answered_out_of_our_sight() -> None:
    flows = [talk(handshake="unanswered", client_packets=40, client_payload=9_000, server_packets=0) for _ in range(8)]
    assert alarms(judge(facts(flows))) == []


def test_drops_while_capturing_lower_the_confidence() -> None:
    outcome = CaptureOutcome(complete=True, packets=1000, received=1300, kernel_dropped=300)
    finding = only(judge(target(facts(silent(14)), outcome=outcome)), "syn-unanswered")
    assert finding.confidence is Confidence.MEDIUM


def test_scan_of_many_servers_is_folded() -> None:
    flows = [flow for n in range(1, 40) for flow in silent(2, server=f"198.19.9.{n}")]
    found = [f for f in judge(facts(flows)) if f.rule == "syn-unanswered"]
    assert len(found) == 4
    assert "36 more places" not in found[0].sentence
    assert "35 more places" in found[-1].sentence


def test_refused_connections_say_by_whom_and_how() -> None:
    flows = [talk(handshake="refused", refused_by="reset", resets=reset("refused")) for _ in range(6)]
    finding = only(judge(facts([*flows, *healthy(4)])), "connection-refused")
    assert "6 of 10 connection attempts were refused by a RST" in finding.sentence
    assert finding.severity is Severity.CRITICAL


def test_icmp_refusal_is_told_apart() -> None:
    flows = [talk(handshake="refused", refused_by="icmp") for _ in range(6)]
    assert "by an ICMP error" in only(judge(facts(flows)), "connection-refused").sentence


def test_single_refusal_among_many_is_a_note() -> None:
    found = judge(facts([*healthy(30), talk(handshake="refused", refused_by="reset")]))
    assert alarms(found) == []


def test_syns_sent_again_cost_seconds() -> None:
    flows = [talk(syns=tally(2), handshake_rtt=1.02) for _ in range(5)]
    finding = only(judge(facts([*flows, *healthy(50)])), "syn-retried")
    assert "5 of 55 connections" in finding.sentence
    assert "1 s" in finding.sentence


def test_doubled_capture_does_not_look_like_lost_syns() -> None:
    assert "syn-retried" not in rules(judge(facts([talk(syns=tally(2)) for _ in range(20)])))


def test_handshakes_left_half_open() -> None:
    finding = only(judge(facts([talk(handshake="half-open") for _ in range(6)])), "half-open")
    assert finding.severity is Severity.WARNING


def test_handshakes_in_a_capture_of_nothing_but_syns_are_not_called_half_open() -> None:
    flows = [talk(handshake="half-open") for _ in range(6)]
    filtered = [replace(flow, server_packets=1) for flow in flows]
    counts = {"tcp": 12, "syn": 6, "synack": 6}
    assert "half-open" not in rules(judge(replace(facts(filtered), counts=counts)))
    again = [replace(flow, server_packets=2) for flow in flows]
    assert "half-open" in rules(judge(replace(facts(again), counts=counts | {"tcp": 18, "synack": 12})))


def test_port_checks_that_reset_the_handshake_are_quiet() -> None:
    flows = [talk(handshake="half-open", resets=reset("handshake", "client")) for _ in range(9)]
    assert alarms(judge(facts([*flows, *healthy(9)]))) == []
