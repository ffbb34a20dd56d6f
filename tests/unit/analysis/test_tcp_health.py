"""Planted TCP behaviour is found, and healthy traffic shows none."""

import pytest

from tests.unit.analysis.captures import ACK, CLIENT, FIN, PSH, RST, SERVER, SYN, Pcap, Tcp, ip4
from workers.analysis.flows import MAX_KEPT, MAX_LIVE
from workers.contract.facts import MAX_FRAMES, Facts, TcpFacts


def health(pcap: Pcap) -> TcpFacts:
    """TCP facts of a capture's only conversation."""
    (conversation,) = pcap.facts().conversations
    assert conversation.tcp is not None
    return conversation.tcp


def trouble(facts: Facts) -> dict[str, int]:
    """Counts of TCP analysis that are not zero."""
    names = "retransmission out_of_order lost_segment duplicate_ack zero_window keep_alive reused_ports rst".split()
    return {name: facts.counts[name] for name in names if facts.counts[name]}


def exchange(pcap: Pcap) -> Tcp:
    """A handshake, 100 bytes to the server and its ACK; 10 ms round trip."""
    tcp = Tcp(pcap).handshake()
    return tcp.send(0.02, "c", PSH | ACK, 1, 1, bytes(100)).send(0.03, "s", ACK, 1, 101)


def test_healthy_conversation() -> None:
    pcap = Pcap()
    exchange(pcap).send(0.04, "s", FIN | ACK, 1, 101).send(0.05, "c", FIN | ACK, 101, 2).send(0.06, "s", ACK, 2, 102)
    facts = pcap.facts()
    assert trouble(facts) == {}
    (conversation,) = facts.conversations
    assert (conversation.client, conversation.server_port) == (CLIENT, 80)
    assert (conversation.client_payload, conversation.server_payload) == (100, 0)
    tcp = conversation.tcp
    assert tcp is not None
    assert (tcp.handshake, tcp.fins) == ("complete", 2)
    assert (tcp.data_segments_client, tcp.data_segments_server) == (1, 0)
    assert tcp.server_rtt == pytest.approx(0.01)
    assert tcp.handshake_rtt == pytest.approx(0.0101)
    assert tcp.rtt.count == 1
    assert tcp.rtt.p50 == pytest.approx(0.01)


def test_unanswered_syn_is_judged_only_when_it_had_time() -> None:
    late = Pcap()
    Tcp(late).send(0, "c", SYN, 0)
    assert (health(late).handshake, health(late).judged) == ("unanswered", False)
    retried = Pcap()
    Tcp(retried).send(0, "c", SYN, 0).send(1, "c", SYN, 0).send(3, "c", SYN, 0)
    tcp = health(retried)
    assert (tcp.handshake, tcp.judged, tcp.syns.count, tcp.syns.frames) == ("unanswered", True, 3, (1, 2, 3))
    assert tcp.retransmissions_client.frames == (2, 3)
    assert retried.facts().counts["tcp_unanswered"] == 1


def test_refused_by_reset() -> None:
    pcap = Pcap()
    Tcp(pcap).send(0, "c", SYN, 0).send(0.001, "s", RST | ACK, 0, 1)
    tcp = health(pcap)
    assert (tcp.handshake, tcp.refused_by) == ("refused", "reset")
    assert [(reset.by, reset.stage) for reset in tcp.resets] == [("server", "refused")]


def test_refused_by_icmp() -> None:
    pcap = Pcap()
    Tcp(pcap).send(0, "c", SYN, 0)
    quoted = pcap.bytes()[24 + 16 + 14 :][:28]
    pcap.add(0.001, ip4(1, "198.18.0.254", CLIENT, b"\x03\x01\0\0\0\0\0\0" + quoted))
    facts = pcap.facts()
    tcp = next(c.tcp for c in facts.conversations if c.tcp)
    assert (tcp.handshake, tcp.refused_by) == ("refused", "icmp")
    (error,) = facts.icmp_errors
    assert (error.kind, error.sender, error.about_server, error.about_port) == (
        "host unreachable",
        "198.18.0.254",
        SERVER,
        80,
    )


def test_half_open() -> None:
    pcap = Pcap()
    Tcp(pcap).send(0, "c", SYN, 0).send(0.001, "s", SYN | ACK, 0, 1)
    assert health(pcap).handshake == "half-open"


