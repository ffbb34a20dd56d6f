"""Ways to get at a target's packets, one file each, behind one interface: `plan`, `open`, `close` of Capture."""

from typing import Protocol

from workers.capture.spool import Spool
from workers.contract.report import CaptureOutcome


class Capture(Protocol):
    """One target being captured."""

    spool: Spool

    def run(self) -> CaptureOutcome:
        """Capture to the end; blocks. Raises NotCapturable, ClusterForbidden, … when it could not start.

        Whatever happens, nothing of ours runs in the target afterwards, or the log says what could not be ended.
        """

    def stop(self, why: str = "stop") -> None:
        """Ask for an early, clean end; any thread. `why` becomes the outcome's `ended_by`; the first one stands."""
