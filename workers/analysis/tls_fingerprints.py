"""JA3 and JA4 of a ClientHello: what a client offers, as one short text that stays the same for the same software.

JA3 is the MD5 of version, suites, extensions, groups and point formats in the order sent (github.com/salesforce/ja3).
JA4, the client's fingerprint only, is FoxIO's (BSD-3-Clause; technical_details/JA4.md of their repository): counts in
the clear, then two SHA-256 cut to 12 digits, of the sorted suites and of the sorted extensions with the signature
algorithms. GREASE values (RFC 8701), which change at every connection, are left out of both.
"""

from collections.abc import Iterable, Sequence

from msgspec import Struct

_SERVER_NAME, _ALPN = 0, 16
_VERSIONS = {
    0x0304: "13", 0x0303: "12", 0x0302: "11", 0x0301: "10", 0x0300: "s3", 0x0002: "s2",
    0xFEFF: "d1", 0xFEFD: "d2", 0xFEFC: "d3",
}  # fmt: skip
_NOTHING = "0" * 12


class Offer(Struct, frozen=True):
    """What a ClientHello offers, in the order sent. `legacy` is the version field, `versions` the extension's."""

    legacy: int
    versions: tuple[int, ...]
    suites: tuple[int, ...]
    extensions: tuple[int, ...]
    groups: tuple[int, ...] = ()
    points: bytes = b""
    signatures: tuple[int, ...] = ()
    protocol: bytes = b""
    """The first ALPN value."""


def grease(code: int) -> bool:
    """Whether a value means nothing (RFC 8701 section 2): 0x0a0a, 0x1a1a, … 0xfafa."""
    return code & 0x0F0F == 0x0A0A and code >> 8 == code & 0xFF


def ja3(offer: Offer) -> str:
    """32 hex digits."""
    from hashlib import md5  # late, as most captures show no hello

    fields = (
        str(offer.legacy),
        *("-".join(map(str, _plain(codes))) for codes in (offer.suites, offer.extensions, offer.groups)),
        "-".join(map(str, offer.points)),
    )
    return md5(",".join(fields).encode(), usedforsecurity=False).hexdigest()


def ja4(offer: Offer, transport: str) -> str:
    """Such as t13d1516h2_8daaf6152771_e5627efa2ab1; `transport` is tcp or quic."""
    suites, extensions = _plain(offer.suites), _plain(offer.extensions)
    versions = _plain(offer.versions)
    version = _VERSIONS.get(max(versions) if versions else offer.legacy, "00")
    counts = f"{min(len(suites), 99):02}{min(len(extensions), 99):02}"
    name = "d" if _SERVER_NAME in extensions else "i"
    others = [code for code in extensions if code not in (_SERVER_NAME, _ALPN)]
    tail = ",".join(_hex(sorted(others)))
    if offer.signatures:
        tail += "_" + ",".join(_hex(_plain(offer.signatures)))
    start = f"{transport[0]}{version}{name}{counts}{_ends(offer.protocol)}"
    return f"{start}_{_digest(','.join(_hex(sorted(suites))))}_{_digest(tail) if extensions else _NOTHING}"


def _plain(codes: Iterable[int]) -> list[int]:
    return [code for code in codes if not grease(code)]


def _hex(codes: Sequence[int]) -> list[str]:
    return [f"{code:04x}" for code in codes]


def _ends(protocol: bytes) -> str:
    """First and last character of the first ALPN value; of its hex digits when either is not alphanumeric."""
    if not protocol:
        return "00"
    first, last = protocol[:1], protocol[-1:]
    if first.isalnum() and last.isalnum():
        return (first + last).decode("ascii")
    digits = protocol.hex()
    return digits[0] + digits[-1]


def _digest(what: str) -> str:
    from hashlib import sha256

    return sha256(what.encode()).hexdigest()[:12] if what else _NOTHING
