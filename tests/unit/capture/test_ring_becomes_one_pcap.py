"""What a pod says in a grab, and the pcap that is made of it, however it is cut into pieces."""

import hashlib
import itertools
import random
import struct
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.capture.plans import Plan
from workers.capture.ring import Held, RingReader, grab_argv, recording_argv, ring_bytes
from workers.capture.targets import PodInfo
from workers.contract.errors import CaptureInterrupted
from workers.contract.spec import RING_LEAST, CaptureSpec, Mode, TargetKind, TargetRef

HEADER = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65536, 1)
SPEC = CaptureSpec(TargetRef(TargetKind.POD, "web"), "shop", mode=Mode.RECORD, keep=300.0, duration=3600)


def record(at: float, size: int = 60) -> bytes:
    """A packet of a pcap."""
    return struct.pack("<IIII", int(at), round(at % 1 * 1e6), size, size) + bytes(size)


def said(files: Sequence[bytes], now: int = 1000) -> bytes:
    """What the pod says of a ring with these files."""
    framed = b"".join(b"slice %d\n" % len(file) + file for file in files)
    return b"ring %d\n" % now + framed + b"end\n"


def read(data: bytes, last: float = 0.0, pieces: Sequence[int] = ()) -> tuple[RingReader, bytes]:
    """Feed it all, cut at `pieces`."""
    kept = bytearray()
    reader = RingReader(kept.extend, last)
    cuts = sorted({0, len(data), *(piece % (len(data) + 1) for piece in pieces)})
    for start, end in itertools.pairwise(cuts):
        reader.feed(data[start:end])
    return reader, bytes(kept)


FILES = (
    HEADER + record(990) + record(991.5, 1400),
    HEADER,
    HEADER + record(995, 1) + record(996.25, 0),
    HEADER + record(999) + record(999.9)[:30],
)
WHOLE = HEADER + record(990) + record(991.5, 1400) + record(995, 1) + record(996.25, 0) + record(999)


@given(st.lists(st.integers(0, 10_000), max_size=40))
def test_any_pieces_make_the_same_pcap(pieces: list[int]) -> None:
    data = said(FILES)
    reader, kept = read(data, pieces=pieces)
    assert kept == WHOLE
    assert (reader.ended, reader.flaw, reader.unfinished) == (True, "", 30)
    assert (reader.size, reader.sha256()) == (len(data), hashlib.sha256(data).hexdigest())
    assert (reader.now, reader.first_at) == (1000.0, 990.0)


def test_byte_by_byte_too() -> None:
    data = said(FILES)
    assert read(data, pieces=range(len(data)))[1] == WHOLE


@given(st.lists(st.integers(0, 10_000), max_size=40))
def test_only_the_last_seconds_before_the_pods_clock(pieces: list[int]) -> None:
    reader, kept = read(said(FILES), last=5.0, pieces=pieces)
    assert kept == HEADER + record(995, 1) + record(996.25, 0) + record(999)
    assert reader.first_at == 995.0


def test_nothing_in_the_last_seconds_is_a_pcap_without_packets() -> None:
    reader, kept = read(said(FILES[:1]), last=2.0)
    assert (kept, reader.first_at, reader.flaw) == (HEADER, None, "")


def test_once_packets_are_kept_one_with_an_earlier_time_stays() -> None:
    mixed = HEADER + record(990) + record(998) + record(994) + record(999)
    assert read(said([mixed]), last=5.0)[1] == HEADER + record(998) + record(994) + record(999)


def test_a_file_without_its_header_yet_holds_nothing() -> None:
    reader, kept = read(said([b"", FILES[0], HEADER[:10]]))
    assert kept == FILES[0]
    assert reader.flaw == ""


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ([FILES[3], FILES[0]], "within a packet"),
        ([b"no pcap at all, whatever it is", FILES[0]], "no pcap"),
        ([HEADER + record(1)[:8] + b"\xff" * 100, FILES[0]], "damaged"),
        ([FILES[0], HEADER[:20] + b"\x71\0\0\0" + record(996)], "differ"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_and_the_others_are_kept(files: list[bytes], words: str) -> None:
    reader, kept = read(said(files), pieces=range(0, 4000, 7))
    assert words in reader.flaw
    assert record(991.5, 1400) in kept
    assert reader.ended


@pytest.mark.parametrize("noise", [b"sh: ring: not found\n", b"slice -1\n", b"x" * 5000])
def test_what_is_no_ring_is_refused(noise: bytes) -> None:
    with pytest.raises(CaptureInterrupted):
        read(noise)


def test_nanoseconds_and_the_other_byte_order_are_times_too() -> None:
    header = struct.pack(">IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65536, 1)
    packets = [struct.pack(">IIII", second, 500_000_000, 4, 4) + b"abcd" for second in (990, 995, 999)]
    assert read(said([header + b"".join(packets)]), last=4.5)[1] == header + packets[1] + packets[2]


def test_the_watcher_is_understood() -> None:
    held = (
        Held().heard("ring 3 12345 1795733848").heard("tcpdump: 7 packets captured, 8 packets received by filter, 1 ")
    )
    assert held == Held(3, 12345, 1795733848.0)
    held = held.heard("tcpdump: 7 packets captured, 8 packets received by filter, 1 packet dropped by kernel")
    assert (held.captured, held.dropped, held.bytes) == (7, 1, 12345)
    assert held.heard("ring 4 20000 1795733849") == Held(4, 20000, 1795733849.0, 7, 1)


def test_what_a_person_typed_is_one_word_of_an_argv() -> None:
    plan = Plan(PodInfo("shop", "web"), "threadcap-x", where="link:7")
    filter_ = "host $(reboot) or `x`; port 1"
    spec = CaptureSpec(SPEC.target, "shop", mode=Mode.RECORD, filter=filter_, keep=60.0, max_bytes=random.randint(1, 9))
    argv = recording_argv(plan, spec, "job", 100.0)
    assert argv[-2:] == ["--", filter_]
    assert argv.count(filter_) == 1
    assert filter_ not in argv[2]
    assert "-i" not in argv[argv.index("tcpdump") :], "the interface is found in the pod"
    assert str(ring_bytes(spec)) == str(RING_LEAST) in argv
    assert grab_argv("job", 5, 1.5)[-3:] == ["job", "5", "2"]
