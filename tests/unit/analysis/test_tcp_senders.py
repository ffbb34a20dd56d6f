"""What is told of each sender of a TCP conversation, by both cores: windows, options, sizes, congestion, idle."""

import struct

import pytest

from tests.unit.analysis.captures import ACK, CLIENT, FIN, PSH, SERVER, SYN, Pcap, Tcp, analyse, ip4
from workers.contract.facts import Conversation, Facts, TcpFacts
from workers.core import BUILT

ECE, CWR = 64, 128
MSS, SCALE, SACK_OK, STAMPS = b"\2\4\x05\xb4", b"\1\3\3", b"\1\1\4\2", b"\1\1\x08\x0a" + bytes(8)


@pytest.fixture(params=[False, True], ids=["plain", "compiled"])
def compiled(request: pytest.FixtureRequest) -> bool:
    """Each core in turn."""
    assert BUILT, "the compiled core was not built: run deploy/setup.sh test"
    return bool(request.param)


def facts(pcap: Pcap, compiled: bool) -> Facts:
    return analyse(pcap.bytes(), compiled=compiled)


def only(pcap: Pcap, compiled: bool) -> tuple[Conversation, TcpFacts]:
    """The capture's one TCP conversation."""
    (found,) = [one for one in facts(pcap, compiled).conversations if one.tcp]
    assert found.tcp is not None
    return found, found.tcp


def opened(pcap: Pcap, client: bytes = b"", server: bytes = b"") -> Tcp:
    """A handshake with these options; 10 ms round trip."""
    tcp = Tcp(pcap).send(0, "c", SYN, 0, options=client).send(0.01, "s", SYN | ACK, 0, 1, options=server)
    return tcp.send(0.0101, "c", ACK, 1, 1)


def test_options_of_the_handshake(compiled: bool) -> None:
    pcap = Pcap()
    opened(pcap, MSS + SCALE + b"\7" + SACK_OK + STAMPS, b"\2\4\x04\xb0" + SCALE + b"\2")
    told = only(pcap, compiled)[1]
    client, server = told.client, told.server
    assert (client.offered, client.mss, client.window_scale) == (True, 1_460, 7)
    assert (client.sack_permitted, client.timestamps) == (True, True)
    assert (server.offered, server.mss, server.window_scale) == (True, 1_200, 2)
    assert (server.sack_permitted, server.timestamps) == (False, False)


def test_options_that_the_snaplen_cut_are_not_told(compiled: bool) -> None:
    pcap = Pcap(snaplen=54)
    opened(pcap, MSS + SCALE + b"\7")
    client = only(pcap, compiled)[1].client
    assert (client.offered, client.mss, client.window_scale) == (False, 0, None)


def test_options_that_do_not_fit_are_left_alone(compiled: bool) -> None:
    pcap = Pcap()
    opened(pcap, b"\2\1\0\0", MSS + b"\3\x09\1\1")
    told = only(pcap, compiled)[1]
    assert (told.client.mss, told.server.mss, told.server.window_scale) == (0, 1_460, None)


def test_a_window_is_full_in_the_units_of_its_handshake(compiled: bool) -> None:
    pcap = Pcap()
    tcp = opened(pcap, SCALE + b"\1", SCALE + b"\2")
    tcp.send(0.02, "c", ACK, 1, 1, bytes(10)).send(0.03, "s", ACK, 1, 11, window=50)
    tcp.send(0.04, "c", ACK, 11, 1, bytes(100)).send(0.041, "c", ACK, 111, 1, bytes(100))
    told = only(pcap, compiled)[1]
    assert (told.client.window_full.frames, told.server.window_full.count) == ((7,), 0)
    assert told.client.most_in_flight == 200


def test_a_window_is_not_scaled_unless_both_sides_say_so(compiled: bool) -> None:
    pcap = Pcap()
    tcp = opened(pcap, b"", SCALE + b"\2")
    tcp.send(0.02, "c", ACK, 1, 1, bytes(10)).send(0.03, "s", ACK, 1, 11, window=50)
    tcp.send(0.04, "c", ACK, 11, 1, bytes(50))
    assert only(pcap, compiled)[1].client.window_full.frames == (6,)


def test_a_window_of_unknown_units_is_never_called_full(compiled: bool) -> None:
    pcap = Pcap()
    Tcp(pcap).send(0, "s", ACK, 1, 1, window=50).send(0.01, "c", ACK, 1, 1, bytes(50))
    assert only(pcap, compiled)[1].client.window_full.count == 0


