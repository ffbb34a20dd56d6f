"""Certificate chains: what is told of each, and whether the first names what the client asked for."""

from datetime import UTC, datetime
from functools import cache
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.analysis.captures import ACK, PCAPS, PSH, Pcap, Tcp, needs_pcaps, shared_facts
from tests.unit.analysis.oracle import tshark
from tests.unit.analysis.test_applications import client_hello
from workers.analysis import certificates as module
from workers.analysis.certificates import Certificates
from workers.analysis.tls_hostname import matches
from workers.contract.codec import decode, encode
from workers.contract.facts import Facts

BEGIN, END = datetime(2023, 1, 1, tzinfo=UTC), datetime(2024, 1, 1, tzinfo=UTC)
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey


@cache
def key(number: int = 0) -> ec.EllipticCurvePrivateKey:
    """One of the keys used here."""
    return ec.generate_private_key(ec.SECP256R1())


def certificate(
    subject: str, *names: str, issuer: str = "", signer: Key | None = None, own: Key | None = None, end: datetime = END
) -> bytes:
    """A certificate as DER; self-signed unless `signer` is another key."""
    own = own or key()
    signer = signer or own
    people = [
        x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)] if name else [])
        for name in (subject, issuer or subject)
    ]
    builder = x509.CertificateBuilder(people[1], people[0], own.public_key(), 1, BEGIN, end)
    if names:
        general = [x509.IPAddress(ip_address(n)) if n[0].isdigit() else x509.DNSName(n) for n in names]
        builder = builder.add_extension(x509.SubjectAlternativeName(general), critical=False)
    edwards = isinstance(signer, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey)
    return builder.sign(signer, None if edwards else hashes.SHA256()).public_bytes(Encoding.DER)


def message(*chain: bytes) -> bytes:
    """A record with a Certificate message (RFC 5246 section 7.4.2)."""
    entries = b"".join(len(der).to_bytes(3, "big") + der for der in chain)
    body = len(entries).to_bytes(3, "big") + entries
    held = b"\x0b" + len(body).to_bytes(3, "big") + body
    records = [held[at : at + 16_000] for at in range(0, len(held), 16_000)]
    return b"".join(b"\x16\3\3" + len(record).to_bytes(2, "big") + record for record in records)


def seen(name: bytes, *chain: bytes) -> Facts:
    """Facts of a handshake for this server name."""
    pcap, hello, answer = Pcap(), client_hello(name), message(*chain)
    tcp = Tcp(pcap, server_port=443).handshake().send(0.1, "c", PSH | ACK, 1, 1, hello)
    tcp.send(0.2, "s", PSH | ACK, 1, 1 + len(hello), answer)
    return pcap.facts()


def test_each_certificate_of_a_chain() -> None:
    root = certificate("Root", own=key(1))
    leaf = certificate("web", "web.shop", "192.0.2.7", issuer="Root", signer=key(1))
    facts = seen(b"web.shop", leaf, root)
    (handshake,) = facts.tls.handshakes
    assert handshake.chain == (0, 1)
    assert (handshake.certificates, handshake.sni_match, handshake.self_signed) == (2, "san", False)
    assert handshake.subject_names == ("web.shop", "192.0.2.7")
    first, second = facts.tls.certificates
    assert (first.subject, first.issuer, first.names) == ("web", "Root", ("web.shop", "192.0.2.7"))
    assert (first.key, first.key_bits, first.signature) == ("EC secp256r1", 256, "ecdsa-with-SHA256")
    assert (first.not_before, first.not_after) == (BEGIN.timestamp(), END.timestamp())
    assert (second.subject, second.self_signed, second.names) == ("Root", True, ())
    assert decode(Facts, encode(facts)) == facts


@pytest.mark.parametrize(
    ("own", "told", "bits", "signature"),
    [
        (rsa.generate_private_key(65537, 2048), "RSA", 2048, "sha256WithRSAEncryption"),
        (ed25519.Ed25519PrivateKey.generate(), "Ed25519", 256, "Ed25519"),
        (ed448.Ed448PrivateKey.generate(), "Ed448", 456, "Ed448"),
        (ec.generate_private_key(ec.SECP384R1()), "EC secp384r1", 384, "ecdsa-with-SHA256"),
    ],
)
def test_key_types(own: Key, told: str, bits: int, signature: str) -> None:
    (shown,) = seen(b"", certificate("a", own=own)).tls.certificates
    assert (shown.key, shown.key_bits, shown.signature, shown.self_signed) == (told, bits, signature, True)


