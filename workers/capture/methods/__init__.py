"""Ways to get at a target's packets, one file each, behind one interface: Method.

`plan` is pure and says what it would do, or why it can't; `open` makes a Capture of a plan, which adds what it needs,
yields the packets into its spool, and leaves nothing that runs.
"""

from pathlib import Path
from typing import Protocol

from msgspec import Struct

from workers.capture.cluster import Cluster
from workers.capture.plans import Equipment, Plan, Rejected, Right, Survey
from workers.capture.spool import Spool
from workers.capture.start_line import Runner
from workers.capture.targets import Target
from workers.contract.report import CaptureOutcome
from workers.contract.spec import CaptureSpec


class Capture(Protocol):
    """One target being captured."""

    spool: Spool

    def run(self, runner: Runner) -> CaptureOutcome:
        """Capture to the end; blocks. Raises NotCapturable, ClusterForbidden, … when it could not start.

        Begins when `runner` lets it. Whatever happens, nothing of ours runs in the target afterwards, or the log says
        what could not be ended.
        """

    def close(self) -> bool:
        """End what the method itself put into the cluster, once nobody captures there any more. Never raises; once.

        False when something of the job may still run there, or lie there, as it could not be ended.
        """

    def stop(self, why: str = "stop") -> None:
        """Ask for an early, clean end; any thread. `why` becomes the outcome's `ended_by`; the first one stands.

        At ending.TAKEN what runs in a container of ours is left as it is, by `close` too: it is another worker's.
        """

    def extend(self, seconds: float) -> None:
        """Move the end to so many seconds from now; any thread."""


class Ground(Struct, frozen=True):
    """What a method works with: the cluster, what the installation brings, and the job."""

    cluster: Cluster
    equipment: Equipment
    spec: CaptureSpec
    job_id: str
    static_tcpdump: Path | None = None
    """A folder with `tcpdump-<machine>` to upload."""


class Method(Protocol):
    """One way."""

    @property
    def name(self) -> str:
        """One of plans.METHODS."""

    def needs(self, target: Target, equipment: Equipment) -> tuple[Right, ...]:
        """Return the rights it would use; access reviews ask for them."""

    def plan(
        self, target: Target, survey: Survey, spec: CaptureSpec, equipment: Equipment, job_id: str
    ) -> Plan | Rejected:
        """Say what it would do. Pure."""

    def open(self, ground: Ground, plan: Plan, spool: Spool, *, resume: bool = False) -> Capture:
        """Return the capture of a plan; nothing has begun. `resume`: take over what another worker began."""