def test_the_window_of_a_syn_ack_is_not_scaled(compiled: bool) -> None:
    pcap = Pcap()
    tcp = Tcp(pcap).send(0, "c", SYN, 0, options=SCALE + b"\1")
    tcp.send(0.01, "s", SYN | ACK, 0, 1, window=60, options=SCALE + b"\2").send(0.02, "c", ACK, 1, 1, bytes(60))
    assert only(pcap, compiled)[1].client.window_full.frames == (3,)


def test_probes_of_a_zero_window_and_their_answers(compiled: bool) -> None:
    pcap = Pcap()
    tcp = opened(pcap).send(0.02, "c", ACK, 1, 1, bytes(10)).send(0.03, "s", ACK, 1, 11, window=0)
    tcp.send(0.3, "c", ACK, 11, 1, b"x").send(0.31, "s", ACK, 1, 11, window=0)
    tcp.send(0.7, "s", ACK, 1, 11)
    found = facts(pcap, compiled)
    assert (found.counts["zero_window_probe_ack"], found.counts["window_update"]) == (1, 1)
    told = only(pcap, compiled)[1]
    assert told.client.zero_window_probes.frames == (6,)
    assert (told.server.zero_window_probe_acks, told.server.window_updates) == (1, 1)
    assert told.zero_windows_server.frames == (5, 7)


def test_round_trips_of_both_directions(compiled: bool) -> None:
    pcap = Pcap()
    tcp = opened(pcap).send(0.02, "c", ACK, 1, 1, bytes(10)).send(0.05, "s", ACK, 1, 11, bytes(5))
    tcp.send(0.051, "c", ACK, 11, 6)
    told = only(pcap, compiled)[1]
    assert told.client.rtt.p50 == pytest.approx(0.03)
    assert told.server.rtt.p50 == pytest.approx(0.001)


def test_payload_of_the_busiest_second_and_idle_time(compiled: bool) -> None:
    pcap = Pcap()
    tcp = opened(pcap).send(0.5, "c", ACK, 1, 1, bytes(300)).send(0.51, "s", ACK, 1, 301)
    tcp.send(1.2, "c", ACK, 301, 1, bytes(200)).send(1.9, "c", ACK, 501, 1, bytes(200)).send(1.91, "s", ACK, 1, 701)
    tcp.send(5.0, "s", ACK, 1, 701, bytes(50)).send(5.01, "c", ACK, 701, 51)
    tcp.send(6.5, "s", FIN | ACK, 51, 701)
    told = only(pcap, compiled)[1]
    assert (told.client.most_per_second, told.server.most_per_second) == (400, 50)
    assert (told.idle_gaps, told.longest_idle_frame) == (2, 9)
    assert told.longest_idle == pytest.approx(3.09)


def test_selective_acknowledgments_are_counted(compiled: bool) -> None:
    pcap = Pcap()
    block = b"\1\1\5\x0a" + struct.pack("!II", 1_201, 1_301)
    tcp = opened(pcap, SACK_OK, SACK_OK).send(0.02, "c", ACK, 201, 1, bytes(100))
    tcp.send(0.03, "s", ACK, 1, 1, options=block).send(0.04, "s", ACK, 1, 1, options=STAMPS)
    tcp.send(0.05, "s", ACK, 1, 1, options=STAMPS + block)
    told = only(pcap, compiled)[1]
    assert (told.server.sacks, told.client.sacks) == (2, 0)
    assert facts(pcap, compiled).counts["sack"] == 2


def test_congestion_notification(compiled: bool) -> None:
    pcap = Pcap()
    tcp = Tcp(pcap).send(0, "c", SYN | ECE | CWR, 0).send(0.01, "s", SYN | ACK | ECE, 0, 1)
    tcp.send(0.0101, "c", ACK, 1, 1).send(0.02, "c", ACK, 1, 1, bytes(10), service=3)
    tcp.send(0.03, "s", ACK | ECE, 1, 11).send(0.04, "c", ACK | CWR, 11, 1, bytes(10), service=2)
    counts, told = facts(pcap, compiled).counts, only(pcap, compiled)[1]
    assert told.ecn
    assert (told.client.congestion_marked, told.server.congestion_echoed, told.client.congestion_answered) == (1, 1, 1)
    assert (counts["ce"], counts["ece"], counts["cwr"]) == (1, 1, 1)


def test_a_server_that_mirrors_both_flags_agreed_to_nothing(compiled: bool) -> None:
    pcap = Pcap()
    Tcp(pcap).send(0, "c", SYN | ECE | CWR, 0).send(0.01, "s", SYN | ACK | ECE | CWR, 0, 1)
    assert not only(pcap, compiled)[1].ecn


