"""QUIC: versions, and hellos from Initial packets in any order; what can't be opened is counted."""

import hmac
import struct
from collections import Counter

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.examples import examples
from tests.unit.analysis.captures import CLIENT, PCAPS, SERVER, Pcap, analyse, needs_pcaps, shared, shared_facts, udp
from tests.unit.analysis.oracle import tshark
from tests.unit.analysis.test_applications import client_hello
from workers.analysis import Analyser, quic
from workers.analysis.quic_packets import V1, V2, Keys, Long, packets, varint
from workers.contract.codec import decode, encode
from workers.contract.facts import Facts

HELLO = client_hello(b"pay.shop")[5:]
SERVER_HELLO = b"\2\0\0\x2e" + b"\3\3" + bytes(32) + b"\0\x13\1\0" + b"\0\6\0\x2b\0\2\3\4"
RETRY_HELLO = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c").join(
    [b"\2\0\0\x2e\3\3", b"\0\x13\1\0\0\6\0\x2b\0\2\3\4"]
)
ID = b"\1\2\3\4\5\6\7\x08"


def number(value: int) -> bytes:
    """A two- or four-byte variable-length integer."""
    return struct.pack("!H", value | 0x4000) if value < 1 << 14 else struct.pack("!I", value | 0x80000000)


def crypto(offset: int, data: bytes) -> bytes:
    """A CRYPTO frame."""
    return b"\6" + number(offset) + number(len(data)) + data


def derive(secret: bytes, label: bytes, size: int) -> bytes:
    """HKDF-Expand-Label, from RFC 8446 once more."""
    full = b"tls13 " + label
    return hmac.digest(secret, struct.pack("!HB", size, len(full)) + full + b"\0\1", "sha256")[:size]


def initial(
    frames: bytes,
    *,
    version: int = V1,
    side: bytes = b"client in",
    key_id: bytes = ID,
    to: bytes | None = None,
    count: int = 0,
    token: bytes = b"",
) -> bytes:
    """A protected Initial packet (RFC 9001 section 5; RFC 9369 section 3)."""
    salts = {V1: "38762cf7f55934b34d179ae6a4c80cadccbb7f0a", V2: "0dede3def700a6db819381be6e269dcbf9bd2ed9"}
    label = b"quic " if version == V1 else b"quicv2 "
    secret = derive(hmac.digest(bytes.fromhex(salts[version]), key_id, "sha256"), side, 32)
    key, iv, mask = (derive(secret, label + name, size) for name, size in ((b"key", 16), (b"iv", 12), (b"hp", 16)))
    first = (0xC0 if version == V1 else 0xD0) | 1
    destination = key_id if to is None else to
    frames += bytes(max(0, 24 - len(frames)))
    head = bytes([first]) + struct.pack("!IB", version, len(destination)) + destination + b"\0"
    head += number(len(token)) + token + number(2 + len(frames) + 16) + struct.pack("!H", count)
    nonce = (int.from_bytes(iv, "big") ^ count).to_bytes(12, "big")
    sealed = AESGCM(key).encrypt(nonce, frames, head)
    bits = Cipher(algorithms.AES(mask), modes.ECB()).encryptor().update(sealed[2:18])
    hidden = bytes([head[0] ^ bits[0] & 0x0F]) + head[1:-2] + bytes([head[-2] ^ bits[1], head[-1] ^ bits[2]])
    return hidden + sealed


class Talk:
    """Datagrams of one conversation on port 4433."""

    def __init__(self) -> None:
        self.pcap = Pcap()
        self.time = 0.0

    def say(self, side: str, *parts: bytes) -> "Talk":
        """One datagram."""
        ends = (CLIENT, 4000, SERVER, 4433) if side == "c" else (SERVER, 4433, CLIENT, 4000)
        self.time += 0.1
        self.pcap.add(self.time, udp(*ends, b"".join(parts)))
        return self

    def facts(self) -> Facts:
        """What they show, in odd chunks as well."""
        capture = self.pcap.bytes()
        told = analyse(capture)
        assert analyse(capture, *range(0, len(capture), 11)) == told
        assert analyse(capture, compiled=False) == told
        assert decode(Facts, encode(told)) == told
        return told


def answer(hello: bytes = SERVER_HELLO, version: int = V1, offset: int = 0, count: int = 0) -> bytes:
    """A server's Initial packet."""
    return initial(b"\2\0\0\0\0" + crypto(offset, hello), version=version, side=b"server in", to=b"", count=count)


