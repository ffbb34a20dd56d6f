"""TLS in what hardly any capture has: damaged records and hellos, and more of everything than is kept."""

import pickle
import random
import struct

import pytest

from tests.unit.analysis.captures import ACK, PSH, Pcap, Tcp
from tests.unit.analysis.talks import Segment, checked, conversation
from tests.unit.analysis.test_applications import client_hello
from tests.unit.analysis.test_tls_known import EXTENSIONS, client, extension, handshake, named, record, server, told
from workers.analysis import Analyser
from workers.analysis.tls_known import Chain, Chains, Count, Hellos, Said, counted
from workers.analysis.tls_messages import client_hello as read_client
from workers.contract.facts import TlsFacts

ALERT = record(21, b"\1\x5a")
NOISE = random.Random(5)
ANSWER = record(22, handshake(2, server(NOISE)))


def tls(*segments: Segment) -> TlsFacts:
    return checked(conversation(*segments, port=443)).tls


def test_a_hello_behind_an_answered_one_begins_another_handshake() -> None:
    facts = tls((0.1, "c", client_hello(b"a.shop")), (0.2, "s", ANSWER), (0.3, "c", client_hello(b"b.shop")))
    assert [(one.sni, one.client_hello_frame, one.server_hello_frame) for one in facts.handshakes] == [
        ("a.shop", 4, 5), ("b.shop", 6, 0),
    ]  # fmt: skip


def test_of_many_alerts_the_first_are_told() -> None:
    facts = tls((0.1, "c", client_hello(b"a.shop")), *((0.2 + number, "s", ALERT) for number in range(30)))
    (one,) = facts.handshakes
    assert (facts.alerts, len(one.alerts), one.alerts[1].frame) == (30, 20, 6)


def test_of_many_handshakes_those_in_trouble_are_told_in_their_order() -> None:
    pcap = Pcap()
    for number in range(1_100):
        tcp = Tcp(pcap, client=f"198.19.{number >> 8}.{number & 255}", server_port=443).handshake(number)
        hello = client_hello(b"%d.shop" % number)
        tcp.send(number + 0.1, "c", PSH | ACK, 1, 1, hello)
        tcp.send(number + 0.2, "s", PSH | ACK, 1, 1 + len(hello), ANSWER if number % 3 else ALERT)
    facts = checked(pcap).tls
    assert (len(facts.handshakes), facts.more_handshakes, facts.alerts) == (500, 600, 367)
    assert sum(bool(one.alerts) for one in facts.handshakes) == 367
    frames = [one.client_hello_frame for one in facts.handshakes]
    assert frames == sorted(frames)


@pytest.mark.parametrize("bad", [b"\x19\3\3\0\1x", b"\x16\4\3\0\1x", b"\x17\3\3\0\0x", b"\x17\3\3\x60\0x"])
def test_what_cannot_be_a_record_ends_the_reading_until_the_next_one(bad: bytes) -> None:
    alert = record(21, b"\2\x28")
    facts = tls(
        (0.1, "c", client_hello(b"a.shop")),
        (0.2, "s", ALERT + bad + alert),
        (0.3, "s", b"what is no record either"),
        (0.4, "s", alert),
    )
    assert [(one.frame, one.description) for one in facts.handshakes[0].alerts] == [
        (5, "user_canceled"), (7, "handshake_failure"),
    ]  # fmt: skip


def test_a_message_too_long_to_read_is_passed_over() -> None:
    """It fills records up to its end, and what follows in the last one is read."""
    size = 70_000
    long = struct.pack("!I", 22 << 24 | size - 4) + bytes(size - 4) + handshake(2, server(NOISE))
    said: list[Segment] = [(0.1, "c", client_hello(b"a.shop"))]
    for number, at in enumerate(range(0, len(long), 10_000)):
        said.append((0.2 + number / 10, "s", record(22, long[at : at + 10_000])))
    (one,) = tls(*said).handshakes
    assert (one.sni, one.version, one.server_hello_frame) == ("a.shop", "TLS 1.2", 12)


