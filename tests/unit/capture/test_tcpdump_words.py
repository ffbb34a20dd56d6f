"""What we say to tcpdump, and what is read from its stderr in pieces of any size."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from workers.capture.tcpdump import Trailer, attached_argv, parse_probe, sweep_argv, tcpdump_argv
from workers.contract.spec import CaptureSpec, TargetKind, TargetRef

SPEC = CaptureSpec(TargetRef(TargetKind.POD, "x"), "shop", duration=12.6)
SAID = b"""tcpdump: listening on any, link-type LINUX_SLL2 (Linux cooked v2), snapshot length 65535 bytes
tcpdump: something odd\r
120 packets captured
131 packets received by filter
11 packets dropped by kernel
1 packet dropped by interface
##rc 0
##sha256sum abcdef
##done
"""


def test_the_filter_is_one_word_after_the_dashes() -> None:
    argv = tcpdump_argv(replace(SPEC, filter="-w /etc/passwd; port 80"))
    assert argv[-2:] == ["--", "-w /etc/passwd; port 80"]
    assert "--" not in tcpdump_argv(SPEC)


def test_limits_and_flags() -> None:
    argv = tcpdump_argv(replace(SPEC, max_packets=7, snaplen=96, interface="eth0"))
    words = " ".join(argv)
    assert "-i eth0 " in words
    assert "-U --immediate-mode" in words
    assert "-c 7 -w -" in words
    assert "-s 96 " in words
    assert "-c" not in tcpdump_argv(SPEC)
    assert "-Z" not in tcpdump_argv(SPEC, as_root=False)


def test_the_wrapper_is_constant_and_all_else_is_a_parameter() -> None:
    one, two = attached_argv(SPEC, "aaaa2222"), attached_argv(replace(SPEC, filter="$(reboot)"), "bbbb3333")
    assert one[one.index("-c") + 1] == two[two.index("-c") + 1]
    assert "threadcap=aaaa2222" in one
    assert "13" in one  # seconds, rounded
    assert "threadcap=aaaa2222" not in " ".join(sweep_argv("aaaa2222"))


@given(st.lists(st.integers(0, len(SAID)), max_size=20))
def test_any_chunking_of_stderr(cuts: list[int]) -> None:
    places = sorted({0, len(SAID), *cuts})
    trailer = Trailer()
    for a, b in pairwise(places):
        trailer.feed(SAID[a:b])
    trailer.finish()
    assert (trailer.done, trailer.rc, trailer.sha256, trailer.listening) == (True, 0, "abcdef", True)
    assert trailer.counters == {"captured": 120, "received": 131, "kernel_dropped": 11, "interface_dropped": 1}
    assert trailer.complaints == ["tcpdump: something odd"]


@pytest.mark.parametrize(
    "said", [b"##done", b"x" * 100_000 + b"\n##done\n", b"##rc x\n##sha256\n##done\n" + b"\xff\xfe"]
)
def test_strange_stderr(said: bytes) -> None:
    trailer = Trailer()
    trailer.feed(said)
    trailer.finish()
    assert trailer.done
    assert trailer.rc is None


def test_a_flood_of_lines_is_bounded() -> None:
    trailer = Trailer()
    for number in range(5000):
        trailer.feed(f"line {number} {'x' * 1000}\n".encode())
    assert len(trailer.complaints) == Trailer.MAX_LINES
    assert max(map(len, trailer.complaints)) <= Trailer.MAX_LINE


def test_a_probe_is_read_and_nonsense_skipped() -> None:
    known = "has tcpdump\nhas tee\nuid 0\ncaps 00000000a80425fb\ntime 17\nlink eth0=42\n"
    probe = parse_probe(known + "writes /tmp\nmachine x86_64\nhello there\ngarbage\n")
    assert probe.tools == {"tcpdump", "tee"}
    assert (probe.uid, probe.capabilities, probe.time) == (0, 0xA80425FB, 17)
    assert probe.missing == ("head", "sleep", "/dev/fd")
    assert (dict(probe.links), probe.writable, probe.machine) == ({"eth0": 42}, ("/tmp",), "x86_64")
    empty = parse_probe("uid \ncaps zz\n")
    assert (empty.uid, empty.capabilities, empty.time) == (None, None, None)