def test_the_first_packet_of_the_specification() -> None:
    # RFC 9001, appendix A.2: keys of the connection ID, and what protects its client Initial
    keys = Keys(V1, bytes.fromhex("8394c8f03e515708"), "client")
    assert (keys._key.hex(), keys._iv.hex()) == ("1f369613dd76d5467730efcbe3b1a22d", "fa044b2f42a3fd3b46fb255c")
    assert keys._mask.hex() == "9f50449e04a0e810283a1e9933adedd2"
    # RFC 9369, appendix A.1
    keys = Keys(V2, bytes.fromhex("8394c8f03e515708"), "server")
    assert (keys._key.hex(), keys._iv.hex()) == ("82db637861d55e1d011f19ea71d5d2a7", "dd13c276499c0249d3310652")


@pytest.mark.parametrize(("version", "name"), [(V1, "v1"), (V2, "v2")])
def test_hellos_of_both_versions(version: int, name: str) -> None:
    talk = (
        Talk().say("c", initial(crypto(0, HELLO), version=version, token=b"t" * 70)).say("s", answer(version=version))
    )
    facts = talk.facts()
    (handshake,) = facts.tls.handshakes
    assert (handshake.transport, handshake.sni, handshake.version) == ("quic", "pay.shop", "TLS 1.3")
    assert (handshake.client_hello_frame, handshake.server_hello_frame) == (1, 2)
    assert handshake.hello_latency == pytest.approx(0.1)
    assert handshake.ja4.startswith("q13d0102")
    assert (facts.quic.connections, facts.quic.versions, facts.quic.unread) == (1, {name: 1}, 0)
    assert facts.conversations[0].application == "quic"
    assert (facts.counts["tls_ch"], facts.counts["tls_sh"]) == (1, 1)


def test_a_hello_in_pieces_out_of_order_and_twice() -> None:
    pieces = [crypto(at, HELLO[at : at + 20]) for at in range(0, len(HELLO), 20)]
    talk = Talk().say("c", initial(b"\1" + b"".join(pieces[3:]) + bytes(30)))
    talk.say("c", initial(pieces[1] + pieces[0], count=1), initial(pieces[2] + pieces[1], count=2))
    (handshake,) = talk.facts().tls.handshakes
    assert (handshake.sni, handshake.client_hello_frame) == ("pay.shop", 2)


def test_hello_retry_request_and_a_second_hello() -> None:
    talk = Talk().say("c", initial(crypto(0, HELLO))).say("s", answer(RETRY_HELLO))
    talk.say("c", initial(crypto(len(HELLO), HELLO), to=b"server", count=1))
    facts = talk.say("s", answer(offset=len(RETRY_HELLO), count=1)).facts()
    assert (facts.tls.client_hellos, facts.tls.server_hellos, len(facts.tls.handshakes)) == (2, 2, 1)


def test_a_retry_changes_the_keys() -> None:
    retry = b"\xf0" + struct.pack("!I", V1) + b"\0" + b"\3new" + b"token" + bytes(16)
    talk = Talk().say("c", initial(crypto(0, HELLO[:50]))).say("s", retry)
    talk.say("c", initial(crypto(0, HELLO), key_id=b"new", token=b"token", count=1))
    facts = talk.facts()
    assert (facts.quic.retries, facts.quic.unread) == (1, 0)
    assert facts.tls.handshakes[0].sni == "pay.shop"


def test_the_server_may_answer_in_another_version() -> None:
    talk = Talk().say("c", initial(crypto(0, HELLO))).say("s", answer(version=V2))
    assert talk.facts().tls.handshakes[0].version == "TLS 1.3"


@pytest.mark.parametrize(("code", "name", "alerts"), [(0x128, "CRYPTO_ERROR", 1), (2, "CONNECTION_REFUSED", 0)])
def test_why_a_connection_was_refused(code: int, name: str, alerts: int) -> None:
    close = b"\x1c" + number(code) + b"\0" + b"\0"
    talk = Talk().say("c", initial(crypto(0, HELLO))).say("s", initial(close, side=b"server in", to=b""))
    facts = talk.facts()
    assert facts.quic.closed == {name: 1}
    (handshake,) = facts.tls.handshakes
    assert [(a.by, a.description) for a in handshake.alerts] == [("server", "handshake_failure")] * alerts


