"""The worker's end of the sandbox: starts the child, feeds it, reads its facts."""

import contextlib
import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO

import structlog

from workers.contract import codec
from workers.contract.facts import Facts
from workers.sandbox.frames import HEADER

log = structlog.get_logger(__name__)

MAX_ANSWER = 64 << 20
"""Bytes of one answer line; a child that says more is not believed."""


class Sandbox:
    """One analysis child for one job. `feed` from one thread; never raises: a dead child leaves `failed` True."""

    def __init__(self, job_id: str) -> None:
        self._job_id = job_id
        self.failed = False
        self.progress: dict[int, tuple[int, int]] = {}
        """target -> (packets, bytes on the wire) analysed so far"""
        self._facts: dict[int, Facts] = {}
        self._child = subprocess.Popen(
            [sys.executable, "-m", "workers.sandbox"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=Path(__file__).parent.parent.parent,
            env={"LC_ALL": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"},
            close_fds=True,
        )
        self._reader = threading.Thread(target=self._read, name=f"facts-{job_id}", daemon=True)
        self._reader.start()

    def feed(self, target: int, chunk: bytes) -> None:
        """Hand bytes of a target's pcap to the child."""
        if self.failed:
            return
        try:
            _stdin(self._child).write(HEADER.pack(target, len(chunk)))
            _stdin(self._child).write(chunk)
        except OSError:
            self._give_up("died while it was fed")

    def finish(self, timeout: float) -> dict[int, Facts]:
        """Tell the child that was all and wait for its facts, at most `timeout` seconds."""
        with contextlib.suppress(OSError):
            _stdin(self._child).close()
        self._reader.join(timeout)
        if self._reader.is_alive():
            self._give_up(f"took more than {timeout:.0f} s")
        self.close()
        if self._child.returncode != 0:
            self._give_up(f"ended with {self._child.returncode}")
        return dict(self._facts)

    def close(self) -> None:
        """End the child, whatever it is doing."""
        if self._reader.is_alive():
            self._child.kill()
        self._reader.join(5)
        with contextlib.suppress(OSError):
            _stdin(self._child).close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._child.wait(5)
        for pipe in (self._child.stdout, self._child.stderr):
            if pipe is not None:
                pipe.close()

    def _read(self) -> None:
        assert self._child.stdout is not None
        assert self._child.stderr is not None
        try:
            while line := self._child.stdout.readline(MAX_ANSWER):
                self._take(json.loads(line))
        except (ValueError, OSError) as error:
            self._give_up(f"answered nonsense: {type(error).__name__}")
        with contextlib.suppress(OSError, ValueError):
            if said := self._child.stderr.read(4000):
                log.warning("analysis said", job=self._job_id, stderr=said.decode(errors="replace")[-2000:])

    def _take(self, answer: object) -> None:
        match answer:
            case {"progress": dict(progress)}:
                self.progress = {int(k): (int(v[0]), int(v[1])) for k, v in progress.items()}
            case {"target": int(target), "facts": facts}:
                self._facts[target] = codec.decode(Facts, facts)
            case _:
                raise ValueError("unknown answer")

    def _give_up(self, why: str) -> None:
        if not self.failed:
            log.warning("analysis failed", job=self._job_id, why=why)
        self.failed = True
        self._child.kill()


def _stdin(child: "subprocess.Popen[bytes]") -> IO[bytes]:
    assert child.stdin is not None
    return child.stdin
