"""DNS beyond the question: EDNS, TCP, truncation, retries, CNAME chains, and names tried under search domains."""

import struct
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.analysis.captures import ACK, CLIENT, PCAPS, PSH, Pcap, Tcp, dns, needs_pcaps, shared_facts, udp
from tests.unit.analysis.oracle import tshark
from workers.analysis.dns_message import read_message
from workers.analysis.dns_search import Asked, searches
from workers.contract.codec import decode, encode
from workers.contract.facts import DnsFacts, Facts
from workers.contract.facts_dns import DnsSearch

RESOLVER = "198.18.0.3"


def labels(name: str) -> bytes:
    """A name on the wire."""
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


def opt(size: int, *, do: bool = False, rcode: int = 0) -> bytes:
    """An OPT record (RFC 6891 section 6.1.2)."""
    return b"\0" + struct.pack("!HHIH", 41, size, rcode >> 4 << 24 | (0x8000 if do else 0), 0)


def cname(owner: str, target: str) -> bytes:
    """A CNAME record."""
    return labels(owner) + struct.pack("!HHIH", 5, 1, 60, len(labels(target))) + labels(target)


def with_records(message: bytes, answers: int, more: int, *records: bytes, flags: int = 0) -> bytes:
    """A message with records behind its question."""
    had = int.from_bytes(message[2:4], "big") | flags
    return message[:2] + struct.pack("!HHHHH", had, 1, answers, 0, more) + message[12:] + b"".join(records)


class Lookups:
    """Queries and answers over UDP, each with a port of its own."""

    def __init__(self) -> None:
        self.pcap = Pcap()
        self.port = 3000

    def ask(self, time: float, name: str, rcode: int | None = 3, *records: bytes, qtype: int = 1) -> "Lookups":
        """A query, and its answer 10 ms later (None: silence)."""
        self.port += 1
        self.pcap.add(time, udp(CLIENT, self.port, RESOLVER, 53, dns(self.port, name, qtype=qtype)))
        if rcode is not None:
            message = with_records(
                dns(self.port, name, response=True, rcode=rcode, qtype=qtype), len(records), 0, *records
            )
            self.pcap.add(time + 0.01, udp(RESOLVER, 53, CLIENT, self.port, message))
        return self

    def facts(self) -> DnsFacts:
        """What they show."""
        facts = self.pcap.facts()
        assert decode(Facts, encode(facts)) == facts
        return facts.dns


def test_edns_size_and_dnssec_ok() -> None:
    pcap = Pcap()
    for number, record in enumerate((opt(1232), opt(4096, do=True), opt(1232), b"")):
        message = with_records(dns(number, "a.shop"), 0, int(bool(record)), record)
        pcap.add(number, udp(CLIENT, 4000, RESOLVER, 53, message))
    facts = pcap.facts().dns
    assert (facts.edns_queries, facts.edns_sizes, facts.dnssec_ok) == (3, {"1232": 2, "4096": 1}, 1)


@pytest.mark.parametrize(
    ("records", "queries"),
    [
        ((opt(1232)[:-6],), 0),
        ((cname("a.shop", "b.shop"),), 0),
        ((cname("a.shop", "b.shop"), opt(1232)), 1),
    ],
    ids=["cut", "no-edns", "behind-another-record"],
)
def test_edns_is_looked_for_behind_other_records(records: tuple[bytes, ...], queries: int) -> None:
    message = with_records(dns(1, "a.shop"), 0, len(records), *records)
    pcap = Pcap().add(0, udp(CLIENT, 4000, RESOLVER, 53, message))
    assert pcap.facts().dns.edns_queries == queries


def test_a_record_behind_those_that_are_counted_is_none() -> None:
    message = with_records(dns(1, "a.shop"), 0, 1, cname("a.shop", "b.shop"), opt(1232))
    assert Pcap().add(0, udp(CLIENT, 4000, RESOLVER, 53, message)).facts().dns.edns_queries == 0


def test_an_answer_cut_inside_a_record_is_malformed() -> None:
    pcap = Pcap().add(0, udp(CLIENT, 4000, RESOLVER, 53, dns(1, "a.shop")))
    cut = with_records(dns(1, "a.shop", response=True), 1, 0, cname("a.shop", "b.shop")[:12])
    assert pcap.add(0.1, udp(RESOLVER, 53, CLIENT, 4000, cut)).facts().counts["malformed"] == 1


def test_a_message_of_many_questions_is_read_no_further() -> None:
    one = dns(1, "a.shop")
    many = one[:4] + struct.pack("!H", 9) + one[6:] + one[12:] * 8
    facts = Pcap().add(0, udp(CLIENT, 4000, RESOLVER, 53, many)).facts()
    assert ([name.name for name in facts.dns.names], facts.counts["malformed"]) == (["a.shop"], 0)


def test_extended_rcode() -> None:
    pcap = Pcap().add(0, udp(CLIENT, 4000, RESOLVER, 53, dns(1, "a.shop")))
    bad = with_records(dns(1, "a.shop", response=True), 0, 1, opt(1232, rcode=16))
    assert pcap.add(0.1, udp(RESOLVER, 53, CLIENT, 4000, bad)).facts().dns.rcodes == {"BADVERS": 1}


