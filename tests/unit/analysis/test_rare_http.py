"""HTTP in what hardly any capture has: odd heads, endless ones, gaps in bodies, and beyond all bounds."""

import struct

import pytest

from tests.unit.analysis.captures import ACK, CLIENT, PSH, SERVER, Pcap, Tcp, ip4
from tests.unit.analysis.h2 import Peer, frame
from tests.unit.analysis.h2 import Talk as Http2
from tests.unit.analysis.talks import Segment, checked, conversation
from tests.unit.analysis.test_applications import client_hello
from tests.unit.analysis.test_http_heads import GET, OK
from workers.analysis import http_groups
from workers.analysis.http2_frames import PREFACE
from workers.contract.facts import Facts, HttpGroup
from workers.packets import words

INTERPRETED = str(http_groups.__file__).endswith(".py")
RST_STREAM = 3


def http(*segments: Segment) -> Facts:
    return checked(conversation(*segments, port=80))


def told(facts: Facts) -> dict[str, tuple[int, dict[str, int], int]]:
    """Path -> requests, statuses, unanswered."""
    return {one.path: (one.requests.count, one.statuses, one.unanswered.count) for one in facts.http.groups}


def asked(path: str) -> bytes:
    return GET.replace(b"/a", path.encode())


@pytest.mark.parametrize(
    "line", [b"HTTP/1.1 2x0 OK", b"HTTP/1.1 2000 OK", b"HTTP/1.1 020 OK", b"HTTP/1.1 20", b"HTTP/1.1 200!"]
)
def test_a_status_of_other_than_three_digits_is_no_response(line: bytes) -> None:
    facts = http((0.1, "c", GET), (0.2, "s", line + b"\r\nContent-Length: 0\r\n\r\n"), (0.4, "c", GET), (0.5, "s", OK))
    assert facts.http.responses == 1
    assert facts.http.statuses == {"200": 1}


def test_blanks_that_nobody_should_send() -> None:
    head = b"GET  \x0b\t/a HTTP/1.1\r\nHost:\x0b shop\r\n\r\n"
    (group,) = http((0.1, "c", head), (0.2, "s", OK)).http.groups
    assert (group.host, group.method, group.path, group.statuses) == ("shop", "GET", "/a", {"200": 1})


@pytest.mark.parametrize("extra", [b"\r\n", b"\n\n\r\n"])
def test_empty_lines_between_messages_are_no_message(extra: bytes) -> None:
    facts = http(
        (0.1, "c", GET + extra),
        (0.2, "s", OK),
        (0.3, "c", extra),
        (0.4, "c", asked("/b")),
        (0.5, "s", extra + OK),
    )
    assert told(facts) == {"/a": (1, {"200": 1}, 0), "/b": (1, {"200": 1}, 0)}


@pytest.mark.parametrize(
    ("begins", "application"),
    [
        pytest.param(client_hello(b"shop"), "tls", id="TLS"),
        pytest.param(PREFACE + frame(4, 0), "http2", id="HTTP/2"),
    ],
)
def test_what_waits_when_another_protocol_begins_is_not_answered_any_more(begins: bytes, application: str) -> None:
    facts = http((0.1, "c", GET), (0.2, "s", OK), (0.3, "c", asked("/b")), (0.4, "c", asked("/c")), (1.35, "c", begins))
    assert told(facts) == {"/a": (1, {"200": 1}, 0), "/b": (1, {}, 1), "/c": (1, {}, 0)}
    assert facts.counts["http_unjudged"] == 1  # asked less than a second before
    assert facts.conversations[0].application == application


def test_the_first_id_of_a_request_is_its_own() -> None:
    tries = [GET[:-2] + b"X-Request-Id: one\r\nIdempotency-Key: %d\r\n\r\n" % number for number in range(2)]
    bad = b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"
    facts = http((0.1, "c", tries[0]), (0.2, "s", bad), (0.3, "c", tries[1]), (0.4, "s", bad))
    assert facts.http.groups[0].repeats.frames == (6,)


def test_a_length_of_too_many_digits_is_none() -> None:
    """The body goes on to the end, then."""
    length = b"Content-Length: 9999999999999999999\r\n\r\n"
    facts = http((0.1, "c", GET), (0.2, "s", b"HTTP/1.1 200 OK\r\n" + length), (0.3, "s", OK), (0.4, "s", OK))
    assert facts.http.responses == 1


