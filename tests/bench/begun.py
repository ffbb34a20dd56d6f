"""Conversations that begin something and do not end it: each function yields the frames of one, in their order.

Each asks the analysis to hold as much as one conversation may: that of thousands of them together has to be bounded.
"""

import random
import struct
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache

from tests.bench.frames import ACK, CLIENTS, PSH, RST, SERVERS, START, Clock, Tcp, datagram, handshake
from tests.bench.talks import Talk

Begin = Callable[[Clock, random.Random], Talk]
CHUNK = 8_192
"""Bytes of a large segment, as offloading makes them."""
MUCH = 3 * CHUNK
_MASK = 0xFFFFFFFF


def connected(clock: Clock, chance: random.Random, port: int) -> Tcp:
    """A connection of any client to any server, not yet begun: few share an address."""
    ends = CLIENTS + chance.getrandbits(16), SERVERS + chance.getrandbits(16)
    return Tcp(clock, *ends, (chance.randrange(10_000, 60_000), port), [chance.getrandbits(32), chance.getrandbits(32)])


def word(chance: random.Random, size: int) -> bytes:
    """Letters, others each time."""
    return chance.getrandbits(48).to_bytes(6, "big").hex().encode().translate(_HEXED) + b"x" * (size - 12)


_HEXED = bytes.maketrans(b"0123456789", b"ghijklmnop")