def test_truncated_over_udp_then_asked_over_tcp() -> None:
    pcap = Pcap().add(0, udp(CLIENT, 4000, RESOLVER, 53, dns(1, "big.shop", qtype=16)))
    cut = with_records(dns(1, "big.shop", response=True, qtype=16), 0, 0, flags=0x0200)
    pcap.add(0.1, udp(RESOLVER, 53, CLIENT, 4000, cut))
    tcp = Tcp(pcap, server_port=53, server=RESOLVER).handshake(1)
    query, answer = dns(2, "big.shop", qtype=16), dns(2, "big.shop", response=True, qtype=16)
    tcp.send(1.1, "c", PSH | ACK, 1, 1, len(query).to_bytes(2, "big") + query)
    tcp.send(1.2, "s", PSH | ACK, 1, 1, len(answer).to_bytes(2, "big") + answer)
    facts = pcap.facts().dns
    (name,) = facts.names
    assert (facts.truncated, facts.tcp_queries, facts.tcp_responses, facts.queries) == (1, 1, 1, 2)
    assert (name.truncated, name.tcp, name.answered) == (1, 1, 2)


def test_queries_sent_again_are_retries() -> None:
    pcap = Pcap()
    for time, port in ((0, 4000), (5, 4000), (9, 4001)):
        pcap.add(time, udp(CLIENT, port, RESOLVER, 53, dns(1, "a.shop")))
    facts = pcap.facts().dns
    assert (facts.queries, facts.retried, facts.names[0].retried) == (3, 1, 1)


def test_the_longest_cname_chain() -> None:
    chain = cname("c.cdn", "d.cdn"), cname("Web.shop", "b.cdn"), cname("b.cdn", "c.cdn")
    facts = Lookups().ask(0, "web.shop", 0, *chain).ask(1, "web.shop", 0, chain[1]).facts()
    assert (facts.names[0].cname_chain, facts.names[0].answers) == (3, ("b.cdn",))


def test_a_cname_circle_ends() -> None:
    assert Lookups().ask(0, "a.b", 0, cname("a.b", "c.d"), cname("c.d", "a.b")).facts().names[0].cname_chain == 2


KUBERNETES = ("ns.svc.cluster.local", "svc.cluster.local", "cluster.local")


def storm(lookups: Lookups, name: str, *, domains: tuple[str, ...] = KUBERNETES, found: bool = True) -> Lookups:
    """A and AAAA under each search domain, then alone."""
    tried = [f"{name}.{domain}" for domain in domains] + [name] * found
    for at, full in enumerate(tried):
        for qtype in (1, 28):
            rcode = 0 if full == name else 3
            record = [cname(full, "x.cdn")] if full == name else []
            lookups.ask(at, full, rcode, *record, qtype=qtype)
    return lookups


def test_search_domains_of_kubernetes() -> None:
    (search,) = storm(Lookups(), "api.pay.example").facts().searches
    assert search == DnsSearch(
        CLIENT, RESOLVER, "api.pay.example", KUBERNETES, nxdomain=6, frames=(1, 3, 5, 7, 9, 11), resolved=True
    )


def test_two_names_that_begin_alike_are_two_searches() -> None:
    found = storm(storm(Lookups(), "api.pay.example"), "api.mail.example", found=False).facts().searches
    assert [(search.name, search.nxdomain, search.resolved) for search in found] == [
        ("api.mail.example", 6, False),
        ("api.pay.example", 6, True),
    ]


def test_two_search_domains_that_are_not_nested_count_when_the_name_itself_was_asked() -> None:
    lookups = storm(Lookups(), "db.shop", domains=("corp.example", "lab.example"))
    assert [search.name for search in lookups.facts().searches] == ["db.shop"]


@pytest.mark.parametrize(
    "names",
    [
        ("www.a.example", "www.b.example", "www.c.example"),
        ("www.x.a.example", "www.a.example"),
        ("a.ns.svc.cluster.local", "b.ns.svc.cluster.local", "c.ns.svc.cluster.local"),
        ("single", "other"),
    ],
)
def test_misspelt_names_are_no_search(names: tuple[str, ...]) -> None:
    lookups = Lookups()
    for at, name in enumerate(names):
        lookups.ask(at, name)
    assert lookups.facts().searches == ()


_NAMES = st.lists(st.sampled_from("a b c svc".split()), min_size=1, max_size=20).map(".".join)


@given(st.dictionaries(_NAMES, st.builds(Asked, st.integers(0, 3), st.booleans()), max_size=30))
def test_no_answer_is_counted_twice(asked: dict[str, Asked]) -> None:
    found = searches({("c", "s"): asked})
    assert sum(search.nxdomain for search in found) <= sum(seen.nxdomain for seen in asked.values())
    assert len({search.name for search in found}) == len(found)


@given(st.binary(min_size=12, max_size=200))
def test_any_message_is_read(data: bytes) -> None:
    read_message(data, 0, len(data))
    read_message(with_records(dns(1, "a.shop"), 0, 3, data), 0, len(data))


@needs_pcaps
@pytest.mark.parametrize("name", ["dns-edns-cookie", "dns-edns-ecs", "dns-https", "dnssec__dnskey"])
def test_edns_equals_that_of_tshark(name: str) -> None:
    path = f"zeek/testing__btest__Traces__{name}.pcap"
    fields = "dns.rr.udp_payload_size", "dns.resp.z.do"
    rows = tshark(PCAPS / path, "dns.flags.response == 0 and (udp.port == 53 or tcp.port == 53) and !icmp", *fields)
    facts = shared_facts(path).dns
    sizes = Counter(row[0] for row in rows if row[0])
    assert facts.edns_sizes == {str(int(size, 0)): count for size, count in sizes.items()}
    assert facts.dnssec_ok == sum(row[1] == "1" for row in rows)
    assert facts.edns_queries == sizes.total()