def test_capture_that_begins_mid_stream_knows_the_server_by_its_port() -> None:
    pcap = Pcap()
    Tcp(pcap).send(0, "s", PSH | ACK, 500, 700, bytes(50)).send(0.01, "c", ACK, 700, 550)
    facts = pcap.facts()
    (conversation,) = facts.conversations
    assert (conversation.client, conversation.server_port) == (CLIENT, 80)
    assert health(pcap).handshake == "unseen"
    assert trouble(facts) == {}


def test_timeout_retransmission() -> None:
    pcap = Pcap()
    tcp = Tcp(pcap).handshake().send(0.02, "c", PSH | ACK, 1, 1, bytes(100))
    tcp.send(0.3, "c", PSH | ACK, 1, 1, bytes(100)).send(0.31, "s", ACK, 1, 101)
    assert trouble(pcap.facts()) == {"retransmission": 1}
    assert health(pcap).rtt.count == 0


def test_reordering_within_the_round_trip_is_out_of_order_not_retransmission() -> None:
    pcap = Pcap()
    tcp = Tcp(pcap).handshake()
    tcp.send(0.02, "c", ACK, 101, 1, bytes(100)).send(0.021, "c", ACK, 1, 1, bytes(100))
    assert trouble(pcap.facts()) == {"lost_segment": 1, "out_of_order": 1}


def test_fast_retransmission_after_duplicate_acks() -> None:
    pcap = Pcap()
    tcp = Tcp(pcap).handshake()
    for number in range(5):
        if number != 1:
            tcp.send(0.02 + number / 1000, "c", ACK, 1 + 100 * number, 1, bytes(100))
    for number in range(4):
        tcp.send(0.03 + number / 1000, "s", ACK, 1, 101)
    tcp.send(0.034, "c", ACK, 101, 1, bytes(100)).send(0.04, "s", ACK, 1, 501)
    facts = pcap.facts()
    assert trouble(facts) == {"lost_segment": 1, "duplicate_ack": 3, "retransmission": 1}
    assert facts.counts["fast_retransmission"] == 1


def test_spurious_retransmission() -> None:
    pcap = Pcap()
    exchange(pcap).send(0.5, "c", PSH | ACK, 1, 1, bytes(100))
    facts = pcap.facts()
    assert facts.counts["spurious_retransmission"] == 1
    assert health(pcap).retransmissions_client.count == 1


def test_zero_window_of_the_server_and_how_long() -> None:
    pcap = Pcap()
    tcp = exchange(pcap).send(1.0, "s", ACK, 1, 101, window=0)
    tcp.send(2.0, "c", ACK, 101, 1, b"x").send(2.01, "s", ACK, 1, 101, window=0).send(3.5, "s", ACK, 1, 101)
    found = health(pcap)
    assert (found.zero_windows_server.count, found.zero_windows_client.count) == (2, 0)
    assert found.zero_window_seconds == pytest.approx(2.5)
    assert pcap.facts().counts["zero_window_probe"] == 1


def test_reset_with_window_zero_is_no_zero_window() -> None:
    pcap = Pcap()
    exchange(pcap).send(1.0, "s", RST | ACK, 1, 101, window=0)
    found = health(pcap)
    assert found.zero_windows_server.count == 0
    (reset,) = found.resets
    assert (reset.by, reset.stage) == ("server", "before-response")
    assert reset.after == pytest.approx(1.0)


def test_keep_alive_and_its_answer() -> None:
    pcap = Pcap()
    exchange(pcap).send(30, "c", ACK, 100, 1).send(30.01, "s", ACK, 1, 101)
    facts = pcap.facts()
    assert trouble(facts) == {"keep_alive": 1}
    assert facts.counts["keep_alive_ack"] == 1


def test_port_reuse_begins_a_new_conversation() -> None:
    pcap = Pcap()
    exchange(pcap)
    Tcp(pcap, bases=(900_000, 800_000)).handshake(60)
    facts = pcap.facts()
    assert len(facts.conversations) == 2
    assert trouble(facts) == {"reused_ports": 1}


def test_syn_ack_with_another_number_is_marked_as_reuse() -> None:
    pcap = Pcap()
    Tcp(pcap).handshake().send(1, "c", SYN, 0).send(1.1, "s", SYN | ACK, 700, 1)
    assert pcap.facts().counts["reused_ports"] == 1


