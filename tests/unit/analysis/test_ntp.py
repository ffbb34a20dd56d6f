"""NTP: queries and answers by their timestamps, silence, kisses, and the server's clock against the capture's."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.examples import examples
from tests.unit.analysis.captures import CLIENT, Pcap, needs_pcaps, shared_facts, udp
from workers.contract.facts_services import NtpFacts, NtpServer

SERVER = "198.18.0.123"
START = 1_700_000_000
"""Epoch seconds of the captures' time 0."""


def stamp(seconds: float) -> bytes:
    """An NTP timestamp of a capture time."""
    whole = START + 2_208_988_800 + seconds
    return struct.pack(">II", int(whole) & 0xFFFFFFFF, int(whole % 1 * (1 << 32)))


def ntp(first: int, *, stratum: int = 0, reference: bytes = bytes(4), stamps: bytes = bytes(24)) -> bytes:
    """A packet; `stamps` are origin, receive and transmit timestamps."""
    return bytes([first, stratum, 6, 0xEC]) + bytes(8) + reference + bytes(8) + stamps


def query(mark: bytes) -> bytes:
    """A client's packet with this transmit timestamp."""
    return ntp(0x23, stamps=bytes(16) + mark)


def answer(
    mark: bytes, received: float, sent: float, *, stratum: int = 2, first: int = 0x24, kiss: bytes = bytes(4)
) -> bytes:
    """A server's packet that answers it."""
    return ntp(first, stratum=stratum, reference=kiss, stamps=mark + stamp(received) + stamp(sent))


def ask(pcap: Pcap, time: float, mark: bytes, port: int = 40_000) -> Pcap:
    """Add a query."""
    return pcap.add(time, udp(CLIENT, port, SERVER, 123, query(mark)))


def tell(pcap: Pcap, time: float, payload: bytes, port: int = 40_000) -> Pcap:
    """Add what the server sends."""
    return pcap.add(time, udp(SERVER, 123, CLIENT, port, payload))


def only(facts: NtpFacts) -> NtpServer:
    """The facts of the only server."""
    (server,) = facts.servers
    return server


def test_offset_is_of_the_answer_with_the_shortest_round_trip() -> None:
    pcap = ask(Pcap(), 10, b"randomly")
    tell(pcap, 10.4, answer(b"randomly", 12.2, 12.2))
    tell(ask(pcap, 20, b"againagn"), 20.02, answer(b"againagn", 22.51, 22.51, stratum=3))
    tell(ask(pcap, 30, b"thirdone"), 30.2, answer(b"thirdone", 99, 99, stratum=1))
    facts = pcap.facts()
    server = only(facts.ntp)
    assert (server.server, server.client) == (SERVER, CLIENT)
    assert (server.queries.count, server.answered, server.unanswered.count) == (3, 3, 0)
    assert server.offset == pytest.approx(2.5)
    assert server.offset_frame == 4
    assert server.stratum == 1
    assert server.latency.min == pytest.approx(0.02)
    assert server.latency.max == pytest.approx(0.4)
    assert facts.ntp.packets == {"client": 3, "server": 3}
    assert facts.conversations[0].application == "ntp"


def test_silence_is_judged_after_a_second() -> None:
    pcap = ask(ask(Pcap(), 0, b"11111111"), 1.5, b"22222222")
    facts = pcap.facts()
    assert only(facts.ntp).unanswered.frames == (1,)
    assert facts.counts["ntp_unjudged"] == 1


def test_an_answer_to_another_query_answers_nothing() -> None:
    pcap = tell(ask(Pcap(), 0, b"11111111"), 0.1, answer(b"22222222", 0, 0)).add(5, bytes(60))
    assert only(pcap.facts().ntp).answered == 0
    assert only(pcap.facts().ntp).unanswered.count == 1


def test_the_same_query_twice_is_two() -> None:
    pcap = tell(ask(ask(Pcap(), 0, bytes(8)), 16, bytes(8)), 16.1, answer(bytes(8), 16, 16))
    server = only(pcap.facts().ntp)
    assert (server.queries.count, server.answered, server.unanswered.frames) == (2, 1, (1,))


