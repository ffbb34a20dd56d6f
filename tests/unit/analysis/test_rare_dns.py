"""DNS in the forms that hardly any capture has: cut, damaged, beyond what is kept, and hashes that are the same."""

import struct

import pytest

from tests.unit.analysis.captures import ACK, CLIENT, PSH, Pcap, Tcp, dns, udp
from tests.unit.analysis.talks import checked
from tests.unit.analysis.test_dns import RESOLVER, cname, with_records
from tests.unit.analysis.test_dns_addresses import answer, record
from tests.unit.analysis.test_dns_forms import asked
from workers.analysis import dns as dns_stage
from workers.analysis import dns_groups
from workers.analysis.dns_message import read_message
from workers.analysis.timeline import TimelineStage
from workers.contract.facts import DnsFacts
from workers.packets import words
from workers.packets.packet import Packet

INTERPRETED = str(dns_stage.__file__).endswith(".py")


def over_tcp(*pieces: tuple[int, bytes]) -> DnsFacts:
    """Facts of a client's bytes at these offsets of its stream; the server acknowledges all at the end."""
    pcap = Pcap()
    tcp = Tcp(pcap, server_port=53, server=RESOLVER).handshake()
    for number, (at, data) in enumerate(pieces):
        tcp.send(1 + number, "c", PSH | ACK, 1 + at, 1, data)
    at, data = pieces[-1]
    tcp.send(9, "s", ACK, 1, 1 + at + len(data))
    return checked(pcap).dns


def framed(message: bytes) -> bytes:
    return len(message).to_bytes(2, "big") + message


@pytest.mark.parametrize(("size", "malformed"), [(11, 1), (12, 0)])
def test_a_message_shorter_than_a_header_is_malformed_unless_the_snaplen_cut_it(size: int, malformed: int) -> None:
    pcap = Pcap(snaplen=14 + 20 + 8 + 6)
    asked(pcap, 0, 4000, dns(1, "a.shop")[:size])
    facts = checked(pcap)
    assert (facts.counts["malformed"], facts.dns.queries) == (malformed, 0)


def test_another_name_under_the_same_id_and_port_leaves_the_first_query_unanswered() -> None:
    pcap = Pcap()
    asked(pcap, 0, 4000, dns(7, "a.shop"))
    asked(pcap, 2, 4000, dns(7, "b.shop"))
    pcap.add(2.1, udp(RESOLVER, 53, CLIENT, 4000, dns(7, "b.shop", response=True)))
    told = {one.name: (one.answered, one.unanswered.frames) for one in checked(pcap).dns.names}
    assert told == {"a.shop": (0, (1,)), "b.shop": (1, ())}


def test_clients_beyond_those_kept_are_judged_and_given_addresses_too() -> None:
    pcap = Pcap()
    for number in range(1_030):
        client = f"198.18.{4 + (number >> 8)}.{number & 255}"
        asked(pcap, number / 1_000, 4000, dns(number, "a.shop"), client)
        if number == 1_029:
            pcap.add(2, udp(RESOLVER, 53, client, 4000, answer(number, "a.shop", ("192.0.2.1",))))
    pcap.add(9, udp(CLIENT, 1, CLIENT, 2, b""))
    facts = checked(pcap).dns
    assert (facts.queries, facts.unanswered.count, facts.more_names) == (1_030, 1_029, 1_024 - len(facts.names))
    assert [(one.client, one.name) for one in facts.addresses] == [("198.18.8.5", "a.shop")]


def test_what_cannot_be_a_length_ends_the_reading_of_a_connection() -> None:
    facts = over_tcp((0, framed(dns(1, "a.shop")) + framed(b"short") + framed(dns(2, "b.shop"))))
    assert [one.name for one in facts.names] == ["a.shop"]


def test_messages_behind_a_gap_are_not_read() -> None:
    first, lost, last = (framed(dns(number, f"{number}.shop")) for number in (1, 2, 3))
    facts = over_tcp((0, first + lost[:4]), (len(first + lost), last), (len(first + lost + last), last))
    assert [one.name for one in facts.names] == ["1.shop"]


def answered(*records: bytes) -> tuple[str, ...]:
    """What is told of an answer with these records."""
    pcap = Pcap()
    asked(pcap, 0, 4000, dns(1, "a.shop"))
    message = with_records(dns(1, "a.shop", response=True), len(records), 0, *records)
    pcap.add(0.1, udp(RESOLVER, 53, CLIENT, 4000, message))
    return checked(pcap).dns.names[0].answers


@pytest.mark.parametrize("aliases", [(), ("b.cdn",), ("b.cdn", "c.cdn")])
def test_of_an_answer_too_long_to_keep_the_first_eight_are_told(aliases: tuple[str, ...]) -> None:
    addresses = [record(b"\xc0\x0c", 1, bytes([192, 0, 2, number])) for number in range(10)]
    signed = record(b"\xc0\x0c", 46, bytes(1_100))
    told = answered(*(cname("a.shop", alias) for alias in aliases), signed, *addresses)
    assert told == (*aliases, *(f"192.0.2.{number}" for number in range(10)))[:8]


