"""What TLS, QUIC and DNS begin and do not end: bounded for all conversations together, and given back."""

import random

import pytest

from tests.unit.analysis.captures import ACK, CLIENT, PSH, SERVER, Pcap, Tcp, dns, udp
from tests.unit.analysis.talks import checked
from tests.unit.analysis.test_applications import client_hello
from tests.unit.analysis.test_certificates import certificate, message
from tests.unit.analysis.test_dns_addresses import ask
from tests.unit.analysis.test_quic import HELLO, answer, crypto, initial
from tests.unit.analysis.test_tls_known import client, extension, handshake, named, record, server
from workers.analysis import Analyser, certificates, dns_addresses, quic
from workers.contract.facts import Facts
from workers.core import BUILT
from workers.packets.room import HELD

NOISE = random.Random(3)
ALERT, ANSWER = record(21, b"\1\x5a"), record(22, handshake(2, server(NOISE)))
CLOSE = b"\x1c\0\0\0"
"""A CONNECTION_CLOSE frame."""


def held(pcap: Pcap, room: int = HELD) -> Facts:
    """The same facts from both cores and for any chunks, with so much room, which all is given back in the end."""
    capture, every = pcap.bytes(), []
    for compiled in (BUILT, False):
        for size in (len(capture), 61):
            analyser = Analyser(compiled=compiled)
            rooms = analyser._stages.applications.rooms
            for one in rooms:
                one.left = room
            for at in range(0, len(capture), size):
                analyser.feed(capture[at : at + size])
            every.append(analyser.finish())
            assert [one.left for one in rooms] == [room] * len(rooms)
    assert every.count(every[0]) == len(every)
    return every[0]


class Side:
    """A side of a conversation: each payload follows the one before."""

    def __init__(self, pcap: Pcap, port: int, to: int = 443, side: str = "c") -> None:
        self.tcp, self.side, self.at = Tcp(pcap, client_port=port, server_port=to).handshake(port / 1_000), side, 1

    def say(self, time: float, data: bytes, gap: int = 0) -> "Side":
        self.at += gap
        self.tcp.send(time, self.side, PSH | ACK, self.at, 1, data)
        self.at += len(data)
        return self


def refused(facts: Facts) -> bool:
    return any("let go because too many waited" in sentence for sentence in facts.approximations)


def test_a_hello_that_waits_needs_room_and_gives_it_back() -> None:
    pcap = Pcap()
    hellos = [client_hello(b"%d.shop" % number) for number in range(3)]
    half = len(hellos[0]) - 20
    first, second = Side(pcap, 1_000), Side(pcap, 2_000)
    first.say(3, hellos[0][:half])
    second.say(4, hellos[1][:half]).say(5, hellos[1][half:] + ALERT)
    first.say(6, hellos[0][half:])
    Side(pcap, 7_000).say(8, hellos[2][:half]).say(9, hellos[2][half:])
    facts = held(pcap, half + 10)
    assert [(one.sni, len(one.alerts)) for one in facts.tls.handshakes] == [("", 1), ("0.shop", 0), ("2.shop", 0)]
    assert refused(facts)
    assert not refused(held(pcap))


@pytest.mark.parametrize("cut", [2, 4, 30])
def test_what_was_begun_when_a_conversation_ends_or_loses_bytes_is_given_back(cut: int) -> None:
    hello = client_hello(b"a.shop")
    pcap = Pcap()
    Side(pcap, 1_000).say(2, hello[: 6 + cut])
    Side(pcap, 3_000).say(4, hello[: 6 + cut]).say(5, ALERT, gap=9).say(6, ALERT)
    alert_in_between = record(22, handshake(0, b"") + hello[5 : 5 + cut]) + ALERT + ALERT
    Side(pcap, 7_000).say(8, alert_in_between)
    assert (held(pcap).tls.client_hellos, held(pcap).tls.alerts) == (0, 3)
    assert held(pcap, 0).tls.alerts == (4 if cut > 3 else 3)  # what was let go stands before no alert


def test_an_alert_in_pieces_and_one_that_is_none() -> None:
    pcap = Pcap()
    Side(pcap, 1_000, side="s").say(2, ANSWER).say(3, ALERT[:6]).say(4, ALERT[6:])
    Side(pcap, 5_000, side="s").say(6, ANSWER).say(7, record(21, bytes(40))[:20]).say(8, bytes(25)).say(9, ALERT)
    facts = held(pcap, 0).tls
    assert [[alert.frame for alert in one.alerts] for one in facts.handshakes] == [[6], [13]]


def test_alerts_behind_the_first_need_room_while_their_handshake_lasts() -> None:
    pcap, hello = Pcap(), client_hello(b"a.shop")
    tcp = Tcp(pcap, server_port=443).handshake()
    tcp.send(1, "c", PSH | ACK, 1, 1, hello).send(2, "s", PSH | ACK, 1, 1, ANSWER + ALERT * 6)
    tcp.send(3, "c", PSH | ACK, 1 + len(hello), 1, hello)
    tcp.send(4, "s", PSH | ACK, 1 + len(ANSWER + ALERT * 6), 1, ANSWER + ALERT * 2)
    facts = held(pcap, 300)
    assert [len(one.alerts) for one in facts.tls.handshakes] == [3, 2]
    assert (facts.tls.alerts, refused(facts)) == (8, True)


