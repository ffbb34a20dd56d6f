"""HTTP: errors, silence, slowness and who is to blame."""

from msgspec import structs

from tests.unit.findings.cases import (
    END,
    PAYMENTS,
    alarms,
    facts,
    healthy,
    http,
    judge,
    only,
    rules,
    spread,
    talk,
    target,
)
from workers.contract.report import Confidence, Severity


def test_server_errors_name_upstream_status_and_request() -> None:
    finding = only(
        judge(facts(healthy(10, application="http"), [http(60, errors=30), http(40, path="/ok")])), "http-errors"
    )
    assert finding.severity is Severity.CRITICAL
    assert finding.sentence.startswith(
        "checkout-7d9f-x2z → service payments (198.18.7.1:8080): 30 of 100 requests failed"
    )
    assert "503 30 times" in finding.sentence
    assert "POST /charge" in finding.sentence


def test_one_server_error_in_a_busy_minute_is_a_note() -> None:
    assert alarms(judge(facts(healthy(10), [http(500, errors=1)]))) == []


def test_client_errors_are_not_ours_to_judge() -> None:
    assert rules(judge(facts(healthy(5), [http(50, statuses={"404": 50})]))) == {"healthy"}


def test_unanswered_requests() -> None:
    flows = [talk(application="http", last_at=END - 10, fins=1) for _ in range(10)]
    finding = only(judge(facts(flows, [http(20, unanswered=8)])), "http-unanswered")
    assert "8 of 20 requests got no response (POST /charge)" in finding.sentence
    assert finding.severity is Severity.CRITICAL


def test_requests_in_flight_at_the_end_are_not_judged() -> None:
    flows = [talk(application="http", last_at=END - 0.2) for _ in range(3)]
    assert rules(judge(facts([*flows, *healthy(20)], [http(200, unanswered=3)]))) == {"healthy"}


def test_answers_that_are_not_http_are_answers() -> None:
    flows = [talk(application="http", port=22, server_payload=40, last_at=END - 20) for _ in range(3)]
    assert "http-unanswered" not in rules(judge(facts(flows, [http(3, unanswered=3, server_port=22)])))


def test_slow_server_is_told_from_slow_network() -> None:
    finding = only(judge(facts(healthy(20, application="http"), [http(50, p50=1.2, p95=1.9)])), "http-slow")
    assert "95 % within 1.9 s (median 1.2 s" in finding.sentence
    assert "the time is spent in service payments" in finding.sentence
    assert finding.severity is Severity.CRITICAL


def test_slow_network_takes_the_blame() -> None:
    flows = healthy(20, application="http", server_rtt=0.7, handshake_rtt=0.7)
    finding = only(judge(facts(flows, [http(50, p50=0.8, p95=0.9)])), "http-slow")
    assert "look at the network first" in finding.sentence


def test_one_slow_pod_behind_a_service() -> None:
    finding = only(judge(facts(healthy(20), [http(50, p50=0.012, p95=0.82)])), "http-slow")
    assert "one of its pods may be at fault" in finding.sentence
    assert finding.severity is Severity.WARNING


def test_ordinary_latency_is_normal() -> None:
    assert rules(judge(facts(healthy(20), [http(50, p50=0.05, p95=0.3)]))) == {"healthy"}


def test_one_slow_request_is_a_note() -> None:
    found = judge(facts(healthy(9), [http(1, p50=2.0, p95=2.0, path="/report"), http(90)]))
    assert alarms(found) == []
    assert only(found, "http-slow").confidence is Confidence.MEDIUM


def test_server_captured_too_counts_its_requests_once() -> None:
    group = http(60, errors=30, server="198.19.3.4")
    seen_twice = [target(facts([], [group])), target(facts([], [group]), "payments-6c4d-aaaaa", "198.19.3.4")]
    finding = only(judge(*seen_twice), "http-errors")
    assert finding.count == 30
    assert {ref.target for ref in finding.frames} == {1}


def test_healthy_capture_says_so_with_figures() -> None:
    one = facts(healthy(40), [http(120)])
    found = judge(structs.replace(one, http=structs.replace(one.http, latency=spread(0.01, 0.02, 120))))
    finding = only(found, "healthy")
    assert finding.severity is Severity.OK
    assert finding.sentence == (
        "No trouble found: 40 connections (RTT 0.4 ms) and 120 HTTP requests all answered (p95 20 ms)."
    )
    assert PAYMENTS not in finding.sentence
