"""Frames of an exec: what is yielded, how ends are told apart, with a socket that plays them."""

import json
import os
import ssl
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import pytest
import websocket
from hypothesis import given
from hypothesis import strategies as st

from workers.capture.exec_stream import STDERR, STDOUT, TICK, ExecStatus, ExecStream, parse_status
from workers.capture.websocket_frames import BadFrame, Frames

BINARY, TEXT, CLOSE, PING, PONG = (
    websocket.ABNF.OPCODE_BINARY,
    websocket.ABNF.OPCODE_TEXT,
    websocket.ABNF.OPCODE_CLOSE,
    websocket.ABNF.OPCODE_PING,
    websocket.ABNF.OPCODE_PONG,
)
SUCCESS = json.dumps({"metadata": {}, "status": "Success"}).encode()


def frame(opcode: int, payload: bytes, *, final: bool = True) -> bytes:
    """One frame as a server sends it (RFC 6455, section 5.2)."""
    head = bytes([opcode | (0x80 if final else 0)])
    if len(payload) < 126:
        return head + bytes([len(payload)]) + payload
    if len(payload) < 1 << 16:
        return head + bytes([126]) + len(payload).to_bytes(2, "big") + payload
    return head + bytes([127]) + len(payload).to_bytes(8, "big") + payload


class FakeSocket:
    """Plays (opcode, data) pairs, bytes and exceptions, one a read; then the connection is gone."""

    def __init__(self, script: Iterable[Any], *, ping_fails: bool = False) -> None:
        self._script = iter(script)
        self._ping_fails = ping_fails
        self.sent: list[bytes] = []
        self.pings = 0
        self.pongs: list[bytes] = []
        self.closed = False
        self.sock = self
        self.patience: float | None = None
        self._taken = False
        self._never, self._end = os.pipe()

    def pending(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._never

    def settimeout(self, seconds: float) -> None:
        self.patience, self._taken = seconds, False

    def gettimeout(self) -> float | None:
        return self.patience

    def recv_into(self, buffer: memoryview) -> int:
        assert self.patience == 0, "nobody waits here: it holds the lock of those who send"
        if self._taken:
            raise BlockingIOError
        step, self._taken = next(self._script, b""), True
        if isinstance(step, Exception):
            raise step
        data = step if isinstance(step, bytes) else frame(*step)
        buffer[: len(data)] = data
        return len(data)

    def send_binary(self, data: bytes) -> None:
        if self.closed:
            raise websocket.WebSocketConnectionClosedException("gone")
        self.sent.append(data)

    def ping(self) -> None:
        self.pings += 1
        if self._ping_fails:
            raise OSError("broken")

    def pong(self, payload: bytes) -> None:
        self.pongs.append(payload)

    def close(self, timeout: float) -> None:
        self.closed = True

    def shutdown(self) -> None:
        os.close(self._never)
        os.close(self._end)


def _stream(*script: Any, **more: Any) -> tuple[ExecStream, FakeSocket, list[str]]:
    sock, closed = FakeSocket(script, **more), list[str]()
    return ExecStream(sock, lambda: closed.append("api")), sock, closed


def test_output_by_channel_and_the_status_aside() -> None:
    stream, _, _ = _stream(
        (BINARY, b"\x01"), (BINARY, b"\x01out"), (BINARY, b"\x02err"), (PONG, b""), (BINARY, b"\x01\x00\xff"),
        (BINARY, b"\x03" + SUCCESS), (CLOSE, b"\x03\xe8"), (BINARY, b"\x01never"),
    )  # fmt: skip
    assert list(stream.frames()) == [(STDOUT, b"out"), (STDERR, b"err"), (STDOUT, b"\x00\xff")]
    assert stream.status == ExecStatus(True, 0)


def test_text_frames_are_read_too() -> None:
    stream, _, _ = _stream((TEXT, b"\x01x"), (CLOSE, b""))
    assert list(stream.frames()) == [(STDOUT, b"x")]


def test_what_comes_together_on_stdout_is_yielded_together() -> None:
    burst = b"".join(frame(BINARY, b"\x01" + letter) for letter in (b"a", b"b")) + frame(BINARY, b"\x02e")
    stream, _, _ = _stream(burst + frame(BINARY, b"\x01c")[:2], frame(BINARY, b"\x01c")[2:], (CLOSE, b""))
    assert list(stream.frames()) == [(STDOUT, b"ab"), (STDERR, b"e"), (STDOUT, b"c")]


def test_half_a_tls_record_is_waited_for() -> None:
    stream, sock, _ = _stream(ssl.SSLWantReadError(), (BINARY, b"\x01x"), (CLOSE, b""))
    assert list(stream.frames(tick=7)) == [(STDOUT, b"x")]
    assert sock.patience == 7, "whoever sends has that long"


def test_a_servers_ping_is_answered() -> None:
    stream, sock, _ = _stream((PING, b"there?"), (CLOSE, b""))
    assert list(stream.frames()) == []
    assert sock.pongs == [b"there?"]


def _messages(chunks: Iterable[bytes]) -> list[tuple[int, bytes]]:
    """Whole messages in the order they ended; control frames stand between the pieces of others."""
    frames, open_, whole = Frames(), dict[bool, bytes](), list[tuple[int, bytes]]()
    for chunk in chunks:
        for opcode, piece, first, last in frames.feed(memoryview(chunk)):
            control = opcode >= CLOSE
            open_[control] = (b"" if first else open_[control]) + piece
            if last:
                whole.append((opcode, open_[control]))
    return whole


@given(st.lists(st.tuples(st.sampled_from([TEXT, BINARY, PONG]), st.binary(max_size=400)), max_size=8), st.data())
def test_frames_are_found_however_they_are_cut(messages: list[tuple[int, bytes]], data: st.DataObject) -> None:
    wire = b"".join(frame(opcode, payload) for opcode, payload in messages)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(wire)), max_size=12)))
    assert _messages(wire[a:b] for a, b in pairwise([0, *cuts, len(wire)])) == messages


