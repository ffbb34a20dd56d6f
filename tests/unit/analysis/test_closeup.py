"""A second look at a capture: rows add up to the facts, conversations are told whole or thinned evenly, in words."""

import itertools
import struct
from collections import Counter

import pytest

from tests.unit.analysis.captures import ACK, FIN, PSH, RST, SYN, Pcap, Tcp, dns
from tests.unit.findings.golden.traffic import LEDGER, PAYMENTS, RESOLVER, Scene
from workers.analysis import Analyser
from workers.analysis.closeup import CloserLook
from workers.analysis.closeup_words import says
from workers.contract.closeup import COLUMNS, MARKED_POINTS, SIDE_POINTS, CloseUp, Look, Pair, Trace
from workers.contract.facts import Facts


def both(data: bytes, look: Look) -> CloseUp:
    """What the compiled and the plain one see, which is the same."""
    seen = []
    for compiled in (True, False):
        eye = CloserLook(look, compiled=compiled)
        eye.feed(data)
        seen.append(eye.finish())
    assert seen[0] == seen[1]
    return seen[0]


def facts_of(data: bytes) -> Facts:
    analyser = Analyser()
    analyser.feed(data)
    return analyser.finish()


def trace(scene: Scene, server: str = LEDGER, port: int = 9000) -> Trace:
    """The packets of the first conversation with a server."""
    data = scene.bytes()
    flow = next(one for one in facts_of(data).conversations if (one.server, one.server_port) == (server, port))
    pair = Pair(flow.client, flow.server, flow.server_port, flow.protocol)
    return both(data, Look(pairs=(pair,), flows=(flow.first_frame,))).traces[0]


def busy() -> Scene:
    """Healthy traffic, one server that resets and one that is silent."""
    scene = Scene().normal()
    for n in range(4):
        scene.tcp(LEDGER, 9000, 1 + n).open().ask("/x").repeat("c", b"y" * 40, 2).rst("s")
        scene.tcp(LEDGER, 5432, 1 + n).syn()
    return scene


def test_rows_add_up_to_the_facts() -> None:
    data = busy().bytes()
    facts = facts_of(data)
    ends = dict.fromkeys((f.client, f.server, f.server_port, f.protocol) for f in facts.conversations)
    pairs = tuple(Pair(*end, row=n) for n, end in enumerate(ends))
    seen = both(data, Look(round(facts.first_at * 1e9), round(facts.duration * 1e9), 50, len(pairs), pairs))
    sizes: Counter[tuple[str, str, int, str]] = Counter()
    for flow in facts.conversations:
        key = flow.client, flow.server, flow.server_port, flow.protocol
        sizes[key] += flow.client_bytes + flow.server_bytes
    assert [sum(row.bytes) for row in seen.rows] == list(sizes.values())
    assert sum(sum(row.problems) for row in seen.rows) == sum(facts.timeline.problems) > 10
    assert {len(row.bytes) for row in seen.rows} == {50}


def test_columns_follow_time() -> None:
    scene = Scene()
    for n in range(4):
        scene.tcp(PAYMENTS, 8080, n * 1.0, client_port=40_000 + n).packet("c", ACK, bytes(10 * n + 1), seq=1)
    start = 1_700_000_000 * 10**9
    pairs = (Pair(scene.ip, PAYMENTS, 8080, "tcp", 0),)
    row = both(scene.bytes(), Look(start, 4 * 10**9, 4, 1, pairs)).rows[0]
    assert row.bytes == (41, 51, 61, 71)
    beyond = both(scene.bytes(), Look(start + 10**9, 2 * 10**9, 2, 1, pairs)).rows[0]
    assert beyond.bytes == (41 + 51, 61 + 71)


