"""DNS in seldom forms: names in any case, pointers, many answers; whole and in pieces, and of many clients."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.analysis.captures import ACK, CLIENT, PSH, Pcap, Tcp, dns, udp
from tests.unit.analysis.talks import checked
from tests.unit.analysis.test_dns import RESOLVER, cname, labels, opt, with_records
from tests.unit.analysis.test_dns_addresses import answer, record
from workers.analysis import Analyser
from workers.analysis.dns_message import read_message
from workers.contract.facts import Facts


def asked(pcap: Pcap, time: float, port: int, message: bytes, client: str = CLIENT) -> None:
    """A datagram to the resolver."""
    pcap.add(time, udp(client, port, RESOLVER, 53, message))


def plainly(pcap: Pcap) -> Facts:
    """By the plain core, which looks at each packet by itself."""
    analyser = Analyser(compiled=False)
    analyser.feed(pcap.bytes())
    return analyser.finish()


def test_one_name_in_any_case_is_one_group_shown_as_first_asked() -> None:
    pcap = Pcap()
    for number, name in enumerate(("wWw.Shop", "www.shop", "WWW.SHOP", "www.shoq")):
        asked(pcap, number, 4000 + number, dns(number, name))
    facts = checked(pcap).dns
    assert [(name.name, name.queries.count) for name in facts.names] == [("wWw.Shop", 3), ("www.shoq", 1)]


def test_names_of_any_length_are_told_apart_by_each_byte() -> None:
    pcap = Pcap()
    names = [
        "".join("ab"[at == place] for at in range(size)) for size in range(1, 21) for place in {0, size // 2, size - 1}
    ]
    for number, name in enumerate(names + names):
        address = f"192.0.2.{names.index(name)}"
        asked(pcap, number, 4000, dns(number, name))
        shown = name.upper() if number % 3 == 2 else name
        pcap.add(number + 0.5, udp(RESOLVER, 53, CLIENT, 4000, answer(number, shown, (address,))))
    facts = checked(pcap).dns
    assert {name.name: (name.queries.count, name.answers) for name in facts.names} == {
        name: (2, (f"192.0.2.{place}",)) for place, name in enumerate(names)
    }
    assert [(told.name, told.address) for told in facts.addresses] == [
        (name, f"192.0.2.{place}") for place, name in enumerate(names)
    ]


def test_names_that_look_the_same_as_text_are_one_group() -> None:
    pcap = Pcap()
    for number, label in enumerate((b"a\x01b", b"a\x02b", b"a.b", b"a?b")):
        question = bytes([len(label)]) + label + b"\0" + struct.pack("!HH", 1, 1)
        asked(pcap, number, 4000 + number, dns(number, "x")[:12] + question)
    assert [(name.name, name.queries.count) for name in checked(pcap).dns.names] == [("a?b", 4)]


def test_types_servers_and_clients_keep_groups_apart_and_the_root_is_a_name() -> None:
    pcap = Pcap()
    for number, (client, qtype) in enumerate(((CLIENT, 1), (CLIENT, 28), ("198.18.7.7", 1))):
        asked(pcap, number, 4000, dns(number, "a.shop", qtype=qtype), client)
    root = dns(9, "x", qtype=2)[:12] + b"\0" + struct.pack("!HH", 2, 1)
    pcap.add(8, udp(CLIENT, 4000, "198.18.0.4", 53, dns(8, "a.shop")))
    asked(pcap, 9, 4000, root)
    asked(pcap, 10, 4001, root)
    names = [(name.name, name.qtype, name.client, name.queries.count) for name in checked(pcap).dns.names]
    assert sorted(names) == [
        ("", "NS", CLIENT, 2),
        ("a.shop", "A", CLIENT, 1),
        ("a.shop", "A", CLIENT, 1),
        ("a.shop", "A", "198.18.7.7", 1),
        ("a.shop", "AAAA", CLIENT, 1),
    ]


def test_a_question_that_points_into_the_header_is_the_name_found_there() -> None:
    """The same bytes of two questions, but not of two headers."""
    pcap = Pcap()
    for number, name in ((0x0161, "a"), (0x0162, "b")):
        asked(pcap, number, 4000, struct.pack("!6H", number, 0, 1, 0, 0, 0) + b"\xc0\x00" + struct.pack("!HH", 1, 1))
        message = read_message(pcap.bytes()[-18:], 0, 18)
        assert message.name(pcap.bytes()[-18:]) == name
    assert sorted(name.name for name in checked(pcap).dns.names) == ["a", "b"]


@pytest.mark.parametrize(
    "pointer", [b"\xc0\x0c", b"\xc0\x0d", b"\x01a\xc0\x0c", b"\x01a\xc0\x0e", b"\xff\xff", b"\xc0"]
)
def test_pointers_that_lead_nowhere_are_malformed(pointer: bytes) -> None:
    message = dns(1, "x")[:12] + pointer + struct.pack("!HH", 1, 1) * (len(pointer) > 1)
    read = read_message(message, 0, len(message))
    assert (read.malformed, read.name(message)) == (True, "")


@pytest.mark.parametrize(("size", "fits"), [(62, True), (63, False)])
def test_names_are_of_255_bytes_at_most(size: int, fits: bool) -> None:
    name = ".".join(["a" * 63] * 3 + ["b" * size])
    message = dns(1, name)
    read = read_message(message, 0, len(message))
    assert (read.malformed, read.name(message)) == ((False, name) if fits else (True, ""))


def test_eight_answers_are_kept_of_those_there_are() -> None:
    addresses = tuple(f"192.0.2.{number}" for number in range(10))
    pcap = Pcap()
    asked(pcap, 0, 4000, dns(1, "a.shop"))
    pcap.add(0.1, udp(RESOLVER, 53, CLIENT, 4000, answer(1, "a.shop", addresses, alias="b.cdn")))
    facts = checked(pcap).dns
    assert facts.names[0].answers == ("b.cdn", *addresses[:7])
    assert [one.address for one in facts.addresses] == list(addresses[:7])


def test_an_answer_with_much_between_its_records_is_kept_as_well() -> None:
    """Such as signatures, which are of no interest, and take more room than what is kept as it came."""
    addresses = [record(b"\xc0\x0c", 1, bytes([192, 0, 2, number])) for number in (1, 2)]
    message = dns(1, "a.shop", response=True)
    long = with_records(message, 3, 0, addresses[0], record(b"\xc0\x0c", 46, bytes(1_100)), addresses[1])
    pcap = Pcap()
    asked(pcap, 0, 4000, dns(1, "a.shop"))
    pcap.add(0.1, udp(RESOLVER, 53, CLIENT, 4000, long))
    assert checked(pcap).dns.names[0].answers == ("192.0.2.1", "192.0.2.2")


def test_the_latest_answer_counts_and_errors_hold_none() -> None:
    pcap = Pcap()
    for number, (address, rcode) in enumerate((("192.0.2.1", 0), ("192.0.2.2", 0), ("", 3))):
        asked(pcap, number, 4000, dns(number, "a.shop"))
        message = answer(number, "a.shop", (address,)) if address else dns(number, "a.shop", response=True, rcode=rcode)
        pcap.add(number + 0.1, udp(RESOLVER, 53, CLIENT, 4000, message))
    facts = checked(pcap).dns
    assert (facts.names[0].answers, facts.names[0].rcodes) == (("192.0.2.2",), {"NOERROR": 2, "NXDOMAIN": 1})


def test_numbers_beyond_those_kept_are_others() -> None:
    pcap = Pcap()
    for number in range(20):
        asked(pcap, number, 4000, with_records(dns(number, "a.shop"), 0, 1, opt(600 + number % 18)))
    sizes = pcap.facts().dns.edns_sizes
    assert (len(sizes), sizes["600"], sizes["601"], sizes["other"]) == (17, 2, 2, 2)


def test_an_answer_in_other_letters_to_a_client_beyond_those_kept_is_told_as_it_says() -> None:
    pcap = Pcap()
    for number in range(1_100):
        client = f"198.18.{number >> 8}.{number & 255}"
        asked(pcap, number, 4000, dns(number, "a.shop"), client)
        pcap.add(number + 0.1, udp(RESOLVER, 53, client, 4000, answer(number, "A.shop", ("192.0.2.1",))))
    facts = checked(pcap)
    assert (len(facts.dns.names) + facts.dns.more_names, facts.dns.queries) == (1_024, 1_100)
    assert {one.name for one in facts.dns.addresses if one.client < "198.18.4."} == {"a.shop"}
    assert [one.name for one in facts.dns.addresses][-76:] == ["A.shop"] * 76
    assert any("beyond the names kept" in sentence for sentence in facts.approximations)


def test_queries_that_too_many_others_follow_are_waited_for_no_longer() -> None:
    pcap = Pcap()
    for number in range(4_100):
        asked(pcap, number / 1_000, 4000, dns(number, "a.shop"))
    for number in (3, 4, 4_099):
        pcap.add(5, udp(RESOLVER, 53, CLIENT, 4000, dns(number, "a.shop", response=True)))
    facts = checked(pcap)
    assert (facts.dns.names[0].answered, facts.dns.responses, facts.dns.unanswered.frames[0]) == (2, 3, 1)
    assert any("no longer waited for because too many were open: 4" in one for one in facts.approximations)


def test_messages_over_tcp_whole_and_cut_at_every_byte_say_the_same() -> None:
    first = with_records(dns(1, "web.shop"), 0, 1, opt(1232))
    second = dns(2, "api.shop", qtype=28)
    sent = b"".join(len(one).to_bytes(2, "big") + one for one in (first, second))
    back = answer(1, "web.shop", ("192.0.2.1",), alias="b.cdn")
    told = set()
    for cut in range(len(sent)):
        pcap = Pcap()
        tcp = Tcp(pcap, server_port=53, server=RESOLVER).handshake(0)
        for at, piece in ((0, sent[:cut]), (cut, sent[cut:])):
            if piece:
                tcp.send(1, "c", PSH | ACK, 1 + at, 1, piece)
        tcp.send(2, "s", PSH | ACK, 1, 1 + len(sent), len(back).to_bytes(2, "big") + back)
        facts = checked(pcap)
        told.add(repr([(one.name, one.qtype, one.queries.count, one.answered, one.answers) for one in facts.dns.names]))
        assert (facts.dns.tcp_queries, facts.dns.tcp_responses, facts.dns.edns_sizes) == (2, 1, {"1232": 1})
    assert len(told) == 1


_NAMES = st.sampled_from(
    [b"\xc0\x0c", b"\xc0\x00", b"\0", b"\xc0\xff", b"\x01a\xc0\x0c", labels("b.cdn"), b"\x3f", b"\x80"]
)
_RECORDS = st.one_of(
    st.builds(record, _NAMES, st.sampled_from([1, 5, 28, 41, 16]), st.binary(max_size=18)),
    st.builds(cname, st.sampled_from(["a.shop", "b.cdn"]), st.sampled_from(["a.shop", "b.cdn"])),
    st.binary(max_size=20),
)


@given(st.lists(_RECORDS, max_size=5), st.integers(0, 12), st.integers(0, 3), st.integers(0, 40))
def test_any_answer_says_the_same_in_both_cores_and_when_cut(
    records: list[bytes], answers: int, more: int, cut: int
) -> None:
    message = with_records(dns(7, "a.shop", response=True), answers, more, *records)
    pcap = Pcap()
    for at, piece in enumerate((message, message[: max(12, len(message) - cut)])):
        asked(pcap, at, 4000, dns(7, "A.shop"))
        pcap.add(at + 0.1, udp(RESOLVER, 53, CLIENT, 4000, piece))
    assert pcap.facts() == plainly(pcap)
    read = read_message(message, 0, len(message))
    assert read.found == len(read.what_was_found(message))
    assert read.chain(message) <= read.aliases


@pytest.mark.parametrize("again", ["www.shop", "wWw.shop", "www.shoq", "www.shop.a", "w"])
def test_an_answer_is_told_under_the_name_of_its_query_whatever_it_repeats(again: str) -> None:
    pcap = Pcap()
    asked(pcap, 0, 4000, dns(1, "www.shop"))
    message = answer(1, again, ("192.0.2.1", "2001:db8::1", "192.0.2.2"))
    pcap.add(0.1, udp(RESOLVER, 53, CLIENT, 4000, message))
    facts = checked(pcap).dns
    told = ("192.0.2.1", "2001:db8::1", "192.0.2.2")
    assert [(one.name, one.answers) for one in facts.names] == [("www.shop", told)]
    assert [(one.name, one.address) for one in facts.addresses] == [("www.shop", one) for one in told]


def test_only_the_latest_answer_is_told() -> None:
    pcap = Pcap()
    whole = answer(0, "www.shop", ("192.0.2.1", "192.0.2.2"), alias="b.shop")
    answers = [whole, answer(0, "www.shop", ("192.0.2.3",)), answer(0, "www.shop", ())]
    seen = []
    for number, message in enumerate([*answers, whole, dns(0, "www.shop", response=True, rcode=3)]):
        asked(pcap, number, 4000, dns(0, "www.shop"))
        pcap.add(number + 0.1, udp(RESOLVER, 53, CLIENT, 4000, message))
        seen.append(checked(pcap).dns.names[0].answers)
    first = ("b.shop", "192.0.2.1", "192.0.2.2")
    assert seen == [first, ("192.0.2.3",), (), first, first]


@pytest.mark.parametrize("label", [b"a\0b", b"\0", b"abcdefg\0", b"abcdefgh\0i", b"a" * 7, b"a" * 8, b"a" * 63])
def test_labels_of_any_bytes_and_length_are_known_again(label: bytes) -> None:
    pcap = Pcap()
    for number in range(3):
        question = bytes([len(label)]) + label + b"\0" + struct.pack("!HH", 1, 1)
        asked(pcap, number, 4000 + number, dns(number, "x")[:12] + question)
    shown = "".join(chr(byte) if 32 <= byte < 127 else "?" for byte in label)
    assert [(one.name, one.queries.count) for one in checked(pcap).dns.names] == [(shown, 3)]


@pytest.mark.parametrize("end", range(12, 29))
def test_a_question_cut_anywhere_names_what_is_whole(end: int) -> None:
    """Whether its name was seen before or not."""
    message = dns(1, "abc.shop.x")
    pcap = Pcap()
    asked(pcap, 0, 4000, message[:end])
    asked(pcap, 1, 4001, message)
    asked(pcap, 2, 4002, message[:end])
    pcap.add(2.5, udp(RESOLVER, 53, CLIENT, 4001, dns(1, "abc.shop.x", response=True)[:end]))
    facts = checked(pcap)
    whole = end == len(message)
    assert {one.name: one.queries.count for one in facts.dns.names} == (
        {"abc.shop.x": 3} if whole else {"": 2, "abc.shop.x": 1}
    )
    assert (facts.dns.responses, facts.counts["malformed"]) == (1, 0 if whole else 3)
