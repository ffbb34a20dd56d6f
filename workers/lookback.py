"""Finished captures looked at once more, for the pictures of a report, by a child without credentials.

A picture is worth a moment and no more: past SECONDS the report goes out without it.
"""

import threading
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from time import monotonic

import structlog

from workers.contract.closeup import CloseUp, Look
from workers.sandbox.parent import Sandbox

log = structlog.get_logger(__name__)

SECONDS = 5.0
"""For all captures of a job together; 500 MB take about half of one."""
CHUNK = 1 << 20


class Lookback:
    """See report.album.See: looks at the local files of a job's targets. SECONDS count from its making."""

    def __init__(self, job_id: str, files: Sequence[Path]) -> None:
        self._job_id = job_id
        self._files = files
        self._deadline = monotonic() + SECONDS

    def __call__(self, looks: Mapping[int, Look]) -> dict[int, CloseUp]:
        """Return what was seen by target, {} when it took too long or failed (logged)."""
        left = self._deadline - monotonic()
        if left <= 0:
            return {}
        with closing(Sandbox(self._job_id)) as sandbox:
            alarm = threading.Timer(left, sandbox.abort, ("took too long to look at again",))
            alarm.start()
            try:
                for target, look in looks.items():
                    self._feed(sandbox, target, look)
                sandbox.finish(max(0.0, self._deadline - monotonic()))
            except OSError as error:
                log.warning("capture not read again", job=self._job_id, error=type(error).__name__)
                return {}
            finally:
                alarm.cancel()
            return {} if sandbox.failed else dict(sandbox.seen)

    def _feed(self, sandbox: Sandbox, target: int, look: Look) -> None:
        sandbox.look(target, look)
        with self._files[target].open("rb") as file:
            while not sandbox.failed and (chunk := file.read(CHUNK)):
                sandbox.feed(target, chunk)
