"""Frames of an exec: what is yielded, how ends are told apart, with a socket that plays them."""

import json
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import pytest
import websocket

from workers.capture.exec_stream import STDERR, STDOUT, TICK, ExecStatus, ExecStream, parse_status

BINARY, TEXT, CLOSE, PONG = (
    websocket.ABNF.OPCODE_BINARY,
    websocket.ABNF.OPCODE_TEXT,
    websocket.ABNF.OPCODE_CLOSE,
    websocket.ABNF.OPCODE_PONG,
)
SUCCESS = json.dumps({"metadata": {}, "status": "Success"}).encode()


class FakeSocket:
    """Plays (opcode, data) pairs and exceptions; then the connection is gone."""

    def __init__(self, script: Iterable[Any], *, ping_fails: bool = False) -> None:
        self._script = iter(script)
        self._ping_fails = ping_fails
        self.sent: list[bytes] = []
        self.pings = 0
        self.closed = False

    def settimeout(self, seconds: float) -> None:
        pass

    def recv_data_frame(self, control: bool) -> tuple[int, Any]:
        assert control
        step = next(self._script, websocket.WebSocketConnectionClosedException("gone"))
        if isinstance(step, Exception):
            raise step
        return step[0], SimpleNamespace(data=step[1])

    def send_binary(self, data: bytes) -> None:
        if self.closed:
            raise websocket.WebSocketConnectionClosedException("gone")
        self.sent.append(data)

    def ping(self) -> None:
        self.pings += 1
        if self._ping_fails:
            raise OSError("broken")

    def close(self, timeout: float) -> None:
        self.closed = True

    def shutdown(self) -> None:
        pass


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


@pytest.mark.parametrize("end", [OSError("reset"), websocket.WebSocketConnectionClosedException("eof")])
def test_a_bare_end_leaves_no_status(end: Exception) -> None:
    stream, _, _ = _stream((BINARY, b"\x01x"), end)
    assert list(stream.frames()) == [(STDOUT, b"x")]
    assert stream.status is None


def test_silence_yields_ticks_and_pings() -> None:
    quiet = websocket.WebSocketTimeoutException("quiet")
    stream, sock, _ = _stream(quiet, quiet, (BINARY, b"\x01x"), (CLOSE, b""))
    assert list(stream.frames()) == [(TICK, b""), (TICK, b""), (STDOUT, b"x")]
    assert sock.pings == 2


def test_a_dead_connection_is_found_by_the_ping() -> None:
    stream, _, _ = _stream(websocket.WebSocketTimeoutException("quiet"), ping_fails=True)
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
