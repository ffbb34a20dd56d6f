"""DHCP: the four-step exchange, NAKs, declines, tries again and silence, by client."""

import struct
from ipaddress import ip_address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.examples import examples
from tests.unit.analysis.captures import Pcap, needs_pcaps, shared_facts, udp
from workers.contract.facts_services import DhcpClient

DISCOVER, OFFER, REQUEST, DECLINE, ACK, NAK, RELEASE, INFORM = range(1, 9)
SERVER, GIVEN = "198.18.0.1", "198.18.0.77"
HARDWARE = b"\x02\x42\xc6\x12\0\x01"


def dhcp(
    kind: int | None, *, transaction: int = 7, hardware: bytes = HARDWARE, given: str = "0.0.0.0", options: bytes = b""
) -> bytes:
    """A message; kinds that servers send are BOOTREPLYs."""
    head = struct.pack(">BBBBIHH", 2 if kind in (OFFER, ACK, NAK) else 1, 1, len(hardware), 0, transaction, 0, 0x8000)
    head += bytes(4) + ip_address(given).packed + bytes(8) + hardware.ljust(16, b"\0") + bytes(192)
    return head + b"\x63\x82\x53\x63" + (b"" if kind is None else bytes([53, 1, kind])) + options + b"\xff"


IDENTIFIER = b"\0\x0c\x06secret" + b"\x36\x04" + ip_address(SERVER).packed
LEASE = b"\x33\x04" + struct.pack(">I", 3600)


def say(pcap: Pcap, time: float, payload: bytes) -> Pcap:
    """Add a message from whom it comes."""
    ends = (SERVER, 67, "255.255.255.255", 68) if payload[0] == 2 else ("0.0.0.0", 68, "255.255.255.255", 67)
    return pcap.add(time, udp(*ends, payload))


def only(pcap: Pcap) -> DhcpClient:
    """The facts of the only client."""
    (client,) = pcap.facts().dhcp.clients
    return client


def test_four_steps() -> None:
    pcap = say(Pcap(), 0, dhcp(DISCOVER))
    say(pcap, 0.2, dhcp(OFFER, given=GIVEN, options=IDENTIFIER + LEASE))
    say(pcap, 0.3, dhcp(REQUEST, options=IDENTIFIER))
    say(pcap, 0.4, dhcp(ACK, given=GIVEN, options=IDENTIFIER + LEASE))
    facts = pcap.add(60, bytes(60)).facts()
    client = only(pcap)
    assert client.client == "02:42:c6:12:00:01"
    assert client.messages == {"ACK": 1, "DISCOVER": 1, "OFFER": 1, "REQUEST": 1} == facts.dhcp.messages
    assert (client.server, client.address, client.lease) == (SERVER, GIVEN, 3600)
    assert client.latency.count == 2
    assert client.latency.max == pytest.approx(0.2)
    assert (client.naks.count, client.unanswered.count, client.retried) == (0, 0, 0)
    assert facts.conversations[0].application == "dhcp"
    assert "secret" not in repr(facts)


def test_nak_decline_and_release() -> None:
    pcap = say(Pcap(), 0, dhcp(REQUEST))
    say(pcap, 0.1, dhcp(NAK, options=IDENTIFIER))
    say(pcap, 0.2, dhcp(DECLINE))
    say(pcap, 0.3, dhcp(RELEASE))
    client = only(pcap.add(60, bytes(60)))
    assert (client.naks.frames, client.declines.frames, client.unanswered.count) == ((2,), (3,), 0)
    assert (client.address, client.lease) == ("", None)


def test_tries_again_and_silence() -> None:
    pcap = say(say(say(Pcap(), 0, dhcp(DISCOVER)), 4, dhcp(DISCOVER)), 12, dhcp(DISCOVER))
    facts = pcap.add(14, bytes(60)).facts()
    assert facts.counts["dhcp_unjudged"] == 1
    client = only(pcap.add(20, bytes(60)))
    assert (client.retried, client.unanswered.frames) == (2, (3,))