def test_a_body_goes_on_behind_a_gap_that_ends_within_it() -> None:
    upload = b"PUT /a HTTP/1.1\r\nContent-Length: 300\r\n\r\n"
    facts = http(
        (0.1, "c", upload + bytes(100)),
        (0.2, "C", bytes(100)),
        (0.3, "c", bytes(100) + asked("/b")),
        (0.4, "s", OK + OK),
    )
    assert told(facts) == {"/a": (1, {"200": 1}, 0), "/b": (1, {"200": 1}, 0)}


@pytest.mark.parametrize(
    ("form", "before", "behind", "took"),
    [
        pytest.param(b"Content-Length: 100", b"", b"", 0.4, id="the body's end"),
        pytest.param(b"Transfer-Encoding: chunked", b"64\r\n", b"\r\n0\r\n\r\n", 0.2, id="a chunk's end"),
        pytest.param(b"Transfer-Encoding: chunked", b"32\r\n", b"\r\n0\r\n\r\n", 0.4, id="more than a chunk"),
    ],
)
def test_an_upload_of_which_a_gap_holds_the_rest(form: bytes, before: bytes, behind: bytes, took: float) -> None:
    """What is asked then is no part of it."""
    facts = http(
        (0.1, "c", b"PUT /a HTTP/1.1\r\n" + form + b"\r\n\r\n" + before),
        (0.2, "C", bytes(100)),
        *[(0.3, "c", behind)] * bool(behind),
        (0.4, "c", asked("/b")),
        (0.5, "s", OK * 2),
    )
    assert told(facts) == {"/a": (1, {"200": 1}, 0), "/b": (1, {"200": 1}, 0)}
    assert facts.http.groups[0].path == "/a"
    assert facts.http.groups[0].latency.max == pytest.approx(took)


def test_of_a_value_the_first_512_bytes_are_read() -> None:
    """Here they do not tell that the body is in chunks, so that it goes on to the end."""
    codings = [b"Transfer-Encoding: %b,chunked\r\n\r\n0\r\n\r\n" % (b"x" * size) for size in (504, 505)]
    said = [
        ((0.1, "c", GET), (0.2, "s", b"HTTP/1.1 200 OK\r\n" + coding), (0.3, "c", GET), (0.4, "s", OK))
        for coding in codings
    ]
    assert [http(*one).http.responses for one in said] == [2, 1]


def test_a_head_longer_than_is_read_is_given_up_in_one_packet_too() -> None:
    """Offloaded segmentation makes packets of more than 64 KB, whose IP length is 0."""
    pcap, long = Pcap(), b"GET /a HTTP/1.1\r\n" + b"X: y\r\n" * 12_000 + b"\r\n"
    tcp = Tcp(pcap).handshake()
    header = struct.pack("!HHIIHHHH", 40_000, 80, 1_001, 5_001, 5 << 12 | PSH | ACK, 1_000, 0, 0)
    pcap.add(0.1, ip4(6, CLIENT, SERVER, header + long, total=0))
    tcp.send(0.2, "c", PSH | ACK, 1 + len(long), 1, asked("/b"))
    tcp.send(0.3, "s", PSH | ACK, 1, 1 + len(long) + len(asked("/b")), OK)
    assert told(checked(pcap)) == {"/b": (1, {"200": 1}, 0)}


@pytest.mark.skipif(not INTERPRETED, reason="what is compiled has its hash function within")
def test_requests_of_one_hash_stay_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    pcap = Pcap()
    asks = ("GET /aa shop", "GET /a shops", "GET /a shop", "GET /b shop", "GET /a ship", "PUTS /a shop", "PUT /a shop")
    lines = "{} {} HTTP/1.1\r\nHost: {}\r\n\r\n"
    every = "".join(lines.format(*ask.split()) for ask in asks * 2).encode()
    for number, (server, port) in enumerate(((SERVER, 80), (SERVER, 8080), ("198.18.0.9", 80))):
        tcp = Tcp(pcap, client_port=40_000 + number, server_port=port, server=server).handshake(number)
        tcp.send(number + 0.1, "c", PSH | ACK, 1, 1, every)
        tcp.send(number + 0.2, "s", PSH | ACK, 1, 1 + len(every), OK * 2 * len(asks))
    usual = checked(pcap).http
    assert [one.requests.count for one in usual.groups] == [2] * 3 * len(asks)
    monkeypatch.setattr(words, "fold", lambda *_: 0)
    assert checked(pcap).http == usual


def test_a_head_without_end_is_given_up_and_the_next_one_read() -> None:
    endless = b"GET /a HTTP/1.1\r\n" + b"X: y\r\n" * 12_000
    pieces = [(0.1 + at / 1e6, "c", endless[at : at + 9_000]) for at in range(0, len(endless), 9_000)]
    facts = http(*pieces, (0.3, "c", asked("/b")), (0.4, "s", OK))
    assert told(facts) == {"/b": (1, {"200": 1}, 0)}


