"""Rules about databases, caches, brokers, gRPC, and what goes over UDP: where they speak up, and where not."""

from collections.abc import Sequence
from typing import Any

import pytest
from msgspec import structs

from tests.unit.findings.cases import (
    CHECKOUT,
    END,
    PAYMENTS,
    SPEC,
    START,
    facts,
    judge,
    only,
    rules,
    spread,
    talk,
    tally,
    target,
)
from workers.contract.facts import Conversation, Facts, HttpFacts, HttpGroup, Spread
from workers.contract.facts_http import Goaway, Http2Facts
from workers.contract.facts_quic import QuicEnd, QuicFacts
from workers.contract.facts_services import (
    DhcpClient,
    DhcpFacts,
    NtpFacts,
    NtpServer,
    ServiceFacts,
    ServiceGroup,
    ServicePool,
)
from workers.contract.report import CaptureOutcome, Confidence, Finding, Severity

ONE_WAY = structs.replace(SPEC, filter="dst port 5432")


def group(requests: int = 50, operation: str = "SELECT", protocol: str = "postgresql", **about: Any) -> ServiceGroup:
    errors: dict[str, int] = about.get("errors", {})
    values: dict[str, Any] = {
        "requests": tally(requests),
        "responses": requests,
        "failed": tally(sum(errors.values())),
        "latency": spread(0.002, 0.004, requests),
        "slowest_frame": 7,
    }
    return ServiceGroup(protocol, PAYMENTS, 5432, operation, **(values | about))


def seen(*groups: ServiceGroup, flows: Sequence[Conversation] | None = None, **about: Any) -> Facts:
    talks = [talk(PAYMENTS, 5432, application="postgresql") for _ in range(4)] if flows is None else flows
    return facts(talks, services=ServiceFacts(groups=groups), **about)


def grpc(statuses: dict[str, int], path: str = "/shop.Pay/Charge") -> HttpGroup:
    calls = sum(statuses.values())
    return HttpGroup(
        PAYMENTS, 50_051, "pay", "POST", path, tally(calls), {"200": calls}, protocol="grpc", grpc_statuses=statuses,
        grpc_errors=tally(3),
    )  # fmt: skip


# -- errors ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("errors", "severity"),
    [
        ({"40P01": 5}, Severity.CRITICAL),
        ({"42P01": 5}, Severity.WARNING),
        ({"42P01": 2}, Severity.NOTE),
        ({"57014": 1, "42P01": 1}, Severity.NOTE),
    ],
)
def test_errors_weigh_by_what_they_speak_of(errors: dict[str, int], severity: Severity) -> None:
    assert only(judge(seen(group(50, errors=errors))), "service-errors").severity is severity


def test_a_few_serious_errors_among_many_requests_are_a_warning() -> None:
    assert only(judge(seen(group(5_000, errors={"40001": 4}))), "service-errors").severity is Severity.WARNING


def test_errors_of_several_operations_are_told_by_the_worst() -> None:
    told = only(judge(seen(group(errors={"40P01": 2}), group(10, "UPDATE", errors={"40P01": 7}))), "service-errors")
    assert "9 of 60 PostgreSQL requests failed (mostly UPDATE): deadlock (40P01) 9 times." in told.sentence


def test_codes_that_the_snaplen_cut_off_may_be_everyday_ones() -> None:
    one = group(protocol="mongodb", operation="insert", errors={"other": 9})
    assert "service-errors" not in rules(judge(seen(one, cut_packets=3)))
    assert "service-errors" in rules(judge(seen(one)))


def test_what_clients_try_at_the_start_is_no_error() -> None:
    one = group(4, "HELLO", "redis", errors={"ERR": 4})
    assert "service-errors" not in rules(judge(seen(one)))


# -- slowness ----------------------------------------------------------------------------------------------------


def test_the_network_is_blamed_where_the_round_trip_takes_the_time() -> None:
    slow = group(latency=spread(0.8, 0.9))
    far = [talk(PAYMENTS, 5432, server_rtt=0.7, handshake_rtt=0.7) for _ in range(3)]
    told = only(judge(seen(slow, flows=far)), "service-slow")
    assert "The network's round trip alone is 700 ms, so look at the network first." in told.sentence
    assert told.next_step.startswith("Check where both ends run")