def test_congestion_in_ipv6(compiled: bool) -> None:
    head = struct.pack("!IHBB", 0x60300000, 20, 6, 64) + bytes.fromhex("20010db8") + bytes(11) + b"\1"
    segment = struct.pack("!HHIIHHHH", 40_000, 80, 1, 1, 0x5010, 500, 0, 0)
    pcap = Pcap().add(0, bytes(12) + b"\x86\xdd" + head + bytes.fromhex("20010db8") + bytes(11) + b"\2" + segment)
    assert only(pcap, compiled)[1].client.congestion_marked == 1


def test_acks_of_what_the_capture_lacks_belong_to_the_sender(compiled: bool) -> None:
    pcap = Pcap()
    opened(pcap).send(0.02, "c", ACK, 1, 1, bytes(10)).send(0.03, "s", ACK, 1, 311)
    told = only(pcap, compiled)[1]
    assert (told.client.acked_unseen.frames, told.server.acked_unseen.count) == ((5,), 0)


def test_icmp_tells_the_mtu_to_the_side_that_sent_too_much(compiled: bool) -> None:
    pcap = Pcap()
    opened(pcap).send(0.02, "s", ACK, 1, 1, bytes(1_400))
    quoted = pcap.bytes()[-1_440:][:28]
    for at, mtu in ((0.021, 1_400), (0.022, 1_300), (0.023, 0)):
        error = struct.pack("!BBHHH", 3, 4, 0, 0, mtu)
        pcap.add(at, ip4(1, "198.18.0.254", SERVER, error + quoted))
    told = only(pcap, compiled)[1]
    assert (told.server.told_mtu, told.server.too_big.frames) == (1_300, (5, 6, 7))
    assert (told.client.told_mtu, told.client.too_big.count, told.refused_by) == (0, 0, "")


def black_hole(pcap: Pcap) -> Tcp:
    """A small request arrives, the large answer is sent four times in vain."""
    tcp = opened(pcap).send(0.02, "c", PSH | ACK, 1, 1, bytes(100)).send(0.03, "s", ACK, 1, 101, b"hello")
    tcp.send(0.031, "c", ACK, 101, 6).send(0.04, "s", ACK, 6, 101, bytes(1_400))
    for at in (0.3, 0.9, 2.1):
        tcp.send(at, "s", ACK, 6, 101, bytes(1_400))
    return tcp


def test_large_packets_that_never_arrive(compiled: bool) -> None:
    pcap = Pcap()
    black_hole(pcap)
    server = only(pcap, compiled)[1].server
    assert (server.largest_acknowledged, server.undelivered.frames, server.undelivered_size) == (45, (8, 9, 10), 1_440)


def test_large_packets_that_arrive_in_the_end(compiled: bool) -> None:
    pcap = Pcap()
    black_hole(pcap).send(2.2, "c", ACK, 101, 1_406)
    server = only(pcap, compiled)[1].server
    assert (server.largest_acknowledged, server.undelivered.count, server.undelivered_size) == (1_440, 0, 0)


def test_large_packets_that_arrive_only_in_pieces(compiled: bool) -> None:
    pcap = Pcap()
    tcp = black_hole(pcap)
    for at, start in ((3.0, 6), (3.2, 706)):
        tcp.send(at, "s", ACK, start, 101, bytes(700)).send(at + 0.1, "c", ACK, 101, start + 700)
    server = only(pcap, compiled)[1].server
    assert (server.largest_acknowledged, server.undelivered.count, server.undelivered_size) == (740, 4, 1_440)


def test_large_packets_that_arrive_only_in_pieces_no_larger_than_what_arrived_before(compiled: bool) -> None:
    pcap = Pcap()
    tcp = opened(pcap).send(0.02, "s", ACK, 1, 1, bytes(500)).send(0.03, "c", ACK, 1, 501)
    for at in (0.1, 0.4, 1):
        tcp.send(at, "s", ACK, 501, 1, bytes(1_400))
    for start in (501, 901, 1_301, 1_701):
        tcp.send(start / 100, "s", ACK, start, 1, bytes(min(400, 1_901 - start)))
        tcp.send(start / 100 + 0.1, "c", ACK, 1, min(1_901, start + 400))
    server = only(pcap, compiled)[1].server
    assert (server.largest_acknowledged, server.undelivered.frames, server.undelivered_size) == (540, (7, 8), 1_440)


def test_two_lost_packets_that_arrive_together_leave_no_doubt(compiled: bool) -> None:
    pcap = Pcap()
    tcp = opened(pcap).send(0.02, "c", ACK, 1, 1, bytes(200)).send(0.021, "c", ACK, 201, 1, bytes(1_400))
    tcp.send(0.3, "c", ACK, 1, 1, bytes(200)).send(0.301, "c", ACK, 201, 1, bytes(1_400)).send(0.31, "s", ACK, 1, 1_601)
    client = only(pcap, compiled)[1].client
    assert (client.largest_acknowledged, client.undelivered.count) == (1_440, 0)


