"""Captures for tests: the shared ones, and small ones built packet by packet."""

import struct
from dataclasses import dataclass, field
from functools import cache
from ipaddress import ip_address
from pathlib import Path

import pytest

from workers.analysis import Analyser
from workers.contract.facts import Facts
from workers.core import BUILT

_SHARED = Path(__file__).resolve().parents[3].parent / "shared"
PCAPS = _SHARED / "pcaps"
needs_pcaps = pytest.mark.skipif(not _SHARED.exists(), reason="the shared captures are not on this machine")

BOTH = 20_000
"""Bytes of captures that are short."""
SYN, ACK, FIN, RST, PSH = 2, 16, 1, 4, 8
CLIENT, SERVER = "198.18.0.1", "198.18.0.2"


def shared(*patterns: str) -> list[str]:
    """Names of shared captures, relative to their folder; empty where there are none."""
    found = [path for pattern in patterns for path in PCAPS.glob(pattern) if path.is_file()]
    return sorted(str(path.relative_to(PCAPS)) for path in found if path.suffix not in (".json", ".md"))


def analyse(capture: bytes, *cuts: int, compiled: bool | None = None) -> Facts:
    """Facts of a capture fed whole, or cut at these offsets; from one core, or the same from both when it is short."""
    if compiled is None:
        facts = analyse(capture, *cuts, compiled=BUILT)
        assert len(capture) > BOTH or analyse(capture, *cuts, compiled=False) == facts
        return facts
    analyser, at = Analyser(compiled=compiled), 0
    for cut in (*sorted(cuts), len(capture)):
        analyser.feed(capture[at:cut])
        at = cut
    return analyser.finish()


@cache
def shared_facts(name: str) -> Facts:
    """Facts of a shared capture."""
    return analyse((PCAPS / name).read_bytes())


def ip4(
    protocol: int, source: str, destination: str, payload: bytes, *, total: int | None = None, service: int = 0
) -> bytes:
    """An Ethernet frame with an IPv4 packet."""
    length = 20 + len(payload) if total is None else total
    head = struct.pack("!BBHHHBBH", 0x45, service, length, 1, 0, 64, protocol, 0)
    return bytes(12) + b"\x08\x00" + head + ip_address(source).packed + ip_address(destination).packed + payload


def udp(source: str, sport: int, destination: str, dport: int, payload: bytes) -> bytes:
    """An Ethernet frame with a UDP datagram."""
    return ip4(17, source, destination, struct.pack("!HHHH", sport, dport, 8 + len(payload), 0) + payload)


def dns(number: int, name: str, *, response: bool = False, rcode: int = 0, qtype: int = 1) -> bytes:
    """A DNS message with one question."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    flags = (0x8180 if response else 0x0100) | rcode
    return struct.pack("!HHHHHH", number, flags, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!HH", qtype, 1)


@dataclass
class Pcap:
    """Collects frames at times in seconds; `bytes()` is the file."""

    snaplen: int = 262_144
    link_type: int = 1
    _records: bytearray = field(default_factory=bytearray)

    def add(self, time: float, frame: bytes) -> "Pcap":
        """One frame."""
        kept = frame[: self.snaplen]
        micros = round(time * 1e6)
        self._records += struct.pack("<IIII", 1_700_000_000 + micros // 10**6, micros % 10**6, len(kept), len(frame))
        self._records += kept
        return self

    def bytes(self) -> bytes:
        """The file."""
        head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, self.snaplen, self.link_type)
        return head + bytes(self._records)

    def facts(self) -> Facts:
        """The file's facts."""
        return analyse(self.bytes())


@dataclass
class Tcp:
    """A TCP conversation written into a capture. Sequence numbers are relative to 1,000 (client) and 5,000 (server)."""

    pcap: Pcap
    client_port: int = 40_000
    server_port: int = 80
    client: str = CLIENT
    server: str = SERVER
    bases: tuple[int, int] = (1_000, 5_000)

    def send(
        self,
        time: float,
        side: str,
        flags: int,
        seq: int,
        ack: int = 0,
        data: bytes = b"",
        window: int = 1_000,
        options: bytes = b"",
        service: int = 0,
    ) -> "Tcp":
        """One segment from "c" or "s"; `options` in whole words."""
        mine, theirs = self.bases if side == "c" else self.bases[::-1]
        ports = (self.client_port, self.server_port) if side == "c" else (self.server_port, self.client_port)
        acked = (theirs + ack) & 0xFFFFFFFF if flags & ACK else 0
        length = 5 + len(options) // 4
        head = struct.pack("!HHIIHHHH", *ports, (mine + seq) & 0xFFFFFFFF, acked, length << 12 | flags, window, 0, 0)
        ends = (self.client, self.server) if side == "c" else (self.server, self.client)
        self.pcap.add(time, ip4(6, *ends, head + options + data, service=service))
        return self

    def handshake(self, time: float = 0.0, rtt: float = 0.01) -> "Tcp":
        """SYN, SYN-ACK and ACK."""
        self.send(time, "c", SYN, 0).send(time + rtt, "s", SYN | ACK, 0, 1)
        return self.send(time + rtt + 0.0001, "c", ACK, 1, 1)
