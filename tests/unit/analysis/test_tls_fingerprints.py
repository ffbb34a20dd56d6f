"""JA3 and JA4 of ClientHellos: published examples, tshark's answers, and no grease."""

import struct
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.unit.analysis.captures import ACK, PCAPS, PSH, Pcap, Tcp, needs_pcaps, shared_facts
from tests.unit.analysis.oracle import tshark
from workers.analysis.tls_fingerprints import Offer, grease, ja3, ja4
from workers.analysis.tls_messages import client_hello


def codes(text: str, base: int = 16, separator: str = ",") -> tuple[int, ...]:
    """Numbers from text."""
    return tuple(int(code, base) for code in text.split(separator))


SUITES = codes("1301,1302,1303,c02b,c02f,c02c,c030,cca9,cca8,c013,c014,009c,009d,002f,0035")
SIGNATURES = codes("0403,0804,0401,0503,0805,0501,0806,0601")
CHROME = Offer(
    0x0303,
    (0x3A3A, 0x0304, 0x0303),
    (0xFAFA, *SUITES),
    (0x5A5A, *codes("45-51-16-65037-23-17613-0-11-10-43-65281-35-18-5-13-27", 10, "-"), 0x7A7A),
    groups=(0x1A1A, 4588, 29, 23, 24),
    points=b"\0",
    signatures=SIGNATURES,
    protocol=b"h2",
)
"""A browser's hello, as a public page that tells fingerprints shows it."""


def test_fingerprints_of_a_browser_equal_the_published_ones() -> None:
    assert ja4(CHROME, "tcp") == "t13d1516h2_8daaf6152771_d8a2da3f94cd"
    assert ja4(CHROME, "quic").startswith("q13d1516h2_")
    assert ja3(CHROME) == "98487aa16281980e7d1120d399efb6a4"


def test_the_example_of_the_specification() -> None:
    extensions = codes("001b,0000,0033,0010,4469,0017,002d,000d,0005,0023,0012,002b,ff01,000b,000a,0015")
    assert ja4(replace(CHROME, extensions=extensions), "tcp") == "t13d1516h2_8daaf6152771_e5627efa2ab1"


@pytest.mark.parametrize(
    ("protocol", "shown"),
    [
        (b"", "00"),
        (b"http/1.1", "h1"),
        (b"h", "hh"),
        (b"\xab", "ab"),
        (b"\xab\xcd", "ad"),
        (b"\x30\xab", "3b"),
        (b"\x30\x31\xab\xcd", "3d"),
        (b"\x30\xab\xcd\x31", "01"),
    ],
)
def test_ends_of_the_first_protocol(protocol: bytes, shown: str) -> None:
    assert ja4(replace(CHROME, protocol=protocol), "tcp").split("_")[0][-2:] == shown


def test_an_old_hello_without_extensions() -> None:
    bare = Offer(0x0301, (), (4, 5), ())
    assert ja4(bare, "tcp").startswith("t10i020000_")
    assert ja4(bare, "tcp").endswith("_000000000000")
    assert ja4(replace(bare, suites=()), "tcp") == "t10i000000_000000000000_000000000000"
    body = b"\3\1" + bytes(32) + b"\0" + b"\0\4\0\4\0\5" + b"\1\0"
    hello = client_hello(body)
    assert (hello.ja3, hello.ja4) == (ja3(bare), ja4(bare, "tcp"))
    assert hello.ja4


def test_a_hello_that_is_cut_has_no_fingerprint() -> None:
    extensions = struct.pack("!HHB", 43, 3, 2) + b"\3\4"
    body = b"\3\3" + bytes(32) + b"\0" + b"\0\2\x13\1" + b"\1\0" + struct.pack("!H", len(extensions)) + extensions
    assert client_hello(body).ja4.startswith("t13i010100_")
    for size in range(len(body)):
        hello = client_hello(body[:size])
        # where the extensions begin an old hello may end
        assert bool(hello.ja4) == (size == len(body) - len(extensions) - 2), size


@given(st.integers(0, 15), st.data())
def test_grease_changes_nothing(number: int, data: st.DataObject) -> None:
    code = number << 12 | 0xA00 | number << 4 | 0xA
    assert grease(code)
    at = data.draw(st.integers(0, len(CHROME.suites)))
    other = replace(CHROME, suites=(*CHROME.suites[:at], code, *CHROME.suites[at:]))
    assert (ja3(other), ja4(other, "tcp")) == (ja3(CHROME), ja4(CHROME, "tcp"))
    assert not any(grease(suite) for suite in SUITES)


def test_protocol_that_the_server_chose() -> None:
    alpn = b"\0\x10\0\5\0\3\2h2"
    body = b"\3\3" + bytes(32) + b"\0\xc0\x2f\0" + len(alpn).to_bytes(2, "big") + alpn
    hello = b"\2" + len(body).to_bytes(3, "big") + body
    pcap = Pcap()
    record = b"\x16\3\3" + len(hello).to_bytes(2, "big") + hello
    Tcp(pcap, server_port=443).handshake().send(0.1, "s", PSH | ACK, 1, 1, record)
    (handshake,) = pcap.facts().tls.handshakes
    assert (handshake.chosen_alpn, handshake.version) == ("h2", "TLS 1.2")
    assert handshake.cipher == "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"


@given(st.binary(max_size=300))
def test_any_body_gives_a_hello(body: bytes) -> None:
    client_hello(body)
    client_hello(b"\3\3" + bytes(33) + body)


@needs_pcaps
@pytest.mark.parametrize(
    "name",
    [
        "PcapPlusPlus/Tests__ExamplesTest__pcap_examples__tls.pcap",
        "anchors/tls13_wolfssl.pcap",
        "anchors/tls-expired-cert.pcap",
        "ptcpdump/testdata__format__tls.pcap",
        "zeek/testing__btest__Traces__ldap__ldap-starttls.pcap",
        "zeek/testing__btest__Traces__mysql__encrypted.pcap",
    ],
)
def test_ja3_equals_that_of_tshark(name: str) -> None:
    theirs = Counter(row[0] for row in tshark(PCAPS / name, "tls.handshake.type == 1", "tls.handshake.ja3"))
    assert Counter(handshake.ja3 for handshake in shared_facts(name).tls.handshakes if handshake.ja3) == theirs
