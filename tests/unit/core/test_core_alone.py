"""The core tells the same of conversations and TCP with no parser behind it as with some that want nothing."""

import sys
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.core.test_compiled_equals_plain import Traffic
from workers.core.core import Core
from workers.packets.capture import CaptureReader
from workers.packets.decode import Decoder
from workers.packets.packet import Packet
from workers.packets.room import Room
from workers.packets.stream import Commons, Handlers, Parser, Stream, opened


class Unread(Parser):
    """Needs none of the bytes."""

    def data(self, buffer: bytes, at: int, end: int, packet: Packet) -> int:
        return sys.maxsize

    def skipped(self, packet: Packet, whole: bool) -> None:
        pass

    def gap(self, size: int, packet: Packet) -> None:
        pass


class Unheard(Handlers):
    """Wants nothing of what the core finds."""

    def open_stream(self, half: Any) -> Stream:
        return opened(Unread(), Commons({}, (Room(),)))

    def long_header(self, packet: Packet, half: Any) -> None:
        pass

    def over(self, half: Any, packet: Packet, now: int) -> None:
        pass

    def latency(self, time: int, took: int) -> None:
        pass

    def icmp_error(self, core: Core, packet: Packet) -> None:
        pass


def told(data: bytes, step: int, handlers: Handlers | None) -> tuple[Any, ...]:
    reader, core = CaptureReader(), Core(Packet(), Decoder().decode, handlers, Unheard(), (), ())
    for at in range(0, len(data), step):
        for buffer, records in reader.feed(data[at : at + step]):
            core.batch(buffer, records)
    core.close()
    kept = {key: core.flow(place) for key, place in core.kept}
    return kept, core.totals, core.marks, core.handshakes, [*core.ports], core.bins


@given(st.integers(0, 1 << 32), st.integers(1, 400), st.sampled_from((300, 1 << 20)))
def test_of_any_traffic(seed: int, packets: int, step: int) -> None:
    data = Traffic(seed).capture(packets)
    assert told(data, step, None) == told(data, step, Unheard())