def test_of_a_dns_message_without_room_the_rest_is_passed_over() -> None:
    def framed(number: int) -> bytes:
        one = dns(number, f"{number}.shop")
        return len(one).to_bytes(2, "big") + one

    pcap = Pcap()
    first, second = Side(pcap, 1_000, 53), Side(pcap, 2_000, 53)
    first.say(3, framed(1)[:20])
    second.say(4, framed(2)[:1]).say(5, framed(2)[1:20]).say(6, framed(2)[20:] + framed(3)).say(7, framed(4)[:1])
    first.say(8, b"no more", gap=9).say(9, framed(5))
    Side(pcap, 10_000, 53).say(11, framed(6)[:20]).say(12, framed(6)[20:]).say(13, framed(7)[:25])
    assert [one.name for one in held(pcap, 30).dns.names] == ["3.shop", "6.shop"]
    assert [one.name for one in held(pcap).dns.names] == ["2.shop", "3.shop", "6.shop"]


def quic_begun(pcap: Pcap, port: int, *frames: bytes) -> None:
    """A client's Initial packets with these frames."""
    for number, one in enumerate(frames):
        pcap.add(port / 1_000 + number, udp(CLIENT, port, SERVER, 443, initial(one, count=number)))


def test_a_hello_of_quic_in_pieces_needs_room() -> None:
    pcap = Pcap()
    quic_begun(pcap, 1_000, crypto(20, HELLO[20:]), crypto(0, HELLO[:20]))
    pcap.add(3, udp(SERVER, 443, CLIENT, 1_000, answer()))
    quic_begun(pcap, 4_000, crypto(0, HELLO[:20]), crypto(20, HELLO[20:]))
    facts = held(pcap, 100)
    assert [one.sni for one in facts.tls.handshakes] == ["", "pay.shop"]
    assert [one.version for one in facts.tls.handshakes] == ["TLS 1.3", ""]
    assert refused(facts)
    assert not refused(held(pcap))


def test_connections_of_quic_give_back_what_they_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quic, "MAX_OPEN", 2)
    monkeypatch.setattr(quic, "MAX_INITIALS", 3)
    pcap, piece = Pcap(), crypto(20, HELLO[20:])
    for port in range(1_000, 9_000, 1_000):
        quic_begun(pcap, port, piece)
    quic_begun(pcap, 10_000, piece, b"\1", b"\1", b"\1", b"\1")
    quic_begun(pcap, 20_000, piece, CLOSE, piece)
    quic_begun(pcap, 30_000, piece, crypto(0, HELLO[:19]))
    pcap.add(33, udp(SERVER, 443, CLIENT, 30_000, answer()))
    assert held(pcap).quic.connections == 11
    assert held(pcap, 500).quic.connections == 11


def test_lists_of_protocols_beyond_those_kept_are_others() -> None:
    pcap = Pcap()
    for number in range(300):
        name = b"%d" % (number if number < 299 else 0)
        names = bytes([len(name)]) + name
        protocols = extension(16, len(names).to_bytes(2, "big") + names)
        hello = client(NOISE, named(b"a.shop"), protocols, extension(0x7000 + number, b""))
        tcp = Tcp(pcap, client_port=1_000 + number, server_port=443).handshake(number)
        tcp.send(number + 0.1, "c", PSH | ACK, 1, 1, record(22, handshake(1, hello)))
        tcp.send(number + 0.2, "s", PSH | ACK, 1, 1, record(22, handshake(2, server(NOISE, protocols))))
    said = [(one.alpn, one.chosen_alpn) for one in checked(pcap).tls.handshakes]
    assert said[:256] == [((str(number),), str(number)) for number in range(256)]
    assert set(said[256:-1]) == {(("other",), "other")}
    assert said[-1] == (("0",), "0")


def test_certificates_whose_names_are_too_many_together_are_told_but_not_compared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(certificates, "MAX_NAME_BYTES", 150)
    pcap = Pcap()
    for number, name in enumerate(("a.shop", "b.shop", "c.shop")):
        hello = client_hello(name.encode())
        tcp = Tcp(pcap, client_port=1_000 + number, server_port=443).handshake(number)
        tcp.send(number + 0.1, "c", PSH | ACK, 1, 1, hello)
        tcp.send(number + 0.2, "s", PSH | ACK, 1, 1 + len(hello), message(certificate(name, name)))
    facts = checked(pcap).tls
    assert [one.sni_match for one in facts.handshakes] == ["san", "san", ""]
    assert [one.names for one in facts.certificates] == [("a.shop",), ("b.shop",), ("c.shop",)]


def test_names_of_addresses_are_bounded_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dns_addresses, "MAX_TOLD", 4)
    pcap = Pcap()
    asked = [("1", "a"), ("1", "b"), ("2", "c"), ("3", "d"), ("1", "e"), ("1", "f"), ("3", "g"), ("2", "h"), ("3", "i")]
    for at, (address, name) in enumerate(asked):
        ask(pcap, at, CLIENT, f"{name}.shop", (f"192.0.2.{address}",))
    facts = pcap.facts()
    assert ["".join((one.address[-1], one.name[0])) for one in facts.dns.addresses] == ["1e", "1f", "2h", "3i"]
    assert facts.approximations == ("names of addresses forgotten because too many were asked for: 5",)
