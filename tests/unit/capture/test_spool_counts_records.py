"""The walk over a growing pcap: any chunking gives what a plain walk over the whole gives."""

import errno
import hashlib
import os
import struct
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.capture.spool import FILE_HEADER, RecordWalk, Spool, own_folder

MAGICS = {"<": (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1"), ">": (b"\xa1\xb2\xc3\xd4", b"\xa1\xb2\x3c\x4d")}


@st.composite
def captures(draw: st.DrawFn) -> tuple[bytes, int, int]:
    """A pcap that may be cut anywhere: (bytes, whole records, bytes of header and whole records)."""
    order = draw(st.sampled_from("<>"))
    data = draw(st.sampled_from(MAGICS[order])) + bytes(20)
    lengths = draw(st.lists(st.integers(0, 40), max_size=12))
    ends = [len(data)]
    for length in lengths:
        data += struct.pack(order + "IIII", 1, 2, length, length + 5) + bytes(length)
        ends.append(len(data))
    cut = draw(st.integers(0, len(data)) | st.just(len(data)))
    whole = [end for end in ends if end <= cut]
    return data[:cut], max(0, len(whole) - 1), max(whole, default=0)


def _chunks(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[a:b] for a, b in pairwise(places)]


@given(captures(), st.lists(st.integers(0, 2000), max_size=30))
def test_any_chunking_gives_the_same_count(capture: tuple[bytes, int, int], cuts: list[int]) -> None:
    data, records, whole = capture
    walk = RecordWalk()
    for chunk in _chunks(data, cuts):
        walk.feed(chunk)
        walk.feed(b"")
    assert (walk.records, walk.whole) == (records, whole)


@given(captures())
def test_byte_by_byte(capture: tuple[bytes, int, int]) -> None:
    data, records, whole = capture
    walk = RecordWalk()
    for at in range(len(data)):
        walk.feed(data[at : at + 1])
    assert (walk.records, walk.whole) == (records, whole)


def test_trim_leaves_whole_records_and_their_digest(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "x.pcap")
    data = MAGICS["<"][0] + bytes(20) + struct.pack("<IIII", 1, 2, 4, 4) + b"abcd" + b"half a header"
    spool.write(data)
    assert spool.grown.is_set()
    assert spool.trim() == len(b"half a header")
    assert (spool.size, spool.records) == (FILE_HEADER + 20, 1)
    assert spool.path.read_bytes() == data[: spool.size]
    assert spool.sha256() == hashlib.sha256(data[: spool.size]).hexdigest()
    assert spool.trim() == 0
    spool.close()


class NearlyFull:
    """A file whose disk has room for so many bytes more."""

    def __init__(self, room: int) -> None:
        self.held = bytearray()
        self._room = room

    def write(self, data: memoryview) -> int:
        """As a raw file: what fits is written, and only the next write is refused."""
        taken = bytes(data[: self._room - len(self.held)])
        if not taken:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.held += taken
        return len(taken)


def test_what_a_full_disk_took_is_what_counts(tmp_path: Path) -> None:
    spool, disk = Spool(tmp_path / "spool.pcap"), NearlyFull(100)
    spool.close()
    spool._file = disk  # type: ignore[assignment]
    with pytest.raises(OSError, match="No space left"):
        spool.write(bytes(range(60)) + bytes(60))
    assert spool.size == len(disk.held) == 100
    assert spool.sha256() == hashlib.sha256(disk.held).hexdigest()


def test_a_workers_folder_is_its_own_and_a_dead_ones_is_removed(tmp_path: Path) -> None:
    base = tmp_path / "spool"
    child = os.fork()
    if child == 0:
        (own_folder(base) / "left.pcap").write_bytes(b"x")
        os._exit(0)
    os.waitpid(child, 0)
    (dead,) = base.glob("worker-*")
    first = own_folder(base)
    assert not dead.exists()
    second = own_folder(base)
    assert first != second
    assert first.is_dir()
    assert base.stat().st_mode & 0o777 == 0o700
