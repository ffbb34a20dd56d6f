"""DNS, HTTP and TLS facts from planted traffic."""

import struct

import pytest

from tests.unit.analysis.captures import (
    ACK,
    CLIENT,
    FIN,
    PSH,
    SYN,
    Pcap,
    Tcp,
    analyse,
    dns,
    needs_pcaps,
    shared_facts,
    udp,
)
from workers.analysis import Analyser
from workers.contract.facts import Facts, HttpFacts

RESOLVER = "198.18.0.3"


def ask(pcap: Pcap, time: float, number: int, name: str, port: int = 4000) -> Pcap:
    """A query."""
    return pcap.add(time, udp(CLIENT, port, RESOLVER, 53, dns(number, name)))


def answer(pcap: Pcap, time: float, number: int, name: str, port: int = 4000, rcode: int = 0) -> Pcap:
    """A response."""
    return pcap.add(time, udp(RESOLVER, 53, CLIENT, port, dns(number, name, response=True, rcode=rcode)))


def say(*segments: tuple[float, str, bytes]) -> Pcap:
    """A conversation on port 8000 with these payloads in turn."""
    pcap = Pcap()
    tcp, sent = Tcp(pcap, server_port=8000).handshake(), {"c": 1, "s": 1}
    for time, side, data in segments:
        other = "s" if side == "c" else "c"
        tcp.send(time, side, PSH | ACK, sent[side], sent[other], data)
        sent[side] += len(data)
    return pcap


def http(*segments: tuple[float, str, bytes]) -> HttpFacts:
    """HTTP facts of such a conversation, the same byte by byte."""
    capture = say(*segments).bytes()
    facts = analyse(capture)
    assert analyse(capture, *range(0, len(capture), 3)) == facts
    return facts.http


def test_dns_latency_rcode_and_retry() -> None:
    pcap = answer(ask(ask(Pcap(), 0, 1, "Web.shop"), 5, 1, "Web.shop"), 5.02, 1, "Web.shop", rcode=3)
    facts = pcap.facts().dns
    (name,) = facts.names
    assert (name.name, name.qtype, name.client, name.server) == ("Web.shop", "A", CLIENT, RESOLVER)
    assert (name.queries.count, name.retried, name.answered) == (2, 1, 1)
    assert name.rcodes == {"NXDOMAIN": 1}
    assert name.latency.max == pytest.approx(0.02)
    assert facts.unanswered.count == 0


def test_dns_silence_is_judged_after_a_second() -> None:
    pcap = ask(ask(Pcap(), 0, 1, "old.shop"), 1.5, 2, "young.shop", port=4001)
    facts = pcap.facts()
    assert facts.dns.unanswered.frames == (1,)
    assert facts.counts["dns_unjudged"] == 1


def test_dns_answers_and_a_pointer_loop() -> None:
    question = dns(9, "a.shop", response=True)
    body = bytearray(question + b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 60, 4) + bytes([198, 18, 0, 9]))
    body[6:8] = b"\0\1"
    pcap = ask(Pcap(), 0, 9, "a.shop").add(0.1, udp(RESOLVER, 53, CLIENT, 4000, bytes(body)))
    assert pcap.facts().dns.names[0].answers == ("198.18.0.9",)
    loop = dns(9, "x", response=True)[:12] + b"\xc0\x0c\0\1\0\1"
    facts = Pcap().add(0, udp(RESOLVER, 53, CLIENT, 4000, loop)).facts()
    assert facts.counts["malformed"] == 1
    assert facts.dns.responses == 1


def test_dns_over_tcp_in_two_segments() -> None:
    message = dns(5, "web.shop")
    framed = struct.pack("!H", len(message)) + message
    pcap = Pcap()
    tcp = Tcp(pcap, server_port=53).handshake()
    tcp.send(0.02, "c", PSH | ACK, 1, 1, framed[:7]).send(0.03, "c", PSH | ACK, 8, 1, framed[7:])
    facts = pcap.facts()
    assert facts.dns.queries == 1
    assert facts.counts["dns_query"] == 0  # frames on UDP port 53, as tshark's column
    assert facts.conversations[0].application == "dns"


def test_mdns_is_no_unanswered_dns() -> None:
    pcap = Pcap().add(0, udp(CLIENT, 5353, "224.0.0.251", 5353, dns(0, "x.local"))).add(9, bytes(60))
    facts = pcap.facts()
    assert (facts.dns.queries, facts.dns.unanswered.count, facts.counts["mdns"]) == (0, 0, 1)