def test_both_sides_may_open_at_once() -> None:
    pcap = Pcap()
    Tcp(pcap).send(0, "c", SYN, 0).send(0.01, "s", SYN, 0)
    facts = pcap.facts()
    assert (facts.counts["reused_ports"], len(facts.conversations)) == (0, 1)


def test_first_segment_that_was_acknowledged_before_is_spurious() -> None:
    pcap = Pcap()
    Tcp(pcap).send(0, "s", ACK, 1, 6, b"hello").send(0.01, "c", ACK, 1, 1, b"12345")
    assert pcap.facts().counts["spurious_retransmission"] == 1


def test_initial_rtt_counts_from_the_last_syn() -> None:
    pcap = Pcap()
    tcp = Tcp(pcap).send(0, "c", SYN, 0).send(1, "c", SYN, 0).send(1.01, "s", SYN | ACK, 0, 1)
    tcp.send(1.02, "c", ACK, 1, 1).send(1.1, "c", PSH | ACK, 1, 1, b"a" * 10).send(
        1.2, "c", PSH | ACK, 11, 1, b"b" * 10
    )
    tcp.send(1.25, "c", PSH | ACK, 1, 1, b"a" * 10)
    counts = pcap.facts().counts
    assert (counts["retransmission"], counts["out_of_order"]) == (2, 0)


def test_sequence_numbers_wrap() -> None:
    pcap = Pcap()
    tcp = Tcp(pcap, bases=(0xFFFFFFF0, 0xFFFFFFFF)).handshake()
    tcp.send(0.02, "c", PSH | ACK, 1, 1, bytes(100)).send(0.03, "s", ACK, 1, 101)
    tcp.send(0.04, "c", PSH | ACK, 101, 1, bytes(100)).send(0.05, "s", ACK, 1, 201)
    assert trouble(pcap.facts()) == {}


def test_timestamps_that_go_backwards() -> None:
    pcap = Pcap()
    Tcp(pcap).send(5, "c", SYN, 0).send(4, "s", SYN | ACK, 0, 1).send(3, "c", ACK, 1, 1)
    facts = pcap.facts()
    assert facts.duration == pytest.approx(2)
    tcp = health(pcap)
    assert tcp.handshake_rtt == 0
    assert sum(facts.timeline.packets) == 3


def test_ethernet_padding_is_not_payload() -> None:
    pcap = Pcap()
    Tcp(pcap).handshake()
    frame = pcap.bytes()[-54:]
    padded = Pcap().add(0, frame + b"\x55" * 6)
    (conversation,) = padded.facts().conversations
    assert conversation.client_payload == 0
    assert conversation.client_bytes == 40


def test_segmentation_offload_with_ip_length_zero() -> None:
    pcap = Pcap()
    segment = b"\x9c\x40\x00\x50" + bytes(8) + b"\x50\x10\x10\x00" + bytes(4) + bytes(70_000)
    pcap.add(0, ip4(6, CLIENT, SERVER, segment, total=0))
    (conversation,) = pcap.facts().conversations
    assert conversation.client_payload == 70_000


def test_syn_flood_is_bounded_and_counted() -> None:
    pcap, flows = Pcap(), MAX_LIVE + 5_000
    for number in range(flows):
        Tcp(pcap, client=f"198.18.{number >> 8 & 255}.{number & 255}", client_port=1024 + (number >> 16)).send(
            number / 10_000, "c", SYN, 0
        )
    facts = pcap.facts()
    assert facts.counts["tcp_unanswered"] == flows
    assert len(facts.conversations) == MAX_KEPT
    assert facts.more_conversations == flows - MAX_KEPT
    assert any("closed early" in sentence for sentence in facts.approximations)


def test_the_first_resets_of_a_connection_are_kept_and_all_are_counted() -> None:
    pcap = Pcap()
    tcp = Tcp(pcap).handshake()
    for number in range(MAX_FRAMES + 3):
        tcp.send(1 + number, "s", RST, 1)
    facts = pcap.facts()
    (one,) = facts.conversations
    assert one.tcp is not None
    assert (len(one.tcp.resets), facts.counts["rst"]) == (MAX_FRAMES, MAX_FRAMES + 3)
