"""What is said in the benchmarks' captures: each function yields the frames of one conversation, in their order."""

import random
import struct
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache

from tests.bench.frames import (
    ACK,
    CLIENTS,
    MSS,
    PSH,
    SERVERS,
    START,
    Clock,
    Tcp,
    closed,
    datagram,
    handshake,
    opened,
    said,
)

Talk = Iterator[bytes]
_NAMES = [f"{name}.{space}.svc.cluster.local" for space in ("shop", "pay", "mail") for name in ("web", "api", "cart")]
_OPAQUE = random.Random(5).randbytes(1 << 20)
"""What encrypted bytes look like."""


def _noise(chance: random.Random, size: int = MSS) -> bytes:
    """Bytes of no protocol, other ones each time: a stream whose segments all begin alike looks like a protocol."""
    at = int(chance.random() * (len(_OPAQUE) - size))
    return _OPAQUE[at : at + size]


def bulk(clock: Clock, chance: random.Random) -> Talk:
    """A transfer as iperf makes it: full segments, 0.3 % lost after the tap, 0.1 % out of order."""
    tcp = opened(clock, chance, 5_201)
    yield from handshake(tcp)
    for _ in range(chance.randrange(100, 600)):
        what = chance.random()
        if what < 0.03:
            yield from _lost(tcp, chance)
        elif what < 0.04:
            at = tcp.next[0]
            tcp.next[0] = at + MSS & 0xFFFFFFFF
            yield tcp.segment(0, ACK, _noise(chance))
            yield tcp.segment(0, ACK, _noise(chance), at=at)
            yield tcp.segment(1, ACK)
        for _ in range(5):
            yield tcp.segment(0, ACK, _noise(chance))
            yield tcp.segment(0, ACK, _noise(chance))
            yield tcp.segment(1, ACK)
    yield from closed(tcp)


def _lost(tcp: Tcp, chance: random.Random) -> Talk:
    """A segment that the receiver misses, duplicate ACKs of those behind it, and its fast retransmission."""
    missing, data = tcp.next[0], _noise(chance)
    yield tcp.segment(0, ACK, data)
    for _ in range(4):
        yield tcp.segment(0, ACK, _noise(chance))
        yield tcp.segment(1, ACK, ack=missing)
    yield tcp.segment(0, ACK, data, at=missing)
    yield tcp.segment(1, ACK)


def http(clock: Clock, chance: random.Random, sizes: tuple[int, ...] = (90, 400, 400, 1_200, 1_200, 6_000)) -> Talk:
    """HTTP/1.1 requests over one kept connection."""
    tcp = opened(clock, chance, 8_080)
    yield from handshake(tcp)
    for _ in range(chance.randrange(2, 40)):
        path = f"/{chance.choice(('cart', 'items', 'orders', 'health'))}/{chance.randrange(10_000)}"
        yield from said(tcp, 0, f"GET {path} HTTP/1.1\r\nHost: {chance.choice(_NAMES)}\r\nAccept: */*\r\n\r\n".encode())
        yield tcp.segment(1, ACK)
        status = chance.choice((200,) * 40 + (404, 500))
        size = chance.choice(sizes)
        head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {size}\r\n\r\n"
        yield from said(tcp, 1, head.encode() + _OPAQUE[:size])
        yield tcp.segment(0, ACK)
    yield from closed(tcp)


def small_http(clock: Clock, chance: random.Random) -> Talk:
    """The same with short bodies."""
    return http(clock, chance, (20, 60, 120))


def dns(clock: Clock, chance: random.Random) -> Talk:
    """Lookups of one client, now and then through its search list first."""
    client, resolver = CLIENTS + chance.randrange(4_000), SERVERS + 53
    for _ in range(20):
        name, port, number = chance.choice(_NAMES), chance.randrange(20_000, 60_000), chance.getrandbits(16)
        missing = chance.random() < 0.2
        question = _question(name + ".shop.svc.cluster.local" * missing)
        yield datagram(client, resolver, (port, 53), 0, struct.pack("!6H", number, 0x0100, 1, 0, 0, 0) + question)
        head = struct.pack("!6H", number, 0x8183 if missing else 0x8180, 1, 0 if missing else 1, 0, 0)
        answer = b"" if missing else b"\xc0\x0c" + struct.pack("!HHIHI", 1, 1, 30, 4, SERVERS + 1)
        yield datagram(client, resolver, (port, 53), 1, head + question + answer)


