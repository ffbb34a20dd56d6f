"""Off every service's port the compiled core hands on only segments that may begin a protocol: no fact hangs on it."""

import random
from collections.abc import Iterator

import pytest

from tests.bench.frames import ACK, FILE_HEADER, PSH, RECORD, START, Clock, Tcp
from tests.unit.core.test_compiled_equals_plain import PAYLOADS, facts

BEGINNINGS = (
    *(payload for payload in PAYLOADS if payload),
    b"SUBSCRIBE /events HTTP/1.1\r\n\r\n", b"RPC_OUT_DATA /rpc HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
    b"G-m_Z x HTTP/1.0\n\n",
    b"A" * 31 + b" / HTTP/1.1\r\n\r\n", b"A" * 32 + b" / HTTP/1.1\r\n\r\n", b"EHLO shop\r\n", b"GET\r\n",
    b"HTTP/1.1 404 \n\n",
    b"J\0\0\0\x0a5.7.44\0" + bytes(66), b"A\0\0\0\7\0\0\0\0\0\0\0\xdd\7\0\0\0\0\0\0\0" + bytes(44),
    b"*1\r\n$4\r\nPING\r\n", b"*12345678\r\n$4\r\nPING\r\n", b"\x16\x03\x05\0\x10" + bytes(16), b"\x14\x03\x03\0\1\1",
    b"\0\0\6\4\1\0\0\0\0" + bytes(6), b"\0\0\x08\6\2\0\0\0\0" + bytes(8), b"\0\0\x08\6\1\0\0\0\0" + bytes(8),
    b"\0\x40\0\0\1\0\0\0\1" + bytes(16_384) + b"\0\0\4\3\0\0\0\0\1\0\0\0\0",
)  # fmt: skip


def conversation(segments: list[bytes], port: int) -> bytes:
    """A capture of a client that sends these, and a server that says nothing anybody knows."""
    tcp = Tcp(Clock(), 0x0A000001, 0x0A000002, (40_000, port), [1_000, 5_000])
    frames = [tcp.syn(0), tcp.syn(1)]
    for data in segments:
        frames += [tcp.segment(0, PSH | ACK, data), tcp.segment(1, ACK), tcp.segment(1, PSH | ACK, b"\xff" * 9)]
    return FILE_HEADER + b"".join(
        RECORD.pack(START, place, len(frame), len(frame)) + frame for place, frame in enumerate(frames)
    )


def said(beginning: bytes, chance: random.Random) -> Iterator[list[bytes]]:
    """Whole, behind other bytes, in two pieces, and with a byte that is another one."""
    yield [beginning]
    yield [b"\xfe\xff" * 5, beginning, beginning]
    for _ in range(6):
        at = 1 + chance.randrange(min(len(beginning), 24))
        yield [piece for piece in (beginning[:at], beginning[at:]) if piece]
        place = chance.randrange(min(len(beginning), 24))
        yield [beginning[:place] + chance.randbytes(1) + beginning[place + 1 :], beginning]


@pytest.mark.parametrize("place", range(len(BEGINNINGS)))
def test_no_fact_hangs_on_what_is_handed_on(place: int) -> None:
    beginning, chance = BEGINNINGS[place], random.Random(place)
    for segments in said(beginning, chance):
        for port in (5_555, 8_080):
            data = conversation(segments, port)
            assert facts(data, 1 << 20, compiled=True) == facts(data, 1 << 20, compiled=False), (segments, port)


def test_short_segments_of_any_bytes() -> None:
    chance = random.Random(3)
    first = bytes([*range(65, 91), *range(20, 24), 0, 42])
    for _ in range(150):
        segments = [
            bytes([chance.choice(first)])
            + chance.choice((chance.randbytes(9), b"ET / HTTP/1.1\r\n\r\n", b"\3\3\0\2\2\x28"))[: chance.randrange(12)]
            for _ in range(6)
        ]
        data = conversation(segments, 5_555)
        assert facts(data, 1 << 20, compiled=True) == facts(data, 1 << 20, compiled=False), segments
