"""What hardly any capture has, of conversations and what is looked up beside them."""

import gc
import random
import struct
from ipaddress import ip_address

import pytest

from tests.unit.analysis import h2
from tests.unit.analysis import test_quic as quic_tests
from tests.unit.analysis.captures import ACK, CLIENT, PSH, SERVER, Pcap, Tcp, ip4, udp
from tests.unit.analysis.talks import checked, conversation, talk
from tests.unit.analysis.test_certificates import certificate, message
from tests.unit.analysis.test_http_heads import GET
from tests.unit.analysis.test_quic import HELLO, crypto, initial
from tests.unit.analysis.test_tls_known import client, handshake, named, record
from workers import collector
from workers.analysis import Analyser, certificates, http2_headers, quic
from workers.analysis.clock import _hull
from workers.analysis.sightings import Sightings
from workers.core import BUILT
from workers.packets.capture import CaptureReader
from workers.packets.pattern import Pattern


def test_what_follows_an_upgrade_to_a_protocol_unknown_here_is_passed_over() -> None:
    switch = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: chat\r\n\r\n\x81\x05hello"
    facts = talk((0.1, "c", GET), (0.2, "s", switch), (0.3, "c", b"\x81\x05hello"), port=80)
    assert (facts.http.statuses, facts.conversations[0].application) == ({"101": 1}, "http")


@pytest.mark.parametrize(
    ("port", "data", "watching"),
    [(7_777, b"what nobody speaks", True), (6_379, b"*1\r", False), (7_777, GET, False), (53, b"\0\x20abc", False)],
)
def test_a_direction_is_watched_while_nothing_of_it_is_known_or_kept(port: int, data: bytes, watching: bool) -> None:
    analyser = Analyser(compiled=False)
    analyser.feed(conversation((0.1, "c", data), port=port).bytes())
    (half, *_) = [half for half in analyser._core._tcp_live.values() if half.stream is not None]  # type: ignore[union-attr]
    assert half.stream is not None
    assert half.stream.watching() == watching


def icmp(kind: int, code: int) -> bytes:
    """An error about a packet of the conversation on port 40,000 to 80."""
    quoted = (
        struct.pack("!BBHHHBBH", 0x45, 0, 40, 1, 0, 1, 6, 0) + ip_address(CLIENT).packed + ip_address(SERVER).packed
    )
    return ip4(
        1,
        "198.18.0.9",
        CLIENT,
        struct.pack("!BBHI", kind, code, 0, 0) + quoted + struct.pack("!HHI", 40_000, 80, 1_000),
    )


@pytest.mark.parametrize(("kind", "code", "too_big"), [(11, 0, 0), (3, 4, 1)], ids=["in circles", "too big"])
def test_an_error_that_refuses_nothing_and_names_no_size(kind: int, code: int, too_big: int) -> None:
    pcap = Pcap()
    Tcp(pcap).send(0, "c", 2, 0)
    pcap.add(0.1, icmp(kind, code)).add(5, udp(CLIENT, 1, SERVER, 2, b""))
    facts = checked(pcap)
    flow = next(one for one in facts.conversations if one.protocol == "tcp")
    assert flow.tcp is not None
    assert (flow.tcp.handshake, facts.icmp_errors[0].about_port, facts.icmp_errors[0].mtu) == ("unanswered", 80, 0)
    assert flow.tcp.client.too_big.count == too_big


def test_of_points_at_one_time_the_nearest_to_the_line_counts() -> None:
    points: list[tuple[float, float]] = [(0, 0), (1, 5), (1, 1), (1, 9), (2, 3)]
    assert _hull(points, 1) == [(0, 0), (1, 1), (2, 3)]
    assert _hull(points, -1) == [(0, 0), (1, 9), (2, 3)]


def test_datagrams_are_sampled_once_there_are_too_many() -> None:
    pcap = Pcap()
    for number in range(200):
        pcap.add(number, udp(CLIENT, 1_000, SERVER, 2_000, b"%d" % number))
    every, some = Sightings(1_000), Sightings(1_000)
    some.narrow(1)
    for found in (every, some):
        for buffer, records in CaptureReader().feed(pcap.bytes()):
            found.add(buffer, records)
    assert len(every.seen) == 200
    assert 50 < len(some.seen) < 150
    assert some.seen.keys() < every.seen.keys()


