"""Draws charts in a process of its own, one album at a time, behind a short queue."""

import contextlib
import json
import logging
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import BinaryIO, cast

from msgspec import structs

import workers
from workers.contract.facts import DnsFacts, Facts, HttpFacts, TlsFacts
from workers.contract.facts_services import DhcpFacts, NtpFacts, ServiceFacts
from workers.contract.pictures import Album
from workers.report.render import encode_album, read_frame, write_frame

log = logging.getLogger(__name__)

RECYCLE = 50
"""Albums after which the process is replaced, so that its memory and processor limits start anew."""


class Renderer:
    """Turns albums into PNGs. Safe to call from many threads; never raises for one that can't be drawn.

    `waiting` callers may queue; one more gets nothing at once, since a verdict without a picture beats a late one.
    """

    def __init__(self, waiting: int = 60) -> None:
        self._turn = threading.Lock()
        self._room = threading.BoundedSemaphore(waiting + 1)
        self._process: subprocess.Popen[bytes] | None = None
        self._drawn = 0
        self._home = tempfile.TemporaryDirectory(prefix="threadcap-charts-")

    def __call__(self, album: Album) -> list[tuple[str, str, bytes]]:
        """Render with the usual patience (contract.ports.Presenter)."""
        return self.render(album)

    def render(self, album: Album, timeout: float = 30.0) -> list[tuple[str, str, bytes]]:
        """Return (file name, alt text, PNG) a chart; empty after `timeout` seconds, and on any failure (logged)."""
        deadline = time.monotonic() + timeout
        if not self._room.acquire(blocking=False):
            log.warning("charts skipped, too many are waiting", extra={"job": album.report.job_id})
            return []
        try:
            if not self._turn.acquire(timeout=timeout):
                log.warning("charts skipped, waited too long", extra={"job": album.report.job_id})
                return []
            try:
                return self._draw(album, deadline)
            finally:
                self._turn.release()
        finally:
            self._room.release()

    def close(self) -> None:
        """End the process and remove its folder."""
        with self._turn:
            self._end()
            self._home.cleanup()

    def __enter__(self) -> "Renderer":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _draw(self, album: Album, deadline: float) -> list[tuple[str, str, bytes]]:
        try:
            process = self._ready()
            alarm = threading.Timer(max(0.1, deadline - time.monotonic()), process.kill)
            alarm.start()
            try:
                return self._ask(process, encode_album(_slim(album)))
            finally:
                alarm.cancel()
        except (OSError, ValueError, LookupError) as error:
            log.warning("charts failed", extra={"job": album.report.job_id, "reason": str(error)[:200]})
            self._end()
            return []

    def _ask(self, process: subprocess.Popen[bytes], payload: bytes) -> list[tuple[str, str, bytes]]:
        """One request over the pipes. Raises OSError, ValueError or LookupError when the process is gone."""
        source, out = cast(BinaryIO, process.stdout), cast(BinaryIO, process.stdin)
        write_frame(out, payload)
        out.flush()
        head = json.loads(_frame(source))
        if "error" in head:
            raise ValueError(head["error"])
        self._drawn += 1
        return [(str(name), str(alt), _frame(source)) for name, alt in head["charts"]]

    def _ready(self) -> subprocess.Popen[bytes]:
        process = self._process
        if process is not None and process.poll() is None and self._drawn < RECYCLE:
            return process
        self._end()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "workers.report.render"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=self._environment(),
            cwd=self._home.name,
        )
        self._drawn = 0
        return self._process

    def _environment(self) -> dict[str, str]:
        """Nothing of ours but what Python and matplotlib need: no token can leak from what is not there."""
        root = str(Path(next(iter(workers.__path__))).parent)
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "PYTHONPATH": root,
            "HOME": self._home.name,
            "MPLCONFIGDIR": self._home.name,
            "OPENBLAS_NUM_THREADS": "1",
            "LANG": "C.UTF-8",
        }

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):  # bytes it never read can't be flushed any more
                    pipe.close()
        process.wait()


class Renderers:
    """Renderers side by side, one a processor up to `most`; a second one starts only while the first is busy."""

    def __init__(self, most: int = 2) -> None:
        self._all = tuple(Renderer() for _ in range(max(1, min(most, os.cpu_count() or 1))))
        self._busy = [0] * len(self._all)
        self._choosing = threading.Lock()

    def render(self, album: Album, timeout: float = 30.0) -> list[tuple[str, str, bytes]]:
        """Return what Renderer.render does."""
        with self._choosing:
            chosen = self._busy.index(min(self._busy))
            self._busy[chosen] += 1
        try:
            return self._all[chosen].render(album, timeout)
        finally:
            with self._choosing:
                self._busy[chosen] -= 1

    def close(self) -> None:
        """End the processes and remove their folders."""
        for one in self._all:
            one.close()


def _frame(source: BinaryIO) -> bytes:
    payload = read_frame(source)
    if payload is None:
        raise ValueError("the rendering process ended")
    return payload


def _slim(album: Album) -> Album:
    """What charts need and no more: of names and hosts of the traffic only what stands in a picture's labels."""

    def facts(one: Facts) -> Facts:
        return structs.replace(
            one,
            conversations=(),
            dns=DnsFacts(),
            http=HttpFacts(),
            tls=TlsFacts(),
            services=ServiceFacts(),
            ntp=NtpFacts(),
            dhcp=DhcpFacts(),
            icmp_errors=(),
        )

    targets = tuple(
        structs.replace(t, facts=facts(t.facts) if t.facts is not None else None) for t in album.report.targets
    )
    report = structs.replace(album.report, targets=targets, names={}, findings=(), tables=())
    return structs.replace(album, report=report)