@cache
def _question(name: str) -> bytes:
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return labels + b"\0" + struct.pack("!HH", 1, 1)


def redis(clock: Clock, chance: random.Random) -> Talk:
    """Commands of a client that keeps its connection."""
    tcp = opened(clock, chance, 6_379)
    yield from handshake(tcp)
    for _ in range(chance.randrange(20, 400)):
        key = b"cart:%05d" % chance.randrange(100_000)
        if chance.random() < 0.7:
            asked, reply = b"*2\r\n$3\r\nGET\r\n$10\r\n%b\r\n" % key, b"$16\r\n0123456789abcdef\r\n"
        else:
            asked, reply = b"*3\r\n$3\r\nSET\r\n$10\r\n%b\r\n$16\r\n0123456789abcdef\r\n" % key, b"+OK\r\n"
        yield tcp.segment(0, PSH | ACK, asked)
        yield tcp.segment(1, PSH | ACK, reply)
        yield tcp.segment(0, ACK)
    yield from closed(tcp)


def postgresql(clock: Clock, chance: random.Random) -> Talk:
    """Statements over one connection: simple queries, some rows each."""
    tcp = opened(clock, chance, 5_432)
    yield from handshake(tcp)
    startup = struct.pack("!I", 0x30000) + b"user\0shop\0database\0shop\0\0"
    yield tcp.segment(0, PSH | ACK, struct.pack("!I", 4 + len(startup)) + startup)
    ready = b"Z\0\0\0\5I"
    yield tcp.segment(1, PSH | ACK, b"R\0\0\0\x08\0\0\0\0" + ready)
    for _ in range(chance.randrange(10, 200)):
        text = b"SELECT id, name FROM items WHERE id = %d\0" % chance.randrange(10_000)
        yield tcp.segment(0, PSH | ACK, b"Q" + struct.pack("!I", 4 + len(text)) + text)
        rows = b"D\0\0\0\x1e\0\2\0\0\0\x04\x31\x32\x33\x34\0\0\0\x0caaaaaaaaaaaa" * chance.choice((1, 1, 3, 20))
        yield from said(tcp, 1, rows + b"C\0\0\0\x0dSELECT 1\0" + ready)
        yield tcp.segment(0, ACK)
    yield from closed(tcp)


def keystrokes(clock: Clock, chance: random.Random) -> Talk:
    """A few bytes at a time, each acknowledged by a segment without any: half of all packets are bare ACKs."""
    tcp = opened(clock, chance, 2_222)
    yield from handshake(tcp)
    for _ in range(chance.randrange(100, 1_000)):
        side = chance.randrange(2)
        yield tcp.segment(side, PSH | ACK, _noise(chance, chance.randrange(1, 48)))
        yield tcp.segment(1 - side, ACK)
    yield from closed(tcp)


def tls(clock: Clock, chance: random.Random) -> Talk:
    """A handshake of TLS 1.3, or of 1.2 with certificates in the clear; then encrypted requests and responses."""
    tcp = opened(clock, chance, 443)
    yield from handshake(tcp)
    new = chance.random() < 0.6
    yield from said(tcp, 0, _client_hello(chance.choice(_NAMES), chance.randbytes(32), new))
    yield from said(tcp, 1, _server_hello(chance.randbytes(32), new))
    yield tcp.segment(0, ACK)
    changed = _record(20, b"\1")
    yield from said(tcp, 0, changed + _sealed(60) if new else _record(22, _message(16, bytes(66))) + changed)
    for _ in range(chance.randrange(1, 12)):
        yield from said(tcp, 0, _sealed(chance.randrange(80, 600)))
        size = chance.choice((500, 2_000, 9_000, 60_000))
        yield from said(tcp, 1, b"".join(_sealed(min(16_401, size - at)) for at in range(0, size, 16_401)))
        yield tcp.segment(0, ACK)
    yield from said(tcp, 0, _sealed(19))
    yield from closed(tcp)