def test_names_asked_of_one_certificate_beyond_those_kept_are_judged_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(certificates, "MAX_MATCHES", 2)
    pcap, chain = Pcap(), message(certificate("web", "a.shop", "d.shop"))
    for number, name in enumerate((b"a.shop", b"b.shop", b"c.shop", b"d.shop", b"a.shop")):
        tcp = Tcp(pcap, client_port=40_000 + number, server_port=443).handshake(number)
        hello = record(22, handshake(1, client(random.Random(1), named(name))))
        tcp.send(number + 0.1, "c", PSH | ACK, 1, 1, hello)
        tcp.send(number + 0.2, "s", PSH | ACK, 1, 1 + len(hello), chain)
    assert [one.sni_match for one in checked(pcap).tls.handshakes] == ["san", "mismatch", "mismatch", "san", "san"]


def test_frames_of_quic_that_are_longer_than_their_packet_are_not_read() -> None:
    for frames in (b"\6\0\x44\0abc", b"\2\0\0\x3f", b"\3\1\1\1"):
        facts = quic_tests.Talk().say("c", initial(frames)).facts()
        assert (facts.quic.connections, facts.tls.client_hellos) == (1, 0)


def test_a_retry_of_a_connection_beyond_those_kept_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quic, "MAX_OPEN", 1)
    pcap, retry = Pcap(), b"\xf0\0\0\0\1\0\x08" + bytes(8) + b"token" + bytes(16)
    for port in (4000, 4001):
        pcap.add(port / 1_000, udp(CLIENT, port, SERVER, 443, initial(crypto(0, HELLO))))
    pcap.add(5, udp(SERVER, 443, CLIENT, 4000, retry)).add(6, udp(SERVER, 443, CLIENT, 4001, retry))
    facts = checked(pcap)
    assert (facts.quic.connections, facts.quic.retries) == (2, 2)


def test_of_many_packets_in_a_datagram_the_first_are_read() -> None:
    tiny = b"\xe0\0\0\0\1\0\0\x14" + bytes(20)  # a Handshake packet
    hello = initial(crypto(0, HELLO))
    assert quic_tests.Talk().say("c", tiny * 3, hello).facts().tls.client_hellos == 1
    assert quic_tests.Talk().say("c", tiny * 200, hello).facts().tls.client_hellos == 0


def test_data_of_a_request_that_was_answered_already() -> None:
    client_says, server_says = h2.Peer(), h2.Peer()
    fields = ((":method", "POST"), (":scheme", "http"), (":path", "/a"), (":authority", "shop"))
    two = h2.Talk().begin().say(0.1, "c", client_says.headers(1, *fields))
    two.say(0.2, "s", server_says.response(1, end=False)).say(0.3, "c", h2.data(1, b"x", end=True))
    (group,) = checked(two.pcap).http.groups
    assert (group.requests.count, group.latency.count, group.unanswered.count) == (1, 1, 0)
    assert group.latency.max == pytest.approx(0.1)


def test_a_gap_in_a_frame_that_is_no_header_hides_nothing() -> None:
    client_says, server_says = h2.Peer(), h2.Peer()
    goaway = h2.frame(7, 0, bytes(40))
    two = h2.Talk().begin().say(0.1, "c", goaway[:11]).lose("c", goaway[11:14])
    two.say(0.2, "c", goaway[14:], client_says.get(1, "/a")).say(0.3, "s", server_says.response(1))
    ping = h2.frame(0x21, 0, bytes(900))  # of a kind unknown here
    two.say(0.4, "c", ping[:100]).say(0.5, "c", ping[100:], client_says.get(3, "/a")).say(
        0.6, "s", server_says.response(3)
    )
    (group,) = checked(two.pcap).http.groups
    assert (group.requests.count, group.statuses) == (2, {"200": 2})


def test_header_blocks_beyond_those_known_are_read_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http2_headers, "MAX_SAME", 0)
    client_says, server_says = h2.Peer(), h2.Peer()
    two = h2.Talk().begin()
    for number in range(1, 9, 2):
        two.say(number, "c", client_says.get(number, "/a")).say(number + 0.1, "s", server_says.response(number))
    (group,) = checked(two.pcap).http.groups
    assert (group.requests.count, group.statuses) == (4, {"200": 4})


def test_the_collector_is_calmed() -> None:
    before, frozen = gc.get_threshold(), gc.get_freeze_count()
    try:
        collector.calm()
        assert gc.get_freeze_count() > frozen
        assert gc.get_threshold()[0] > 700
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)


def test_a_pattern_is_compiled_once_and_has_two_methods() -> None:
    pattern = Pattern(b"a+")
    match = pattern.fullmatch(b"aa")
    assert match is not None
    assert pattern.match(b"b") is None
    assert not hasattr(pattern, "search")


@pytest.mark.skipif(not BUILT, reason="the compiled core was not built")
def test_the_compiled_core_has_no_other_numbers() -> None:
    core = Analyser(compiled=True)._core
    assert (core.frames, core.wire) == (0, 0)
    assert not hasattr(core, "nothing")
    assert not hasattr(core, "_nothing")