def test_a_connection_from_before_the_capture_is_known_by_its_version() -> None:
    handshake = b"\xe0" + struct.pack("!I", V1) + b"\0\0" + number(60) + bytes(60)
    facts = Talk().say("s", answer(), handshake).say("c", handshake).facts()
    assert (facts.quic.versions, facts.quic.unread, facts.tls.handshakes) == ({"v1": 1}, 1, ())


def test_version_negotiation_and_drafts() -> None:
    draft = b"\xc0" + struct.pack("!I", 0xFF00001D) + b"\0\0" + bytes(40)
    offer = b"\xc0" + bytes(4) + b"\0\0" + struct.pack("!II", V1, V2)
    facts = Talk().say("c", draft).say("s", offer).facts()
    assert (facts.quic.versions, facts.quic.negotiations) == ({"draft-29": 1}, 1)


@pytest.mark.parametrize(
    "datagram",
    [
        b"\xc0" + struct.pack("!I", V1) + b"\0\x14" + bytes(4),
        b"\xc0" + struct.pack("!I", V1) + b"\0\0" + number(0) + number(4) + bytes(40),
    ],
    ids=["source-id-cut", "too-short-to-be-protected"],
)
def test_what_holds_no_packet_is_no_connection(datagram: bytes) -> None:
    assert Talk().say("c", datagram).facts().quic.connections == 0


def test_an_initial_cut_by_the_snaplen_is_not_visible() -> None:
    talk = Talk()
    talk.pcap.snaplen = 96
    facts = talk.say("c", initial(crypto(0, HELLO))).facts()
    assert (facts.quic.connections, facts.quic.unread) == (1, 1)


def test_bounds_are_kept_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quic, "MAX_INITIALS", 2)
    talk = Talk()
    for count in range(4):
        talk.say("c", initial(crypto(0, HELLO[:20]), count=count))
    assert any(text.startswith("QUIC connections") for text in talk.facts().approximations)
    monkeypatch.setattr(quic, "MAX_OPEN", 1)
    pcap = Pcap()
    for port in (4000, 4001):
        pcap.add(port / 1000, udp(CLIENT, port, SERVER, 443, initial(crypto(0, HELLO[:20]))))
    pcap.add(5, udp(CLIENT, 4000, SERVER, 443, initial(crypto(0, HELLO), count=1)))
    facts = pcap.facts()
    assert (facts.quic.connections, facts.tls.client_hellos) == (2, 0)
    assert any(text.startswith("QUIC connections") for text in facts.approximations)


@pytest.mark.parametrize("offset", [0, 40_000])
def test_more_handshake_bytes_than_are_kept(offset: int) -> None:
    talk = Talk()
    for count in range(20):
        talk.say("c", initial(crypto(offset + count * 1_000, b"\1\0\xff\xff" * 250), count=count))
    assert talk.facts().tls.client_hellos == 0


def test_facts_so_far_while_a_hello_is_in_pieces() -> None:
    talk = Talk().say("c", initial(crypto(0, HELLO[:50])))
    early = talk.pcap.bytes()
    whole = talk.say("c", initial(crypto(50, HELLO[50:]), count=1)).pcap.bytes()
    analyser = Analyser()
    analyser.feed(early)
    assert analyser.peek().quic.connections == 1
    analyser.feed(whole[len(early) :])
    assert analyser.finish() == analyse(whole)
    assert analyse(whole).tls.handshakes[0].sni == "pay.shop"


@pytest.mark.parametrize(("largest", "short", "full"), [(0xA82F30EA, 0x9B32, 0xA82F9B32), (300, 2, 258), (254, 1, 257)])
def test_packet_numbers_are_the_nearest(largest: int, short: int, full: int) -> None:
    keys = Keys(V1, ID, "client")
    keys.largest = largest
    assert keys._number(short, 16 if short > 255 else 8) == full


@given(st.binary(max_size=120))
def test_any_datagram_is_read(data: bytes) -> None:
    for raw in (data, b"\xc1\0\0\0\1" + data, b"\xd1\x6b\x33\x43\xcf\0\0" + data):
        for found in packets(raw, 0, len(raw)):
            assert isinstance(found, Long)
            assert 0 <= found.start < found.end <= len(raw)
        varint(raw, 0, len(raw))