def test_loss_is_blamed_where_packets_are_sent_again() -> None:
    lost = [talk(PAYMENTS, 5432, retransmissions_server=tally(5), data_segments_server=40) for _ in range(3)]
    told = only(judge(seen(group(latency=spread(0.8, 0.9)), flows=lost)), "service-slow")
    assert told.sentence.endswith("but packets are lost and sent again: look there first.")


def test_nobody_is_blamed_where_no_round_trip_was_seen() -> None:
    told = only(judge(seen(group(latency=spread(0.8, 0.9)), flows=[])), "service-slow")
    assert told.sentence.endswith("50 answers).")


def test_what_waits_by_nature_is_never_slow_or_silent() -> None:
    one = group(operation="LISTEN", latency=spread(5, 9), unanswered=tally(9), waits=True)
    assert not {"service-slow", "service-unanswered"} & rules(judge(seen(one)))


def test_few_slow_answers_in_a_capture_with_gaps_prove_nothing() -> None:
    slow = group(6, latency=spread(0.002, 0.9, 6))
    outcome = CaptureOutcome(packets=1000, received=1000, kernel_dropped=40)
    assert "service-slow" not in rules(judge(target(seen(slow), outcome=outcome)))
    assert "service-slow" in rules(judge(seen(slow)))


# -- silence -----------------------------------------------------------------------------------------------------


def test_silence_in_a_capture_of_one_direction_is_not_judged() -> None:
    one = group(unanswered=tally(9), responses=0, latency=spread(0, 0, 0))
    flows = [talk(PAYMENTS, 5432, server_packets=0, server_payload=0) for _ in range(3)]
    assert "service-unanswered" not in rules(judge(seen(one, flows=flows), spec=ONE_WAY))


def test_requests_under_way_at_the_end_are_not_judged() -> None:
    late = [talk(PAYMENTS, 5432, last_at=END - 0.2) for _ in range(3)]
    over = [talk(PAYMENTS, 5432, last_at=START + 6, fins=2) for _ in range(3)]
    one = group(unanswered=tally(3))
    assert "service-unanswered" not in rules(judge(seen(one, flows=late)))
    assert only(judge(seen(one, flows=over)), "service-unanswered").severity is Severity.WARNING


def pool(**about: Any) -> Finding | None:
    one = ServicePool(
        **{
            "protocol": "postgresql", "client": CHECKOUT, "server": PAYMENTS, "server_port": 5432, "connections": 4,
            "requests": 100, "busy": 38.0, "first_at": START, "last_at": START + 10, **about,
        }
    )  # fmt: skip
    found = judge(facts([talk(PAYMENTS, 5432)], services=ServiceFacts(pools=(one,))))
    return next((f for f in found if f.rule == "pool-exhausted"), None)


def test_a_database_pool_is_exhausted_when_no_connection_is_ever_free() -> None:
    full = pool()
    assert full is not None
    assert "all 4 connections were busy 95 % of the time (380 ms a request)" in full.sentence
    assert full.facts == ("/targets/0/facts/services/pools/0",)
    assert pool(busy=30.0) is None
    assert pool(connections=1) is None
    assert pool(requests=10) is None
    assert pool(last_at=START + 1) is None


# -- gRPC and HTTP/2 ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statuses", "severity"),
    [
        ({"OK": 40, "UNAVAILABLE": 10}, Severity.CRITICAL),
        ({"OK": 40, "PERMISSION_DENIED": 10}, Severity.WARNING),
        ({"OK": 400, "INTERNAL": 2}, Severity.NOTE),
    ],
)
def test_grpc_statuses_weigh_by_whose_fault_they_are(statuses: dict[str, int], severity: Severity) -> None:
    assert only(judge(facts(webs=[grpc(statuses)])), "grpc-errors").severity is severity


def test_grpc_answers_that_clients_expect_are_silent() -> None:
    statuses = {"OK": 4, "NOT_FOUND": 40, "INVALID_ARGUMENT": 9, "CANCELLED": 9}
    assert "grpc-errors" not in rules(judge(facts(webs=[grpc(statuses)])))


