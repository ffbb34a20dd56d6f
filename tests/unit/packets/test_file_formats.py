"""pcap and pcapng in all their shapes give the same records; broken files end in a sentence with an offset."""

import gzip
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.examples import examples
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
        (enhanced("<", 3, 0), "is of interface 3, which its section does not describe"),
        (block("<", 6, struct.pack("<IIIII", 0, 0, 0, 262_145, 0) + FRAME), "claims 262,145 captured bytes"),
        (block("<", 6, struct.pack("<IIIII", 0, 0, 0, 9, 9) + FRAME[:4]), "does not hold together"),
        (block("<", 1, b"") + enhanced("<", 0, 0), "does not hold together"),
        (block("<", 2, bytes(8)), "does not hold together"),
        (block("<", 3, b""), "does not hold together"),
        (block("<", 6, bytes(16)), "does not hold together"),
        (block("<", 3, struct.pack("<I", 300_000) + bytes(300_000)), "does not hold together"),
        (section("<") + block("<", 3, struct.pack("<I", 4) + FRAME[:4]), "does not hold together"),
        (section("<")[:20], "ends inside the block"),
        (b"\n\r\r\n" + bytes(8), "no known byte order"),
        (block("<", 0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 2, 0, -1)), "version 2"),
        (block("<", 0x0A0D0D0A, struct.pack("<I", 0x1A2B3C4D)), "does not hold together"),
        (interface("<") * 4_096, "interface 4,097"),
        (section(">") + enhanced(">", 0, 0), "of interface 0"),
    ],
)
def test_broken_pcapng_keeps_what_was_before(tail: bytes, words: str) -> None:
    found, reader = read(section("<") + interface("<") + enhanced("<", 0, 1) + tail)
    assert len(found) == 1
    assert words in (reader.error or "")
    assert "byte" in (reader.error or "")


def test_secrets_names_and_custom_blocks_are_passed_over() -> None:
    between = b"".join(block("<", kind, b"secret" * 9) for kind in (4, 5, 9, 10, 0xBAD, 0x40000BAD, 0x7FFFFFFF))
    large = struct.pack("<II", 10, 3 << 20) + bytes((3 << 20) - 8)
    capture = section("<") + interface("<") + between + enhanced("<", 0, 1) + large + enhanced("<", 0, 2) + between
    found, reader = read(capture)
    assert (len(found), reader.error, reader.comments) == (2, None, ())
    _, cut = read(capture[: len(section("<") + interface("<") + between + enhanced("<", 0, 1)) + 999])
    assert "ends inside the block" in (cut.error or "")


def test_interfaces_are_numbered_anew_in_each_section() -> None:
    first = section("<") + interface("<", 1) + interface("<", 113) + enhanced("<", 1, 1)
    found, reader = read(first + section(">") + interface(">", 276) + enhanced(">", 0, 2) + enhanced(">", 1, 3))
    assert [record[4] for _, record in found] == [113, 276]
    assert "is of interface 1" in (reader.error or "")  # the second section has no such


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize(
    ("resolution", "offset", "ticks", "time"),
    [
        (0, 0, 7, 7 * 10**9),
        (9, -3, 4 * 10**9 + 1, 10**9 + 1),
        (0x80, 2, 5, 7 * 10**9),
        (0x80 | 127, 0, 1 << 63, 0),
        (127, 0, 9, 0),
        (0, 0, (1 << 64) - 1, 1 << 62),
        (6, -(1 << 63), 1, 0),
    ],
)
def test_every_resolution_and_offset(order: str, resolution: int, offset: int, ticks: int, time: int) -> None:
    options = struct.pack(order + "HHBxxx", 9, 1, resolution) + struct.pack(order + "HHq", 14, 8, offset)
    ((_, record),), reader = read(section(order) + interface(order, 1, options) + enhanced(order, 0, ticks))
    assert (record[3], reader.error) == (time, None)


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("kind", MAGICS)
def test_packets_cut_by_the_snaplen_and_lengths_that_lie(order: str, kind: str) -> None:
    one = pcap(order, kind)
    longer = one[:24] + struct.pack(order + "IIII", 1000, 500, 8, 4) + one[40:]
    found, reader = read(one + longer[24:] + one[24:])
    assert [record[1:3] for _, record in found] == [(8, 64), (8, 4), (8, 64)]
    assert reader.error is None


