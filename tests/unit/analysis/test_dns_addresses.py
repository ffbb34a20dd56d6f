"""What clients were told of addresses: the name asked for, when, and only what changed; bounded."""

import struct
from ipaddress import ip_address

import pytest

from tests.unit.analysis.captures import Pcap, dns, udp
from tests.unit.analysis.talks import checked
from workers.analysis import dns_addresses
from workers.contract.facts import Facts

RESOLVER, CLIENT, OTHER = "198.18.0.10", "198.18.0.1", "198.18.0.2"
CDN = "192.0.2.7"
Asked = tuple[float, str, str, tuple[str, ...]]
"""Time, client, name, addresses."""


def record(owner: bytes, kind: int, data: bytes) -> bytes:
    """A resource record."""
    return owner + struct.pack("!HHIH", kind, 1, 60, len(data)) + data


def labels(name: str) -> bytes:
    """A name on the wire."""
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


def answer(number: int, name: str, addresses: tuple[str, ...], alias: str = "") -> bytes:
    """An answer with addresses, behind a CNAME if there is one."""
    records = [record(b"\xc0\x0c", 5, labels(alias))] if alias else []
    owner = labels(alias) if alias else b"\xc0\x0c"
    for one in addresses:
        packed = ip_address(one).packed
        records.append(record(owner, 1 if len(packed) == 4 else 28, packed))
    whole = dns(number, name, response=True)
    return whole[:6] + struct.pack("!H", len(records)) + whole[8:] + b"".join(records)


def ask(pcap: Pcap, at: float, client: str, name: str, addresses: tuple[str, ...], alias: str = "") -> None:
    """A query and its answer a millisecond later."""
    number = round(at * 100)
    pcap.add(at, udp(client, 40_000, RESOLVER, 53, dns(number, name)))
    pcap.add(at + 0.001, udp(RESOLVER, 53, client, 40_000, answer(number, name, addresses, alias)))


def told(facts: Facts) -> list[tuple[str, str, str, float]]:
    """Client, address, name, seconds from the start."""
    return [(one.client, one.address, one.name, round(one.at - facts.first_at, 3)) for one in facts.dns.addresses]


def test_the_name_asked_for_by_each_client_and_when() -> None:
    pcap = Pcap()
    ask(pcap, 1, CLIENT, "api.example.com", (CDN, "2001:db8::7"), alias="edge.cdn.example.net")
    ask(pcap, 2, OTHER, "www.example.org", (CDN,))
    assert told(checked(pcap)) == [
        (CLIENT, CDN, "api.example.com", 0.001),
        (CLIENT, "2001:db8::7", "api.example.com", 0.001),
        (OTHER, CDN, "www.example.org", 1.001),
    ]


def test_only_changes_are_kept() -> None:
    pcap = Pcap()
    for at, name in enumerate(("a.example.com", "a.example.com", "b.example.com", "a.example.com", "a.example.com")):
        ask(pcap, at, CLIENT, name, (CDN,))
    assert [one[2:] for one in told(checked(pcap))] == [
        ("a.example.com", 0.001),
        ("b.example.com", 2.001),
        ("a.example.com", 3.001),
    ]


def test_answers_that_nobody_asked_for_and_errors_tell_nothing() -> None:
    pcap = Pcap().add(0, udp(RESOLVER, 53, CLIENT, 40_000, answer(1, "api.example.com", (CDN,))))
    pcap.add(1, udp(CLIENT, 40_000, RESOLVER, 53, dns(2, "api.example.com")))
    pcap.add(2, udp(RESOLVER, 53, CLIENT, 40_000, dns(2, "api.example.com", response=True, rcode=3)))
    assert told(checked(pcap)) == []


def test_a_name_that_ends_in_letters_is_no_address() -> None:
    pcap = Pcap()
    ask(pcap, 1, CLIENT, "api.example.com", (), alias="edge.example.net")
    assert told(checked(pcap)) == []


def test_what_was_told_longest_ago_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dns_addresses, "MAX_PAIRS", 2)
    monkeypatch.setattr(dns_addresses, "MAX_CHANGES", 2)
    pcap = Pcap()
    for at, (name, address) in enumerate((("a", "192.0.2.1"), ("b", "192.0.2.2"), ("c", "192.0.2.3"))):
        ask(pcap, at, CLIENT, f"{name}.example.com", (address,))
    for at, name in enumerate("xyz"):
        ask(pcap, 5 + at, CLIENT, f"{name}.example.com", ("192.0.2.3",))
    assert [(one[1], one[2]) for one in told(pcap.facts())] == [
        ("192.0.2.2", "b.example.com"),
        ("192.0.2.3", "y.example.com"),
        ("192.0.2.3", "z.example.com"),
    ]


def test_a_place_is_used_again_for_longer_and_shorter_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dns_addresses, "MAX_PAIRS", 1)
    pcap, last = Pcap(), []
    for at, one in enumerate(("192.0.2.1", "2001:db8::1", "192.0.2.1", "2001:db8::2", "192.0.2.2", "192.0.2.3")):
        ask(pcap, at, CLIENT, "a.example.com", (one,))
        last.append([found[1] for found in told(pcap.facts())])
    assert last == [["192.0.2.1"], ["2001:db8::1"], ["192.0.2.1"], ["2001:db8::2"], ["192.0.2.2"], ["192.0.2.3"]]
