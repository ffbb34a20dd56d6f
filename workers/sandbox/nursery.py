"""The worker's end of the nursery: one process for the whole worker, started when first needed, replaced if it died."""

import atexit
import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

from workers.sandbox.frames import BORN, ORDER

PATIENCE = 60.0
"""Seconds the nursery may take for its start and a fork; a busy machine is slow, a dead nursery is noticed at once."""
ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass(slots=True)
class Child:
    """A child of the nursery: where to write its frames, where to read its answers, how to end it."""

    pid: int
    stdin: int
    stdout: int
    handle: int | None

    def kill(self) -> None:
        """End it at once; nothing happens when it has ended."""
        with contextlib.suppress(ProcessLookupError):
            if self.handle is not None:
                signal.pidfd_send_signal(self.handle, signal.SIGKILL)
            else:
                os.kill(self.pid, signal.SIGKILL)


class Nursery:
    """Bears analysis children; any thread. `bear` raises OSError when there can be none."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    def bear(self, memory: int) -> Child:
        """Return a new child with `memory` bytes of address space at most."""
        with self._lock:
            try:
                return self._bear(memory)
            except OSError:
                self._end()  # it died since the last time: one more try with a new one
                return self._bear(memory)

    def close(self) -> None:
        """End the process; its children end with their pipes."""
        with self._lock:
            self._end()

    def _bear(self, memory: int) -> Child:
        control = self._control or self._start()
        child_in, stdin = os.pipe()
        stdout, child_out = os.pipe()
        try:
            socket.send_fds(control, [ORDER.pack(memory)], [child_in, child_out])
            answer, handles, _, _ = socket.recv_fds(control, BORN.size, 1)
            if len(answer) < BORN.size:
                raise ConnectionResetError("the nursery ended")
        except BaseException:
            os.close(stdin)
            os.close(stdout)
            raise
        finally:
            os.close(child_in)
            os.close(child_out)
        return Child(BORN.unpack(answer)[0], stdin, stdout, handles[0] if handles else None)

    def _start(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "workers.sandbox"],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd=ROOT,
                env={"LC_ALL": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"},
            )
        ours.settimeout(PATIENCE)
        self._control = ours
        return ours

    def _end(self) -> None:
        if self._control is not None:
            self._control.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._control = self._process = None


NURSERY = Nursery()
"""The process's own: children of all jobs share what it has loaded."""
atexit.register(NURSERY.close)
