"""What is known by its bytes is what reading it anew tells: hellos by their shapes, chains by their messages."""

import itertools
import random
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.analysis.captures import ACK, PSH, Pcap, Tcp
from tests.unit.analysis.test_certificates import certificate, message
from workers.analysis import tls_known
from workers.analysis.tls_known import Chain, Chains, Hellos, Said
from workers.contract.facts import TlsFacts, TlsHandshake
from workers.packets import words

INTERPRETED = str(tls_known.__file__).endswith(".py")


def extension(kind: int, body: bytes) -> bytes:
    return struct.pack("!HH", kind, len(body)) + body


def named(name: bytes) -> bytes:
    return extension(0, struct.pack("!HBH", len(name) + 3, 0, len(name)) + name)


EXTENSIONS = (
    extension(10, bytes.fromhex("0006001d00170018")),
    extension(11, b"\1\0"),
    extension(13, bytes.fromhex("00080403080404010503")),
    extension(16, b"\0\x0c\2h2\x08http/1.1"),
    extension(43, bytes.fromhex("0403040303")),
    extension(51, b"\0\x24\0\x1d\0\x20" + bytes(32)),
    extension(0x0A0A, b""),
    extension(57, b"\1\2\3"),
    named(b"web.shop"),
    named(b"b\xfc.shop"),
    extension(0, struct.pack("!HBH", 4, 1, 1) + b"x"),
)
SUITES = bytes.fromhex("130113021303c02bc02fc02cc030")


def client(noise: random.Random, *extensions: bytes, session: int = 0, suites: bytes = SUITES) -> bytes:
    """The body of a ClientHello."""
    head = b"\3\3" + noise.randbytes(32) + bytes([session]) + noise.randbytes(session)
    inner = b"".join(extensions)
    return head + struct.pack("!H", len(suites)) + suites + b"\1\0" + struct.pack("!H", len(inner)) + inner


def server(noise: random.Random, *extensions: bytes, suite: int = 0x1301, version: int = 0x0303) -> bytes:
    """The body of a ServerHello."""
    inner = b"".join(extensions)
    head = struct.pack("!H", version) + noise.randbytes(32) + b"\0" + struct.pack("!HB", suite, 0)
    return head + (struct.pack("!H", len(inner)) + inner if extensions else b"")


def told(said: Said) -> tuple[object, ...]:
    return said.version, said.suite, said.alpn, said.ja3, said.ja4, said.retry


def said(one: TlsHandshake) -> tuple[object, ...]:
    """What does not depend on where and when."""
    hellos = one.sni, one.alpn, one.offered, one.version, one.cipher, one.ja3, one.ja4, one.alerts
    return *hellos, one.chain, one.sni_match, one.subject_names, one.self_signed


def record(kind: int, body: bytes) -> bytes:
    return struct.pack("!BHH", kind, 0x0303, len(body)) + body


def handshake(kind: int, body: bytes) -> bytes:
    return struct.pack("!I", kind << 24 | len(body)) + body


WARM = Hellos()
"""Has seen what earlier examples were."""


