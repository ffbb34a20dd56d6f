"""WebSocket frames are found whole in bytes of any chunking."""

from __future__ import annotations

import pytest

from deploy.playground.cluster.meddling import Frames, frame

PAYLOADS = [b"\x01", b"\x01abc", b"\x02err", b"\x01" + bytes(200), b"\x01" + bytes(40_000), b"\x03{}"]


@pytest.mark.parametrize("step", [1, 7, 4096, 1 << 20])
def test_any_chunking_gives_the_same_frames(step: int) -> None:
    data = b"".join(map(frame, PAYLOADS)) + b"\x88\x02\x03\xe8"
    frames = Frames()
    found = [each for start in range(0, len(data), step) for each in frames.feed(data[start : start + step])]
    assert b"".join(each.raw for each in found) == data
    assert [each.output for each in found] == [0, 3, 0, 200, 40_000, 0, 0]
