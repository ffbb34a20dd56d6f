"""Certificate chains of servers: each certificate's facts, and whether the first names what the client asked for.

`cryptography` is loaded when the first certificate was seen, not before. No chain is verified: who is trusted is not
in the capture.
"""

import warnings
from typing import TYPE_CHECKING

from msgspec import Struct, field
from msgspec.structs import replace

from workers.analysis.http_message import text
from workers.analysis.tls_hostname import matches
from workers.analysis.tls_known import Chain, Chains
from workers.analysis.tls_messages import certificates
from workers.contract.facts_tls import Certificate

if TYPE_CHECKING:
    from cryptography import x509

MAX_SIZE = 32 * 1024
MAX_DIFFERENT = 512
"""Different certificates read a capture; each costs about 100 microseconds."""
MAX_NAMES = 16
MAX_MATCHES = 2048
"""Names asked for and how certificates cover them, of all certificates."""
MAX_NAME_BYTES = 2 * 1024 * 1024
"""What the names take up that are kept to compare with, of all certificates."""
_NAME = 64
"""What a name costs beside its bytes."""
MAX_COMPARED = 512
"""Names of one certificate compared with the server name asked for."""
MAX_CHECKED = 8192
"""Bits of the largest key whose signature is checked: time grows with the square."""
_SIGNATURES = {
    "1.2.840.113549.1.1.4": "md5WithRSAEncryption", "1.2.840.113549.1.1.5": "sha1WithRSAEncryption",
    "1.2.840.113549.1.1.10": "id-RSASSA-PSS", "1.2.840.113549.1.1.11": "sha256WithRSAEncryption",
    "1.2.840.113549.1.1.12": "sha384WithRSAEncryption", "1.2.840.113549.1.1.13": "sha512WithRSAEncryption",
    "1.2.840.10040.4.3": "dsa-with-sha1", "2.16.840.1.101.3.4.3.2": "dsa-with-sha256",
    "1.2.840.10045.4.1": "ecdsa-with-SHA1", "1.2.840.10045.4.3.2": "ecdsa-with-SHA256",
    "1.2.840.10045.4.3.3": "ecdsa-with-SHA384", "1.2.840.10045.4.3.4": "ecdsa-with-SHA512",
    "1.3.101.112": "Ed25519", "1.3.101.113": "Ed448",
}  # fmt: skip
"""Names of RFC 3279, 4055, 5758 and 8410."""


class _Read(Struct, frozen=True):
    """A certificate's facts, and every name to compare (lower case)."""

    facts: Certificate
    names: tuple[str, ...]
    more: bool
    """It has more names than are compared."""
    matches: dict[str, str] = field(default_factory=dict)
    """Names asked for, and how it covers them."""


class Certificates:
    """chain(message) -> which certificates it has; match(chain, name asked for) -> how the first covers it."""

    def __init__(self) -> None:
        self._known: dict[bytes, int] = {}
        self._read: list[_Read] = []
        self.chains = Chains()
        self.unread = 0
        self._matches = 0
        """How many all certificates have."""
        self._left = MAX_NAME_BYTES

    def read(self, der: bytes) -> int:
        """The number of a certificate, or -1 when it can't be read."""
        from hashlib import sha256  # late, as most captures show no certificate

        digest = sha256(der).digest()
        known = self._known.get(digest)
        if known is not None:
            return known
        if not der or len(der) > MAX_SIZE or len(self._known) >= MAX_DIFFERENT:
            self.unread += 1
            return -1
        read = _read(der)
        self._known[digest] = -1 if read is None else len(self._read)
        if read is None:
            self.unread += 1
        else:
            self._read.append(self._bounded(read))
        return self._known[digest]

    def _bounded(self, read: _Read) -> _Read:
        """Without names to compare with, when there are too many of them already."""
        size = sum([_NAME + len(name) for name in read.names])
        if size > self._left:
            return replace(read, names=(), more=True)
        self._left -= size
        return read

    def chain(self, body: bytes) -> Chain:
        """What a Certificate message says that is not in `chains`, the server's own certificate first."""
        number, kept = certificates(body)
        chain = Chain(number, tuple([self.read(der) for der in kept]))
        if chain.numbers and chain.numbers[0] >= 0:
            leaf = self._read[chain.numbers[0]]
            chain.readable, chain.matches = True, leaf.matches
            chain.not_before, chain.not_after = leaf.facts.not_before, leaf.facts.not_after
        if chain.numbers and min(chain.numbers) >= 0:  # what can't be read may be counted again
            self.chains.keep(body, chain)
        return chain

    def match(self, chain: Chain, asked: str) -> str:
        """How the server's own certificate, which is readable, covers a name that is not yet among its `matches`."""
        if self._matches >= MAX_MATCHES:
            self._matches = 0
            for read in self._read:
                read.matches.clear()
        self._matches += 1
        found = chain.matches[asked] = _sni_match(asked, self._read[chain.numbers[0]])
        return found

    def told(self, number: int) -> Certificate:
        """The facts of one that was read."""
        return self._read[number].facts


