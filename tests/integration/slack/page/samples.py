"""Files to show: a picture, and captures built byte by byte."""

from __future__ import annotations

import struct

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
    "0000000c49444154789c63f8cfc0000003010100c9fe92ef0000000049454e44ae426082"
)
HTTP = b"GET /health HTTP/1.1\r\nHost: web\r\n\r\n"
SYN, RST, PSH_ACK = 0x02, 0x04, 0x18


def pcap(frames: list[tuple[float, bytes]], link: int = 1) -> bytes:
    """A classic little-endian pcap of (time, frame)."""
    head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, link)
    records = (struct.pack("<IIII", int(t), round(t % 1 * 1e6), len(f), len(f)) + f for t, f in frames)
    return head + b"".join(records)


def ethernet(kind: int, payload: bytes, *, vlan: int | None = None) -> bytes:
    tag = b"" if vlan is None else struct.pack(">HH", 0x8100, vlan)
    return bytes(12) + tag + struct.pack(">H", kind) + payload


def sll2(kind: int, payload: bytes) -> bytes:
    return struct.pack(">H", kind) + bytes(18) + payload


def ipv4(protocol: int, payload: bytes, fragment: int = 0) -> bytes:
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(payload), 0, fragment, 64, protocol, 0)
    return head + bytes([198, 18, 0, 7]) + bytes([198, 18, 0, 9]) + payload


def ipv6(protocol: int, payload: bytes) -> bytes:
    head = struct.pack(">IHBB", 6 << 28, len(payload), protocol, 64)
    return head + bytes.fromhex("20010db8" + "0" * 23 + "1" + "20010db8" + "0" * 8 + "0001" + "0" * 11 + "2") + payload


def tcp(flags: int, payload: bytes = b"") -> bytes:
    return struct.pack(">HHIIBBHHH", 40000, 8080, 1, 0, 5 << 4, flags, 1024, 0, 0) + payload


def udp(payload: bytes) -> bytes:
    return struct.pack(">HHHH", 40001, 53, 8 + len(payload), 0) + payload