def test_a_message_in_pieces_is_one_and_long_frames_are_read() -> None:
    wire = frame(BINARY, b"\x01a", final=False) + frame(PING, b"") + frame(0, b"b" * 70_000) + frame(BINARY, bytes(300))
    assert _messages([wire]) == [(PING, b""), (BINARY, b"\x01a" + b"b" * 70_000), (BINARY, bytes(300))]


@pytest.mark.parametrize("wire", [b"\x82\x81....x", b"\xc2\x01x"])
def test_what_no_server_may_send_ends_the_stream(wire: bytes) -> None:
    with pytest.raises(BadFrame):
        list(Frames().feed(memoryview(wire)))
    stream, _, _ = _stream((BINARY, b"\x01x"), wire)
    assert list(stream.frames()) == [(STDOUT, b"x")]


@pytest.mark.parametrize("end", [OSError("reset"), websocket.WebSocketConnectionClosedException("eof")])
def test_a_bare_end_leaves_no_status(end: Exception) -> None:
    stream, _, _ = _stream((BINARY, b"\x01x"), end)
    assert list(stream.frames()) == [(STDOUT, b"x")]
    assert stream.status is None


def test_silence_yields_ticks_and_pings() -> None:
    quiet = TimeoutError("quiet")
    stream, sock, _ = _stream(quiet, quiet, (BINARY, b"\x01x"), (CLOSE, b""))
    assert list(stream.frames()) == [(TICK, b""), (TICK, b""), (STDOUT, b"x")]
    assert sock.pings == 2


def test_a_dead_connection_is_found_by_the_ping() -> None:
    stream, _, _ = _stream(TimeoutError("quiet"), ping_fails=True)
    assert list(stream.frames()) == []


def test_collect_keeps_no_more_than_its_limit() -> None:
    stream, _, _ = _stream(*((BINARY, b"\x01" + bytes(1000)) for _ in range(50)), (BINARY, b"\x03" + SUCCESS))
    result = stream.collect(timeout=5, limit=1500)
    assert len(result.stdout) == 1500
    assert result.status == ExecStatus(True, 0)


def test_sending_to_a_lost_connection_is_quiet_and_close_is_final() -> None:
    stream, sock, closed = _stream()
    stream.send(b"stop\n")
    assert sock.sent == [b"\x00stop\n"]
    stream.close()
    stream.send(b"ack\n")
    assert closed == ["api"]


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        (SUCCESS, ExecStatus(True, 0)),
        (
            b'{"status":"Failure","reason":"NonZeroExitCode","message":"terminated","details":{"causes":[{"reason":"ExitCode","message":"3"}]}}',
            ExecStatus(False, 3, "terminated"),
        ),
        (
            b'{"status":"Failure","reason":"InternalError","message":"no file","code":500,"details":{"causes":[{}]}}',
            ExecStatus(False, None, "no file"),
        ),
        (b'{"status":"Failure","details":null}', ExecStatus(False, None, "")),
        (
            b'{"status":"Failure","details":{"causes":[{"reason":"ExitCode","message":"x"}]}}',
            ExecStatus(False, None, ""),
        ),
        (b"[]", ExecStatus(False, None, "unreadable status")),
        (b"\xff not json", ExecStatus(False, None, "unreadable status")),
        (b"3", ExecStatus(False, None, "unreadable status")),
        (b'{"details":{"causes":[3]}}', ExecStatus(False, None, "unreadable status")),
        (b'{"details":{"causes":"x"}}', ExecStatus(False, None, "unreadable status")),
    ],
)
def test_status(data: bytes, wanted: ExecStatus) -> None:
    assert parse_status(data) == wanted
