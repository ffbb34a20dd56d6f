"""An exec's streams over WebSocket, `v4.channel.k8s.io`: frames in, frames out, and how it ended.

Each binary frame is one channel byte and data: 0 stdin, 1 stdout, 2 stderr, 3 the closing Status as JSON. The
client library's own reader keeps every byte and is quadratic, and taking frame by frame from the socket costs more than
all else that is done with the bytes; this one takes what is there and holds no more than that.
"""

import contextlib
import json
import select
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import websocket

from workers.capture.websocket_frames import BINARY, CLOSE, PING, TEXT, BadFrame, Frames
from workers.contract.errors import ThreadcapError

STDIN, STDOUT, STDERR, STATUS = 0, 1, 2, 3
TICK = -1
"""The pseudo channel yielded when nothing came for a while, so that a reader can look around."""
BURST = 256 << 10
"""Bytes taken at once while there are more."""
LONGEST_STATUS = 64 << 10
SILENCE = 60.0
"""Seconds without any frame, answers to our pings included, after which the connection counts as lost."""


def bound_handshakes(seconds: float) -> None:
    """Bound connecting and upgrading, for the process; the Kubernetes client offers no way to do it for one call."""
    websocket.setdefaulttimeout(seconds)


class ExecRefused(ThreadcapError):
    """The command did not start; the message says why."""

    code = "exec_refused"


@dataclass(frozen=True, slots=True)
class ExecStatus:
    """How a command ended by the cluster's word. `exit_code` None: it did not say."""

    success: bool
    exit_code: int | None = None
    message: str = ""


@dataclass(frozen=True, slots=True)
class ExecResult:
    """Output and end of a short command. `status` None: the stream broke before the end."""

    stdout: bytes
    stderr: bytes
    status: ExecStatus | None