def _samples() -> list[bytes]:
    """One file of each kind, with everything in it that is read."""
    files = [pcap(order, kind) + pcap(order, kind)[24:] * 2 for order in "<>" for kind in MAGICS]
    for order, other in ("<>", "><"):
        options = struct.pack(order + "HHBxxx", 9, 1, 9) + struct.pack(order + "HH4s", 1, 4, b"text")
        file = section(order) + interface(order, 1, options, 96) + enhanced(order, 0, 5)
        file += block(order, 3, struct.pack(order + "I", 100) + FRAME) + block(order, 10, b"secret")
        file += block(order, 2, struct.pack(order + "HHIIII", 0, 0, 0, 6, 8, 8) + FRAME)
        file += block(order, 5, struct.pack(order + "III4s", 0, 0, 1, b"\1\0\1\0") + b"c\0\0\0")
        files.append(file + section(other) + interface(other, 276) + enhanced(other, 0, 9))
    return files


def _records(file: bytes, *cuts: int) -> tuple[list[tuple[bytes, int, int, int]], tuple[object, ...]]:
    reader, found, at = CaptureReader(), [], 0
    for cut in (*sorted(cut for cut in cuts if cut < len(file)), len(file)):
        for buffer, records in reader.feed(file[at:cut]):
            found += [(bytes(buffer[r[0] : r[0] + r[1]]), *r[2:]) for r in records]
        at = cut
    reader.close()
    told = (reader.error, reader.link_types, reader.snaplen, reader.untimed, reader.comments, reader.more_comments)
    return found, told


@pytest.mark.parametrize("file", _samples(), ids=range(8))
def test_samples_are_whole_and_the_same_byte_by_byte(file: bytes) -> None:
    found, told = _records(file)
    assert told[0] is None
    assert len(found) >= 3
    assert _records(file, *range(len(file))) == (found, told)


@pytest.mark.parametrize("file", [*_samples(), pcap("<", "micro", captured=1 << 20), _samples()[0][:-3]])
def test_the_plain_walk_finds_the_same_records(file: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = _records(file)
    monkeypatch.setattr("workers.packets.pcap.BUILT", False)
    assert _records(file) == compiled
    assert _records(file, *range(len(file))) == compiled


@settings(deadline=None, max_examples=examples(200))
@given(data=st.data(), cuts=st.lists(st.integers(0, 400), max_size=6))
def test_mutated_files_give_the_same_however_cut_and_never_raise(data: st.DataObject, cuts: list[int]) -> None:
    file = bytearray(data.draw(st.sampled_from(_samples())))
    for _ in range(data.draw(st.integers(1, 6))):
        at, kind = data.draw(st.integers(0, len(file) - 1)), data.draw(st.sampled_from(["byte", "cut", "more"]))
        if kind == "byte":
            file[at] = data.draw(st.sampled_from([0, 1, 4, 12, 0x7F, 0x80, 0xFF]) | st.integers(0, 255))
        elif kind == "more":
            file[at:at] = data.draw(st.binary(max_size=9))
        elif len(file) > 8:
            del file[at : at + data.draw(st.integers(1, 4))]
    whole = _records(bytes(file))
    assert _records(bytes(file), *cuts) == whole
    assert _records(bytes(file), *range(len(file))) == whole
    if whole[1][0] is not None:
        assert "byte" in str(whole[1][0])


def test_two_gzip_members_and_zero_padding() -> None:
    whole = pcap("<", "micro")
    found, reader = read(gzip.compress(whole[:30]) + gzip.compress(whole[30:]) + bytes(16))
    assert len(found) == 1
    assert reader.error is None
    _, cut = read(gzip.compress(whole)[:-4])
    assert "gzip" in (cut.error or "")
