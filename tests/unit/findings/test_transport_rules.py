"""What happens on open connections: resets, loss, full buffers, long ways."""

from typing import Any

from msgspec import structs

from tests.unit.findings.cases import alarms, facts, healthy, judge, only, reset, rules, talk, tally
from tests.unit.findings.golden import mtu, transport, windows
from tests.unit.findings.test_golden import targets
from workers.contract.facts import Tally, TcpFacts, TcpSide
from workers.contract.report import Confidence, Severity


def test_resets_after_the_request_are_critical() -> None:
    flows = [talk(resets=reset("before-response"), server_payload=0) for _ in range(4)]
    finding = only(judge(facts([*flows, *healthy(10)])), "reset")
    assert finding.severity is Severity.CRITICAL
    assert (
        "the server reset 4 of 14 connections before any response, typically 200 ms after the start" in finding.sentence
    )


def test_resets_whose_answers_took_another_way_cut_off_nothing_that_is_known() -> None:
    """SYN and data of the client, RSTs in the server's name, and not one SYN-ACK: the rest is out of sight."""
    unseen: dict[str, Any] = {"handshake": "refused", "refused_by": "reset", "client_packets": 5, "client_payload": 900}
    flows = [talk(resets=reset(stage), server_packets=1, server_payload=0, **unseen) for stage in ("refused",) * 6]
    late = [talk(resets=reset("before-response"), server_packets=1, server_payload=0, **unseen) for _ in range(6)]
    assert alarms(judge(facts([*flows, *late, *healthy(10)]))) == []


def test_one_direction_alone_lowers_the_confidence() -> None:
    again: dict[str, Any] = {"retransmissions_client": tally(30), "data_segments_client": 100, "client_packets": 120}
    seen, unseen = [talk(**again) for _ in range(5)], [talk(**again, server_packets=0) for _ in range(5)]
    assert only(judge(facts(seen)), "retransmissions").confidence is Confidence.HIGH
    assert only(judge(facts([*unseen, *healthy(5)])), "retransmissions").confidence is Confidence.MEDIUM


def test_reset_after_fin_is_normal() -> None:
    assert rules(judge(facts([talk(resets=reset("after-fin"), fins=2) for _ in range(20)]))) == {"healthy"}


def test_reset_during_an_orderly_close_is_normal() -> None:
    assert rules(judge(facts([talk(resets=reset("after-data"), fins=1) for _ in range(20)]))) == {"healthy"}


def test_one_reset_among_many_is_a_note() -> None:
    found = judge(facts([*healthy(40), talk(resets=reset("before-response"))]))
    assert alarms(found) == []
    assert only(found, "reset").severity is Severity.NOTE


def test_clients_that_drop_pooled_connections_are_quiet() -> None:
    assert alarms(judge(facts([talk(resets=reset("after-data", "client")) for _ in range(20)]))) == []


def test_servers_that_break_off_in_the_middle() -> None:
    finding = only(judge(facts([*healthy(6), *(talk(resets=reset("after-data")) for _ in range(4))])), "reset")
    assert finding.severity is Severity.WARNING
    assert "in the middle" in finding.sentence


def test_loss_says_direction_and_share() -> None:
    flows = [talk(retransmissions_server=tally(8), data_segments_server=100, server_packets=120) for _ in range(5)]
    finding = only(judge(facts(flows)), "retransmissions")
    assert "40 of 500 data packets from the server (8.0 %) were sent again" in finding.sentence
    assert finding.severity is Severity.WARNING


def test_heavy_loss_is_critical() -> None:
    flows = [talk(retransmissions_client=tally(30), data_segments_client=100, client_packets=120) for _ in range(5)]
    finding = only(judge(facts(flows)), "retransmissions")
    assert finding.severity is Severity.CRITICAL
    assert "from the clients" in finding.sentence