def test_grpc_health_checks_are_told_as_such() -> None:
    found = rules(judge(facts(webs=[grpc({"UNAVAILABLE": 5}, "/grpc.health.v1.Health/Check")])))
    assert "health-check" in found
    assert "grpc-errors" not in found


def goaways(*seen: Goaway) -> Facts:
    return facts([talk(PAYMENTS, 50_051)], http=HttpFacts(h2=Http2Facts(goaways=seen)))


def test_goaway_of_a_conversation_that_was_not_kept() -> None:
    told = only(judge(goaways(Goaway(9_999_999, 7, "server", "INTERNAL_ERROR", 5, 2))), "http2-goaway")
    assert told.sentence == (
        "HTTP/2: the server ended 1 HTTP/2 connection with INTERNAL_ERROR (it failed itself); 2 requests under way "
        "were not processed."
    )
    assert told.next_step.startswith("Read the log of the server")
    assert told.servers == ()


def test_an_orderly_goaway_is_silent() -> None:
    assert "http2-goaway" not in rules(judge(goaways(Goaway(1, 7, "server", "NO_ERROR", 5))))


# -- UDP ---------------------------------------------------------------------------------------------------------


def quic(connections: int, silent: int) -> QuicFacts:
    return QuicFacts(silent=(QuicEnd(CHECKOUT, PAYMENTS, 443, connections, tally(silent)),))


@pytest.mark.parametrize(
    ("seen", "severity"),
    [
        (quic(1, 1), Severity.NOTE),
        (quic(4, 3), Severity.WARNING),
        (quic(8, 3), None),
        (quic(8, 0), None),
    ],
)
def test_quic_without_an_answer(seen: QuicFacts, severity: Severity | None) -> None:
    found = {f.rule: f.severity for f in judge(facts(quic=seen))}
    assert found.get("quic-unanswered") == severity


def test_silence_proves_nothing_where_the_filter_may_hide_answers() -> None:
    one = facts(
        quic=quic(4, 4),
        ntp=NtpFacts(servers=(NtpServer(PAYMENTS, CHECKOUT, tally(4), 0, tally(4)),)),
        dhcp=DhcpFacts(clients=(DhcpClient("02:42:c6:12:00:01", {"DISCOVER": 4}, unanswered=tally(4)),)),
    )
    silent = {"quic-unanswered", "ntp-unanswered", "dhcp-unanswered"}
    assert silent <= rules(judge(one))
    assert not silent & rules(judge(one, spec=ONE_WAY))


def test_an_offset_within_the_round_trip_is_none() -> None:
    def offset(seconds: float, round_trip: float) -> set[str]:
        server = NtpServer(
            PAYMENTS, CHECKOUT, tally(4), 4, stratum=2, offset=seconds, offset_frame=7, latency=spread(2 * round_trip)
        )
        return rules(judge(facts(ntp=NtpFacts(servers=(server,)))))

    assert "ntp-offset" in offset(0.2, 0.01)
    assert "ntp-offset" in offset(-0.2, 0.01)
    assert "ntp-offset" not in offset(0.2, 0.3)
    assert "ntp-offset" not in offset(0.05, 0.0)


def test_an_address_in_use_is_told() -> None:
    one = DhcpClient("02:42:c6:12:00:01", {"ACK": 1, "DECLINE": 1}, server=PAYMENTS, declines=tally(1))
    told = only(judge(facts(dhcp=DhcpFacts(clients=(one,)))), "dhcp-refused")
    assert told.sentence == (
        "02:42:c6:12:00:01 found the address it was given in use 1 time (DHCPDECLINE); later it got one."
    )
    assert (told.severity, told.confidence) == (Severity.NOTE, Confidence.HIGH)


def test_acks_that_wait_for_an_answer_are_no_slow_network() -> None:
    """Connections from before the capture: most of their ACKs come with the answer or 40 ms late."""
    late = Spread(20, 0.0003, 0.04, 0.04, 0.04)
    flows = [talk(PAYMENTS, 5432, handshake="unseen", syns=tally(0), server_rtt=None, rtt=late) for _ in range(3)]
    slow = group(latency=spread(0.06, 0.8), operation="UPDATE")
    sentence = only(judge(seen(slow, flows=flows)), "service-slow").sentence
    assert "The network's round trip is 0.3 ms, so the time is spent in service payments." in sentence
