"""The rendering process: `python -m workers.report.render` draws albums until its input ends.

Protocol, both ways in frames of a 4-byte big-endian length and that many bytes. In: one frame, an Album as JSON.
Out: one frame of JSON, `{"charts": [[name, alt text], …]}` or `{"error": "…"}`, then one frame a chart, PNG.
The process holds no credentials and limits its own memory and processor time.
"""

import json
import os
import resource
import sys
from typing import BinaryIO

from workers.contract.codec import decode, encode
from workers.contract.pictures import Album

MAX_FRAME = 64 << 20
"""Bytes of one frame: an album with every list full is about 4 MB."""

MEMORY = 1 << 30
CPU_SECONDS = 300


def write_frame(out: BinaryIO, payload: bytes) -> None:
    """Write one frame."""
    out.write(len(payload).to_bytes(4, "big"))
    out.write(payload)


def read_frame(source: BinaryIO) -> bytes | None:
    """Read one frame, None at the end of input. Raises ValueError for a length or an end that does not fit."""
    head = source.read(4)
    if not head:
        return None
    length = int.from_bytes(head, "big")
    if len(head) < 4 or length > MAX_FRAME:
        raise ValueError(f"bad frame of {length} bytes")
    payload = source.read(length)
    if len(payload) < length:
        raise ValueError("input ended inside a frame")
    return payload


def encode_album(album: Album) -> bytes:
    """An album as JSON bytes."""
    return json.dumps(encode(album), separators=(",", ":")).encode()


def serve(source: BinaryIO, out: BinaryIO) -> None:
    """Answer frame by frame until the input ends."""
    from workers.report.charts import charts  # 0.5 s: only this process pays for it

    while (payload := read_frame(source)) is not None:
        try:
            drawn = charts(decode(Album, json.loads(payload)))
        except Exception as error:  # the boundary: one odd album must not end the process for the next ones
            write_frame(out, json.dumps({"error": f"{type(error).__name__}: {error}"[:500]}).encode())
        else:
            write_frame(out, json.dumps({"charts": [[name, alt] for name, alt, _ in drawn]}).encode())
            for _, _, png in drawn:
                write_frame(out, png)
        out.flush()


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.nice(5)  # pictures wait for captures, never the other way round


if __name__ == "__main__":
    _limit()
    serve(sys.stdin.buffer, sys.stdout.buffer)