def test_inform_and_rapid_commit() -> None:
    pcap = say(say(Pcap(), 0, dhcp(INFORM)), 0.1, dhcp(ACK, options=IDENTIFIER))
    say(say(pcap, 1, dhcp(DISCOVER)), 1.1, dhcp(ACK, given=GIVEN))
    client = only(pcap.add(60, bytes(60)))
    assert (client.latency.count, client.unanswered.count, client.address) == (2, 0, GIVEN)


def test_a_second_offer_answers_nothing_more() -> None:
    pcap = say(Pcap(), 0, dhcp(DISCOVER))
    say(say(pcap, 0.1, dhcp(OFFER, options=IDENTIFIER)), 0.9, dhcp(OFFER, options=IDENTIFIER))
    assert only(pcap).latency.count == 1


def test_clients_with_trouble_come_first() -> None:
    pcap = Pcap()
    say(say(pcap, 0, dhcp(REQUEST, hardware=b"quiet!")), 0.1, dhcp(ACK, hardware=b"quiet!"))
    say(say(pcap, 0.2, dhcp(REQUEST)), 0.3, dhcp(NAK))
    first, second = pcap.facts().dhcp.clients
    assert (first.naks.count, second.naks.count) == (1, 0)


def test_bootp_and_types_of_the_future() -> None:
    pcap = say(say(Pcap(), 0, dhcp(None)), 1, dhcp(99))
    assert pcap.facts().dhcp.messages == {"BOOTP": 1, "other": 1}


@pytest.mark.parametrize(
    "payload", [b"", dhcp(DISCOVER)[:239], b"\3" + dhcp(DISCOVER)[1:], dhcp(DISCOVER)[:236] + b"abcd" + bytes(9)]
)
def test_what_is_no_dhcp(payload: bytes) -> None:
    facts = Pcap().add(0, udp("0.0.0.0", 68, "255.255.255.255", 67, payload)).facts()
    assert facts.dhcp.messages == {}
    assert facts.conversations[0].application == ""


@pytest.mark.parametrize("options", [b"\x36", b"\x36\x04\1", b"\x36\x02\1\2", b"\x33\xff", b"\0\0\0"])
def test_broken_options_are_left_out(options: bytes) -> None:
    pcap = say(Pcap(), 0, dhcp(ACK)[:-1] + options)
    client = only(pcap)
    assert (client.messages, client.server, client.lease) == ({"ACK": 1}, "", None)


def test_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.analysis.dhcp.MAX_CLIENTS", 1)
    monkeypatch.setattr("workers.analysis.dhcp.MAX_WAITING", 2)
    pcap = Pcap()
    for n in range(4):
        say(pcap, 10 * n, dhcp(DISCOVER, hardware=b"host-%d" % n))
        say(pcap, 10 * n + 1, dhcp(REQUEST, hardware=b"host-%d" % n))
    say(pcap, 40, dhcp(DISCOVER, hardware=b"host-3"))
    say(say(pcap, 41, dhcp(OFFER, hardware=b"host-3")), 42, dhcp(DECLINE, hardware=b"host-3"))
    facts = pcap.facts()
    assert len(facts.dhcp.clients) == 1
    assert facts.dhcp.clients[0].unanswered.count == 2
    assert any("DHCP messages of clients beyond" in sentence for sentence in facts.approximations)
    assert any("NTP and DHCP questions no longer" in sentence for sentence in facts.approximations)


@settings(deadline=None, max_examples=examples(80))
@given(kind=st.integers(0, 255), length=st.integers(0, 255), tail=st.binary(max_size=80), cut=st.integers(0, 330))
def test_random_options_never_raise(kind: int, length: int, tail: bytes, cut: int) -> None:
    payload = bytearray(dhcp(kind, options=tail))
    payload[2] = length
    facts = say(Pcap(snaplen=42 + cut), 0, bytes(payload)).facts()
    assert sum(facts.dhcp.messages.values()) <= 1


@needs_pcaps
def test_public_captures() -> None:
    (client,) = shared_facts("tcpdump/tests__dhcp-rfc5859.pcap").dhcp.clients
    assert client.messages == {"ACK": 1, "DISCOVER": 1, "OFFER": 1, "REQUEST": 1}
    assert (client.address.rsplit(".", 1)[1], client.lease, client.latency.count) == ("4", 43_200, 2)