class ExecStream:
    """One running command. One thread reads `frames`; any thread may `send` or `close`."""

    def __init__(self, sock: Any, on_close: Callable[[], None]) -> None:
        self._sock = sock
        self._on_close = on_close
        self._using = threading.Lock()
        self._channel: int | None = None
        self._asked = self._said = b""
        """Of a ping and of the closing Status, as far as they came."""
        self.status: ExecStatus | None = None
        """Set when the cluster has said how the command ended."""

    def send(self, data: bytes) -> None:
        """Write to the command's stdin. A connection already lost is not an error: the reader finds out."""
        with self._using, contextlib.suppress(websocket.WebSocketException, OSError):
            self._sock.send_binary(bytes([STDIN]) + data)

    def frames(self, tick: float = 5.0) -> Iterator[tuple[int, bytes]]:
        """Yield (channel, data) until the stream ends, and (TICK, b"") after each `tick` seconds of silence.

        What came together on stdout is yielded together. Ends quietly on a clean close and on a lost connection alike:
        `status` None afterwards means lost.
        """
        self._sock.settimeout(tick)
        heard, frames, burst = time.monotonic(), Frames(), memoryview(bytearray(BURST))
        while True:
            try:
                size = self._read(burst, tick)
            except TimeoutError:
                if time.monotonic() - heard > SILENCE or not self._ping():
                    return
                yield TICK, b""
                continue
            except (websocket.WebSocketException, OSError, ValueError):
                return
            if not size:
                return
            heard = time.monotonic()
            found, ended = self._sorted(frames, burst[:size])
            yield from found
            if ended:
                return

    def _read(self, burst: memoryview, patience: float) -> int:
        """Fill `burst` with what has arrived; returns how many bytes that is, 0 at the end of the connection.

        Waits without touching TLS, whose objects two threads must not use at once. Raises TimeoutError.
        """
        until = time.monotonic() + patience
        while (raw := self._sock.sock) is not None and _more(raw, max(0.0, until - time.monotonic())):
            if (size := self._fill(raw, burst)) is not None:
                return size
        if raw is None:  # closed by another thread
            return 0
        raise TimeoutError

    def _fill(self, raw: Any, burst: memoryview) -> int | None:
        """Take what there is; None when it was no data: half a TLS record, or a session ticket."""
        with self._using:
            if self._sock.sock is None:
                return 0
            patience = raw.gettimeout()
            raw.settimeout(0)  # nobody who wants to send waits for the other half
            try:
                size = new = int(raw.recv_into(burst))
                # an end or an error met here is met again by the next read, and what came before it is not lost
                with contextlib.suppress(OSError):
                    while new and size < len(burst):  # TLS hands out 16 KiB at a time
                        new = raw.recv_into(burst[size:])
                        size += new
            except (ssl.SSLWantReadError, BlockingIOError):
                return None
            finally:
                raw.settimeout(patience)
        return size

    def _sorted(self, frames: Frames, data: memoryview) -> tuple[list[tuple[int, bytes]], bool]:
        """Return what frames carry by channel, neighbours joined, and whether the stream has ended."""
        found: list[tuple[int, list[memoryview]]] = []
        ended = False
        try:
            for opcode, piece, first, last in frames.feed(data):
                if opcode in (BINARY, TEXT):
                    self._sort(found, piece, first, last)
                elif opcode == CLOSE:
                    ended = True
                    break
                elif opcode == PING:
                    self._asked += piece
                    if last:
                        self._pong()
        except BadFrame:
            ended = True
        return [(channel, b"".join(pieces)) for channel, pieces in found], ended

    def _sort(self, found: list[tuple[int, list[memoryview]]], piece: memoryview, first: bool, last: bool) -> None:
        """Put a piece of a message to those of its channel, which is the message's first byte."""
        if first:
            self._channel = None
        if self._channel is None and len(piece):
            self._channel, piece = piece[0], piece[1:]
        if self._channel == STATUS:
            self._said += piece[: LONGEST_STATUS - len(self._said)]
            if last:
                self.status = parse_status(self._said)
        elif self._channel is not None and len(piece):
            if not found or found[-1][0] != self._channel:
                found.append((self._channel, []))
            found[-1][1].append(piece)

    def collect(self, *, timeout: float, limit: int) -> ExecResult:
        """Read to the end or for `timeout` seconds, keeping at most `limit` bytes of each stream."""
        deadline = time.monotonic() + timeout
        kept = {STDOUT: bytearray(), STDERR: bytearray()}
        for channel, data in self.frames(tick=1.0):
            if channel in kept:
                kept[channel] += data[: limit - len(kept[channel])]
            if time.monotonic() > deadline:
                break
        return ExecResult(bytes(kept[STDOUT]), bytes(kept[STDERR]), self.status)

    def close(self) -> None:
        """Close the connection; the command's stdin ends with it."""
        with self._using:
            with contextlib.suppress(websocket.WebSocketException, OSError):
                self._sock.close(timeout=1)
            self._sock.shutdown()  # after an error, close() leaves the socket open
        self._on_close()

    def _pong(self) -> None:
        payload, self._asked = self._asked, b""
        with self._using, contextlib.suppress(websocket.WebSocketException, OSError):
            self._sock.pong(payload)

    def _ping(self) -> bool:
        try:
            with self._using:
                self._sock.ping()
        except (websocket.WebSocketException, OSError):
            return False
        return True


def _more(raw: Any, seconds: float) -> bool:
    """Whether there is something to read within `seconds`: bytes TLS has decrypted already, or on the wire."""
    pending = getattr(raw, "pending", None)
    if pending is not None and pending():
        return True
    wire = select.poll()  # not select(): a worker may hold more than 1,024 files
    wire.register(raw, select.POLLIN)
    return bool(wire.poll(seconds * 1000))


def parse_status(data: bytes) -> ExecStatus:
    """Read the Status of channel 3 (the client's `returncode` raises on InternalError)."""
    try:
        status = json.loads(data)
        causes = (status.get("details") or {}).get("causes") or []
        codes = [str(cause.get("message", "")) for cause in causes if cause.get("reason") == "ExitCode"]
    except (ValueError, AttributeError):
        return ExecStatus(success=False, message="unreadable status")
    if status.get("status") == "Success":
        return ExecStatus(success=True, exit_code=0)
    code = int(codes[0]) if codes and codes[0].isdigit() else None
    return ExecStatus(success=False, exit_code=code, message=str(status.get("message", ""))[:400])
