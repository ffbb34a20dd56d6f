"""The emulator's clock: real time plus what a test has skipped.

Rate windows, trigger expiry, event retries and response_url life all read this one clock, so a test can
see "+5 min" at once by `advance(300)`. Only the wait for an ack is real time: real code has to answer in it.
"""

from __future__ import annotations

import asyncio
import contextlib
import time


class Clock:
    """Wall time in seconds since the epoch (or the time at which it was stopped), plus an offset that only grows."""

    def __init__(self) -> None:
        self._offset = 0.0
        self._stopped: float | None = None
        self._changed = asyncio.Event()

    def now(self) -> float:
        """Seconds since the epoch as the emulator sees them."""
        return (time.time() if self._stopped is None else self._stopped) + self._offset

    def stop(self) -> None:
        """Let time pass by `advance` alone, however slow the machine is."""
        self._stopped = time.time()
        self.advance(0.0)

    def advance(self, seconds: float) -> None:
        """Skip `seconds` and wake every sleeper whose time has come. Raises ValueError when negative."""
        if seconds < 0:
            raise ValueError("time does not run backwards here")
        self._offset += seconds
        self._changed.set()
        self._changed = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        """Return when `seconds` have passed, really or by `advance`."""
        deadline = self.now() + seconds
        while (left := deadline - self.now()) > 0:
            changed = self._changed
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(changed.wait(), left if self._stopped is None else None)