def test_few_retransmissions_are_normal() -> None:
    flows = [talk(retransmissions_server=tally(1), server_packets=400) for _ in range(9)]
    assert rules(judge(facts([*flows, *healthy(3)]))) == {"healthy"}


def test_share_below_the_limit_is_normal() -> None:
    flows = [talk(retransmissions_server=tally(20), data_segments_server=1_000, server_packets=1_200) for _ in range(5)]
    assert rules(judge(facts(flows))) == {"healthy"}


def test_doubled_capture_is_said_not_alarmed() -> None:
    flows = [talk(syns=tally(2), retransmissions_server=tally(50), data_segments_server=100) for _ in range(5)]
    found = judge(facts(flows))
    assert alarms(found) == []
    assert "every packet twice" in only(found, "retransmissions").sentence


def test_full_buffer_names_the_slow_process() -> None:
    flows = [talk(zero_windows_client=tally(12), zero_window_seconds=3.2)]
    finding = only(judge(facts([*flows, *healthy(5)])), "zero-window")
    assert "checkout-7d9f-x2z stopped reading 12 times" in finding.sentence
    assert finding.severity is Severity.WARNING


def test_keep_alives_are_no_evidence_of_probes() -> None:
    (seen,) = targets(windows.reader_wakes_up_by_itself_and_keeps_the_connection_alive())
    flows = seen.facts.conversations if seen.facts else ()
    asked = {frame for flow in flows if flow.tcp for frame in flow.tcp.keep_alives.frames}
    finding = only(judge(seen), "zero-window")
    assert len(asked) == 3
    assert asked.isdisjoint(ref.frame for ref in finding.frames)
    assert finding.figures["probes"] == 0


def test_probes_are_counted_as_far_as_frames_show_them() -> None:
    """The first 20 of each kind are known; a filled window is not where its unit is not."""
    tcp = TcpFacts(
        handshake="complete",
        zero_windows_client=Tally(30, tuple(range(1, 40, 2))),
        zero_window_seconds=60.0,
        keep_alives=Tally(29, tuple(range(2, 42, 2))),
    )
    known = structs.replace(tcp, client=TcpSide(offered=True))
    said = [only(judge(facts([structs.replace(talk(), tcp=one)])), "zero-window").sentence for one in (known, tcp)]
    assert "the server probed at least 19 times for room" in said[0]
    assert "probed" not in said[1]


def test_next_step_towards_a_sender_that_obeys_is_not_to_make_it_obey() -> None:
    follows, ignores = (
        only(judge(*targets(made())), "mtu-black-hole").next_step
        for made in (mtu.sender_obeys_and_a_second_hop_says_nothing, transport.sender_ignores_the_router)
    )
    assert follows.startswith("Try `ping -M do -s 1372` towards the server; set an MTU below 1,400 on")
    assert ignores.startswith("The error did reach the pod")


def test_short_full_buffer_is_normal() -> None:
    assert rules(judge(facts([talk(zero_windows_client=tally(2), zero_window_seconds=0.01), *healthy(5)]))) == {
        "healthy"
    }


def test_long_way_inside_the_cluster() -> None:
    finding = only(judge(facts([talk(server_rtt=0.3, handshake_rtt=0.31) for _ in range(8)])), "network-slow")
    assert "300 ms" in finding.sentence


def test_long_way_to_the_world_is_normal() -> None:
    flows = [talk("192.0.2.77", 443, server_rtt=0.18, handshake_rtt=0.18) for _ in range(8)]
    assert rules(judge(facts(flows))) == {"healthy"}


def test_tail_loss_probes_are_a_note() -> None:
    flows = [talk(retransmissions_server=tally(1), data_segments_server=20) for _ in range(12)]
    found = judge(facts([*flows, *healthy(4)]))
    assert alarms(found) == []


def test_repeated_syns_are_not_lost_data() -> None:
    flows = [talk(handshake="unanswered", syns=tally(3), retransmissions_client=tally(2)) for _ in range(12)]
    assert "retransmissions" not in rules(judge(facts(flows)))
