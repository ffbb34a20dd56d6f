"""pcap and pcapng in all their shapes give the same records; broken files end in a sentence with an offset."""

import gzip
import struct

import pytest

from workers.packets.capture import CaptureReader
from workers.packets.pcap import Record

FRAME = b"abcdefgh"
MAGICS = {"micro": (0xA1B2C3D4, 1000), "nano": (0xA1B23C4D, 1), "kuznetzov": (0xA1B2CD34, 1000)}


def read(capture: bytes) -> tuple[list[tuple[bytes, Record]], CaptureReader]:
    """Packet bytes and records of a whole file, and the closed reader."""
    reader = CaptureReader()
    found = [(buffer[r[0] : r[0] + r[1]], r) for buffer, records in reader.feed(capture) for r in records]
    reader.close()
    return found, reader


def pcap(order: str, kind: str, network: int = 1, captured: int | None = None) -> bytes:
    """One packet in a classic pcap."""
    magic, _ = MAGICS[kind]
    head = struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 65535, network)
    record = struct.pack(order + "IIII", 1000, 500, len(FRAME) if captured is None else captured, 64)
    return head + record + (bytes(8) if kind == "kuznetzov" else b"") + FRAME


def block(order: str, kind: int, body: bytes) -> bytes:
    """A pcapng block."""
    body += bytes(-len(body) % 4)
    length = struct.pack(order + "I", len(body) + 12)
    return struct.pack(order + "I", kind) + length + body + length


def section(order: str) -> bytes:
    """A section header."""
    return block(order, 0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))


def interface(order: str, link_type: int = 1, options: bytes = b"", snaplen: int = 0) -> bytes:
    """An interface description."""
    return block(order, 1, struct.pack(order + "HHI", link_type, 0, snaplen) + options)


def enhanced(order: str, number: int, ticks: int) -> bytes:
    """A packet."""
    return block(order, 6, struct.pack(order + "IIIII", number, ticks >> 32, ticks & 0xFFFFFFFF, 8, 64) + FRAME)


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("kind", MAGICS)
@pytest.mark.parametrize("wrap", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_every_magic_and_byte_order(order: str, kind: str, wrap: type[bytes]) -> None:
    ((data, record),), reader = read(wrap(pcap(order, kind)))
    assert data == FRAME
    assert record[1:] == (8, 64, 1000 * 10**9 + 500 * MAGICS[kind][1], 1)
    assert (reader.format, reader.snaplen, reader.error) == ("pcap", 65535, None)


def test_bits_beside_the_link_type_are_ignored() -> None:
    _, reader = read(pcap("<", "micro", network=0xF4000071))
    assert reader.link_types == (113,)


def test_absurd_captured_length_is_corruption() -> None:
    found, reader = read(pcap("<", "micro") + pcap("<", "micro", captured=262_145)[24:])
    assert len(found) == 1
    assert "damaged at byte 48" in (reader.error or "")


def test_cut_off_packet_is_told() -> None:
    found, reader = read(pcap("<", "micro")[:-1])
    assert not found
    assert reader.error == "the capture ends inside packet 1, which starts at byte 24"


@pytest.mark.parametrize("order", "<>")
def test_pcapng_sections_interfaces_and_resolutions(order: str) -> None:
    nano = struct.pack(order + "HHBxxx", 9, 1, 9) + struct.pack(order + "HHq", 14, 8, 100)
    power = struct.pack(order + "HHBxxx", 9, 1, 0x80 | 10)
    capture = section(order) + interface(order) + interface(order, 276, nano) + interface(order, 101, power)
    capture += enhanced(order, 0, 7_000_000) + enhanced(order, 1, 7) + enhanced(order, 2, 2048)
    other = "<" if order == ">" else ">"
    capture += block(order, 0xBAD, b"skip me") + section(other) + interface(other, 113) + enhanced(other, 0, 9)
    found, reader = read(capture)
    assert [(record[3], record[4]) for _, record in found] == [
        (7 * 10**9, 1),
        (100 * 10**9 + 7, 276),
        (2 * 10**9, 101),
        (9_000, 113),
    ]
    assert all(data == FRAME for data, _ in found)
    assert reader.link_types == (1, 276, 101, 113)
    assert reader.error is None


def test_pcapng_simple_and_obsolete_packets() -> None:
    capture = section("<") + interface("<", snaplen=4) + enhanced("<", 0, 5_000_000)
    capture += block("<", 3, struct.pack("<I", 100) + FRAME[:4])
    capture += block("<", 2, struct.pack("<HHIIII", 0, 0, 0, 6_000_000, 8, 8) + FRAME)
    found, reader = read(capture)
    assert [(record[1], record[2], record[3] // 10**9) for _, record in found] == [(8, 64, 5), (4, 100, 5), (8, 8, 6)]
    assert reader.untimed == 1


@pytest.mark.parametrize(
    ("tail", "words"),
    [
        (struct.pack("<III", 6, 13, 0), "claims a length of 13"),
        (struct.pack("<III", 6, 1 << 24, 0), "claims a length"),
        (struct.pack("<IIII", 99, 16, 0, 20), "two different lengths"),
        (enhanced("<", 3, 0), "does not hold together"),
        (section("<")[:20], "ends inside the block"),
        (b"\n\r\r\n" + bytes(8), "no known byte order"),
    ],
)
def test_broken_pcapng_keeps_what_was_before(tail: bytes, words: str) -> None:
    found, reader = read(section("<") + interface("<") + enhanced("<", 0, 1) + tail)
    assert len(found) == 1
    assert words in (reader.error or "")
    assert "byte" in (reader.error or "")


def test_two_gzip_members_and_zero_padding() -> None:
    whole = pcap("<", "micro")
    found, reader = read(gzip.compress(whole[:30]) + gzip.compress(whole[30:]) + bytes(16))
    assert len(found) == 1
    assert reader.error is None
    _, cut = read(gzip.compress(whole)[:-4])
    assert "gzip" in (cut.error or "")
