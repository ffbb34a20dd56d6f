"""pcapng blocks hold what they were given, byte for byte as draft-ietf-opsawg-pcapng lays them out."""

import struct

from hypothesis import given
from hypothesis import strategies as st

from workers.export import pcapng
from workers.packets.capture import CaptureReader

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


def read(data: bytes) -> tuple[list[tuple[bytes, int, int, int]], CaptureReader]:
    """(bytes, wire length, time, link type) of each packet."""
    reader = CaptureReader()
    found = [
        (buffer[at : at + size], wire, time, link)
        for buffer, records in reader.feed(data)
        for at, size, wire, time, link in records
    ]
    reader.close()
    return found, reader


def options(block: bytes, at: int) -> dict[int, bytes]:
    """The options that start at `at`, up to the end mark."""
    found: dict[int, bytes] = {}
    while at < len(block) - 4:
        code, size = struct.unpack_from("<HH", block, at)
        if code == 0:
            break
        found[code] = block[at + 4 : at + 4 + size]
        at += 4 + size + -size % 4
    return found


packets = st.tuples(st.integers(0, 2), st.integers(0, pcapng.MAX_TIME), st.binary(max_size=70), st.integers(0, 99))


@given(st.lists(packets, max_size=20))
def test_packets_come_back_as_they_went_in(given_packets: list[tuple[int, int, bytes, int]]) -> None:
    links = (1, 113, 276)
    file = pcapng.section() + b"".join(pcapng.interface(pcapng.Interface("x", link)) for link in links)
    file += b"".join(pcapng.packet(n, time, data, len(data) + cut) for n, time, data, cut in given_packets)
    found, reader = read(file)
    limit = 1 << 62  # our reader's
    want = [(data, len(data) + cut, min(time, limit), links[n]) for n, time, data, cut in given_packets]
    assert (found, reader.error) == (want, None)


@given(TEXT, TEXT)
def test_texts_stand_in_their_options(name: str, comment: str) -> None:
    about = pcapng.Interface(name, 1, 96, "where", comment, "port 53")
    block = pcapng.interface(about)
    assert len(block) % 4 == 0
    assert struct.unpack_from("<IIHxxI", block) == (1, len(block), 1, 96)
    found = options(block, 16)
    assert found.get(2, b"").decode() == name
    assert found.get(1, b"").decode() == comment
    assert (found[3], found[9], found[11]) == (b"where", b"\x09", b"\0port 53")


def test_long_texts_are_cut_between_characters() -> None:
    found = options(pcapng.section(comment="é" * 40_000), 24)
    assert len(found[1]) == pcapng.MAX_OPTION - pcapng.MAX_OPTION % 2
    assert set(found[1].decode()) == {"é"}


def test_surrogates_do_not_break_a_block() -> None:
    assert options(pcapng.section("a\udcffb"), 24) == {4: b"a?b"}


def test_statistics_hold_what_is_known_and_nothing_else() -> None:
    start = (1 << 40) + 5
    about = pcapng.Statistics(started=start, received=7, kernel_dropped=2, captured=5)
    block = pcapng.statistics(3, start + 1, about)
    assert struct.unpack_from("<IIIII", block) == (5, len(block), 3, 256, 6)
    high_first = struct.pack("<II", 256, 5)
    count = {code: struct.pack("<Q", value) for code, value in ((4, 7), (6, 7), (7, 2), (8, 5))}
    assert options(block, 20) == {2: high_first, **count}


@given(st.integers(-(1 << 70), 1 << 70))
def test_times_beyond_what_readers_hold_are_clamped(time: int) -> None:
    assert 0 <= pcapng.clamped(time) < 1 << 63


def test_names_of_addresses_stand_in_a_block_of_their_own() -> None:
    block = pcapng.names({"192.0.2.7": "api.example.com", "2001:db8::7": "web-1"})
    assert struct.unpack_from("<II", block) == (4, len(block))
    assert block[8:32] == b"\1\0\x14\0" + bytes([192, 0, 2, 7]) + b"api.example.com\0"
    assert block[32:60] == b"\2\0\x16\0" + bytes.fromhex("20010db8000000000000000000000007") + b"web-1\0" + b"\0\0"
    assert block[60:] == bytes(4) + struct.pack("<I", len(block))
    assert pcapng.names({}) == b""
    assert read(pcapng.section() + block + pcapng.interface(pcapng.Interface("x", 1)))[1].error is None
