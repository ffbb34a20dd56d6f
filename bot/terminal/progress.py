"""One line on a terminal while a long capture is read: how far, how many packets, how fast. Nothing in pipes."""

import os
import time
from collections.abc import Callable
from typing import TextIO

from workers.findings.words import number, safe
from workers.findings.words import size as amount

AFTER = 2.0
"""Seconds before the line appears: what is over sooner needs none."""
EVERY = 0.2
BAR, LEAST_BAR = 24, 8
_CLEAR = "\r\x1b[K"


class Progress:
    """begin(name, size) for each file, update(bytes read, packets) as it is read, clear() before anything else is said.

    `out` is usually standard error; where it is no terminal nothing is ever written.
    """

    def __init__(self, out: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._out = out if out.isatty() else None
        self._clock = clock
        self._due = clock() + AFTER
        self._drawn = False
        self._name = ""
        self._size = 0
        self._begun = 0.0

    def begin(self, name: str, size: int) -> None:
        """A file is opened; `size` is 0 when nobody knows it (a pipe)."""
        self._name, self._size, self._begun = name, size, self._clock()

    def update(self, read: int, packets: int) -> None:
        """So much of the file was read and analysed."""
        now = self._clock()
        if self._out is None or now < self._due:
            return
        self._due, self._drawn = now + EVERY, True
        self._out.write(_CLEAR + self._line(read, packets, now - self._begun))
        self._out.flush()

    def clear(self) -> None:
        """Leave nothing behind."""
        if self._out is not None and self._drawn:
            self._out.write(_CLEAR)
            self._out.flush()
            self._drawn = False

    def _line(self, read: int, packets: int, seconds: float) -> str:
        seconds = max(seconds, 0.001)
        speed = f"{amount(round(read / seconds))}/s, {number(round(packets / seconds))} packets/s"
        far = f"{self._share(read):.0%} of {amount(self._size)}" if self._size else amount(read)
        figures = f"{far}, {number(packets)} packets, {speed}"
        room = self._columns() - 1 - len(figures)
        name = safe(self._name, 30)
        least = LEAST_BAR + 3 if self._size else 0
        start = f"{name} " if len(name) + 1 + least <= room else ""
        if self._size and room - len(start) >= least:
            width = min(BAR, room - len(start) - 3)
            done = round(width * self._share(read))
            start += f"[{'#' * done}{'.' * (width - done)}] "
        return (start + figures)[: self._columns() - 1]

    def _share(self, read: int) -> float:
        return min(1.0, read / self._size)

    def _columns(self) -> int:
        """Of the terminal; one that does not say, or says 0, has 80."""
        try:
            return (os.get_terminal_size(self._out.fileno()).columns if self._out else 0) or 80
        except OSError:
            return 80
