"""Captures that ask the analysis to hold much, as streams: thousands of conversations that begin what they do not end.

`python -m tests.bench.hostile KIND [CONVERSATIONS]` writes one to standard output.
"""

import itertools
import random
import struct
import sys
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, partial

from tests.bench import talks
from tests.bench.begun import BEGUN, FULL, LEFT, SMALL, Begin, word
from tests.bench.frames import CLIENTS, FILE_HEADER, RECORD, SERVERS, START, Clock, Tcp, datagram
from tests.bench.talks import Talk

SEED = 11
TOGETHER = 4_096
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


def given(clock: Clock, chance: random.Random) -> Talk:
    """One client is given one address for many long names."""
    client, _, ports = _ports(chance, 53)
    address = chance.randbytes(4)
    for number in range(16):
        asked = b"".join(b"\x3e" + word(chance, 62) for _ in range(4)) + b"\0\0\1\0\1"
        yield datagram(client, SERVERS + 53, ports, 0, struct.pack("!6H", number, 0x100, 1, 0, 0, 0) + asked)
        answer = asked + b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 9, 4) + address
        yield datagram(client, SERVERS + 53, ports, 1, struct.pack("!6H", number, 0x8180, 1, 1, 0, 0) + answer)


def fragments(clock: Clock, chance: random.Random) -> Talk:
    """Most of a datagram, in fragments, but not the last one."""
    ends, number = _ports(chance, 0)[:2], chance.getrandbits(16)
    for place in range(0, 60_000, 20_000):
        head = _FRAGMENT.pack(0x45, 0, 20_020, number, 0x2000 | place >> 3, 64, 17, 0, *ends)
        yield _MACS + head + b"f" * 20_000


def overlaps(clock: Clock, chance: random.Random) -> Talk:
    """Fragments of a datagram that all begin near its beginning."""
    ends, number = _ports(chance, 0)[:2], chance.getrandbits(16)
    for place in range(63):
        head = _FRAGMENT.pack(0x45, 0, 20_020, number, 0x2000 | place, 64, 17, 0, *ends)
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


@dataclass(frozen=True)
class Kind:
    """What its conversations are, and how many of them are asked for."""

    begin: Begin
    conversations: int = 20_000
    together: int = TOGETHER
    """So many go on at once; those that came before are not over either."""


LIVE = ("TLS", "HTTP", "DNS", "Redis", "PostgreSQL", "keystrokes")
KINDS = {
    **{name: Kind(begin) for name, begin in BEGUN.items()},
    **{name: Kind(begin, 600) for name, begin in FULL.items()},
    **{f"small {name}": Kind(begin, 4_000) for name, begin in SMALL.items()},
    **{f"{name}, one waiting": Kind(begin, 2_500, 1) for name, begin in LEFT.items()},
    "SYNs": Kind(syn, 300_000),
    "datagrams": Kind(unknown, 1_000_000),
    "DNS names": Kind(question, 50_000),
    "names of an address": Kind(given, 1_000),
    "fragments": Kind(fragments),
    "fragments that overlap": Kind(overlaps, 300, 200),
    "QUIC hellos": Kind(initials),
    **{f"live {name}": Kind(partial(_going, name, 20)) for name in LIVE},
}
EVERYTHING = "everything"
SHARE = 400
"""Of each kind that is in it."""
NAMES = (*KINDS, EVERYTHING)


def conversations(name: str) -> int:
    """How many of a kind are asked for; of everything, all together."""
    return sum(_shares()) if name == EVERYTHING else KINDS[name].conversations


def _shares() -> list[int]:
    return [min(kind.conversations, SHARE) for kind in KINDS.values()]


def frames(name: str, number: int, clock: Clock) -> Iterator[bytes]:
    """So many conversations of a kind, some thousands of them at once, packet by packet in turns."""
    chance = random.Random(SEED)
    kinds = chance.choices(list(KINDS.values()), _shares(), k=number) if name == EVERYTHING else [KINDS[name]] * number
    coming = (kind.begin(clock, chance) for kind in kinds)
    together = KINDS[name].together if name in KINDS else TOGETHER
    going = deque(itertools.islice(coming, together))
    while going:
        talk = going.popleft()
        frame = next(talk, None)
        if frame is not None:
            clock.micros += 1
            yield frame
            going.append(talk)
        else:
            going.extend(itertools.islice(coming, 1))


def stream(name: str, number: int) -> Iterator[bytes]:
    """A classic pcap file of them, in chunks."""
    clock, chunk = Clock(), bytearray(FILE_HEADER)
    for frame in frames(name, number, clock):
        seconds, micros = divmod(clock.micros, 1_000_000)
        chunk += RECORD.pack(START + seconds, micros, len(frame), len(frame)) + frame
        if len(chunk) >= MIB:
            yield bytes(chunk)
            chunk.clear()
    yield bytes(chunk)


def main(name: str, number: str = "") -> None:
    """Write it."""
    for chunk in stream(name, int(number) if number else conversations(name)):
        sys.stdout.buffer.write(chunk)


if __name__ == "__main__":
    main(*sys.argv[1:])