@settings(deadline=None, max_examples=examples(60))
@given(st.lists(st.binary(min_size=1, max_size=60) | st.builds(crypto, st.integers(0, 200), st.binary(max_size=40))))
def test_any_frames_give_facts(frames: list[bytes]) -> None:
    talk = Talk().say("c", initial(crypto(0, b"\1"))).say("c", initial(b"".join(frames)[:1_200], count=1))
    assert talk.pcap.facts().quic.unread == 0


@settings(deadline=None, max_examples=examples(60))
@given(st.data())
def test_mutated_packets_never_raise(data: st.DataObject) -> None:
    raw = bytearray(initial(crypto(0, HELLO)) + answer())
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    capture = Talk().say("c", bytes(raw)).say("s", bytes(raw)).pcap.bytes()
    assert analyse(capture) == analyse(capture, compiled=False)


@needs_pcaps
@pytest.mark.parametrize("name", shared("zeek/*quic__*"))
def test_names_and_fingerprints_equal_those_of_tshark(name: str) -> None:
    fields = ("tls.handshake.ja3", "tls.handshake.extensions_server_name")
    rows = tshark(PCAPS / name, "quic && tls.handshake.type == 1", *fields)
    facts = shared_facts(name)
    ours = Counter((handshake.ja3, handshake.sni) for handshake in facts.tls.handshakes)
    if "quicdoq" not in name:  # on a port that tshark does not look at
        assert ours == Counter((row[0], row[1]) for row in rows)
    assert ours.total() == facts.quic.connections == 1
    assert facts.quic.unread == 0


def asked(*ports: int, times: int = 2, every: float = 1.0, server: int = 443, answered: bool = False) -> Talk:
    """A client's Initials from these ports, and a moment after them."""
    talk = Talk()
    for port in ports:
        for n in range(times):
            talk.pcap.add(n * every, udp(CLIENT, port, SERVER, server, initial(crypto(0, HELLO))))
        if answered:
            talk.pcap.add(times * every, udp(SERVER, server, CLIENT, port, answer()))
    talk.pcap.add(times * every + 1, udp(CLIENT, 9_999, SERVER, 9, b"x"))
    return talk


def silence(facts: Facts) -> list[tuple[str, str, int, int, int]]:
    """Client, server, port, connections, unanswered ones."""
    return [
        (one.client, one.server, one.server_port, one.connections, one.unanswered.count) for one in facts.quic.silent
    ]


def test_connections_that_nobody_answers() -> None:
    facts = asked(50_001, 50_002).facts()
    assert silence(facts) == [(CLIENT, SERVER, 443, 2, 2)]
    assert facts.quic.silent[0].unanswered.frames == (1, 3)


def test_answered_or_too_young_to_tell_or_tried_once() -> None:
    assert silence(asked(50_001, answered=True).facts()) == []
    assert silence(asked(50_001, every=0.2).facts()) == []
    assert silence(asked(50_001, times=1).facts()) == []


def test_a_retry_or_another_version_is_an_answer() -> None:
    retry = b"\xf0" + struct.pack("!IB", V1, 0) + b"\x08" + ID + bytes(30)
    for reply in (retry, b"\xc0" + bytes(4) + b"\0\x08" + ID + b"\0\0\0\1"):
        talk = asked(50_001)
        talk.pcap.add(9, udp(SERVER, 443, CLIENT, 50_001, reply))
        assert silence(talk.facts()) == []


def test_a_server_whose_client_was_not_captured_is_not_silent() -> None:
    talk = Talk()
    for at in (0, 1, 2, 9):
        talk.pcap.add(at, udp(SERVER, 443, CLIENT, 50_001, answer()))
    assert silence(talk.facts()) == []


def test_a_client_that_gives_up_was_not_answered_either() -> None:
    talk = asked(50_001)
    talk.pcap.add(4, udp(CLIENT, 50_001, SERVER, 443, initial(b"\x1c\0\0\0", count=2)))
    facts = talk.facts()
    assert silence(facts) == [(CLIENT, SERVER, 443, 1, 1)]
    assert facts.quic.closed == {"NO_ERROR": 1}


def test_ends_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quic, "MAX_ENDS", 1)
    talk = asked(50_001)
    talk.pcap.add(0, udp("198.18.0.9", 50_001, SERVER, 443, initial(crypto(0, HELLO))))
    talk.pcap.add(1, udp("198.18.0.9", 50_001, SERVER, 443, initial(crypto(0, HELLO))))
    assert len(silence(talk.facts())) == 1
