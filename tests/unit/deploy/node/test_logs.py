"""CRI log files: what is written, and what each query shows of it."""

from __future__ import annotations

import os
from pathlib import Path

from deploy.playground.cluster.node import logs
from deploy.playground.cluster.node.logs import LogQuery, LogWriter


async def written(path: Path, out: bytes, err: bytes = b"") -> Path:
    ends, told = {}, {"stdout": b"", "stderr": b""}

    async def tell(stream: str, data: bytes) -> None:
        told[stream] += data

    for name, data in (("stdout", out), ("stderr", err)):
        read, write = os.pipe()
        os.set_blocking(read, False)
        os.write(write, data)
        os.close(write)
        ends[name] = read
    await LogWriter(path, tell).copy(ends)
    assert told == {"stdout": out, "stderr": err}, "whoever is attached gets every byte"
    return path


async def shown(path: Path, **query: int | bool) -> bytes:
    return b"".join([text async for text in logs.read(path, LogQuery(**query), lambda: True)])  # type: ignore[arg-type]


async def test_lines_carry_time_stream_and_tag(tmp_path: Path) -> None:
    path = await written(tmp_path / "0.log", b"one\n", b"two")
    fields = sorted(line.split(b" ", 1)[1] for line in path.read_bytes().splitlines())
    assert fields == [b"stderr P two", b"stdout F one"]
    assert path.read_bytes()[19:20] == b"."
    assert len(path.read_bytes().split(b" ")[0]) == len("2026-01-01T00:00:00.000000000Z")


async def test_long_lines_are_split_and_shown_whole(tmp_path: Path) -> None:
    text = b"x" * (logs.LINE_LIMIT * 2 + 5) + b"\nend\n"
    path = await written(tmp_path / "0.log", text)
    assert b" P " in path.read_bytes()
    assert await shown(path) == text


async def test_tail_limit_timestamps_and_follow(tmp_path: Path) -> None:
    path = await written(tmp_path / "0.log", b"a\nb\nc\n")
    assert await shown(path, tail=2) == b"b\nc\n"
    assert await shown(path, tail=0) == b""
    assert await shown(path, limit=3) == b"a\nb"
    assert await shown(path, since_seconds=3600) == b"a\nb\nc\n"
    assert await shown(path, follow=True) == b"a\nb\nc\n"
    assert (await shown(path, tail=1, timestamps=True)).endswith(b"Z c\n")
    assert await shown(tmp_path / "none.log") == b""
