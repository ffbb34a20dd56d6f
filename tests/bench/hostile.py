"""Captures that ask the analysis to hold much, as streams: thousands of conversations that begin what they do not end.

`python -m tests.bench.hostile KIND [CONVERSATIONS]` writes one to standard output.
"""

import itertools
import random
import struct
import sys
from collections import deque
from collections.abc import Callable, Iterator
from functools import cache, partial

from tests.bench import talks
from tests.bench.begun import BEGUN, word
from tests.bench.frames import CLIENTS, FILE_HEADER, RECORD, SERVERS, START, Clock, Tcp, datagram
from tests.bench.talks import Talk

CONVERSATIONS = 20_000
TOGETHER = 4_096
"""Conversations that go on at once; those that came before are not over either."""
SEED = 11
MIB = 1 << 20
_MACS = bytes.fromhex("020000000002020000000001") + b"\x08\0"
_FRAGMENT = struct.Struct("!BBHHHBBHII")


def syn(clock: Clock, chance: random.Random) -> Talk:
    """A connection's first packet, and no other."""
    ends = CLIENTS + chance.getrandbits(16), SERVERS + 1
    yield Tcp(clock, *ends, (chance.randrange(1_024, 65_000), 443), [chance.getrandbits(32), 0]).syn(0)


def _ports(chance: random.Random, port: int) -> tuple[int, int, tuple[int, int]]:
    """A client, a server, and their ports."""
    return CLIENTS + chance.getrandbits(16), SERVERS + chance.getrandbits(16), (chance.randrange(1_024, 65_000), port)


def unknown(clock: Clock, chance: random.Random) -> Talk:
    """A datagram of nothing known."""
    yield datagram(*_ports(chance, 9_000), 0, b"\1datagram")


def question(clock: Clock, chance: random.Random) -> Talk:
    """Queries of long names, others each time; some are answered by a chain of more."""
    client, _, ports = _ports(chance, 53)
    for number in range(4):
        asked = b"".join(b"\x3f" + word(chance, 63) for _ in range(3)) + b"\x07example\0\0\1\0\1"
        yield datagram(client, SERVERS + 53, ports, 0, struct.pack("!6H", number, 0x100, 1, 0, 0, 0) + asked)
        if number & 1:
            alias = b"\x3f" + word(chance, 63) + b"\xc0\x0c"
            answer = b"\xc0\x0c" + struct.pack("!HHIH", 5, 1, 9, len(alias)) + alias
            answer += alias + struct.pack("!HHIHI", 1, 1, 9, 4, chance.getrandbits(32))
            yield datagram(
                client, SERVERS + 53, ports, 1, struct.pack("!6H", number, 0x8180, 1, 2, 0, 0) + asked + answer
            )


def fragments(clock: Clock, chance: random.Random) -> Talk:
    """Most of a datagram, in fragments, but not the last one."""
    ends, number = _ports(chance, 0)[:2], chance.getrandbits(16)
    for place in range(0, 60_000, 20_000):
        head = _FRAGMENT.pack(0x45, 0, 20_020, number, 0x2000 | place >> 3, 64, 17, 0, *ends)
        yield _MACS + head + b"f" * 20_000


def initials(clock: Clock, chance: random.Random) -> Talk:
    """QUIC's Initial packets of both sides, with most of a handshake message each and other pieces behind a hole."""
    client, server, ports = _ports(chance, 443)
    for side, packet in itertools.product((0, 1), range(4)):
        yield datagram(client, server, ports, side, _initial(side, packet))


