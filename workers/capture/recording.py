"""A recording: a ring of the last minutes in a container of ours (ring_scripts.RECORDING), watched from here.

The ring is the pod's: a worker only looks, and says that somebody still wants it. Any other worker goes on where one
left off, at once or within ring.LAPSE seconds.
"""

import time

import structlog
from msgspec.structs import replace

from workers.capture.ending import Ending, unstarted
from workers.capture.methods import Ground
from workers.capture.methods.agent import AgentHouse
from workers.capture.methods.ephemeral import AddedContainer
from workers.capture.plans import EPHEMERAL, Plan
from workers.capture.ring import FOLDER, HELD_AT_ONCE, LAPSE, Held, recording_argv, ring_bytes, watch_argv
from workers.capture.seat import Follower, House, Patience
from workers.capture.spool import Spool
from workers.capture.start_line import Runner
from workers.capture.targets import PodInfo
from workers.capture.tcpdump import Trailer
from workers.contract.errors import NotCapturable, ThreadcapError
from workers.contract.report import CaptureOutcome

log = structlog.get_logger(__name__)

LONGEST_PAUSE = 5.0
"""Seconds between two tries to reach the pod again."""


def house(ground: Ground, plan: Plan) -> House:
    """Return the container of ours that records by `plan`, wherever it is; it has room for all a ring may take."""
    if plan.method == EPHEMERAL:
        return AddedContainer(ground.cluster, plan, ground.job_id)
    roomy = replace(ground.spec, max_bytes=HELD_AT_ONCE * ring_bytes(ground.spec))
    return AgentHouse(replace(ground, spec=roomy), plan)


class Recording:
    """See methods.Capture. `run` blocks until tcpdump has ended; what the ring holds is taken by grab.Grab.

    `spool` stays empty until then. With `resume` it goes on with what another worker began.
    """

    def __init__(
        self, ground: Ground, plan: Plan, spool: Spool, where: House, *, resume: bool = False, folder: str = FOLDER
    ) -> None:
        self.spool = spool
        self.house = where
        self.held = Held()
        """What the ring is known to hold."""
        self.resumed = resume
        self.folder = folder
        self._ground = ground
        self._plan = plan
        self._line = b""
        """What has come of a line that is not whole yet."""
        patience = Patience(LAPSE, LONGEST_PAUSE)
        self._follower = Follower(ground.cluster, ground.job_id, where, self, patience, resume=resume)

    def stop(self, why: str = "stop") -> None:
        """See Capture.stop."""
        self._follower.stop(why)

    def extend(self, seconds: float) -> None:
        """See Capture.extend."""
        self._follower.extend(seconds)

    def leave(self) -> None:
        """Look no longer: `run` returns, and the recording goes on."""
        self._follower.leave()

    def close(self) -> bool:
        """See Capture.close."""
        return self._follower.close()

    def run(self, runner: Runner) -> CaptureOutcome:
        """See Capture.run. The outcome says how the recording ended; it has no bytes yet."""
        began, ground = time.time(), self._ground
        argv = recording_argv(self._plan, ground.spec, ground.job_id, ground.equipment.ceiling, self.folder)
        seat = self._follower.enter(argv, "The container that recorded is gone, and what it held with it.")
        if seat is None:
            return unstarted(self.spool, began)
        lost = self._follower.follow(seat, runner)
        trailer, stopped_by = self._follower.trailer, self._follower.stopped_by
        broke = trailer.done and not trailer.counters and not stopped_by
        if broke and not trailer.listening:
            Ending(self._plan, ground.spec, self.spool, trailer, "", began).outcome(lambda: lost)  # raises
        why = f"tcpdump in the pod ended before its time (exit code {trailer.rc})" if broke else lost
        return CaptureOutcome(reason=why, ended_by=stopped_by or "time", started_at=began, ended_at=time.time())

    # -- see seat.Feed -----------------------------------------------------------------------------------------

    def argv(self) -> list[str]:
        """See Feed.argv."""
        self._line = b""
        return watch_argv(self._ground.job_id, self.folder)

    def take(self, data: bytes) -> None:
        """See Feed.take: how the recording goes."""
        *lines, self._line = (self._line + data).split(b"\n")
        for line in lines:
            self.held = self.held.heard(line.decode(errors="replace"))

    def enough(self, trailer: Trailer) -> bool:
        """See Feed.enough."""
        return trailer.done

    def refused(self, error: ThreadcapError) -> None:
        """See Feed.refused: the recording goes on meanwhile."""
        log.info("recording not reached", job=self._ground.job_id, pod=self._plan.pod.name, error=str(error))

    def deleted(self, pod: PodInfo) -> str:
        """See Feed.deleted."""
        target = self._plan.pod.name
        what = f"pod {target}" if pod.name == target else f"the recording pod {pod.name}"
        return f"{what} was deleted during the recording"

    def ended(self, said: str) -> str:
        """See Feed.ended."""
        if not self._follower.begun:
            target = self._plan.pod.name
            raise NotCapturable(f"Recording {target} in a container of Threadcap did not work: {said[:160]}.")
        return f"the container that recorded has ended ({said[:80]})"
