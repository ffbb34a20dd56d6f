"""Facts that opinions rest on: where RSTs come from, quiet before them, ports used again, repeats, busy pools, time."""

import struct

import pytest

from tests.unit.analysis.captures import ACK, FIN, PSH, RST, SYN, Pcap, Tcp, analyse, dns, udp
from tests.unit.findings.golden.traffic import LEDGER, POD, Scene, request
from workers.contract.facts import DnsName, HttpGroup, Reset, TcpFacts


def tcp_of(scene: Scene, nth: int = 0) -> TcpFacts:
    flows = sorted(scene.facts().conversations, key=lambda flow: flow.id)
    found = flows[nth].tcp
    assert found is not None
    return found


def reset_of(scene: Scene) -> Reset:
    (reset,) = tcp_of(scene).resets
    return reset


def group_of(scene: Scene, path: str) -> HttpGroup:
    return next(group for group in scene.facts().http.groups if group.path == path)


@pytest.mark.parametrize("link_type", [1, 276, 101])
def test_ttl_and_identification_of_a_reset_and_of_its_sides_handshake(link_type: int) -> None:
    scene = Scene()
    scene.tcp(ttls=(64, 52)).open().ask("/a").rst("s", ttl=63, ip_id=4242)
    pcap = Pcap(link_type=link_type)
    heads = {1: bytes(12) + b"\x08\0", 276: b"\x08\0" + bytes(18), 101: b""}
    for time, frame in scene.frames:
        pcap.add(time, heads[link_type] + frame[14:])
    (reset,) = _resets(pcap)
    assert (reset.ttl, reset.handshake_ttl, reset.ip_id, reset.handshake_ip_id) == (63, 52, 4242, 0)


def _resets(pcap: Pcap) -> tuple[Reset, ...]:
    (flow,) = pcap.facts().conversations
    assert flow.tcp is not None
    return flow.tcp.resets


def test_hop_limit_of_a_reset_over_ipv6() -> None:
    ends = bytes.fromhex("20010db8" + "00" * 11 + "01"), bytes.fromhex("20010db8" + "00" * 11 + "02")
    pcap = Pcap()
    for time, (side, flags, seq, ack, hops) in enumerate(
        [(0, SYN, 1, 0, 64), (1, SYN | ACK, 9, 2, 50), (1, RST, 10, 0, 60)]
    ):
        ports = (40_000, 443)[:: -1 if side else 1]
        head = struct.pack("!HHIIHHHH", *ports, seq, ack, 0x5000 | flags, 100, 0, 0)
        source, destination = ends[::-1] if side else ends
        packet = struct.pack("!IHBB", 6 << 28, 20, 6, hops) + source + destination + head
        pcap.add(time, bytes(12) + b"\x86\xdd" + packet)
    (reset,) = _resets(pcap)
    assert (reset.ttl, reset.handshake_ttl, reset.ip_id, reset.handshake_ip_id) == (60, 50, 0, 0)


def test_handshake_not_seen_leaves_the_ttl_unknown() -> None:
    scene = Scene()
    scene.tcp().established().get("/a").rst("s")
    assert (reset_of(scene).ttl, reset_of(scene).handshake_ttl) == (61, 0)


def test_quiet_before_the_data_that_a_reset_answers() -> None:
    scene = Scene()
    scene.tcp().open().get("/a").wait(61).send("c", request("/b"), acked=False).wait(0.002).rst("s")
    reset = reset_of(scene)
    assert reset.idle == pytest.approx(61, abs=0.01)
    assert reset.waited == pytest.approx(0.002, abs=0.001)


def test_side_that_acknowledged_the_data_was_not_idle() -> None:
    scene = Scene()
    scene.tcp().open().get("/a").wait(61).ask("/b").wait(3).rst("s")
    assert reset_of(scene).idle == 0
    assert reset_of(scene).waited == pytest.approx(3, abs=0.01)


def test_reset_with_nothing_seen_before_it() -> None:
    scene = Scene()
    scene.tcp().established().rst("s")
    assert (reset_of(scene).idle, reset_of(scene).waited) == (0, 0)


def test_reset_after_the_other_side_closed_answers_no_data() -> None:
    scene = Scene()
    scene.tcp().open().get("/a").wait(9).fin("c").wait(0.1).rst("s")
    assert reset_of(scene).idle == 0


def test_ports_used_again() -> None:
    scene = Scene()
    end = scene.tcp(client_port=50_000, isn=1_000).open().get("/a").close().now
    scene.tcp(at=end + 2.5, client_port=50_000, isn=9_000_000).open().get("/a").close()
    assert tcp_of(scene, 0).reused_after is None
    assert tcp_of(scene, 1).reused_after == pytest.approx(2.5, abs=0.01)


def test_largest_packet_sent_again_and_bytes_in_flight_at_the_end() -> None:
    scene = Scene()
    link = scene.tcp().open().send("c", bytes(1400), acked=False)
    link.repeat("c", bytes(1400), 2).send("c", bytes(200), acked=False).repeat("c", bytes(200))
    facts = tcp_of(scene)
    assert (facts.largest_resent_client, facts.largest_resent_server) == (1440, 0)
    assert (facts.unacknowledged_client, facts.unacknowledged_server) == (1600, 0)


def test_fin_in_flight_is_no_data() -> None:
    pcap = Pcap()
    Tcp(pcap).handshake().send(0.1, "c", PSH | ACK, 1, 1, b"abc").send(0.2, "s", ACK, 1, 4).send(
        0.3, "c", FIN | ACK, 4, 1
    )
    (flow,) = pcap.facts().conversations
    assert flow.tcp is not None
    assert flow.tcp.unacknowledged_client == 0