@settings(max_examples=400)
@given(st.data())
def test_a_known_hello_says_what_it_says_when_read(data: st.DataObject) -> None:
    noise = random.Random(data.draw(st.integers(0, 5)))
    some = data.draw(st.lists(st.sampled_from(EXTENSIONS), max_size=9))
    body = bytearray(
        client(noise, *some, session=data.draw(st.sampled_from((0, 32))))
        if data.draw(st.booleans())
        else server(noise, *some, suite=data.draw(st.sampled_from((0x1301, 0xC02B, 0x9999))))
    )
    for _ in range(data.draw(st.integers(0, 2))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(body[: len(body) - data.draw(st.sampled_from((0, 0, 0, 1, 7)))])
    around = b"\xff" * 3 + cut + b"\xff" * 3
    for _ in range(2):
        for transport in ("tcp", "quic"):
            cold = Hellos()
            assert told(WARM.client(around, 3, 3 + len(cut), transport)) == told(
                cold.client(cut, 0, len(cut), transport)
            )
            assert WARM.asked.text == cold.asked.text
        assert told(WARM.server(around, 3, 3 + len(cut))) == told(Hellos().server(cut, 0, len(cut)))


def test_random_session_key_and_name_are_no_part_of_a_shape() -> None:
    hellos, noise = Hellos(), random.Random(1)
    first = hellos.client(one := client(noise, named(b"a.shop"), *EXTENSIONS[:6], session=32), 0, len(one), "tcp")
    key = extension(51, b"\0\x24\0\x1d\0\x20" + noise.randbytes(32))
    body = client(noise, named(b"other.shop"), *EXTENSIONS[:5], key, session=0)
    assert hellos.client(body, 0, len(body), "tcp") is first
    assert hellos.asked.text == "other.shop"
    assert hellos.client(body, 0, len(body), "quic") is not first
    answer = server(noise, EXTENSIONS[4])
    assert hellos.server(answer, 0, len(answer)) is hellos.server(answer[:2] + bytes(32) + answer[34:], 0, len(answer))


def test_shapes_beyond_the_bound_and_of_very_many_pieces_are_read_again() -> None:
    hellos, noise = Hellos(), random.Random(2)
    bodies = [client(noise, extension(1_000 + number, b"\0"), EXTENSIONS[3]) for number in range(600)]
    bodies.append(client(noise, *[extension(2_000 + number, b"\0") for number in range(60)]))
    for body in bodies * 2:
        assert told(hellos.client(body, 0, len(body), "tcp")) == told(Hellos().client(body, 0, len(body), "tcp"))
    kept, many = bodies[-2], bodies[-1]
    assert hellos.client(kept, 0, len(kept), "tcp") is hellos.client(kept, 0, len(kept), "tcp")
    assert hellos.client(many, 0, len(many), "tcp") is not hellos.client(many, 0, len(many), "tcp")


def test_a_long_shape_is_read_again_each_time() -> None:
    names = b"".join(b"\xfa" + b"%250d" % number for number in range(17))
    hellos, alpn = Hellos(), [extension(16, struct.pack("!H", 251 * many) + names[: 251 * many]) for many in (16, 17)]
    short, long = (client(random.Random(4), one) for one in alpn)
    for body, kept in ((short, True), (long, False)):
        first = hellos.client(body, 0, len(body), "tcp")
        assert (hellos.client(body, 0, len(body), "tcp") is first) == kept
        assert told(first) == told(Hellos().client(body, 0, len(body), "tcp"))


@pytest.mark.skipif(not INTERPRETED, reason="what is compiled has its hash function within")
def test_hellos_of_one_hash_stay_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "fold", lambda *_: 0)
    noise, hellos = random.Random(4), Hellos()
    http2, http3 = (extension(16, b"\0\3\2h%d" % version) for version in (2, 3))
    some = (http2, EXTENSIONS[4]), (http3, EXTENSIONS[4]), (http2,), (http3,), EXTENSIONS[:5]
    for body in [client(noise, *extensions) for extensions in some] * 2:
        assert told(hellos.client(body, 0, len(body), "tcp")) == told(Hellos().client(body, 0, len(body), "tcp"))


def conversations(*splits: int) -> TlsFacts:
    """Of a handshake said twice, its flights cut at these bytes."""
    pcap, noise = Pcap(), random.Random(3)
    flights = (
        ("c", record(22, handshake(1, client(noise, named(b"web.shop"), *EXTENSIONS[:6])))),
        ("s", record(22, handshake(2, server(noise, EXTENSIONS[3]))) + message(*CHAIN)),
        ("c", record(22, handshake(16, bytes(66))) + record(20, b"\1") + record(22, noise.randbytes(40))),
        ("s", record(20, b"\1") + record(22, noise.randbytes(40)) + record(23, noise.randbytes(300))),
        ("c", record(21, noise.randbytes(19))),
    )
    for number in range(2):
        tcp, sent = Tcp(pcap, client_port=40_000 + number, server_port=443).handshake(), {"c": 1, "s": 1}
        for step, (side, data) in enumerate(flights):
            cuts = [0, *sorted({min(split, len(data)) for split in splits}), len(data)]
            for start, stop in itertools.pairwise(cuts):
                if start < stop:
                    other = "s" if side == "c" else "c"
                    tcp.send(0.1 * (step + 1), side, PSH | ACK, sent[side], sent[other], data[start:stop])
                    sent[side] += stop - start
    return pcap.facts().tls


CHAIN = (certificate("web", "web.shop"), certificate("Root"))


@pytest.fixture(scope="module")
def whole() -> TlsFacts:
    return conversations()


def test_the_second_of_two_equal_handshakes_is_told_like_the_first(whole: TlsFacts) -> None:
    first, second = whole.handshakes
    assert (first.sni, first.version, first.sni_match, first.certificates, first.chain) == (
        "web.shop", "TLS 1.2", "san", 2, (0, 1),
    )  # fmt: skip
    assert said(first) == said(second)


def test_flights_cut_anywhere_say_the_same(whole: TlsFacts) -> None:
    for split in range(1, 900):
        facts = conversations(split)
        assert [*map(said, facts.handshakes)] == [*map(said, whole.handshakes)], split
        assert (facts.names, facts.versions, facts.alerts) == (whole.names, whole.versions, whole.alerts)


def test_a_chain_is_found_by_all_of_its_bytes() -> None:
    chains = Chains()
    body = bytes(range(256)) * 20
    chain = Chain(1, (0,))
    chains.keep(body, chain)
    assert chains.find(body) is chain
    for at in range(0, len(body), 7):
        assert chains.find(body[:at] + b"?" + body[at + 1 :]) is (chain if body[at : at + 1] == b"?" else None)
    assert chains.find(body[:-1]) is None