def test_a_span_of_years_has_its_columns() -> None:
    scene, times = Scene(), (0, 1_600_000_000, 3_200_000_000)
    scene.tcp(PAYMENTS, 8080, 0.0).packet("c", ACK, b"x", seq=1)
    frame = scene.frames[0][1]
    data = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, 1)
    data += b"".join(struct.pack("<IIII", at, 0, len(frame), len(frame)) + frame for at in times)
    look = Look(0, 3_200_000_000 * 10**9, COLUMNS, 1, (Pair(scene.ip, PAYMENTS, 8080, "tcp", 0),))
    row = both(data, look).rows[0]
    assert [n for n, size in enumerate(row.bytes) if size] == [0, COLUMNS // 2, COLUMNS - 1]


def test_a_short_conversation_is_told_whole() -> None:
    scene = Scene()
    scene.tcp(LEDGER, 9000, 0.0).open().get("/list?page=1", status=503, took=2.0).close()
    told = trace(scene)
    assert told.kept_all
    assert [(one.by, one.says) for one in told.segments if one.says] == [
        ("client", "GET /list"),
        ("server", "HTTP 503"),
    ]
    assert [one.nth for one in told.segments] == list(range(1, told.packets + 1))
    assert told.segments[0].marks == ("syn",)
    assert (told.segments[0].sequence, told.segments[1].ack) == (0, 1)
    assert told.silence == pytest.approx(2.0, abs=0.001)
    asked, answered = (one for one in told.segments if one.says)
    assert (asked.sequence, answered.ack) == (1, 1 + asked.length)


def test_a_long_one_is_thinned_evenly_and_its_trouble_kept() -> None:
    scene = Scene()
    link = scene.tcp(LEDGER, 9000, 0.0).open()
    for n in range(3_000):
        link.send("s", bytes(500))
        if n % 100 == 50:
            link.repeat("s", bytes(500), first=0.01)
    told = trace(scene)
    assert told.packets == 3 + 6_000 + 30
    assert not told.kept_all
    assert SIDE_POINTS <= len(told.segments) <= 2 * SIDE_POINTS + 40
    assert sum("retransmission" in one.marks for one in told.segments) == told.problems == 30
    assert (told.segments[0].nth, told.segments[-1].nth) == (1, told.packets)
    data = [one.nth for one in told.segments if one.by == "server" and one.length and not one.marks]
    steps = {b - a for a, b in itertools.pairwise(data)}
    assert max(steps) <= 2 * min(steps) + 1
    assert {one.by for one in told.segments[500:520]} == {"client", "server"}


def test_trouble_without_end_is_thinned_too() -> None:
    scene = Scene()
    link = scene.tcp(LEDGER, 9000, 0.0).open()
    for _ in range(5_000):
        link.wait(0.01).packet("c", ACK, window=0)
    told = trace(scene)
    assert told.problems == 5_000
    assert MARKED_POINTS / 2 <= len(told.segments) <= MARKED_POINTS + 3


def test_sequence_numbers_go_on_beyond_32_bits() -> None:
    pcap, first = Pcap(), 0xFFFFFF00
    for n in range(5):
        Tcp(pcap).send(n * 0.1, "c", ACK, (first + n * 1_000) & 0xFFFFFFFF, 1, bytes(1_000))
    Tcp(pcap).send(1.0, "c", RST, 77, 0)
    data = pcap.bytes()
    flow = facts_of(data).conversations[0]
    look = Look(pairs=(Pair(flow.client, flow.server, flow.server_port),), flows=(1,))
    assert [one.sequence for one in both(data, look).traces[0].segments][:5] == [0, 1_000, 2_000, 3_000, 4_000]


def test_a_conversation_on_used_ports_is_another_one() -> None:
    scene = Scene()
    scene.tcp(LEDGER, 9000, 0.0, client_port=40_000, isn=1_000).open().get("/first").close()
    scene.tcp(LEDGER, 9000, 9.0, client_port=40_000, isn=9_000_000).open().get("/second").close()
    data = scene.bytes()
    second = max(facts_of(data).conversations, key=lambda one: one.first_frame)
    pair = Pair(second.client, LEDGER, 9000)
    told = both(data, Look(pairs=(pair,), flows=(second.first_frame,))).traces[0]
    assert [one.says for one in told.segments if one.says] == ["GET /second", "HTTP 200"]


def test_frames_lead_to_their_conversations() -> None:
    scene = Scene()
    scene.tcp(LEDGER, 9000, 0.0, client_port=40_000).open().get("/x").close()
    scene.ask(5.0, "payments.shop", port=41_000)
    last = len(scene.frames)
    seen = both(scene.bytes(), Look(frames=(5, last, 900)))
    assert seen.located == ((5, Pair(scene.ip, LEDGER, 9000), 1), (last, Pair(scene.ip, RESOLVER, 53, "udp"), last - 1))


def test_what_is_not_there_is_not_told() -> None:
    pairs = (Pair("2001:db8::1", "2001:db8::2", 80),)
    assert both(Scene().normal().bytes(), Look(pairs=pairs, flows=(1,))) == CloseUp()
    assert both(b"no capture", Look(rows=1)) == CloseUp(both(b"", Look(rows=1)).rows)


@pytest.mark.parametrize(
    "beyond",
    [
        {"rows": 41},
        {"columns": 241},
        {"flows": (1, 2, 3, 4, 5)},
        {"frames": tuple(range(9))},
        {"pairs": (Pair("a", "b"),) * 1_001},
        {"span": 0},
        {"columns": 0},
        {"pairs": (Pair("a", "b", row=0),)},
        {"rows": 1, "pairs": (Pair("a", "b", row=-2),)},
    ],
)
def test_more_than_is_bounded_is_refused(beyond: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"too much to look at|a row that is none"):
        Look(**beyond)  # type: ignore[arg-type]


HELLO = bytes.fromhex("16030100050100000100")
ALERT = bytes.fromhex("15030300020228")


@pytest.mark.parametrize(
    ("head", "kind", "ports", "told"),
    [
        (b"GET /cart?id=7 HTTP/1.1\r\nHost: shop\r\n\r\n", 6, (40_000, 8080), "GET /cart"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 6, (8080, 40_000), "HTTP 204"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 6, (40_000, 8080), "HTTP/2 begins"),
        (b"\0\0\4\1\5\0\0\0\1abcd", 6, (40_000, 8080), "HTTP/2 HEADERS"),
        (b"\0\0\0\4\0\0\0\0\0" + b"\0\0\4\3\0\0\0\0\1abcd" * 2, 6, (8080, 40_000), "HTTP/2 SETTINGS, RST_STREAM"),
        (b"\0\0\4\1\5\0\0\0\1abc", 6, (40_000, 8080), ""),
        (bytes(18), 6, (40_000, 8080), ""),
        (b"GET and nothing of it", 6, (40_000, 8080), ""),
        (b"\x00\x01\x02\x03 something", 6, (40_000, 9000), ""),
        (HELLO, 6, (40_000, 443), "TLS ClientHello"),
        (bytes.fromhex("160303000502000001") + b"x", 6, (443, 40_000), "TLS ServerHello"),
        (bytes.fromhex("16030300058800000100"), 6, (443, 40_000), "TLS handshake"),
        (bytes.fromhex("1703030020") + bytes(8), 6, (443, 40_000), "TLS encrypted data"),
        (bytes.fromhex("140303000101"), 6, (443, 40_000), "TLS ChangeCipherSpec"),
        (ALERT, 6, (443, 40_000), "TLS alert handshake_failure"),
        (bytes.fromhex("150303001a") + bytes(26), 6, (443, 40_000), "TLS alert"),
        (dns(7, "payments.shop"), 17, (40_000, 53), "DNS query: A payments.shop"),
        (dns(7, "payments.shop", response=True, rcode=3), 17, (53, 40_000), "DNS NXDOMAIN: A payments.shop"),
        (b"\0\x1f" + dns(7, "payments.shop"), 6, (40_000, 53), "DNS query: A payments.shop"),
        (struct.pack("!HHHHHH", 7, 0x8180, 0, 0, 0, 0), 17, (53, 40_000), "DNS answer"),
        (struct.pack("!HHHHHH", 7, 0x0100, 0, 0, 0, 0), 17, (40_000, 53), "DNS query"),
        (b"\0\1", 17, (40_000, 53), ""),
        (b"anything", 17, (40_000, 9999), ""),
        (b"\xc0\0\0\0\1" + bytes(30), 17, (40_000, 443), "QUIC Initial"),
        (b"\xe0\0\0\0\1" + bytes(30), 17, (40_000, 443), "QUIC Handshake"),
        (b"\xd0\x6b\x33\x43\xcf" + bytes(30), 17, (40_000, 443), "QUIC Initial"),
        (b"\xc0\x6b\x33\x43\xcf" + bytes(30), 17, (40_000, 443), "QUIC Retry"),
        (b"\xc0\0\0\0\0" + bytes(30), 17, (443, 40_000), "QUIC version negotiation"),
        (b"*2\r\n$3\r\nget\r\n$6\r\nsecret\r\n", 6, (40_000, 6379), "Redis GET"),
        (b"-WRONGTYPE Operation against a key\r\n", 6, (6379, 40_000), "Redis error WRONGTYPE"),
        (b"$6\r\nsecret\r\n", 6, (6379, 40_000), ""),
        (b"Q\0\0\0\x20select secret from t\0", 6, (40_000, 5432), "PostgreSQL SELECT"),
        (b"P\0\0\0\x20name\0insert into t\0", 6, (40_000, 5432), "PostgreSQL INSERT"),
        (b"E\0\0\0\x20SERROR\0", 6, (5432, 40_000), "PostgreSQL error"),
        (b"T\0\0\0\x20secret", 6, (5432, 40_000), ""),
        (b"\x16\0\0\0\3UPDATE t SET secret", 6, (40_000, 3306), "MySQL UPDATE"),
        (b"\x16\0\0\1\xffsecret", 6, (3306, 40_000), ""),
    ],
)
def test_words_of_a_payload(head: bytes, kind: int, ports: tuple[int, int], told: str) -> None:
    assert says(head, len(head), kind, ports) == told


def test_flags_and_marks_are_told() -> None:
    pcap = Pcap()
    talk = Tcp(pcap).handshake()
    talk.send(0.1, "c", PSH | ACK, 1, 1, b"hello")
    talk.send(0.4, "c", PSH | ACK, 1, 1, b"hello")
    talk.send(0.5, "s", RST, 1, 0)
    data = pcap.bytes()
    flow = facts_of(data).conversations[0]
    pair = Pair(flow.client, flow.server, flow.server_port)
    told = both(data, Look(pairs=(pair,), flows=(1,))).traces[0].segments
    assert [one.flags for one in told] == [SYN, SYN | ACK, ACK, PSH | ACK, PSH | ACK, RST]
    assert told[4].marks == ("retransmission",)
    assert told[5].marks == ("rst",)
    assert told[5].ack is None
    assert not any(one.flags & FIN for one in told)