def test_http_latency_is_from_the_end_of_the_request_to_the_first_byte() -> None:
    facts = http(
        (0.1, "c", b"POST /pay?card=secret HTTP/1.1\r\nHost: shop\r\nContent-Length: 4\r\n\r\nab"),
        (0.2, "c", b"cd"),
        (0.5, "s", b"HTTP/1.1 503 Busy\r\n"),
        (0.9, "s", b"Content-Length: 0\r\n\r\n"),
    )
    (group,) = facts.groups
    assert (group.method, group.path, group.host, group.server_port) == ("POST", "/pay", "shop", 8000)
    assert group.statuses == {"503": 1}
    assert group.errors.frames == (7,)
    assert group.latency.max == pytest.approx(0.3)
    assert "secret" not in repr(facts)


def test_http_pipelined_head_chunked_continue_and_no_content() -> None:
    facts = http(
        (0.1, "c", b"HEAD / HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\n\r\nGET /c HTTP/1.1\r\n\r\n"),
        (0.2, "s", b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"),
        (0.3, "s", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nHTTP/\r\n0\r\nT: x\r\n\r\n"),
        (0.4, "s", b"HTTP/1.1 204 No\r\n\r\n"),
    )
    assert (facts.requests, facts.responses) == (3, 4)
    assert facts.statuses == {"100": 1, "200": 2, "204": 1}
    assert facts.latency.count == 3
    assert sum(group.unanswered.count for group in facts.groups) == 0


def test_http_request_without_response_is_judged_when_it_had_time() -> None:
    request = (0.1, "c", b"GET /slow HTTP/1.1\r\nHost: shop\r\n\r\n")
    assert http(request).groups[0].unanswered.count == 0
    young = say(request).facts()
    assert young.counts["http_unjudged"] == 1
    late = say(request).add(2.0, bytes(60)).facts()
    assert late.http.groups[0].unanswered.frames == (4,)


def test_http_body_goes_on_behind_a_gap() -> None:
    pcap = Pcap()
    tcp = Tcp(pcap).handshake()
    tcp.send(0.1, "c", PSH | ACK, 1, 1, b"GET / HTTP/1.1\r\n\r\n")
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 300\r\n\r\n"
    at = 1 + len(head)
    tcp.send(0.2, "s", ACK, 1, 19, head)
    tcp.send(0.21, "s", ACK, at + 200, 19, bytes(100)).send(0.22, "c", ACK, 19, at + 300)
    tcp.send(0.3, "c", PSH | ACK, 19, at + 300, b"GET /2 HTTP/1.1\r\n\r\n")
    tcp.send(0.4, "s", PSH | ACK, at + 300, 38, b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n")
    facts = pcap.facts()
    assert facts.http.statuses == {"200": 1, "404": 1}
    assert any("missing" in sentence for sentence in facts.approximations)


def test_http_out_of_order_segments() -> None:
    pcap, request = Pcap(), b"GET /path HTTP/1.1\r\nHost: shop\r\n\r\n"
    tcp = Tcp(pcap, server_port=8000).handshake()
    tcp.send(0.1, "c", ACK, 11, 1, request[10:]).send(0.11, "c", ACK, 1, 1, request[:10])
    tcp.send(0.12, "c", ACK, 1, 1, request)
    (group,) = pcap.facts().http.groups
    assert (group.path, group.requests.count) == ("/path", 1)


def counts(pcap: Pcap) -> tuple[int, int]:
    """Frames that complete requests and responses, the same for any chunking."""
    facts = pcap.facts()
    assert analyse(pcap.bytes(), *range(0, len(pcap.bytes()), 7)) == facts
    return facts.counts["http_req"], facts.counts["http_resp"]


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n"


def test_http_messages_count_in_the_frame_that_completes_them() -> None:
    post = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n"
    assert counts(say((0.1, "c", post), (0.2, "c", b"abc"), (0.3, "s", OK + b"abc"), (0.4, "s", b"def"))) == (1, 1)
    half = say((0.1, "c", post), (0.3, "s", OK + b"abc"))
    assert counts(half) == (0, 0)
    assert (half.facts().http.requests, half.facts().http.responses) == (1, 1)


def test_http_chunked_body_counts_when_its_trailer_is_there() -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    get = (0.1, "c", b"GET / HTTP/1.1\r\n\r\n")
    assert counts(say(get, (0.2, "s", head + b"5\r\nhe"), (0.3, "s", b"llo\r\n"))) == (1, 0)
    assert counts(say(get, (0.2, "s", head + b"5\r\nhe"), (0.3, "s", b"llo\r\n"), (0.4, "s", b"0\r\n\r\n"))) == (1, 1)


def test_http_body_to_the_end_counts_with_the_fin() -> None:
    pcap = Pcap()
    tcp = Tcp(pcap).handshake().send(0.1, "c", PSH | ACK, 1, 1, b"GET / HTTP/1.0\r\n\r\n")
    tcp.send(0.2, "s", PSH | ACK, 1, 19, b"HTTP/1.0 200 OK\r\n\r\nabc")
    assert counts(pcap) == (1, 0)
    tcp.send(0.3, "s", FIN | ACK, 23, 19)
    assert counts(pcap) == (1, 1)


def test_http_body_with_a_hole_does_not_count() -> None:
    pcap = Pcap()
    tcp = Tcp(pcap).handshake().send(0.1, "c", PSH | ACK, 1, 1, b"GET / HTTP/1.1\r\n\r\n")
    tcp.send(0.2, "s", PSH | ACK, 1, 19, OK + b"a").send(0.3, "s", PSH | ACK, 44, 19, b"def")
    assert counts(pcap) == (1, 0)
    assert pcap.facts().http.responses == 1


def test_http_requests_behind_a_hole_keep_their_frames_and_times() -> None:
    pcap = Pcap()
    tcp, get = Tcp(pcap).handshake(), b"GET /b HTTP/1.1\r\n\r\n"
    tcp.send(0.1, "c", PSH | ACK, 101, 1, get).send(0.2, "c", PSH | ACK, 121, 1, get)
    tcp.send(9, "s", ACK, 1, 1)
    assert counts(pcap) == (2, 0)
    (group,) = pcap.facts().http.groups
    assert group.requests.frames == (4, 5)
    assert group.unanswered.count == 2


def test_http_response_that_was_received_but_not_captured_is_not_missing() -> None:
    get, pcap = b"GET / HTTP/1.1\r\n\r\n", Pcap()
    tcp = Tcp(pcap).handshake().send(0.1, "c", PSH | ACK, 1, 1, get).send(0.2, "s", FIN | ACK, 2001, 19)
    tcp.send(5, "c", FIN | ACK, 19, 2002)
    facts = pcap.facts()
    assert facts.http.groups[0].unanswered.count == 0
    assert any("not visible" in sentence and "HTTP responses" in sentence for sentence in facts.approximations)


def test_http_silence_that_ends_with_a_fin_is_missing() -> None:
    get, pcap = b"GET / HTTP/1.1\r\n\r\n", Pcap()
    tcp = Tcp(pcap).handshake().send(0.1, "c", PSH | ACK, 1, 1, get).send(0.2, "s", FIN | ACK, 1, 19)
    tcp.send(5, "c", FIN | ACK, 19, 2)
    assert pcap.facts().http.groups[0].unanswered.count == 1


def test_http_request_line_cut_by_the_snaplen_is_a_request() -> None:
    pcap = Pcap(snaplen=80)
    Tcp(pcap).handshake().send(0.1, "c", PSH | ACK, 1, 1, b"GET /images/a-long-name.gif HTTP/1.1\r\n\r\n")
    assert counts(pcap) == (1, 0)
    (group,) = pcap.facts().http.groups
    assert (group.method, group.path) == ("GET", "/images/a-long-name.gi")


def test_data_in_a_syn_is_read() -> None:
    pcap = Pcap()
    Tcp(pcap).send(0, "c", SYN, 0, 0, b"GET / HTTP/1.1\r\n\r\n").send(0.1, "s", SYN | ACK, 0, 19)
    assert counts(pcap) == (1, 0)
    assert pcap.facts().http.requests == 1


def test_ssdp_counts_as_frames_but_not_as_a_transaction() -> None:
    pcap = Pcap().add(0, udp(CLIENT, 1900, "239.255.255.250", 1900, b"NOTIFY * HTTP/1.1\r\n\r\n"))
    pcap.add(0.1, udp("198.18.0.9", 1900, CLIENT, 1901, b"HTTP/1.1 200 OK\r\n\r\n"))
    assert counts(pcap) == (1, 1)
    assert pcap.facts().http.requests == 0


def test_hellos_around_a_retry_request_are_all_read() -> None:
    retry = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
    chosen = b"\x00\x13\x01\x00\x00\x06\x00\x2b\x00\x02\x03\x04"

    def server(random: bytes) -> bytes:
        body = b"\x03\x03" + random + chosen
        hello = b"\x02" + len(body).to_bytes(3, "big") + body
        return b"\x16\x03\x03" + len(hello).to_bytes(2, "big") + hello

    change = b"\x14\x03\x03\x00\x01\x01"
    hello = client_hello(b"a.shop")
    facts = say(
        (0.1, "c", hello),
        (0.2, "s", server(retry) + change),
        (0.3, "c", change + hello),
        (0.4, "s", server(bytes(32))),
        (0.5, "c", b"\x17\x03\x03\x00\x01x"),
    ).facts()
    assert (facts.tls.client_hellos, facts.tls.server_hellos) == (2, 2)
    (handshake,) = facts.tls.handshakes
    assert (handshake.version, handshake.sni) == ("TLS 1.3", "a.shop")


def test_server_hello_of_a_tls_1_3_draft() -> None:
    body = b"\x7f\x12" + bytes(32) + b"\x13\x01\x00\x00"
    hello = b"\x02" + len(body).to_bytes(3, "big") + body
    record = b"\x16\x03\x01" + len(hello).to_bytes(2, "big") + hello
    (handshake,) = say((0.1, "c", client_hello(b"a.shop")), (0.2, "s", record)).facts().tls.handshakes
    assert (handshake.version, handshake.cipher) == ("TLS 1.3 draft 18", "TLS_AES_128_GCM_SHA256")


def test_cut_packets_are_told_as_not_visible() -> None:
    pcap = Pcap(snaplen=60)
    tcp = Tcp(pcap).handshake()
    tcp.send(0.1, "c", PSH | ACK, 1, 1, b"GET / HTTP/1.1\r\nHost: shop\r\n\r\n")
    facts = pcap.facts()
    assert facts.cut_packets == 1
    assert facts.conversations[0].client_payload == 30
    assert "not visible" in facts.approximations[0]


def client_hello(name: bytes) -> bytes:
    """A TLS record with a ClientHello that offers TLS 1.3 and a server name."""
    server_name = struct.pack("!HBH", len(name) + 3, 0, len(name)) + name
    extensions = b"\x4a\x4a\0\0" + struct.pack("!HH", 0, len(server_name)) + server_name
    extensions += struct.pack("!HHB", 43, 5, 4) + b"\x1a\x1a\x03\x04"
    body = b"\x03\x03" + bytes(32) + b"\0" + b"\0\2\x13\x01" + b"\1\0" + struct.pack("!H", len(extensions)) + extensions
    message = b"\1" + len(body).to_bytes(3, "big") + body
    return b"\x16\x03\x01" + struct.pack("!H", len(message)) + message


def test_tls_hello_in_pieces_and_alert_in_the_clear() -> None:
    hello = client_hello(b"pay.shop")
    facts = say(
        (0.1, "c", hello[:3]), (0.11, "c", hello[3:40]), (0.12, "c", hello[40:]), (0.2, "s", b"\x15\3\3\0\2\2\x30")
    ).facts()
    (handshake,) = facts.tls.handshakes
    assert (handshake.sni, handshake.offered, handshake.version) == ("pay.shop", "TLS 1.3", "")
    assert handshake.client_hello_frame == 6
    (alert,) = handshake.alerts
    assert (alert.by, alert.level, alert.description, alert.frame) == ("server", "fatal", "unknown_ca", 7)
    assert facts.counts["tls_alert"] == 1


def test_tls_behind_an_http_proxy() -> None:
    facts = say(
        (0.1, "c", b"CONNECT pay.shop:443 HTTP/1.1\r\n\r\n"),
        (0.2, "s", b"HTTP/1.1 200 OK\r\n\r\n"),
        (0.3, "c", client_hello(b"pay.shop")),
    ).facts()
    assert facts.http.statuses == {"200": 1}
    assert facts.tls.handshakes[0].sni == "pay.shop"


def test_text_of_the_wire_is_capped_and_printable() -> None:
    facts = http((0.1, "c", b"GET /\x1b[31m" + b"x" * 5000 + b" HTTP/1.1\r\nHost: \xff\xfe\r\n\r\n"))
    (group,) = facts.groups
    assert group.path.startswith("/?[31m")
    assert len(group.path) == 200
    assert group.host == "??"


def test_progress_counts_packets_and_wire_bytes() -> None:
    analyser, pcap = Analyser(), Pcap()
    Tcp(pcap).send(0, "c", SYN, 0)
    analyser.feed(pcap.bytes())
    assert analyser.progress() == (1, 54)


@needs_pcaps
def test_counts_and_bins_add_up() -> None:
    facts: Facts = shared_facts("anchors/example.pcap")
    assert sum(facts.timeline.packets) == facts.packets == 4631
    assert sum(facts.timeline.bytes) == facts.wire_bytes
    assert 150 <= len(facts.timeline.packets) <= 300
    assert sum(facts.ports.values()) == facts.counts["tcp"] + facts.counts["udp"]
