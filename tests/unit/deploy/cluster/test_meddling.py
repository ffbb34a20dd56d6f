"""WebSocket frames are found whole in bytes of any chunking."""

from __future__ import annotations

import asyncio

import pytest

from deploy.playground.cluster.meddling import Frames, MeddledSide, StreamFault, frame

PAYLOADS = [b"\x01", b"\x01abc", b"\x02err", b"\x01" + bytes(200), b"\x01" + bytes(40_000), b"\x03{}"]


@pytest.mark.parametrize("step", [1, 7, 4096, 1 << 20])
def test_any_chunking_gives_the_same_frames(step: int) -> None:
    data = b"".join(map(frame, PAYLOADS)) + b"\x88\x02\x03\xe8"
    frames = Frames()
    found = [each for start in range(0, len(data), step) for each in frames.feed(data[start : start + step])]
    assert b"".join(each.raw for each in found) == data
    assert [each.output for each in found] == [0, 3, 0, 200, 40_000, 0, 0]


class Written(asyncio.Transport):
    """A transport that only keeps what is written to it."""

    def __init__(self) -> None:
        super().__init__()
        self.data = b""

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def is_closing(self) -> bool:
        return False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.data += bytes(data)


@pytest.mark.parametrize("step", [1, 7, 4096, 50_000])
async def test_a_slow_stream_loses_nothing_however_it_is_cut_up(step: int) -> None:
    data = b"".join(map(frame, PAYLOADS))
    side, written = MeddledSide(StreamFault("slow", after=1, rate=100_000_000)), Written()
    side.attach(written)
    side.arm()
    for start in range(0, len(data), step):
        side.write(data[start : start + step])
    async with asyncio.timeout(10):
        while len(written.data) < len(data):  # noqa: ASYNC110 - a timer writes
            await asyncio.sleep(0.01)
    assert written.data == data
