"""However a capture is cut into chunks, whatever garbage follows it, the facts are the same; nothing raises."""

import gzip
import resource
import struct
import time
from collections.abc import Callable
from functools import cache

import lz4.frame
import pytest
from backports import zstd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.examples import examples
from tests.unit.analysis.captures import ACK, FIN, PCAPS, PSH, Pcap, Tcp, analyse, dns, needs_pcaps, shared, udp
from workers.analysis import Analyser

SMALL = [name for name in shared("*/*.pcap", "*/*.pcapng", "*/*.gz") if (PCAPS / name).stat().st_size < 5_000]
VARIED = SMALL[::8]
HOSTILE = shared("hostile/*")
_PROPERTY = settings(deadline=None, max_examples=examples(60), suppress_health_check=[HealthCheck.too_slow])


@cache
def _made() -> bytes:
    pcap = Pcap()
    tcp = Tcp(pcap).handshake()
    tcp.send(0.02, "c", PSH | ACK, 1, 1, b"GET /a?b=c HTTP/1.1\r\nHost: shop\r\n\r\n")
    tcp.send(0.03, "s", PSH | ACK, 1, 36, b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody")
    tcp.send(0.04, "c", FIN | ACK, 36, 43)
    pcap.add(0.05, udp("198.18.0.1", 4000, "198.18.0.3", 53, dns(7, "web.shop")))
    pcap.add(0.06, udp("198.18.0.3", 53, "198.18.0.1", 4000, dns(7, "web.shop", response=True, rcode=3)))
    return pcap.bytes()


@pytest.mark.parametrize(
    "wrap", [bytes, gzip.compress, zstd.compress, lz4.frame.compress], ids=["plain", "gzip", "zstd", "lz4"]
)
@pytest.mark.parametrize("tail", [b"", b"garbage behind the last packet", b"\0" * 7], ids=["whole", "garbage", "zeros"])
def test_byte_by_byte(wrap: Callable[[bytes], bytes], tail: bytes) -> None:
    capture = wrap(_made()) + tail
    assert analyse(capture, *range(len(capture))) == analyse(capture)


@needs_pcaps
@pytest.mark.parametrize("name", VARIED)
def test_public_captures_byte_by_byte_with_garbage(name: str) -> None:
    for tail in (b"", b"\xff\x00trailing"):
        capture = (PCAPS / name).read_bytes() + tail
        assert analyse(capture, *range(len(capture))) == analyse(capture)


@_PROPERTY
@given(cuts=st.lists(st.integers(0, 900), max_size=12), tail=st.binary(max_size=40), wrapped=st.booleans())
def test_random_chunks_with_trailing_bytes(cuts: list[int], tail: bytes, wrapped: bool) -> None:
    capture = (gzip.compress(_made(), mtime=0) if wrapped else _made()) + tail
    inside = [cut for cut in cuts if cut <= len(capture)]
    assert analyse(capture, *inside) == analyse(capture)


@_PROPERTY
@given(data=st.binary(max_size=400), link_type=st.sampled_from([0, 1, 9, 101, 113, 228, 229, 276]))
def test_random_frames_never_raise(data: bytes, link_type: int) -> None:
    facts = Pcap(link_type=link_type).add(0, data).add(1, data[::-1]).facts()
    assert facts.packets == 2
    assert facts.error is None


@_PROPERTY
@given(start=st.sampled_from([b"", _made()[:24], b"\n\r\r\n", b"\x1f\x8b\x08"]), data=st.binary(max_size=600))
def test_random_files_never_raise(start: bytes, data: bytes) -> None:
    analyse(start + data)


@settings(_PROPERTY, max_examples=examples(150))
@given(data=st.data())
def test_mutated_captures_never_raise(data: st.DataObject) -> None:
    names = [name for name in SMALL if "hostile" not in name]
    capture = bytearray((PCAPS / data.draw(st.sampled_from(names))).read_bytes() if names else _made())
    for _ in range(data.draw(st.integers(1, 20))):
        capture[data.draw(st.integers(24, max(24, len(capture) - 1))) % len(capture)] = data.draw(st.integers(0, 255))
    analyse(bytes(capture))


@needs_pcaps
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_captures_give_facts_or_a_sentence(name: str) -> None:
    before = time.process_time()
    facts = analyse((PCAPS / name).read_bytes())
    assert time.process_time() - before < 5
    assert facts.packets or facts.error
    if facts.error:
        assert "byte" in facts.error


def test_gzip_bomb_costs_time_but_no_memory() -> None:
    section = b"\n\r\r\n" + struct.pack("<IIHHqI", 28, 0x1A2B3C4D, 1, 0, -1, 28)
    bomb = gzip.compress(section + struct.pack("<II", 0xBAD, 200_000_000) + bytes(199_999_992), compresslevel=1)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    facts = analyse(bomb)
    assert facts.error is None
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 40_000


def test_facts_so_far_and_why_when_the_stream_is_cut() -> None:
    analyser = Analyser()
    analyser.feed(_made()[:-10])
    assert analyser.progress()[0] == 7
    facts = analyser.finish()
    assert facts.packets == 7
    assert facts.dns.queries == 1
    assert facts.error is not None
    assert "packet 8" in facts.error
    assert "byte" in facts.error


@pytest.mark.parametrize(
    ("capture", "words"),
    [
        (b"", "empty"),
        (b"\xd4", "one byte"),
        (b"hello world", "not a capture"),
        (_made()[:10], "file header"),
        (gzip.compress(_made(), mtime=0)[:50], "gzip"),
    ],
    ids=["empty", "one-byte", "text", "cut-header", "cut-gzip"],
)
def test_what_is_no_capture_is_told(capture: bytes, words: str) -> None:
    assert words in (analyse(capture).error or "")