@pytest.mark.parametrize("end", [b"\xc0\xff", b"\xc0", b"\x09cdn", b"\x80"])
def test_of_an_alias_that_leads_nowhere_what_can_be_read_is_told(end: bytes) -> None:
    assert answered(record(b"\xc0\x0c", 5, b"\x03www\x04shop" + end)) == ("www.shop",)


def test_an_opt_record_among_very_many_is_not_looked_for() -> None:
    opt = bytes((0, 0, 41, 16, 0, 0, 0, 0, 0, 0, 0))
    for number, size in ((1, 4_096), (64, 4_096), (65, -1)):
        message = with_records(dns(1, "a.shop"), 0, 0, opt)
        message = message[:10] + number.to_bytes(2, "big") + message[12:]
        assert read_message(message, 0, len(message)).edns == size


def test_a_name_forgotten_meanwhile_is_no_change_of_an_address() -> None:
    pcap = Pcap()
    for at, others in ((0, 1_100), (2, 6_000), (9, 0)):  # more than are kept, then more than are known again
        if at:
            asked(pcap, at, 4000, dns(1, "a.shop"))
            pcap.add(at + 0.1, udp(RESOLVER, 53, CLIENT, 4000, answer(1, "a.shop", ("192.0.2.1",))))
        for number in range(others):
            asked(pcap, at + 0.2 + number / 1_000, 4001 + number % 9, dns(number, f"{at}-{number}.shop"))
    assert [(one.name, one.address) for one in checked(pcap).dns.addresses] == [("a.shop", "192.0.2.1")]


@pytest.mark.parametrize(("at", "end"), [(0, 11), (-1, 12), (8, 19), (1, 14)])
def test_no_message_is_read_from_less_than_a_header_or_outside_of_the_bytes(at: int, end: int) -> None:
    with pytest.raises(ValueError, match="no message"):
        read_message(bytes(13), at, end)


@pytest.mark.parametrize(("at", "end", "ends"), [(0, 11, 12), (-1, 12, 12), (8, 19, 36), (1, 14, 36), (0, 12, 8)])
def test_nor_is_one_followed_or_between_other_than_two_addresses_with_ports(at: int, end: int, ends: int) -> None:
    packet = Packet()
    packet.key = bytes(ends)
    with pytest.raises(ValueError, match=r"no message|no key"):
        dns_stage.DnsStage(TimelineStage()).message(bytes(13), at, end, packet, True)


def test_a_query_of_a_name_that_is_not_kept_is_asked_again() -> None:
    pcap = Pcap()
    for number in range(1_024):
        pcap.add(0, udp(CLIENT, 4_000, RESOLVER, 53, dns(number, f"{number}.shop")))
        pcap.add(0, udp(RESOLVER, 53, CLIENT, 4_000, dns(number, f"{number}.shop", response=True)))
    for time, name in ((1, "late.shop"), (2.5, "late.shop"), (7, "other.shop")):
        pcap.add(time, udp(CLIENT, 5_000, RESOLVER, 53, dns(7, name)))
    pcap.add(7.1, udp(RESOLVER, 53, CLIENT, 5_000, dns(7, "other.shop", response=True)))
    pcap.add(9, udp(CLIENT, 5_000, "198.18.0.77", 9, b""))
    facts = checked(pcap).dns
    assert (facts.queries, facts.responses, facts.retried, facts.unanswered.count) == (1_027, 1_025, 1, 1)


def _over_ip6(here: int, there: int, message: bytes) -> bytes:
    """An Ethernet frame with a datagram between two IPv6 addresses."""
    datagram = struct.pack("!HHHH", here, there, 8 + len(message), 0) + message
    return (
        bytes(12) + b"\x86\xdd" + struct.pack("!IHBB", 0x60000000, len(datagram), 17, 64) + bytes(31) + b"\1" + datagram
    )


@pytest.mark.skipif(not INTERPRETED, reason="what is compiled has its hash function within")
def test_names_clients_and_addresses_of_one_hash_stay_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    pcap = Pcap()
    clients = [(CLIENT, 1), (CLIENT, 28), ("198.18.7.7", 1), ("198.18.7.7", 28)]
    cases = [(*case, 4_000 + 10 * number, 53) for number, case in enumerate(clients)]
    cases += [(*case, 53, there) for there in (53, 4_000) for case in clients[:2]]
    for number, (client, qtype, here, there) in enumerate(cases):
        pcap.add(0, udp(client, here, RESOLVER, there, dns(9 + qtype, f"{number}.shop", qtype=qtype)))
    pcap.add(0, _over_ip6(4_000, 53, dns(10, "six.shop")))
    for number, (client, qtype, here, there) in enumerate(cases):
        data = bytes([192, 0, 2, number]) if qtype == 1 else bytes(15) + bytes([number])
        back = dns(9 + qtype, f"{number}.shop", response=True, qtype=qtype)
        back = with_records(back, 1, 0, record(b"\xc0\x0c", qtype, data))
        pcap.add(number + 0.5, udp(RESOLVER, there, client, here, back))
    usual = checked(pcap).dns
    assert (len(usual.names), len(usual.addresses)) == (9, 8)
    monkeypatch.setattr(words, "fold", lambda *_: 0)
    monkeypatch.setattr(dns_groups, "hash", lambda _: 0, raising=False)
    assert checked(pcap).dns == usual