def test_of_a_certificate_with_a_key_of_no_known_kind_the_rest_is_told() -> None:
    der, kind = certificate("web", "web.shop"), bytes.fromhex("06072a8648ce3d0201")
    assert der.count(kind) == 1
    (shown,) = seen(b"web.shop", der.replace(kind, kind[:-1] + b"\x7f")).tls.certificates
    assert (shown.subject, shown.names, shown.key, shown.key_bits) == ("web", ("web.shop",), "", 0)


def test_same_names_but_another_key_is_not_self_signed() -> None:
    forged = certificate("Root", issuer="Root", signer=key(1))
    assert seen(b"", forged).tls.handshakes[0].self_signed is False


@pytest.mark.parametrize(
    ("asked", "subject", "names", "how"),
    [
        (b"web.shop", "web.shop", ("other.shop",), "mismatch"),
        (b"web.shop", "web.shop", (), "common-name"),
        (b"web.shop", "", (), "mismatch"),
        (b"", "web.shop", (), ""),
        (b"192.0.2.7", "x", ("192.0.2.7",), "san"),
    ],
)
def test_how_the_name_asked_for_is_covered(asked: bytes, subject: str, names: tuple[str, ...], how: str) -> None:
    assert seen(asked, certificate(subject, *names)).tls.handshakes[0].sni_match == how


@pytest.mark.parametrize(
    ("asked", "name", "covered"),
    [
        ("Web.Shop", "web.shop", True),
        ("web.shop.", "web.shop", True),
        ("a.web.shop", "*.web.shop", True),
        ("a.b.web.shop", "*.web.shop", False),
        ("web.shop", "*.web.shop", False),
        ("web.shop", "w*.shop", False),
        ("web.shop", "*.*", False),
        ("shop", "*", False),
        ("shop", "*.", False),
        ("2001:db8::1", "2001:0db8::1", True),
        ("192.0.2.7", "*.0.2.7", False),
        ("", "", False),
    ],
)
def test_names_match_as_rfc_9525_has_it(asked: str, name: str, covered: bool) -> None:
    assert matches(asked, [name]) is covered


def test_five_certificates_are_told_and_all_are_counted() -> None:
    facts = seen(b"a", *(certificate(f"n{number}") for number in range(7)))
    assert facts.tls.handshakes[0].certificates == 7
    assert [told.subject for told in facts.tls.certificates] == ["n0", "n1", "n2", "n3", "n4"]


def test_an_unreadable_first_certificate_is_told_as_such() -> None:
    facts = seen(b"a", b"rubbish", certificate("Root"))
    (handshake,) = facts.tls.handshakes
    assert (handshake.chain, handshake.not_after, handshake.sni_match) == ((-1, 0), None, "")
    assert [told.subject for told in facts.tls.certificates] == ["Root"]
    assert "certificates that could not be read: 1" in facts.approximations


def test_beyond_the_bound_certificates_are_counted_and_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_DIFFERENT", 1)
    some = Certificates()
    one, two = certificate("one"), certificate("two")
    assert [some.read(der) for der in (one, two, one, b"")] == [0, -1, 0, -1]
    assert some.unread == 2


def test_a_certificate_with_more_names_than_are_compared_is_not_called_a_mismatch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MAX_COMPARED", 2)
    assert seen(b"c.shop", certificate("x", "a.shop", "b.shop", "c.shop")).tls.handshakes[0].sni_match == ""


@given(st.data())
def test_mutated_chains_never_raise(data: st.DataObject) -> None:
    fixed = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32))
    raw = bytearray(message(certificate("web", "web.shop", own=fixed))[9:])
    for _ in range(data.draw(st.integers(1, 8))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    some = Certificates()
    chain = some.chain(bytes(raw))
    if chain.readable:
        some.match(chain, "web.shop")


@needs_pcaps
@pytest.mark.parametrize(
    "name", ["anchors/tls-expired-cert.pcap", "zeek/testing__btest__Traces__mysql__tls-12-amazon-rds.pcap"]
)
def test_alternative_names_equal_those_of_tshark(name: str) -> None:
    theirs = {
        tuple(row[0].split(","))
        for row in tshark(PCAPS / name, "tls.handshake.certificate", "x509ce.dNSName")
        if row[0]
    }
    facts = shared_facts(name).tls
    leaves = {facts.certificates[h.chain[0]].names for h in facts.handshakes if h.chain}
    assert {names for names in leaves if names} == theirs