def asked(*queries: tuple[float, int, int]) -> DnsName:
    """Queries for one name at (seconds, id, port), none of them answered."""
    pcap = Pcap()
    for time, number, port in queries:
        pcap.add(time, udp(POD, port, "198.18.0.10", 53, dns(number, "api.shop")))
    (name,) = pcap.facts().dns.names
    return name


def test_query_sent_again_as_it_was() -> None:
    name = asked((0, 7, 4000), (5, 7, 4000), (10.5, 7, 4000))
    assert (name.asked_again.count, name.asked_again.frames) == (2, (2, 3))
    assert name.asked_again_after.min == pytest.approx(5)
    assert name.asked_again_after.max == pytest.approx(5.5)


def test_query_asked_again_with_another_id_and_port() -> None:
    name = asked((0, 7, 4000), (5, 8, 4001))
    assert name.asked_again.count == 1
    assert name.asked_again_after.p50 == pytest.approx(5)


@pytest.mark.parametrize("later", [0.3, 8.0])
def test_another_lookup_of_the_same_name_is_no_second_try(later: float) -> None:
    assert asked((0, 7, 4000), (later, 8, 4001)).asked_again.count == 0


def test_time_to_send_a_request_and_to_receive_a_response() -> None:
    scene = Scene()
    link = (
        scene.tcp().open().send("c", b"POST /log HTTP/1.1\r\nContent-Length: 10\r\n\r\n").wait(1.5).send("c", bytes(10))
    )
    link.wait(0.2).send("s", b"HTTP/1.1 200 X\r\nContent-Length: 10\r\n\r\n").wait(0.7).send("s", bytes(10))
    group = group_of(scene, "/log")
    assert group.upload.p50 == pytest.approx(1.5, abs=0.01)
    assert group.latency.p50 == pytest.approx(0.2, abs=0.01)
    assert group.download.p50 == pytest.approx(0.7, abs=0.01)


def test_response_of_unknown_end_or_cut_by_the_snaplen_has_no_length_in_time() -> None:
    scene = Scene()
    scene.tcp().open().ask("/to-close").send("s", b"HTTP/1.1 200 X\r\n\r\nabc").wait(4).close("s")
    assert group_of(scene, "/to-close").download.count == 0
    cut = Scene(snaplen=100)
    link = cut.tcp().open().ask("/cut").send("s", b"HTTP/1.1 200 X\r\nContent-Length: 2000\r\n\r\n" + bytes(400))
    link.wait(1).send("s", bytes(1600)).close()
    assert group_of(cut, "/cut").download.count == 0


def test_repeats_by_request_id() -> None:
    scene = Scene()
    link = scene.tcp().open()
    for status in (503, 503, 200, 200):
        link.get("/charge?x=1", status, head="x-request-id: a1\r\n")
    link.get("/charge?x=2", 200, head="x-request-id: a1\r\n").get("/charge?x=1", 200)
    assert group_of(scene, "/charge").repeats.count == 2


def test_repeat_of_a_request_that_still_waits_and_the_bound_on_what_is_remembered() -> None:
    scene = Scene()
    for at in (0, 0.01, 0.5):
        scene.tcp(at=at).open().ask("/slow", head="Idempotency-Key: k\r\n")
    link = scene.tcp(at=1).open()
    for n in range(2100):
        link.get("/other", 503, head=f"x-request-id: n{n}\r\n", took=0.0001)
    link.get("/other", 503, head="x-request-id: n0\r\n")
    assert group_of(scene, "/slow").repeats.count == 1
    assert group_of(scene, "/other").repeats.count == 0


def test_pools_count_connections_and_their_busy_time() -> None:
    scene = Scene()
    for n in range(3):
        scene.tcp(LEDGER, 9000, n * 0.1).open().get("/a", took=0.5).get("/b", took=0.5).close()
    scene.tcp(LEDGER, 9000).open().close()
    (pool,) = scene.facts().http.pools
    assert (pool.client, pool.server, pool.server_port) == (POD, LEDGER, 9000)
    assert (pool.connections, pool.requests) == (3, 6)
    assert pool.busy == pytest.approx(3, abs=0.02)
    assert pool.last_at - pool.first_at == pytest.approx(1.2, abs=0.02)


def test_largest_step_back_in_time() -> None:
    frame = udp(POD, 1, LEDGER, 2, b"x")
    pcap = Pcap().add(5, frame).add(4, frame).add(9, frame).add(6.5, frame).add(8, frame)
    facts = analyse(pcap.bytes())
    assert facts.backwards == pytest.approx(2.5)
    assert facts.duration == pytest.approx(5)
    assert analyse(Pcap().add(1, frame).add(1, frame).bytes()).backwards == 0


def test_first_response_that_was_not_captured_leaves_the_others_with_their_requests() -> None:
    scene = Scene()
    scene.tcp().open().get("/a").wait(2).get("/b").wait(2).get("/c").close()
    first = next(frame for frame in scene.frames if b"HTTP/1.1 200" in frame[1])
    scene.frames.remove(first)
    http = scene.facts().http
    assert {group.path: group.latency.count for group in http.groups} == {"/a": 0, "/b": 1, "/c": 1}
    assert http.latency.max < 0.1


def test_first_byte_of_the_next_request_does_not_belong_to_the_one_before() -> None:
    scene = Scene()
    link = scene.tcp().open().ask("/a", method="POST", request_body=bytes(3_000)).wait(1)
    link.ask("/b").send("s", b"HTTP/1.1 204 X\r\n\r\n")
    assert group_of(scene, "/a").latency.p50 == pytest.approx(1, abs=0.01)
    assert group_of(scene, "/a").upload.p50 < 0.01
