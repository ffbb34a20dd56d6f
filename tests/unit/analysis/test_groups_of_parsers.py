"""Each parser says of which group it is, as the compiled core asks (core/order.pxi)."""

import pytest

from tests.bench.frames import FILE_HEADER, RECORD, START, Clock, Tcp
from tests.unit.core.test_handed_on_by_groups import DNS, GET, HELLO, PREFACE, SETTINGS
from workers.analysis import Analyser
from workers.packets.stream import OF_DNS, OF_HTTP, OF_SERVICES, OF_TLS, Parser


@pytest.mark.parametrize(
    ("port", "said", "group"),
    [
        (80, GET % 1, OF_HTTP),
        (80, PREFACE + SETTINGS, OF_HTTP),
        (443, HELLO, OF_TLS),
        (53, DNS, OF_DNS),
        (6379, b"*1\r\n$4\r\nPING\r\n", OF_SERVICES),
        (5_555, b"?" * 40, 0),
        (5_555, b"\x16", 0),
    ],
)
def test_parsers_say_their_group(port: int, said: bytes, group: int) -> None:
    tcp = Tcp(Clock(), 0x0A000001, 0x0A000100, (20_000, port), [1_000, 5_000])
    frames = (tcp.syn(0), tcp.syn(1), tcp.segment(0, 0x18, said))
    analyser = Analyser(compiled=False)
    analyser.feed(FILE_HEADER + b"".join(RECORD.pack(START, 0, len(frame), len(frame)) + frame for frame in frames))
    (half,) = [half for half in analyser._core._tcp_live.values() if half.stream is not None]  # type: ignore[union-attr]
    assert half.stream is not None
    assert half.stream.parser.group() == group


def test_a_parser_of_nothing_known_has_none() -> None:
    assert Parser().group() == 0