def test_names_beyond_the_limit_are_counted_as_others() -> None:
    counts: dict[str, Count] = {}
    first, second = (counted(counts, name, 2) for name in "ab")
    assert first is not second
    assert counted(counts, "c", 2) is counted(counts, "d", 2)
    assert counted(counts, "a", 2) is first
    assert list(counts) == ["a", "b", "other"]


def test_hellos_are_known_again_after_more_shapes_and_names_than_are_kept() -> None:
    hellos, first = Hellos(), client(NOISE, named(b"a.shop"), *EXTENSIONS[:6])
    answer = server(NOISE, EXTENSIONS[4])
    before = hellos.client(first, 0, len(first), "tcp"), hellos.server(answer, 0, len(answer))
    for number in range(256):
        other = extension(0x7000 + number, b"")
        hellos.client(body := client(NOISE, other), 0, len(body), "tcp")
        hellos.server(body := server(NOISE, other), 0, len(body))
    for number in range(1_025):
        body = client(NOISE, named(b"%d.shop" % number), *EXTENSIONS[:6])
        hellos.client(body, 0, len(body), "tcp")
        assert hellos.asked.text == f"{number}.shop"
    after = hellos.client(first, 0, len(first), "tcp"), hellos.server(answer, 0, len(answer))
    assert [told(one) for one in after] == [told(one) for one in before]
    assert after[0] is not before[0]
    assert hellos.asked.text == "a.shop"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(bytes(34) + b"\xff" + bytes(10), id="a session id longer than the hello"),
        pytest.param(client(random.Random(1), b"\0\x10\0"), id="an extension of three bytes"),
        pytest.param(b"\3\3" + bytes(32) + b"\xff" + bytes(9), id="an answer's session id is longer than it"),
        pytest.param(server(random.Random(1), b"\0\x10\0"), id="an answer's extension of three bytes"),
    ],
)
def test_hellos_that_do_not_hold_together_are_read_anew_each_time(body: bytes) -> None:
    def client_says(hellos: Hellos) -> Said:
        return hellos.client(body, 0, len(body), "tcp")

    def server_says(hellos: Hellos) -> Said:
        return hellos.server(body, 0, len(body))

    warm = Hellos()
    for says in (client_says, server_says):
        first = says(warm)
        assert says(warm) is not first
        assert told(first) == told(says(Hellos()))


def test_chains_too_long_or_too_many_are_forgotten() -> None:
    chains = Chains()
    chains.keep(bytes(16_385), Chain(1, (0,)))
    assert chains.find(bytes(16_385)) is None
    every = {struct.pack("!I", number): Chain(1, (0,)) for number in range(65)}
    for body, chain in every.items():
        chains.keep(body, chain)
    assert [body for body, chain in every.items() if chains.find(body) is chain] == list(every)[-1:]


def test_of_long_messages_no_bytes_are_kept() -> None:
    pcap, size = Pcap(), 50_000
    for number in range(20):
        tcp = Tcp(pcap, 30_000 + number, 443).handshake()
        suites = struct.pack("!HH", number, size) + NOISE.randbytes(size)
        said = handshake(1, bytes(2) + bytes(32) + b"\0" + suites + b"\1\0\0\0")
        asked = handshake(1, client(NOISE, named(NOISE.randbytes(size))))
        shown = handshake(11, b"\0" + struct.pack("!HB", size + 3, 0) + struct.pack("!H", size) + NOISE.randbytes(size))
        for side, message in (("c", said), ("c", asked), ("s", shown)):
            at = 1 + (len(said) + 20 if message is asked else 0)
            data = b"".join(record(22, message[part : part + 16_000]) for part in range(0, len(message), 16_000))
            tcp.send(0.1, side, PSH | ACK, at, 1, data)
    analyser = Analyser()
    before = len(pickle.dumps(analyser))
    analyser.feed(pcap.bytes())
    assert analyser.peek().tls.client_hellos >= 20
    assert len(pickle.dumps(analyser)) - before < 10 * size


def test_of_an_extension_given_again_beyond_those_kept_the_last_counts() -> None:
    many = [extension(0x7000 + number, b"") for number in range(63)]
    body = client(NOISE, named(b"a.shop"), *many, EXTENSIONS[3], named(b"b.shop"))
    hello = read_client(body, "tcp")
    assert (hello.sni, hello.alpn) == ("b.shop", ())