def test_the_larger_of_two_lost_packets_stays_awaited(compiled: bool) -> None:
    pcap = Pcap()
    tcp = opened(pcap).send(0.02, "c", ACK, 1, 1, bytes(200)).send(0.021, "c", ACK, 201, 1, bytes(1_400))
    tcp.send(0.3, "c", ACK, 1, 1, bytes(200)).send(0.301, "c", ACK, 201, 1, bytes(1_400)).send(0.31, "s", ACK, 1, 201)
    assert only(pcap, compiled)[1].client.undelivered_size == 1_440
    tcp.send(0.6, "c", ACK, 201, 1, bytes(1_400)).send(0.61, "s", ACK, 1, 1_601)
    client = only(pcap, compiled)[1].client
    assert (client.largest_acknowledged, client.undelivered.count) == (1_440, 0)


def test_of_one_side_alone_nothing_is_said_to_have_vanished(compiled: bool) -> None:
    pcap = Pcap()
    tcp = Tcp(pcap).send(0, "s", ACK, 1, 1, bytes(1_400))
    for at in (0.3, 0.9):
        tcp.send(at, "s", ACK, 1, 1, bytes(1_400))
    conversation, told = only(pcap, compiled)
    assert (conversation.sides, told.server.undelivered.count, told.server.most_in_flight) == ("server", 0, 0)


def test_both_sides_are_seen(compiled: bool) -> None:
    pcap = Pcap()
    opened(pcap)
    assert only(pcap, compiled)[0].sides == "both"


def segment() -> bytes:
    """The IP packet of a SYN."""
    pcap = Pcap()
    Tcp(pcap).send(0, "c", SYN, 0)
    return pcap.bytes()[24 + 16 + 14 :]


def udp(port: int, header: bytes) -> bytes:
    inner = bytes(12) + b"\x08\0" + segment()
    return ip4(17, "192.0.2.1", "192.0.2.2", struct.pack("!HHHH", 5_000, port, 8 + 8 + len(inner), 0) + header + inner)


ENDS = ("192.0.2.1", "192.0.2.2")
TUNNELS = {
    "vxlan": (udp(4789, b"\x08\0\0\0\0\x01\x02\0"), ENDS, 258),
    "geneve": (udp(6081, b"\0\0\x65\x58\0\0\x07\0"), ENDS, 7),
    "gre": (ip4(47, *ENDS, b"\x20\0\x08\0\0\0\0\x2a" + segment()), ENDS, 42),
    "ip-in-ip": (ip4(4, *ENDS, segment()), ENDS, 0),
    "mpls": (bytes(12) + b"\x88\x47" + b"\0\x06\x41\x40" + segment(), ("", ""), 100),
    "pppoe": (
        bytes(12) + b"\x88\x64\x11\0\0\x09" + struct.pack("!H", 2 + len(segment())) + b"\0\x21" + segment(),
        ("", ""),
        9,
    ),
}


@pytest.mark.parametrize("kind", TUNNELS)
def test_the_outer_header_is_noted(kind: str, compiled: bool) -> None:
    frame, ends, identifier = TUNNELS[kind]
    conversation = only(Pcap().add(0, frame), compiled)[0]
    assert (conversation.client, conversation.server) == (CLIENT, SERVER)
    tunnel = conversation.tunnel
    assert tunnel is not None
    assert (tunnel.kind, tunnel.source, tunnel.destination, tunnel.id) == (kind, *ends, identifier)


def test_the_outermost_of_two_tunnels_is_noted(compiled: bool) -> None:
    inner = ip4(47, "198.18.9.1", "198.18.9.2", b"\0\0\x08\0" + segment())[14:]
    conversation = only(Pcap().add(0, ip4(4, *ENDS, inner)), compiled)[0]
    assert conversation.tunnel is not None
    assert conversation.tunnel.kind == "ip-in-ip"


def test_a_tunnel_with_nothing_readable_inside_is_the_conversation_itself(compiled: bool) -> None:
    header = b"\x08\0\0\0\0\0\x01\0" + bytes(12) + b"\x12\x34" + bytes(20)
    frame = ip4(17, *ENDS, struct.pack("!HHHH", 5_000, 4789, 8 + len(header), 0) + header)
    (conversation,) = facts(Pcap().add(0, frame), compiled).conversations
    assert (conversation.server_port, conversation.tunnel) == (4789, None)