@cache
def _initial(side: int, number: int) -> bytes:
    """One side's (RFC 9001 section 5)."""
    import hmac

    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    def derive(secret: bytes, label: bytes, size: int) -> bytes:
        full = b"tls13 " + label
        return hmac.digest(secret, struct.pack("!HB", size, len(full)) + full + b"\0\1", "sha256")[:size]

    offset, size = ((0, 8_000), (8_100, 4_000), (8_101, 4_000), (12_200, 4_000))[number]
    crypto = b"\6" + struct.pack("!HH", offset | 0x4000, size | 0x4000) + (b"\1\0\xff\xff" + bytes(size))[:size]
    root = hmac.digest(bytes.fromhex("38762cf7f55934b34d179ae6a4c80cadccbb7f0a"), b"hostile!", "sha256")
    secret = derive(root, b"server in" if side else b"client in", 32)
    key, iv, mask = (derive(secret, b"quic " + label, size) for label, size in ((b"key", 16), (b"iv", 12), (b"hp", 16)))
    head = b"\xc1\0\0\0\1" + (b"\0\0" if side else b"\x08hostile!\0") + b"\0"
    head += struct.pack("!HH", 2 + len(crypto) + 16 | 0x4000, number)
    nonce = (int.from_bytes(iv, "big") ^ number).to_bytes(12, "big")
    sealed = AESGCM(key).encrypt(nonce, crypto, head)
    bits = Cipher(algorithms.AES(mask), modes.ECB()).encryptor().update(sealed[2:18])
    hidden = bytes([head[0] ^ bits[0] & 0x0F]) + head[1:-2] + bytes([head[-2] ^ bits[1], head[-1] ^ bits[2]])
    return hidden + sealed


def _going(name: str, packets: int, clock: Clock, chance: random.Random) -> Talk:
    """The first packets of an ordinary conversation, which does not end."""
    return itertools.islice(talks.TALKS[name](clock, chance), packets)


FLOODS: dict[str, Callable[[Clock, random.Random], Talk]] = {
    "SYNs": syn,
    "datagrams": unknown,
    "DNS names": question,
    "fragments": fragments,
    "QUIC hellos": initials,
}
LIVE = {
    f"live {name}": partial(_going, name, 20) for name in ("TLS", "HTTP", "DNS", "Redis", "PostgreSQL", "keystrokes")
}
EVERYTHING = "everything"
_MANY = {"SYNs": 300_000, "datagrams": 1_000_000, "DNS names": 50_000, "HTTP/2 tables": 1_000}
_MANY |= {kind: 4_000 for kind in BEGUN if kind.endswith("one waiting")}
_MANY |= {kind: 5_000 for kind in BEGUN if kind.startswith("small")}
_BEGIN = BEGUN | FLOODS | LIVE
KINDS = (*_BEGIN, EVERYTHING)


def conversations(kind: str) -> int:
    """How many of a kind are asked for."""
    return 1_000 * len(_BEGIN) if kind == EVERYTHING else _MANY.get(kind, CONVERSATIONS)


def frames(kind: str, number: int, clock: Clock) -> Iterator[bytes]:
    """So many conversations of a kind, some thousands of them at once, packet by packet in turns."""
    chance = random.Random(SEED)
    begins = itertools.cycle(_BEGIN.values() if kind == EVERYTHING else (_BEGIN[kind],))
    coming = (begin(clock, chance) for begin in itertools.islice(begins, number))
    going = deque(itertools.islice(coming, 1 if kind.endswith("one waiting") else TOGETHER))
    while going:
        talk = going.popleft()
        frame = next(talk, None)
        if frame is not None:
            clock.micros += 1
            yield frame
            going.append(talk)
        else:
            going.extend(itertools.islice(coming, 1))


def stream(kind: str, number: int) -> Iterator[bytes]:
    """A classic pcap file of them, in chunks."""
    clock, chunk = Clock(), bytearray(FILE_HEADER)
    for frame in frames(kind, number, clock):
        seconds, micros = divmod(clock.micros, 1_000_000)
        chunk += RECORD.pack(START + seconds, micros, len(frame), len(frame)) + frame
        if len(chunk) >= MIB:
            yield bytes(chunk)
            chunk.clear()
    yield bytes(chunk)


def main(kind: str, number: str = "") -> None:
    """Write it."""
    for chunk in stream(kind, int(number) if number else conversations(kind)):
        sys.stdout.buffer.write(chunk)


if __name__ == "__main__":
    main(*sys.argv[1:])
