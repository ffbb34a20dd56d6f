# cython: annotation_typing=False
"""ClientHello, ServerHello and Certificate bodies (RFC 8446 section 4, RFC 5246 section 7.4, RFC 6066, RFC 7301).

Every reader takes the body that follows the handshake header, and answers with what it could read: a body cut short or
malformed gives fewer fields, never an error.
"""

from workers.analysis.http_message import text
from workers.analysis.tls_fingerprints import Offer, ja3, ja4
from workers.analysis.tls_names import VERSIONS
from workers.contract.facts_tls import MAX_CHAIN

MAX_NAME, MAX_ALPN, MAX_EXTENSIONS = 255, 8, 64
_SERVER_NAME, _GROUPS, _POINTS, _SIGNATURES, _ALPN, _SUPPORTED_VERSIONS = 0, 10, 11, 13, 16, 43
_DRAFT = 0x7F
RETRY_RANDOM = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
"""SHA-256 of "HelloRetryRequest" (RFC 8446 section 4.1.3)."""


class Hello:
    """What a ClientHello or ServerHello says; `version` is the highest offered, or the chosen one."""

    __slots__ = ("alpn", "cipher", "ja3", "ja4", "retry", "sni", "version")

    def __init__(self, version: int, alpn: tuple[str, ...]) -> None:
        self.version = version
        self.alpn = alpn
        self.cipher = 0
        self.sni = self.ja3 = self.ja4 = ""
        self.retry = False


class _Bytes:
    """Takes length-prefixed pieces; a piece that is not all there comes short."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, size: int) -> bytes:
        piece = self.data[self.at : self.at + size]
        self.at += size
        return piece

    def number(self, size: int) -> int:
        value, piece = 0, self.take(size)
        for place in range(len(piece)):  # not over the bytes themselves, which would be signed when compiled
            value = value << 8 | piece[place]
        return value

    def vector(self, prefix: int) -> bytes:
        return self.take(self.number(prefix))

    def codes(self, prefix: int) -> tuple[int, ...]:
        """A vector of two-byte values."""
        return _codes(self.vector(prefix))

    def left(self) -> int:
        return len(self.data) - self.at


def _codes(data: bytes) -> tuple[int, ...]:
    """Two-byte values."""
    return tuple([data[at] << 8 | data[at + 1] for at in range(0, len(data) - 1, 2)])


def client_hello(body: bytes, transport: str = "tcp") -> Hello:
    """Highest version offered, server name and ALPN; the fingerprints when the hello is whole."""
    reader = _Bytes(body)
    legacy = reader.number(2)
    reader.take(32)
    reader.vector(1)
    suites = reader.vector(2)
    reader.vector(1)
    kinds: list[int] = []
    left = reader.left()  # before TLS 1.2 a hello may end here
    extensions = _extensions(reader, kinds)
    versions = _Bytes(extensions.get(_SUPPORTED_VERSIONS, b"")).codes(1)
    version = legacy
    for code in versions:
        if code > version and code in VERSIONS:  # those we have no name for are GREASE or drafts
            version = code
    hello = Hello(version, _protocols(extensions))
    hello.sni = _server_name(extensions)
    if reader.left() < 0 and left != 0:
        return hello
    hello.ja3, hello.ja4 = _fingerprints(legacy, suites, tuple(kinds), extensions, transport)
    return hello


def _fingerprints(
    legacy: int, suites: bytes, kinds: tuple[int, ...], extensions: dict[int, bytes], transport: str
) -> tuple[str, str]:
    """JA3 and JA4."""
    offer = Offer(
        legacy,
        _Bytes(extensions.get(_SUPPORTED_VERSIONS, b"")).codes(1),
        _codes(suites),
        kinds,
        groups=_Bytes(extensions.get(_GROUPS, b"")).codes(2),
        points=_Bytes(extensions.get(_POINTS, b"")).vector(1),
        signatures=_Bytes(extensions.get(_SIGNATURES, b"")).codes(2),
        protocol=_Bytes(_Bytes(extensions.get(_ALPN, b"")).vector(2)).vector(1),
    )
    return ja3(offer), ja4(offer, transport)


def server_hello(body: bytes) -> Hello:
    """Chosen version, suite and protocol."""
    reader = _Bytes(body)
    version = reader.number(2)
    retry = reader.take(32) == RETRY_RANDOM
    draft = version >> 8 == _DRAFT  # up to draft 21 there was no session id and no compression
    if not draft:
        reader.vector(1)
    cipher = reader.number(2)
    reader.take(0 if draft else 1)
    extensions = _extensions(reader)
    chosen = extensions.get(_SUPPORTED_VERSIONS, b"")
    if len(chosen) == 2:
        version = int.from_bytes(chosen, "big")
    hello = Hello(version, _protocols(extensions))
    hello.cipher, hello.retry = cipher, retry
    return hello


def certificates(body: bytes) -> tuple[int, tuple[bytes, ...]]:
    """How many certificates the chain has, and the DER of the first MAX_CHAIN (TLS 1.2 and older)."""
    chain, number = _Bytes(_Bytes(body).vector(3)), 0
    kept: list[bytes] = []
    while chain.left() > 3 and number < 64:
        size = chain.number(3)
        if size > chain.left():
            break
        der = chain.take(size)
        if len(kept) < MAX_CHAIN:
            kept.append(der)
        number += 1
    return number, tuple(kept)


def _extensions(reader: _Bytes, kinds: list[int] | None = None) -> dict[int, bytes]:
    """The first MAX_EXTENSIONS by type; `kinds` gets the types of all of them, in order."""
    found: dict[int, bytes] = {}
    inner = _Bytes(reader.vector(2))
    while inner.left() >= 4 and (kinds is not None or len(found) < MAX_EXTENSIONS):
        kind, content = inner.number(2), inner.vector(2)
        if len(found) < MAX_EXTENSIONS or kind in found:
            found[kind] = content
        if kinds is not None:
            kinds.append(kind)
    return found


def _server_name(extensions: dict[int, bytes]) -> str:
    names = _Bytes(_Bytes(extensions.get(_SERVER_NAME, b"")).vector(2))
    while names.left() > 3:
        kind, name = names.number(1), names.vector(2)
        if kind == 0:
            return text(name, MAX_NAME)
    return ""


def _protocols(extensions: dict[int, bytes]) -> tuple[str, ...]:
    names = _Bytes(_Bytes(extensions.get(_ALPN, b"")).vector(2))
    found: list[str] = []
    while names.left() > 1 and len(found) < MAX_ALPN:
        found.append(text(names.vector(1), MAX_NAME))
    return tuple(found)