def _record(kind: int, body: bytes) -> bytes:
    return struct.pack("!BHH", kind, 0x0303, len(body)) + body


def _sealed(size: int) -> bytes:
    return _record(23, _OPAQUE[:size])


def _message(kind: int, body: bytes) -> bytes:
    return struct.pack("!I", kind << 24 | len(body)) + body


def _extension(kind: int, body: bytes) -> bytes:
    return struct.pack("!HH", kind, len(body)) + body


def _client_hello(name: str, noise: bytes, new: bool) -> bytes:
    """RFC 8446, or RFC 5246 when not `new`."""
    host = name.encode()
    extensions = _extension(0, struct.pack("!HBH", len(host) + 3, 0, len(host)) + host)
    extensions += _extension(10, bytes.fromhex("0006001d00170018")) + _extension(11, b"\1\0")
    extensions += _extension(13, bytes.fromhex("00080403080404010503"))
    extensions += _extension(16, b"\0\x0c\2h2\x08http/1.1")
    if new:
        extensions += _extension(43, bytes.fromhex("0403040303")) + _extension(51, b"\0\x24\0\x1d\0\x20" + noise)
    suites = bytes.fromhex("130113021303c02bc02fc02cc030")
    body = b"\3\3" + noise + b"\0" + struct.pack("!H", len(suites)) + suites + b"\1\0"
    return _record(22, _message(1, body + struct.pack("!H", len(extensions)) + extensions))


def _server_hello(noise: bytes, new: bool) -> bytes:
    """The server's first flight: all of it up to TLS 1.2; its certificates are encrypted in TLS 1.3."""
    if new:
        extensions = _extension(43, b"\3\4") + _extension(51, b"\0\x1d\0\x20" + noise)
        hello = b"\3\3" + noise + b"\0\x13\1\0" + struct.pack("!H", len(extensions)) + extensions
        return _record(22, _message(2, hello)) + _record(20, b"\1") + _sealed(3_200)
    hello = b"\3\3" + noise + b"\0\xc0\x2b\0\0\0"
    chain = b"".join(len(der).to_bytes(3, "big") + der for der in _chain())
    messages = _message(2, hello) + _message(11, len(chain).to_bytes(3, "big") + chain)
    return _record(22, messages + _message(12, _OPAQUE[:144]) + _message(14, b""))


@cache
def _chain() -> tuple[bytes, ...]:
    """A server's certificate and its issuer's, DER; the same in every run, as Ed25519 signs without chance."""
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding
    from cryptography.x509.oid import NameOID

    keys = [Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (1, 2)]
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)]) for text in ("web.shop", "shop authority")]
    chain = []
    for number in (0, 1):
        built = x509.CertificateBuilder(names[1], names[number], keys[number].public_key(), 7 + number)
        built = built.not_valid_before(datetime.fromtimestamp(START - 10**6, UTC))
        built = built.not_valid_after(datetime.fromtimestamp(START + 10**7, UTC))
        alternatives = x509.SubjectAlternativeName([x509.DNSName(name) for name in _NAMES])
        signed = built.add_extension(alternatives, critical=False).sign(keys[1], None)
        chain.append(signed.public_bytes(Encoding.DER))
    return tuple(chain)


TALKS: dict[str, Callable[[Clock, random.Random], Talk]] = {
    "bulk": bulk,
    "TLS": tls,
    "HTTP": http,
    "DNS": dns,
    "Redis": redis,
    "PostgreSQL": postgresql,
    "small HTTP": small_http,
    "keystrokes": keystrokes,
}
