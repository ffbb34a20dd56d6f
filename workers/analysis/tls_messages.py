"""ClientHello, ServerHello and Certificate bodies (RFC 8446 section 4, RFC 5246 section 7.4, RFC 6066, RFC 7301).

Every reader takes the body that follows the handshake header, and answers with what it could read: a body cut short or
malformed gives fewer fields, never an error.
"""

from dataclasses import dataclass

from workers.analysis.http_message import text
from workers.analysis.tls_names import VERSIONS

MAX_NAME, MAX_ALPN, MAX_EXTENSIONS = 255, 8, 64
_SERVER_NAME, _ALPN, _SUPPORTED_VERSIONS = 0, 16, 43
_DRAFT = 0x7F
_RETRY_RANDOM = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
"""SHA-256 of "HelloRetryRequest" (RFC 8446 section 4.1.3)."""


@dataclass(frozen=True, slots=True)
class Hello:
    """What a ClientHello or ServerHello says; `version` is the highest offered, or the chosen one."""

    version: int
    cipher: int = 0
    sni: str = ""
    alpn: tuple[str, ...] = ()
    retry: bool = False


class _Bytes:
    """Takes length-prefixed pieces; a piece that is not all there comes short."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, size: int) -> bytes:
        piece = self.data[self.at : self.at + size]
        self.at += size
        return piece

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def vector(self, prefix: int) -> bytes:
        return self.take(self.number(prefix))

    @property
    def left(self) -> int:
        return len(self.data) - self.at


def client_hello(body: bytes) -> Hello:
    """Highest version offered, server name and ALPN."""
    reader = _Bytes(body)
    version = reader.number(2)
    reader.take(32)
    reader.vector(1)
    reader.vector(2)
    reader.vector(1)
    extensions = _extensions(reader)
    versions = _Bytes(extensions.get(_SUPPORTED_VERSIONS, b""))
    offered = _Bytes(versions.vector(1))
    while offered.left >= 2:
        code = offered.number(2)
        version = max(version, code) if code in VERSIONS else version  # others are GREASE or drafts
    return Hello(version, sni=_server_name(extensions), alpn=_protocols(extensions))


def server_hello(body: bytes) -> Hello:
    """Chosen version, suite and protocol."""
    reader = _Bytes(body)
    version = reader.number(2)
    retry = reader.take(32) == _RETRY_RANDOM
    draft = version >> 8 == _DRAFT  # up to draft 21 there was no session id and no compression
    if not draft:
        reader.vector(1)
    cipher = reader.number(2)
    reader.take(0 if draft else 1)
    extensions = _extensions(reader)
    chosen = extensions.get(_SUPPORTED_VERSIONS, b"")
    if len(chosen) == 2:
        version = int.from_bytes(chosen, "big")
    return Hello(version, cipher, alpn=_protocols(extensions), retry=retry)


def certificates(body: bytes) -> tuple[int, bytes]:
    """How many certificates the chain has, and the first one's DER (TLS 1.2 and older)."""
    chain, number, leaf = _Bytes(_Bytes(body).vector(3)), 0, b""
    while chain.left > 3 and number < 64:
        size = chain.number(3)
        if size > chain.left:
            break
        der = chain.take(size)
        leaf = leaf or der
        number += 1
    return number, leaf


def _extensions(reader: _Bytes) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    inner = _Bytes(reader.vector(2))
    while inner.left >= 4 and len(found) < MAX_EXTENSIONS:
        kind = inner.number(2)
        found[kind] = inner.vector(2)
    return found


def _server_name(extensions: dict[int, bytes]) -> str:
    names = _Bytes(_Bytes(extensions.get(_SERVER_NAME, b"")).vector(2))
    while names.left > 3:
        kind, name = names.number(1), names.vector(2)
        if kind == 0:
            return text(name, MAX_NAME)
    return ""


def _protocols(extensions: dict[int, bytes]) -> tuple[str, ...]:
    names = _Bytes(_Bytes(extensions.get(_ALPN, b"")).vector(2))
    found: list[str] = []
    while names.left > 1 and len(found) < MAX_ALPN:
        found.append(text(names.vector(1), MAX_NAME))
    return tuple(found)