def _sni_match(asked: str, leaf: _Read) -> str:
    if not asked:
        return ""
    if matches(asked, leaf.names):
        return "san"
    if leaf.more:
        return ""
    subject = leaf.facts.subject
    return "common-name" if not leaf.names and subject and matches(asked, (subject,)) else "mismatch"


def _read(der: bytes) -> _Read | None:
    from cryptography import x509

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # odd certificates are facts, not news for the log
            parsed = x509.load_der_x509_certificate(der)
            names = _names(parsed)
            key, bits = _key(parsed)
            facts = Certificate(
                subject=_name(parsed.subject, x509.NameOID.COMMON_NAME),
                issuer=_name(parsed.issuer, x509.NameOID.COMMON_NAME)
                or _name(parsed.issuer, x509.NameOID.ORGANIZATION_NAME),
                names=tuple(names[:MAX_NAMES]),
                not_before=parsed.not_valid_before_utc.timestamp(),
                not_after=parsed.not_valid_after_utc.timestamp(),
                key=key,
                key_bits=bits,
                signature=_signature(parsed),
                self_signed=bits <= MAX_CHECKED and _self_signed(parsed),
            )
            return _Read(facts, tuple(name.lower() for name in names[:MAX_COMPARED]), len(names) > MAX_COMPARED)
    except Exception:  # a boundary: the bytes are hostile and the library's error types are many
        return None


def _names(parsed: "x509.Certificate") -> list[str]:
    """Alternative names: DNS names and addresses."""
    from cryptography import x509

    try:
        alternative = parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        names = [str(name) for name in alternative.get_values_for_type(x509.DNSName)]
        names += [str(name) for name in alternative.get_values_for_type(x509.IPAddress)]
    except (x509.ExtensionNotFound, ValueError):
        return []
    return [text(name.encode(), 255) for name in names]


def _name(name: "x509.Name", kind: "x509.ObjectIdentifier") -> str:
    """The last value of this kind, which is the most specific one; "" when there is none."""
    found = name.get_attributes_for_oid(kind)
    return text(str(found[-1].value).encode(), 255) if found else ""


def _signature(parsed: "x509.Certificate") -> str:
    number = parsed.signature_algorithm_oid.dotted_string
    return _SIGNATURES.get(number, number[:64])


def _key(parsed: "x509.Certificate") -> tuple[str, int]:
    """Type and size in bits of the public key; ("", 0) when the library does not know it."""
    try:
        key = parsed.public_key()
    except Exception:  # a boundary, as above: the rest of the certificate can still be told
        return "", 0
    bits = getattr(key, "key_size", None)
    curve = getattr(getattr(key, "curve", None), "name", "")
    kind = type(key).__name__.removeprefix("_").removesuffix("PublicKey")
    if curve:
        return f"EC {curve}", int(bits or 0)
    return kind, int(bits) if bits is not None else {"Ed25519": 256, "Ed448": 456}.get(kind, 0)


def _self_signed(parsed: "x509.Certificate") -> bool:
    if parsed.issuer != parsed.subject:
        return False
    try:
        parsed.verify_directly_issued_by(parsed)
    except Exception as error:  # a boundary: any doubt but an algorithm nobody checks any more means no
        return type(error).__name__ == "UnsupportedAlgorithm"
    return True
