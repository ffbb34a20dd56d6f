"""All targets of a job begin together: each says when it is ready, and may go once every other is, or won't be."""

import threading
from time import monotonic

PATIENCE = 15.0
"""Seconds the first one that is ready waits for the others at most: a slow image must not cost everyone the moment."""


class StartLine:
    """Where the captures of a job wait for each other. One `Runner` each."""

    def __init__(self, runners: int, patience: float = PATIENCE) -> None:
        self._patience = patience
        self._away = runners
        self._first: float | None = None
        self._open = runners <= 1
        self._changed = threading.Condition()

    def runner(self) -> "Runner":
        """Return the place of one capture."""
        return Runner(self)

    def open(self) -> None:
        """Nobody waits any more."""
        with self._changed:
            self._open = True
            self._changed.notify_all()

    def settle(self) -> None:
        """One more is ready, or will never be."""
        with self._changed:
            self._away -= 1
            self._first = self._first or monotonic()
            if self._away <= 0:
                self._open = True
                self._changed.notify_all()

    def wait(self) -> None:
        """Block until everyone has settled, or for as long as the first one that did is ready to."""
        with self._changed:
            while not self._open:
                left = (self._first or monotonic()) + self._patience - monotonic()
                if left <= 0 or not self._changed.wait(left):
                    self._open = True
                    self._changed.notify_all()


class Runner:
    """One capture's place at the line. Both may be called again; only the first call counts."""

    def __init__(self, line: StartLine) -> None:
        self._line = line
        self._settled = False

    def ready(self) -> None:
        """Block until the others are ready, too."""
        self._settle()
        self._line.wait()

    def gone(self) -> None:
        """It won't start, or has done so already."""
        self._settle()

    def _settle(self) -> None:
        if not self._settled:
            self._settled = True
            self._line.settle()


def alone() -> Runner:
    """Return the place of a capture that waits for nobody."""
    return StartLine(1).runner()