def test_kisses_of_death() -> None:
    pcap = tell(ask(Pcap(), 0, b"11111111"), 0.1, answer(b"11111111", 0, 0, stratum=0, kiss=b"RATE"))
    tell(ask(pcap, 1, b"22222222"), 1.1, answer(b"22222222", 0, 0, stratum=0, kiss=b"hush"))
    server = only(pcap.facts().ntp)
    assert server.kisses == {"RATE": 1, "other": 1}
    assert server.kissed.frames == (2, 4)
    assert (server.offset, server.stratum) == (None, 0)


def test_a_server_that_is_not_synchronised_says_so() -> None:
    pcap = tell(ask(Pcap(), 0, b"11111111"), 0.1, answer(b"11111111", 0, 0, stratum=16, first=0xE4))
    server = only(pcap.facts().ntp)
    assert (server.unsynchronised, server.stratum) == (1, 16)


def test_other_modes_are_counted_only() -> None:
    pcap = Pcap()
    for mode in range(8):
        pcap.add(mode, udp(CLIENT, 123, SERVER, 123, ntp(0x20 | mode)))
    facts = pcap.facts()
    assert facts.ntp.packets == {
        "reserved": 1, "symmetric": 2, "client": 1, "server": 1, "broadcast": 1, "control": 1, "private": 1,
    }  # fmt: skip
    assert only(facts.ntp).queries.count == 1


@pytest.mark.parametrize("payload", [b"", b"abc", b"\x03\0\0\0", query(b"12345678")[:47]])
def test_what_is_no_query(payload: bytes) -> None:
    facts = Pcap().add(0, udp(CLIENT, 40_000, SERVER, 123, payload)).facts()
    assert facts.ntp.servers == ()
    assert facts.conversations[0].application == ("ntp" if len(payload) > 40 else "")


def test_ntp_in_its_next_era() -> None:
    pcap = Pcap()
    tell(ask(pcap, 500_000_000, b"11111111"), 500_000_000.1, answer(b"11111111", 500_000_000.05, 500_000_000.05))
    assert only(pcap.facts().ntp).offset == pytest.approx(0, abs=1e-5)


def test_queries_beyond_the_bounds_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.analysis.ntp.MAX_SERVERS", 1)
    monkeypatch.setattr("workers.analysis.ntp.MAX_WAITING", 2)
    pcap = Pcap()
    for n in range(4):
        pcap.add(n, udp(CLIENT, 40_000, f"198.18.1.{n}", 123, query(b"1234567%d" % n)))
    pcap.add(3.1, udp("198.18.1.3", 123, CLIENT, 40_000, answer(b"12345673", 0, 0)))
    facts = pcap.facts()
    assert len(facts.ntp.servers) == 1
    assert facts.ntp.servers[0].unanswered.count == 1
    assert any("NTP queries to servers beyond" in sentence and ": 3" in sentence for sentence in facts.approximations)
    assert any("NTP and DHCP questions no longer" in sentence for sentence in facts.approximations)


@settings(deadline=None, max_examples=examples(60))
@given(st.lists(st.tuples(st.booleans(), st.binary(max_size=60)), max_size=6))
def test_random_datagrams_never_raise(sent: list[tuple[bool, bytes]]) -> None:
    pcap = Pcap()
    for n, (asks, payload) in enumerate(sent):
        pcap.add(n, udp(*_ends(asks), payload))
        tell(ask(pcap, n, payload[:8].ljust(8)), n, b"\x24" + payload)
    assert pcap.facts().ntp.packets.get("client", 0) >= len(sent)


def _ends(asks: bool) -> tuple[str, int, str, int]:
    return (CLIENT, 40_000, SERVER, 123) if asks else (SERVER, 123, CLIENT, 40_000)


@needs_pcaps
def test_public_captures() -> None:
    facts = shared_facts("zeek/testing__btest__Traces__ntp.pcap").ntp
    assert len(facts.servers) == 6
    assert all(one.answered == 1 and one.stratum == 1 and abs(one.offset or 9) < 0.01 for one in facts.servers)
    assert shared_facts("zeek/testing__btest__Traces__ntp__ntpmode67.pcap").ntp.packets == {"control": 6, "private": 3}
