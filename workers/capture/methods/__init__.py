"""Ways to get at a target's packets, one file each, behind one interface: Capture.

A method is chosen by the planner (pure); a Capture then adds what it needs, yields the packets into its spool, and
leaves nothing that runs.
"""

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

    def close(self) -> None:
        """End what the method itself put into the target, once nobody captures there any more. Never raises; once."""

    def stop(self, why: str = "stop") -> None:
        """Ask for an early, clean end; any thread. `why` becomes the outcome's `ended_by`; the first one stands."""
