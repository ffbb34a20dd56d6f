"""gzip, zstd and lz4 come off by content, in bounded pieces; damage is told with its place, however the file is cut."""

import gzip
import random
import resource
import struct
from collections.abc import Callable

import lz4.frame
import pytest
from backports import zstd
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.examples import examples
from tests.unit.packets.test_file_formats import pcap, read
from workers.packets import unwrap
from workers.packets.blocks import BlockFrame
from workers.packets.gunzip import PIECE
from workers.packets.unwrap import Unwrap
from workers.packets.unzstd import MAX_WINDOW, Unzstd

TEXT = random.Random(5).randbytes(300) * 40 + bytes(4_000)
SKIPPABLE = struct.pack("<II", 0x184D2A57, 9) + b"anything!"


def _zstd(data: bytes, level: int = 3, **options: int) -> bytes:
    named = {getattr(zstd.CompressionParameter, name): value for name, value in options.items()}
    return zstd.compress(data, options={zstd.CompressionParameter.compression_level: level, **named})


def _streamed(data: bytes) -> bytes:
    """A zstd frame that does not say how much it holds, in many blocks."""
    packer = zstd.ZstdCompressor()
    parts = [packer.compress(data[at : at + 900], packer.FLUSH_BLOCK) for at in range(0, len(data), 900)]
    return b"".join(parts) + packer.flush()


def _lz4(data: bytes, **options: bool) -> bytes:
    return bytes(lz4.frame.compress(data, block_size=lz4.frame.BLOCKSIZE_MAX64KB, **options))


WRAPS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda data: gzip.compress(data, mtime=0),
    "zstd": _zstd,
    "zstd-checksum": lambda data: _zstd(data, 19, checksum_flag=1),
    "zstd-blocks": _streamed,
    "lz4": _lz4,
    "lz4-checksums": lambda data: _lz4(data, block_checksum=True, content_checksum=True),
    "lz4-plain": lambda data: _lz4(data, block_linked=False, store_size=False),
}
_wraps = pytest.mark.parametrize("wrap", WRAPS.values(), ids=WRAPS)
_property = settings(deadline=None, max_examples=examples(80))


def unwrapped(file: bytes, *cuts: int) -> tuple[bytes, str | None]:
    """What a file holds, fed whole or cut at these offsets, and the error."""
    undone, at = Unwrap(), 0
    out: list[bytes] = []
    for cut in (*sorted(cut for cut in cuts if cut <= len(file)), len(file)):
        out += undone.feed(file[at:cut])
        at = cut
    undone.close()
    assert all(len(piece) <= PIECE for piece in out)
    return b"".join(out), undone.error


@_wraps
def test_whole_and_byte_by_byte(wrap: Callable[[bytes], bytes]) -> None:
    file = wrap(TEXT)
    assert len(file) < len(TEXT)
    assert unwrapped(file) == (TEXT, None)
    assert unwrapped(file, *range(len(file))) == (TEXT, None)


@_wraps
def test_members_follow_each_other_and_zeros_pad_the_end(wrap: Callable[[bytes], bytes]) -> None:
    file = wrap(TEXT[:50]) + wrap(b"") + wrap(TEXT[50:]) + bytes(9)
    assert unwrapped(file) == (TEXT, None)
    assert unwrapped(file, *range(len(file))) == (TEXT, None)


@_wraps
def test_what_follows_that_is_none_of_it_is_told(wrap: Callable[[bytes], bytes]) -> None:
    file = wrap(TEXT)
    for tail in (b"garbage", b"\0\0garbage", b"(garbage"):
        plain, error = unwrapped(file + tail)
        assert plain == TEXT
        place = len(file) + tail.count(b"\0")
        assert f"follow at byte {place:,}" in (error or "")
        assert unwrapped(file + tail, *range(len(file), len(file) + len(tail))) == (plain, error)