def _talk(port: int, first: bytes, more: int = 0, fill: bytes = b"a", reply: bytes = b"") -> Begin:
    """Conversations on this port that say `first`, hear `reply`, and then go on with `more` bytes of `fill`."""

    def begin(clock: Clock, chance: random.Random) -> Talk:
        tcp = connected(clock, chance, port)
        yield from handshake(tcp)
        yield tcp.segment(0, PSH | ACK, first)
        if reply:
            yield tcp.segment(1, PSH | ACK, reply)
        for _ in range(more // CHUNK):
            yield tcp.segment(0, ACK, fill * (CHUNK // len(fill)))

    return begin


def _answers(port: int, first: bytes, reply: bytes, more: int = 0, fill: bytes = b"a") -> Begin:
    """The same where it is the server that does not end what it says."""

    def begin(clock: Clock, chance: random.Random) -> Talk:
        tcp = connected(clock, chance, port)
        yield from handshake(tcp)
        yield tcp.segment(0, PSH | ACK, first)
        yield tcp.segment(1, PSH | ACK, reply)
        for _ in range(more // CHUNK):
            yield tcp.segment(1, ACK, fill * (CHUNK // len(fill)))

    return begin


def _hole(port: int, first: bytes, sizes: tuple[int, ...] = (CHUNK,) * 3, sides: int = 1) -> Begin:
    """Conversations whose segments of these sizes wait behind a hole each."""

    def begin(clock: Clock, chance: random.Random) -> Talk:
        tcp = connected(clock, chance, port)
        yield from handshake(tcp)
        yield tcp.segment(0, PSH | ACK, first)
        seen = tcp.next[1], tcp.next[0]
        for size in sizes:
            for side in range(sides):
                tcp.next[side] = tcp.next[side] + 100 & _MASK
                yield tcp.segment(side, ACK, b"b" * size, ack=seen[side])

    return begin


def _record(size: int) -> bytes:
    """A TLS record of one handshake message that is longer."""
    return b"\x16\3\3" + struct.pack("!H", size)


_GET = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"
_HELLO = b"\1\0\xff\xf0\3\3"
_LONG = _record(16_384) + _HELLO + bytes(16_378)
_MORE = _record(4_091) + bytes(4_091)
_PG = b"user\0a\0database\0b\0\0"
_PG_START = struct.pack("!II", 8 + len(_PG), 0x30000) + _PG
_MYSQL = b"\x0a8.0.36\0" + bytes(4) + b"saltsalt\0" + b"\xff\xf7\xff\2\0\xff\xdf\x15" + bytes(10) + b"saltsaltsalt\0"
_MYSQL += b"caching_sha2_password\0"
_GREETING = len(_MYSQL).to_bytes(3, "little") + b"\0" + _MYSQL


def _kafka(number: int, size: int = 14) -> bytes:
    return struct.pack("!IHHIH", size, 3, 1, number, 4) + b"shop"


def _mongodb(number: int, answered: int, size: int = 0) -> bytes:
    body = bytes(5) + b"\x15\0\0\0\x10ping\0\1\0\0\0\0" + bytes(4)
    return struct.pack("<4I", size or 16 + len(body), number, answered, 2013) + body


def _numbered(port: int, ask: Callable[[int], bytes], answer: Callable[[int], bytes]) -> Begin:
    """Conversations that asked a thousand things at once, and were answered all but the first."""
    asked, answered = _thousand(ask), _thousand(answer)

    def begin(clock: Clock, chance: random.Random) -> Talk:
        tcp = connected(clock, chance, port)
        yield from handshake(tcp)
        yield tcp.segment(0, PSH | ACK, asked)
        yield tcp.segment(1, PSH | ACK, answered)

    return begin


def _thousand(message: Callable[[int], bytes]) -> bytes:
    return b"".join(map(message, range(1, 1_001)))


def queued(clock: Clock, chance: random.Random) -> Talk:
    """A thousand commands, all answered but the last."""
    tcp = connected(clock, chance, 6_379)
    yield from handshake(tcp)
    yield tcp.segment(0, PSH | ACK, b"PING\r\n" * 1_000)
    yield tcp.segment(1, PSH | ACK, b"+PONG\r\n" * 999)


def prepared(clock: Clock, chance: random.Random) -> Talk:
    """Statements that wait, and one begun."""
    tcp = connected(clock, chance, 5_432)
    yield from handshake(tcp)
    yield tcp.segment(0, PSH | ACK, _PG_START)
    text = b"SELECT " + word(chance, 40) + b"\0"
    one = b"Q" + struct.pack("!I", 4 + len(text)) + text
    yield tcp.segment(0, PSH | ACK, one * 20 + b"Q" + struct.pack("!I", 60_000) + b"x" * CHUNK)


def named(clock: Clock, chance: random.Random) -> Talk:
    """Requests of the longest paths and hosts, others each time."""
    tcp = connected(clock, chance, 80)
    yield from handshake(tcp)
    for _ in range(4):
        key = word(chance, 300)
        head = b"POST /%b HTTP/1.1\r\nHost: %b\r\nIdempotency-Key: %b\r\nContent-Length: 0\r\n\r\n"
        yield tcp.segment(0, PSH | ACK, head % (word(chance, 190), word(chance, 250), key))
    yield tcp.segment(1, PSH | ACK, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


def greeted(clock: Clock, chance: random.Random) -> Talk:
    """A ClientHello of another long name and shape each time, which nobody answers."""
    tcp = connected(clock, chance, 443)
    yield from handshake(tcp)
    name = word(chance, 250)
    extensions = _extension(0, struct.pack("!HBH", len(name) + 3, 0, len(name)) + name)
    protocols = b"".join(bytes([200]) + word(chance, 200) for _ in range(8))
    extensions += _extension(16, struct.pack("!H", len(protocols)) + protocols)
    extensions += b"".join(_extension(chance.randrange(60, 60_000), b"") for _ in range(60))
    body = b"\3\3" + chance.randbytes(32) + b"\0" + b"\0\x40" + chance.randbytes(64) + b"\1\0"
    body += struct.pack("!H", len(extensions)) + extensions
    yield tcp.segment(0, PSH | ACK, _record(4 + len(body)) + b"\1" + len(body).to_bytes(3, "big") + body)


def _extension(kind: int, body: bytes) -> bytes:
    return struct.pack("!HH", kind, len(body)) + body


def frames_of_http2(clock: Clock, chance: random.Random) -> Talk:
    """HTTP/2 that says hello."""
    tcp = connected(clock, chance, 80)
    yield from handshake(tcp)
    yield tcp.segment(0, PSH | ACK, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _SETTINGS)
    yield tcp.segment(1, PSH | ACK, _SETTINGS)
    yield tcp.segment(0, PSH | ACK, _frame(1, b"\x82\x86\x84\x41\x03a.b"))


def tables(clock: Clock, chance: random.Random) -> Talk:
    """HTTP/2 with full tables of both sides, blocks that are told again, all streams open, and a block begun."""
    tcp = connected(clock, chance, 80)
    yield from handshake(tcp)
    yield tcp.segment(0, PSH | ACK, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _SETTINGS)
    yield tcp.segment(1, PSH | ACK, _SETTINGS)
    full = b"\x3f\xe1\x7f" + b"".join(b"\x40\1%c\1%c" % (97 + n % 23, 97 + n // 23) for n in range(481))
    for side in (0, 1):
        yield tcp.segment(side, PSH | ACK, _frame(1, b"\x82" + full if side == 0 else full))
        for number in range(3, 131, 2):
            path, host = word(chance, 124), word(chance, 120)
            block = b"%c\4\x7c%b\1\x78%b" % (0x88 if side else 0x82, path, host)
            yield tcp.segment(side, PSH | ACK, _frame(number, block))
    for number in range(131, 259, 2):
        yield tcp.segment(0, PSH | ACK, _frame(number, b"\x82\x86\x84\x41\x03a.b"))
    for side in (0, 1):
        block = b"\0\5aaaaa\x7f\x80\x7d" + b"b" * 16_000
        yield tcp.segment(side, PSH | ACK, (16_300).to_bytes(3, "big") + b"\1\0" + struct.pack("!I", 1_001) + block)


_SETTINGS = b"\0\0\0\4\0\0\0\0\0"


def _frame(stream: int, block: bytes) -> bytes:
    return len(block).to_bytes(3, "big") + b"\1\4" + struct.pack("!I", stream) + block


def resets(clock: Clock, chance: random.Random) -> Talk:
    """HTTP/2 streams of some paths, each ended by one of many codes."""
    tcp = connected(clock, chance, 80)
    yield from handshake(tcp)
    yield tcp.segment(0, PSH | ACK, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _SETTINGS)
    yield tcp.segment(1, PSH | ACK, _SETTINGS)
    stream = -1
    for _ in range(8):
        ends, block = [], b"\x82\x86\4\x7f\x40" + word(chance, 191) + b"\1\x78" + word(chance, 120)
        for code in range(24):
            stream += 2
            ends.append(_frame(stream, block) + b"\0\0\4\3\0" + struct.pack("!II", stream, 100 + code))
        yield tcp.segment(0, PSH | ACK, b"".join(ends))


def alerts(clock: Clock, chance: random.Random) -> Talk:
    """TLS alerts in the clear."""
    tcp = connected(clock, chance, 443)
    yield from handshake(tcp)
    for number in range(20):
        yield tcp.segment(number & 1, PSH | ACK, b"\x15\3\3\0\2\1" + bytes([40 + number]))


def chains(clock: Clock, chance: random.Random) -> Talk:
    """A server's certificate of many names, another one each time."""
    tcp = connected(clock, chance, 443)
    yield from handshake(tcp)
    yield tcp.segment(0, PSH | ACK, _LONG[:5] + _HELLO[:4])
    der = _certificate().replace(b"serial number 12", word(chance, 16))
    body = (len(der) + 3).to_bytes(3, "big") + len(der).to_bytes(3, "big") + der
    message = b"\x0b" + len(body).to_bytes(3, "big") + body
    for at in range(0, len(message), 16_384):
        yield tcp.segment(1, PSH | ACK, _record(len(message[at : at + 16_384])) + message[at : at + 16_384])


@cache
def _certificate() -> bytes:
    """As large as one may be; what it says is told, and not verified."""
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding

    key = Ed25519PrivateKey.from_private_bytes(bytes(32))
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "many")])
    number = int.from_bytes(b"serial number 12", "big")
    begin, end = datetime.fromtimestamp(START - 10**6, UTC), datetime.fromtimestamp(START + 10**7, UTC)
    built = x509.CertificateBuilder(name, name, key.public_key(), number, begin, end)
    names = x509.SubjectAlternativeName([x509.DNSName(f"{n:03}" + "n" * 56) for n in range(512)])
    return built.add_extension(names, critical=False).sign(key, None).public_bytes(Encoding.DER)


def paths(clock: Clock, chance: random.Random) -> Talk:
    """Requests of a long path, answered in all ways there are."""
    tcp = connected(clock, chance, 80)
    yield from handshake(tcp)
    asked = b"GET /%b HTTP/1.1\r\nHost: %b\r\n\r\n" % (word(chance, 190), word(chance, 250))
    for _ in range(6):
        for _ in range(32):
            clock.micros += chance.randrange(1_000)
            yield tcp.segment(0, PSH | ACK, asked)
        replies = (b"HTTP/1.1 %d X\r\nContent-Length: 2\r\n\r\n" % chance.randrange(450, 560) for _ in range(32))
        for reply in replies:
            yield tcp.segment(1, PSH | ACK, reply)
            yield tcp.segment(1, PSH | ACK, b"ok")


def errors(clock: Clock, chance: random.Random) -> Talk:
    """Commands answered with one error each."""
    tcp = connected(clock, chance, 6_379)
    yield from handshake(tcp)
    yield tcp.segment(0, PSH | ACK, b"PING\r\n" * 64)
    yield tcp.segment(1, PSH | ACK, b"".join(b"-%b x\r\n" % word(chance, 20).upper() for _ in range(64)))


def troubled(clock: Clock, chance: random.Random) -> Talk:
    """A connection with one of each trouble that TCP has, of both sides."""
    tcp = connected(clock, chance, 9_000)
    yield from handshake(tcp)
    yield from _trouble(tcp)
    yield tcp.segment(0, RST, b"")


def much_troubled(clock: Clock, chance: random.Random) -> Talk:
    """A connection with as much of each as is told."""
    tcp = connected(clock, chance, 9_000)
    yield from handshake(tcp)
    for _ in range(20):
        yield from _trouble(tcp)
    for _ in range(20):
        yield tcp.segment(0, RST, b"")


def _trouble(tcp: Tcp) -> Talk:
    yield tcp.segment(0, ACK, b"d" * 100)
    yield tcp.segment(1, ACK, b"d" * 100)
    for side in (0, 1):
        begun = tcp.next[side]
        yield tcp.segment(side, ACK, b"d" * 1_400)  # too large, and sent again, which is in vain
        yield tcp.segment(side, ACK, b"d" * 1_400, at=begun)
        tcp.next[side] = tcp.next[side] + 1_000 & _MASK  # lost; what was is then told out of order
        yield tcp.segment(side, ACK, b"d" * 100)
        yield tcp.segment(side, ACK, b"d" * 1_000, at=tcp.next[side] - 1_100 & _MASK)
        for _ in range(2):
            yield tcp.segment(1 - side, ACK, ack=begun)
        yield tcp.segment(side, ACK, b"d", at=begun - 1 & _MASK)
        ahead = tcp.next[side]
        yield tcp.segment(1 - side, ACK, ack=ahead + 5_000 & _MASK)  # of what is not in the capture
        frame = bytearray(tcp.segment(1 - side, ACK, ack=begun))
        frame[48:50] = bytes(2)  # no room
        yield bytes(frame)
        yield tcp.segment(side, ACK, b"d")


def tunnelled(clock: Clock, chance: random.Random) -> Talk:
    """A connection in a VXLAN tunnel of its own."""
    ends = CLIENTS + chance.getrandbits(16), SERVERS + chance.getrandbits(16)
    tag = b"\x08\0\0\0" + chance.randbytes(3) + b"\0"
    for frame in handshake(connected(clock, chance, 9_001)):
        yield datagram(*ends, (50_000, 4_789), 0, tag + frame)


BEGUN: dict[str, Begin] = {
    "idle conversations": _talk(80, _GET, reply=b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
    "HTTP heads": _talk(80, b"GET /x HTTP/1.1\r\nX-a: ", MUCH),
    "HTTP heads of responses": _answers(80, _GET, b"HTTP/1.1 200 OK\r\nX-a: ", MUCH),
    "HTTP fields": _talk(80, b"GET /x HTTP/1.1\r\n", MUCH, b"X-abcdef: abcd\r\n"),
    "HTTP chunks' lines": _talk(80, b"POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1" * 4_000),
    "HTTP trailers": _talk(80, b"POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-a: ", MUCH),
    "HTTP requests in a row": _talk(80, _GET * 128),
    "HTTP names": named,
    "HTTP/2 connections": frames_of_http2,
    "holes before HTTP": _hole(80, _GET[:-2]),
    "holes before TLS": _hole(443, _record(16_384) + _HELLO),
    "holes before what nobody knows": _hole(9_999, b"whatever that is none of ours"),
    "holes before Redis": _hole(6_379, b"*2\r\n$3\r\nGET\r\n"),
    "holes before DNS": _hole(53, b"\xff\0\0\1"),
    "TLS messages": _talk(443, _LONG, 2 * CHUNK, _MORE),
    "TLS messages of servers": _answers(443, _LONG, b"\x16\3\3\x40\0\x0b" + _LONG[6:], 2 * CHUNK, _MORE),
    "TLS hellos": greeted,
    "TLS alerts": alerts,
    "DNS over TCP": _talk(53, struct.pack("!7H", 65_000, 1, 256, 1, 0, 0, 0), MUCH),
    "Redis commands": _talk(6_379, b"*2\r\n$3\r\nGET\r\n$3\r\nk01\r\n" * 100),
    "Redis lines": _answers(6_379, b"*2\r\n$3\r\nGET\r\n$3\r\nk01\r\n", b"-ERR " + b"e" * 4_000),
    "PostgreSQL statements": prepared,
    "MySQL greetings": _answers(3_306, b"\1\0\0\0\x0e", b"\xff\xff\0\0\x0a8.0.36\0" + b"g" * 4_000),
    "MySQL statements": _talk(3_306, b"\xff\xff\0\0\3SELECT " + b"s" * 500),
    "Kafka requests": _talk(9_092, b"".join(map(_kafka, range(1, 200))) + _kafka(1_000, 60_000)),
    "MongoDB messages": _talk(27_017, _mongodb(1, 0) + _mongodb(2, 0, 40_000)),
    "connections in trouble": troubled,
    "connections in tunnels": tunnelled,
}
"""By what is begun."""
SMALL: dict[str, Begin] = {
    "holes before HTTP": _hole(80, _GET[:-2], (1,) * 60, 2),
    "holes before TLS": _hole(443, _record(16_384) + _HELLO, (1,) * 60, 2),
    "holes before what nobody knows": _hole(9_999, b"whatever that is none of ours", (1,) * 60, 2),
}
"""In one byte a segment."""
LEFT: dict[str, Begin] = {
    "Redis commands": queued,
    "Kafka requests": _numbered(9_092, _kafka, lambda number: struct.pack("!III", 8, number + 1, 0)),
    "MongoDB messages": _numbered(
        27_017, lambda number: _mongodb(number, 0), lambda number: _mongodb(number, number + 1)
    ),
}
"""By what all but one were answered of; one conversation behind another."""

FULL: dict[str, Begin] = {
    "HTTP/2 tables": tables,
    "HTTP/2 resets": resets,
    "HTTP paths": paths,
    "TLS certificates": chains,
    "Redis errors": errors,
    "connections in much trouble": much_troubled,
}
"""By what is kept of few of them, as much as there may be."""
