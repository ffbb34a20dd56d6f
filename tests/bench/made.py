"""The captures that benchmarks measure on, made from a seed and kept in build/bench; and a stream without end.

A mix is said as slots: that many conversations of a kind go on at once, each followed by another one of its kind, so
that packets come in the slots' proportions.
"""

import hashlib
import itertools
import random
import struct
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.bench import frames, talks
from tests.bench.frames import CLIENTS, FILE_HEADER, RECORD, SERVERS, START, Clock, Tcp, Writer
from tests.bench.processes import ROOT

FOLDER = ROOT / "build" / "bench"
PACKETS = {"mixed": 1_340_000, "small": 1_000_000, "bulk": 200_000, "flood": 1_000_000}
MIXES = {
    "mixed": {"bulk": 64, "TLS": 40, "HTTP": 80, "DNS": 46, "Redis": 112, "PostgreSQL": 58},
    "small": {"Redis": 170, "DNS": 60, "small HTTP": 90, "keystrokes": 80},
    "bulk": {"bulk": 20},
}
"""`mixed` has the packets, bytes and protocols of a capture between real programs: 382 bytes a packet."""
SEED = 7
MIB = 1 << 20


@dataclass(frozen=True)
class Made:
    """A capture file, and what is in it."""

    path: Path
    mix: str

    @property
    def megabytes(self) -> float:
        """Of the file."""
        return self.path.stat().st_size / 1e6


def made(name: str) -> Made:
    """One of PACKETS, made unless this code has made it before."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    sources = b"".join(Path(str(module.__file__)).read_bytes() for module in (frames, talks))
    digest = hashlib.sha256(sources + Path(__file__).read_bytes()).hexdigest()[:12]
    path, said = FOLDER / f"{name}-{digest}.pcap", FOLDER / f"{name}-{digest}.txt"
    if not said.exists():
        for old in FOLDER.glob(f"{name}-*"):
            old.unlink()
        said.write_text(flood(path) if name == "flood" else mixed(path, PACKETS[name], MIXES[name]))
    return Made(path, said.read_text())


def mixed(path: Path, packets: int, mix: dict[str, int]) -> str:
    """Write a capture of so many packets, or up to three more; what it holds, in words."""
    chance, clock = random.Random(SEED), Clock()
    writer, counts, sizes = Writer(path, clock), Counter[str](), Counter[str]()
    kinds = [kind for kind, slots in mix.items() for _ in range(slots)]
    going = [talks.TALKS[kind](clock, chance) for kind in kinds]
    while writer.packets < packets:
        place = int(chance.random() * len(kinds))
        kind, wanted = kinds[place], 1 + int(chance.random() * 4)
        some = list(itertools.islice(going[place], wanted))
        if len(some) < wanted:
            going[place] = talks.TALKS[kind](clock, chance)
        for frame in some:
            clock.micros += 1 + int(chance.random() * 40)
            writer.add(frame)
            sizes[kind] += len(frame)
        counts[kind] += len(some)
    writer.close()
    return ", ".join(f"{kind} {n / writer.packets:.0%} ({sizes[kind] / 1e6:.0f} MB)" for kind, n in counts.items())


def flood(path: Path) -> str:
    """A SYN of each of a million conversations to one server's port, some 130,000 a second."""
    clock, chance = Clock(), random.Random(SEED)
    writer, packets = Writer(path, clock), PACKETS["flood"]
    for number in range(packets):
        spread = number * 40_503 % packets  # a permutation, as 40,503 shares no divisor with a million
        client, port = CLIENTS + (spread & 0xFFFF), 1_024 + (spread >> 16) * 997 + chance.randrange(900)
        clock.micros += 1 + int(chance.random() * 14)
        writer.add(Tcp(clock, client, SERVERS + 1, (port, 443), [chance.getrandbits(32), 0]).syn(0))
    writer.close()
    return f"{packets:,} SYNs of as many clients' ports to one server"


def endless(source: Path, size: int, block: int = 32 * MIB) -> Iterator[bytes]:
    """Chunks of 1 MiB, `size` bytes in all: the first `block` bytes of a capture again and again, each time later and
    from other clients, so that every conversation is a new one.
    """
    with source.open("rb") as file:
        data = bytearray(file.read(block)[len(FILE_HEADER) :])
    places, at = [], 0
    second, port = struct.Struct("<I"), struct.Struct("!H")
    while at + RECORD.size <= len(data):
        captured = second.unpack_from(data, at + 8)[0]
        if at + RECORD.size + captured > len(data):
            break
        up = data[at + 16 + 27] == CLIENTS >> 16 & 0xFF
        client, ports = at + 16 + (28 if up else 32), at + 16 + (34 if up else 36)
        known = second.unpack_from(data, at)[0] - START, data[client], port.unpack_from(data, ports)[0] - 1_024
        places.append((at, client, ports, *known))
        at += RECORD.size + captured
    del data[at:]
    lasts, sent = places[-1][3] + 1, 0
    yield FILE_HEADER
    for turn in itertools.count():
        for start, client, ports, seconds, address, number in places:
            second.pack_into(data, start, START + turn * lasts + seconds)
            data[client] = address + turn * 16 & 0xFF  # 16 turns later the same again, but from other ports
            port.pack_into(data, ports, 1_024 + (number + turn // 16 * 4_001) % 64_000)
        for offset in range(0, len(data), MIB):
            yield bytes(data[offset : offset + MIB])
        sent += len(data)
        if sent >= size:
            return