@_wraps
def test_a_file_cut_short_is_told(wrap: Callable[[bytes], bytes]) -> None:
    file = wrap(TEXT)
    for size in (3, 5, len(file) // 2, len(file) - 1):
        plain, error = unwrapped(file[:size])
        if size == 3 and not error:  # too short to tell what it is
            continue
        assert TEXT.startswith(plain)
        assert error is not None
        assert f"ends early, at byte {size:,}" in error


@pytest.mark.parametrize("kind", ["zstd", "lz4"])
def test_skippable_frames_are_passed_over(kind: str) -> None:
    wrap = WRAPS[kind]
    file = SKIPPABLE + wrap(TEXT[:99]) + SKIPPABLE * 2 + wrap(TEXT[99:]) + SKIPPABLE
    assert unwrapped(file) == (TEXT, None)
    assert unwrapped(file, *range(len(file))) == (TEXT, None)
    assert "skippable wrapping ends early" in (unwrapped(SKIPPABLE[:-1])[1] or "")


@_property
@given(data=st.data(), cuts=st.lists(st.integers(0, 3_000), max_size=8))
def test_damage_gives_the_same_bytes_and_the_same_place_however_cut(data: st.DataObject, cuts: list[int]) -> None:
    wrap = WRAPS[data.draw(st.sampled_from(sorted(WRAPS)))]
    file = bytearray(wrap(TEXT[:2_000]) + wrap(TEXT[2_000:]))
    for _ in range(data.draw(st.integers(1, 3))):
        file[data.draw(st.integers(4, len(file) - 1))] ^= data.draw(st.integers(1, 255))
    whole = unwrapped(bytes(file))
    assert unwrapped(bytes(file), *cuts) == whole
    assert unwrapped(bytes(file), *range(len(file))) == whole
    if whole[1] is not None:
        assert "byte" in whole[1]


@_property
@given(
    magic=st.sampled_from([b"\x1f\x8b\x08\0", b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18"]), data=st.binary(max_size=99)
)
def test_random_bytes_never_raise(magic: bytes, data: bytes) -> None:
    assert unwrapped(magic + data, *range(99)) == unwrapped(magic + data)


@_property
@given(data=st.binary(min_size=4, max_size=60))
def test_what_is_not_wrapped_passes_as_it_is(data: bytes) -> None:
    if data[:2] != b"\x1f\x8b" and not unwrap.Unwrap()._recognised(data):
        assert unwrapped(data, 1, 2, 3) == (data, None)


def test_bytes_before_the_damage_are_kept() -> None:
    file = bytearray(_streamed(TEXT))
    place = len(file) - 30
    file[place - 1 : place + 5] = b"\xff" * 6
    plain, error = unwrapped(bytes(file))
    assert len(plain) > 10_000
    assert TEXT.startswith(plain)
    assert "the zstd wrapping is damaged at byte" in (error or "")
    gz = bytearray(gzip.compress(TEXT, mtime=0))
    gz[-8] ^= 1
    assert unwrapped(bytes(gz)) == (TEXT, f"the gzip wrapping is damaged at byte {len(gz) - 5:,} of the file")


@pytest.mark.parametrize("kind", ["gzip", "zstd", "lz4"])
def test_bombs_cost_time_but_no_memory(kind: str) -> None:
    packed = WRAPS[kind](bytes(30_000_000))
    before, size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, 0
    undone = Unwrap()
    for _ in range(8):
        for piece in undone.feed(packed):
            assert len(piece) <= PIECE
            size += len(piece)
    undone.close()
    assert (size, undone.error) == (240_000_000, None)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000


def test_a_window_beyond_the_limit_is_refused_before_memory_is_taken() -> None:
    at_most = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: 23})
    assert unwrapped(at_most.compress(TEXT) + at_most.flush()) == (TEXT, None)
    more = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: 24})
    plain, error = unwrapped(more.compress(TEXT) + more.flush())
    assert not plain
    assert f"needs a window of 16,777,216 bytes, more than the {MAX_WINDOW:,} read here" in (error or "")


@pytest.mark.parametrize("step", [100_000, 3_000_000])
def test_large_blocks_are_unpacked_as_small_ones_are(step: int) -> None:
    chance = random.Random(4)
    data = chance.randbytes(1_000) * 5_000 + chance.randbytes(5_000_000)
    packed = lz4.frame.compress(data, block_size=lz4.frame.BLOCKSIZE_MAX4MB)
    undone = Unwrap()
    pieces = [piece for at in range(0, len(packed), step) for piece in undone.feed(packed[at : at + step])]
    undone.close()
    assert (b"".join(pieces), undone.error) == (data, None)


@pytest.mark.parametrize("size", [100, 300, 70_000])
def test_every_size_of_the_content_field_is_read(size: int) -> None:
    data = TEXT[:1] * size
    assert unwrapped(_zstd(data)) == (data, None)
    assert unwrapped(lz4.frame.compress(data, store_size=True)) == (data, None)


def test_dictionaries_are_refused_in_words() -> None:
    words = zstd.train_dict([b"GET /%d HTTP/1.1\r\nHost: shop\r\n\r\n" % n for n in range(500)], 2_000)
    assert "needs a dictionary" in (unwrapped(zstd.compress(TEXT, zstd_dict=words))[1] or "")
    frame = bytearray(_lz4(TEXT))
    frame[4] |= 1
    assert "needs a dictionary" in (unwrapped(bytes(frame))[1] or "")


def test_blocks_of_impossible_size_are_damage_at_once() -> None:
    zstd_head = b"\x28\xb5\x2f\xfd\0\x58"
    for header in ((128 * 1024 + 1) << 3, 3 << 1):
        assert "damaged at byte 6" in (unwrapped(zstd_head + header.to_bytes(3, "little"))[1] or "")
    lz4_head = _lz4(TEXT, store_size=False)[:7]
    assert "damaged at byte 7" in (unwrapped(lz4_head + struct.pack("<I", 65_537))[1] or "")


class _Unsure:
    """A library that sees no end where a format's parts end."""

    eof = False

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        return data


def test_a_frame_that_the_library_does_not_call_complete_is_damage() -> None:
    frame = BlockFrame(100)
    frame._decompressor = _Unsure()
    frame._next(frame._end, 4)
    assert list(frame.feed(b"last, and more")) == [b"last"]
    assert frame.rest == b", and more"
    assert frame.error == "the  wrapping is damaged before byte 104 of the file"


@pytest.mark.parametrize("why", [ImportError, OSError])  # the latter where no file may be opened
def test_without_the_library_it_is_said(why: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_self: Unzstd, _at: int) -> None:
        raise why

    monkeypatch.setattr(Unzstd, "__init__", missing)
    assert unwrapped(_zstd(TEXT)) == (b"", "the file is wrapped in zstd, which can't be unpacked here (byte 0)")


@_wraps
def test_records_of_a_wrapped_capture(wrap: Callable[[bytes], bytes]) -> None:
    found, reader = read(wrap(pcap("<", "nano")))
    assert (len(found), reader.format, reader.error) == (1, "pcap", None)


@pytest.mark.parametrize(
    ("start", "name"),
    [(b"\xfd7zXZ\0", "xz"), (b"BZh91AY", "bzip2"), (b"PK\3\4..", "zip"), (b"\2\x21\x4c\x18..", "lz4's")],
)
def test_other_packing_is_named(start: bytes, name: str) -> None:
    _, reader = read(start + bytes(30))
    assert f"packed in {name}" in (reader.error or "")
