"""The compiled core and the plain one give the same facts, of public captures, hostile ones too, and of any traffic."""

import random
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.analysis import Analyser
from workers.contract.facts import Facts
from workers.core import BUILT
from workers.packets import marks

SHARED = Path(__file__).resolve().parents[4] / "shared" / "pcaps"
MAX_SIZE = 150_000
"""Larger ones take long by the plain core, and are seen by test_sanitized."""
SERVICES = (5432, 3306, 6379, 9092, 27017, 123, 67)
PAYLOADS = (
    b"", b"", b"", b"x", bytes(40), b"GET /a HTTP/1.1\r\nHost: shop\r\n\r\n", b"GET /b HT", b"TP/1.1\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n", b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", bytes(80),
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\0\0\6\4\0\0\0\0\0\0\3\0\0\0\x64", b"\0\0\4\x08\0\0\0\0\0\0\0\0\1" * 2,
    b"\0\0\1\1\5\0\0\0\1\x82\0\0\1\0\1\0\0\0\1x", b"\xc0\0\0\0\1\0\0\0\x40\x20" + bytes(32),
    b"\xc0\x6b\x33\x43\xcf\0\0",
    b"\x16\x03\x01\x00\x10" + bytes(16), b"\x17\x03\x03\x00\x20" + bytes(32), b"\x15\x03\x03\x00\x02\x02\x28", b"AAAA",
    b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n", b"*1\r\n$4\r\nPI", b"NG\r\n", b"+PONG\r\n", b"$-1\r\n", b"-ERR no\r\n",
    b"\0\0\0\x08\x04\xd2\x16\x2f", b"\0\0\0\x0d\0\3\0\0user\0", b"S", b"N", b"Z\0\0\0\5I", b"Q\0\0\0\x0dSELECT 1\0",
    b"\x16\0\0\0\x0a8.0.36\0" + bytes(14), b"\7\0\0\1\0\0\0\2\0\0\0", b"\1\0\0\0\x0e", b"\x09\0\0\1\xff\x15\4#28000",
    b"\0\0\0\x0d\0\x0c\0\1\0\0\0\5\0\3abc", b"\0\0\0\x0a\0\0\0\5\0\0\0\0\0\x1b",
    b"\x28\0\0\0\7\0\0\0\0\0\0\0\xdd\7\0\0\0\0\0\0\0\x13\0\0\0\x10ping\0\1\0\0\0\0" + bytes(5),
    b"\x26\0\0\0\7\0\0\0\7\0\0\0\xdd\7\0\0\0\0\0\0\0\x11\0\0\0\x10ok\0\1\0\0\0\0" + bytes(5),
)  # fmt: skip
OPTIONS = (
    b"", b"", b"", b"", b"\1\1\x08\x0a" + bytes(8), b"\2\4\x05\xb4\1\3\3\7\1\1\4\2", b"\2\4\x05\xb4", b"\3\3\x63\1",
    b"\1\1\5\x0a" + bytes(8), b"\5\x12" + bytes(18), b"\1\1\x08\x0a" + bytes(8) + b"\1\1\5\x0a" + bytes(8),
    b"\0\3\3\7", b"\5\x63\1\1", b"\1\1\1\5", b"\x08\0\1\1", b"\1" * 40,
)  # fmt: skip


@pytest.fixture(autouse=True)
def built() -> None:
    assert BUILT, "the compiled core was not built: run deploy/setup.sh test"


def facts(data: bytes, step: int, *, compiled: bool, peek: bool = False) -> Facts:
    analyser = Analyser(compiled=compiled)
    for at in range(0, len(data), step):
        analyser.feed(data[at : at + step])
        if peek:
            analyser.peek()
    return analyser.finish()


def test_marks_are_the_same() -> None:
    from workers.core.core import MARKS

    assert {name: marks.MARKS[name] for name in MARKS} == MARKS


def _captures() -> Iterator[Path]:
    return (path for path in sorted(SHARED.rglob("*")) if path.is_file() and path.stat().st_size < MAX_SIZE)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared captures are not here")
def test_of_every_shared_capture() -> None:
    seen = 0
    for path in _captures():
        data = path.read_bytes()
        plain = facts(data, len(data) or 1, compiled=False)
        for step in (len(data) or 1, 701):
            assert facts(data, step, compiled=True) == plain, path
        seen += bool(plain.packets)
    assert seen > 200