@pytest.mark.parametrize("size", [b"zz", b"-1", b"f" * 16, b"0x3", b";name=value", b"3" * 5_000])
def test_a_chunk_of_no_size_ends_the_reading_until_the_next_head(size: bytes) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    facts = http(
        (0.1, "c", GET),
        (0.2, "s", head + size + b"\r\nabc\r\n0\r\n\r\n"),
        (0.3, "c", asked("/b")),
        (0.4, "s", OK),
    )
    assert told(facts) == {"/a": (1, {"200": 1}, 0), "/b": (1, {"200": 1}, 0)}


def test_of_pipelined_requests_the_first_are_remembered_and_the_others_counted() -> None:
    ask = (asked(f"/{number}") for number in range(130))
    facts = http(
        *((0.1, "c", one) for one in ask), (0.2, "s", OK * 130), (0.3, "c", GET), (0.4, "s", OK), (9, "c", GET)
    )
    assert {path: one[1] for path, one in told(facts).items()} == {
        **{f"/{number}": {"200": 1} if number < 128 else {} for number in range(130)},
        "/a": {"200": 1},
    }
    assert (facts.http.statuses, facts.http.latency.count) == ({"200": 131}, 129)
    assert unkept(facts) == 2


def unkept(facts: Facts) -> int:
    """How many requests were not waited for."""
    (told,) = (text for text in facts.approximations if "not waited for" in text)
    return int(told.rpartition(" ")[2].replace(",", ""))


def test_an_answer_older_than_its_question_took_no_time() -> None:
    """Timestamps may go backwards."""
    facts = http((0.5, "c", GET), (0.4, "s", OK))
    (group,) = facts.http.groups
    assert (group.latency.count, group.latency.max, facts.http.pools[0].busy) == (1, 0.0, 0.0)


def test_requests_and_clients_beyond_those_kept_are_counted_and_no_more() -> None:
    pcap = Pcap()
    failed = b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"
    with_id = b"GET /late HTTP/1.1\r\nX-Request-Id: one\r\n\r\n"
    for client in range(1_026):
        tcp = Tcp(pcap, client=f"198.19.{client >> 8}.{client & 255}").handshake(client)
        paths = (client,) if client < 1_025 else range(2_000, 3_100)
        request = (
            b"".join(asked(f"/{path}") for path in paths) + with_id * 2 if client == 1_025 else asked(f"/{client}")
        )
        tcp.send(client + 0.1, "c", PSH | ACK, 1, 1, request)
        replies = failed * 130 if client == 1_025 else OK
        tcp.send(client + 0.2, "s", PSH | ACK, 1, 1 + len(request), replies)
    tcp.send(1_030, "c", PSH | ACK, 1 + len(request), 1 + len(replies), with_id)
    tcp.send(1_040, "c", ACK, 1 + len(request + with_id), 1 + len(replies))
    facts = checked(pcap)
    assert facts.http.requests == 1_025 + 1_100 + 3
    assert len(facts.http.groups) + facts.http.more_groups == 2_048
    assert "/late" not in told(facts)
    assert (facts.http.statuses["500"], facts.http.latency.count) == (130, 1_025 + 128)
    assert all(one.client < "198.19.4" for one in facts.http.pools)
    assert any("beyond the" in sentence and "HTTP" in sentence for sentence in facts.approximations)


def test_of_groups_beyond_those_kept_grpc_statuses_and_resets_are_not_told() -> None:
    pcap = Pcap()
    for number in range(16):
        tcp = Tcp(pcap, client_port=50_000 + number).handshake(number)
        tcp.send(number + 0.1, "c", PSH | ACK, 1, 1, b"".join(asked(f"/{number}/{path}") for path in range(128)))
    client, server = Peer(), Peer()
    talk = Http2(pcap=pcap).begin().say(20, "c", client.call(1, "/shop.Cart/Add"), client.call(3, "/shop.Cart/Put"))
    talk.say(21, "s", server.result(1, 14), frame(RST_STREAM, 3, struct.pack("!I", 2)))
    facts = checked(pcap)
    assert (facts.http.requests, facts.http.h2.resets) == (16 * 128 + 2, {"INTERNAL_ERROR": 1})
    assert len(facts.http.groups) + facts.http.more_groups == 2_048
    assert all(_plain(one) for one in facts.http.groups)


def _plain(group: HttpGroup) -> bool:
    return group.grpc_statuses == {} and group.resets == {} and group.protocol == "http/1"
