"""Frames for benchmarks, packed at one go: Ethernet, IPv4, and TCP with timestamps or UDP; and classic pcap files."""

import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
MSS = 1_448
"""Payload bytes of a full segment: 1,500 less IP, TCP and its timestamps."""
CLIENTS, SERVERS = 0xC6120000, 0xC6130000
"""198.18.0.0/16 and 198.19.0.0/16 (RFC 2544: for benchmarks)."""
FILE_HEADER = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, 1)
RECORD = struct.Struct("<IIII")
START = 1_700_000_000

_MACS = (bytes.fromhex("020000000002020000000001") + b"\x08\0", bytes.fromhex("020000000001020000000002") + b"\x08\0")
_IP = "BBHHHBBHII"
_SEGMENT = struct.Struct(f"!{_IP}HHIIBBHHHIII")
_SYN = struct.Struct(f"!{_IP}HHIIBBHHHIHHIIBBBB")
_DATAGRAM = struct.Struct(f"!{_IP}HHHH")


@dataclass
class Clock:
    """Microseconds since the capture began."""

    micros: int = 0


def checksum(length: int, number: int, protocol: int, client: int, server: int) -> int:
    """Of an IPv4 header as written here; the same in both directions (RFC 1071)."""
    total = 0x4500 + length + number + 0x4000 + 0x4000 + protocol
    total += (client >> 16) + (client & 0xFFFF) + (server >> 16) + (server & 0xFFFF)
    total = (total & 0xFFFF) + (total >> 16)
    return ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF


@dataclass
class Tcp:
    """One connection; sides are 0, the client, and 1, the server."""

    clock: Clock
    client: int
    server: int
    ports: tuple[int, int]
    next: list[int] = field(default_factory=list)
    """Sequence number of the next byte of each side."""
    number: int = 0

    def segment(self, side: int, flags: int, data: bytes = b"", at: int = -1, ack: int = -1) -> bytes:
        """A frame. `at`: another sequence number, sent again or out of order; `ack`: not all that was sent."""
        sequence = self.next[side] if at < 0 else at
        if at < 0:
            self.next[side] = (sequence + len(data) + (flags & FIN)) & 0xFFFFFFFF
        length = 52 + len(data)
        self.number = number = self.number + 1 & 0xFFFF
        source, destination = (self.server, self.client) if side else (self.client, self.server)
        stamp = self.clock.micros // 1_000
        return (
            _MACS[side]
            + _SEGMENT.pack(
                0x45, 0, length, number, 0x4000, 64, 6, checksum(length, number, 6, self.client, self.server),
                source, destination, self.ports[side], self.ports[1 - side],
                sequence, self.next[1 - side] if ack < 0 else ack, 0x80, flags, 501, 0, 0,
                0x0101080A, stamp, stamp - 1 & 0xFFFFFFFF,
            )
            + data
        )  # fmt: skip

    def syn(self, side: int) -> bytes:
        """A SYN, or the SYN-ACK, with the usual options."""
        source, destination = (self.server, self.client) if side else (self.client, self.server)
        frame = _MACS[side] + _SYN.pack(
            0x45, 0, 60, 0, 0x4000, 64, 6, checksum(60, 0, 6, self.client, self.server), source, destination,
            self.ports[side], self.ports[1 - side], self.next[side], self.next[0] if side else 0,
            0xA0, SYN | ACK if side else SYN, 64_240, 0, 0, 0x020405B4, 0x0402, 0x080A,
            self.clock.micros // 1_000, 0, 1, 3, 3, 7,
        )  # fmt: skip
        self.next[side] = self.next[side] + 1 & 0xFFFFFFFF
        return frame


def datagram(client: int, server: int, ports: tuple[int, int], side: int, payload: bytes) -> bytes:
    """A UDP datagram's frame."""
    length = 28 + len(payload)
    source, destination = (server, client) if side else (client, server)
    head = _DATAGRAM.pack(
        0x45, 0, length, 0, 0x4000, 64, 17, checksum(length, 0, 17, client, server), source, destination,
        ports[side], ports[1 - side], 8 + len(payload), 0,
    )  # fmt: skip
    return _MACS[side] + head + payload


def opened(clock: Clock, chance: random.Random, port: int) -> Tcp:
    """A connection of some client to one of a few servers, not yet begun."""
    ends = CLIENTS + chance.randrange(4_000), SERVERS + chance.randrange(20)
    ports = (chance.randrange(20_000, 60_000), port)
    return Tcp(clock, *ends, ports, [chance.getrandbits(32), chance.getrandbits(32)])


def handshake(tcp: Tcp) -> Iterator[bytes]:
    """SYN, SYN-ACK, ACK."""
    yield tcp.syn(0)
    yield tcp.syn(1)
    yield tcp.segment(0, ACK)


def said(tcp: Tcp, side: int, data: bytes) -> Iterator[bytes]:
    """A message in full segments, every second one acknowledged."""
    for number, at in enumerate(range(0, len(data), MSS), 1):
        last = at + MSS >= len(data)
        yield tcp.segment(side, PSH | ACK if last else ACK, data[at : at + MSS])
        if number % 2 == 0 and not last:
            yield tcp.segment(1 - side, ACK)


def closed(tcp: Tcp) -> Iterator[bytes]:
    """An orderly end, begun by the client."""
    yield tcp.segment(0, FIN | ACK)
    yield tcp.segment(1, FIN | ACK)
    yield tcp.segment(0, ACK)


class Writer:
    """A classic pcap file, microseconds, written as it comes."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._file = path.open("wb", buffering=1 << 20)
        self._file.write(FILE_HEADER)
        self._clock = clock
        self.packets = 0

    def add(self, frame: bytes) -> None:
        """One frame, now."""
        seconds, micros = divmod(self._clock.micros, 1_000_000)
        self._file.write(RECORD.pack(START + seconds, micros, len(frame), len(frame)) + frame)
        self.packets += 1

    def close(self) -> None:
        """The file is complete."""
        self._file.close()