class Traffic:
    """A seeded capture of a few hosts that say anything at any time, often what nobody should."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self._time = 1_700_000_000_000_000_000
        self._ports = [*self._chance.sample(range(1, 60_000), 3), 53, 80, self._chance.choice(SERVICES)]
        self._next = [self._chance.choice((0, 0xFFFFFF00, 5_000)) for _ in range(8)]

    def capture(self, packets: int) -> bytes:
        """Ethernet, nanoseconds."""
        records = [self._record() for _ in range(packets)]
        return struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262_144, 1) + b"".join(records)

    def _record(self) -> bytes:
        chance = self._chance
        self._time += chance.choice((-5_000, 1_000, 200_000, 15_000_000, 400_000_000))
        frame = self._frame()
        cut = frame[: chance.randrange(len(frame) + 1)] if chance.random() < 0.04 else frame
        seconds, nanos = divmod(self._time, 1_000_000_000)
        return struct.pack("<IIII", seconds, nanos, len(cut), len(frame)) + cut

    def _frame(self) -> bytes:
        chance = self._chance
        up = chance.random() < 0.5
        port = chance.choice(self._ports)
        ports = (40_000 + chance.randrange(2), port)
        protocol = chance.choice((6, 6, 6, 6, 6, 6, 17, 1, 132, 47))
        body = self._tcp(up) if protocol == 6 else self._noise(chance.randrange(60))
        if protocol == 17:
            body = struct.pack("!HH", len(body) + 4, 0) + body
        source, destination = ports if up else ports[::-1]
        inner = (struct.pack("!HH", source, destination) if protocol in (6, 17, 132) else b"\3\4") + body
        if chance.random() < 0.2:
            head = struct.pack("!IHBB", 0x60000000 | chance.choice((0, 0, 3)) << 20, len(inner), protocol, 64)
            ends = [bytes.fromhex("20010db8") + bytes(11) + bytes([n]) for n in (1, 2)]
            network, kind = head + b"".join(ends if up else ends[::-1]) + inner, b"\x86\xdd"
        else:
            fragment = chance.choice((0, 0, 0, 0, 0, 0, 0, 0x2000, 0x0002))
            service = chance.choice((0, 0, 0, 2, 3))
            head = struct.pack("!BBHHHBBH", 0x45, service, 20 + len(inner), 7, fragment, 64, protocol, 0)
            ends = [bytes([192, 0, 2, n]) for n in (1, 2)]
            network, kind = head + b"".join(ends if up else ends[::-1]) + inner, b"\x08\x00"
        if chance.random() < 0.15:
            kind, network = self._carried(kind, network)
        tag = b"\x81\x00\x00\x05" if chance.random() < 0.1 else b""
        return bytes(12) + tag + kind + network + bytes(chance.choice((0, 0, 6)))

    def _noise(self, size: int) -> bytes:
        return bytes([self._chance.randrange(256) for _ in range(size)])

    def _carried(self, kind: bytes, network: bytes) -> tuple[bytes, bytes]:
        """In a tunnel, or quoted by an ICMP error: ethertype and packet."""
        chance, inner = self._chance, bytes(12) + kind + network
        label = b"\0\x06\x41\x40"
        protocol, body = chance.choice((
            (17, struct.pack("!HHHH", 5_000, 4789, 16 + len(inner), 0) + b"\x08" + self._noise(7) + inner),
            (17, struct.pack("!HHHH", 5_000, 6081, 16 + len(inner), 0) + b"\0\0\x65\x58" + self._noise(4) + inner),
            (47, b"\x20\0" + kind + self._noise(4) + network),
            (4, network),
            (1, b"\3\4\0\0\0\0" + chance.choice((b"\0\0", b"\5\0", b"\4\xb0")) + network[:48]),
            (0, label + network),
        ))  # fmt: skip
        if not protocol:
            return b"\x88\x47", body
        head = struct.pack("!BBHHHBBH", 0x45, chance.choice((0, 3)), 20 + len(body), 7, 0, 64, protocol, 0)
        return b"\x08\x00", head + bytes([192, 0, 2, 9, 192, 0, 2, 10]) + body

    def _tcp(self, up: bool) -> bytes:
        chance, side = self._chance, up
        flags = chance.choice((2, 18, 16, 16, 16, 16, 24, 24, 17, 4, 20, 0, 3, 0xC2, 0x52, 0x50, 0x90))
        payload = chance.choice(PAYLOADS)
        at = self._next[side] + chance.choice((0, 0, 0, 0, 0, -1, -30, 40, 1_000, 70_000))
        if flags & 2:
            at = chance.choice((at, chance.randrange(1 << 32)))
            self._next[side] = at + 1
        else:
            self._next[side] = max(self._next[side], at) + len(payload)
        ack = self._next[not side] + chance.choice((0, 0, 0, 0, -20, 30))
        window = chance.choice((500, 500, 500, 0, 1))
        options = chance.choice(OPTIONS)
        words = (5 + len(options) // 4) << 12 | flags
        return struct.pack("!IIHHHH", at & 0xFFFFFFFF, ack & 0xFFFFFFFF, words, window, 0, 0) + options + payload


@given(st.integers(0, 1 << 32), st.integers(1, 400), st.sampled_from((60, 1_000, 1 << 20)))
def test_of_any_traffic(seed: int, packets: int, step: int) -> None:
    data = Traffic(seed).capture(packets)
    assert facts(data, step, compiled=True, peek=step == 1_000) == facts(data, len(data), compiled=False)


def test_of_more_conversations_than_are_followed_at_once() -> None:
    """Evicted, ended by a reset or by another one on the same ports; the best are kept, the others are counted."""
    chance, frames = random.Random(3), []
    for number in range(40_000):
        client, port = bytes([198, 18, number >> 8 & 255, number & 255]), 1_024 + (number >> 4)
        flags = chance.choice((2, 2, 2, 18, 4, 16))
        tcp = struct.pack("!HHIIHHHH", port, 80, number, 0, 0x5000 | flags, 500, 0, 0) + bytes(number % 7)
        head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), 0, 0, 64, 6, 0)
        frame = bytes(12) + b"\x08\x00" + head + client + bytes([198, 19, 0, 1]) + tcp
        frames.append(struct.pack("<IIII", number // 100, number, len(frame), len(frame)) + frame)
    data = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, 1) + b"".join(frames)
    plain, compiled = facts(data, 1 << 16, compiled=False), facts(data, 1 << 16, compiled=True)
    assert compiled == plain
    assert plain.more_conversations > 30_000
