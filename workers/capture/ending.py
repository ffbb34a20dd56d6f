"""How a capture ended, from what arrived and what was said at its end. Pure but for cutting the spool."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from workers.capture.plans import Plan
from workers.capture.spool import FILE_HEADER, Spool
from workers.capture.tcpdump import Trailer
from workers.contract.errors import CaptureInterrupted, NoSuchInterface, NotCapturable, ThreadcapError
from workers.contract.report import CaptureOutcome
from workers.contract.spec import CaptureSpec

TAKEN = "taken"
"""Why a capture is stopped here alone: another worker has the job, and goes on with what runs in the cluster."""
Lost = Callable[[], str]
"""Why the end was never told, in words; looked up when it is needed."""


@dataclass(frozen=True, slots=True)
class Ending:
    """Everything an outcome is made of."""

    plan: Plan
    spec: CaptureSpec
    spool: Spool
    trailer: Trailer
    stopped_by: str
    started: float

    def outcome(self, lost: Lost) -> CaptureOutcome:
        """Return the outcome. Raises NotCapturable or CaptureInterrupted when tcpdump never began."""
        trailer, spool = self.trailer, self.spool
        received, digest = spool.size, spool.sha256()
        if not self.stopped_by and (spool.size < FILE_HEADER or (self._broke and not spool.records)):
            raise self._failed_to_start()
        same = trailer.done and self._same(received, digest)
        cut = spool.trim()
        captured = trailer.counters.get("captured")
        missing = (captured or 0) - spool.records
        # tcpdump counts a packet before it writes it, so one that a signal met meanwhile is written in part or not
        counts_agree = captured is not None and (missing in (0, 1) or (cut > 0 and missing > 0))
        return CaptureOutcome(
            complete=trailer.done and not (self._broke or self._told or trailer.lapsed or trailer.unwritten),
            proved=same and counts_agree and not trailer.unwritten,
            reason=self._reason(received, cut, missing, lost),
            bytes=spool.size,
            sha256=spool.sha256(),
            pod_bytes=received if same else trailer.size,
            pod_sha256=trailer.sha256,
            packets=spool.records,
            captured=captured,
            received=trailer.counters.get("received"),
            kernel_dropped=trailer.counters.get("kernel_dropped"),
            interface_dropped=trailer.counters.get("interface_dropped"),
            ended_by=self._ended_by(),
            started_at=self.started,
            ended_at=time.time(),
        )

    def _same(self, received: int, digest: str) -> bool:
        """Whether what arrived is what left, as far as the pod could tell."""
        return self.trailer.sha256 == digest if self.trailer.sha256 else self.trailer.size == received

    @property
    def _broke(self) -> bool:
        """Whether tcpdump failed: at any other end it tells its counters; told to stop at once it may not have."""
        return self.trailer.done and not self.trailer.counters and not self.stopped_by

    @property
    def _told(self) -> bool:
        """Whether the cluster ended it, before its time and ours."""
        return self.trailer.told and not self.stopped_by

    def _ended_by(self) -> str:
        if not self.trailer.done or self._told:
            return "interrupted"
        if self._broke or self.trailer.unwritten:
            return "error"
        if self.stopped_by:
            return self.stopped_by
        if self.trailer.lapsed:
            return "interrupted"
        if self.spec.max_packets and self.spool.records >= self.spec.max_packets:
            return "packets"
        return "time"

    def _reason(self, received: int, cut: int, missing: int, lost: Lost) -> str:
        if self.trailer.unwritten:
            why = self.trailer.unwritten
            return f"the disk it was written to in the cluster took no more ({why}); truncated at byte {received - cut}"
        if self._broke:
            why = f": {self.trailer.complaint[:160]}" if self.trailer.complaint else ""
            return f"tcpdump in the pod ended before its time (exit code {self.trailer.rc}){why}"
        if self.trailer.done and self._told:
            return f"{lost()}; what came until then is here"
        if self.trailer.lapsed and self.trailer.done:
            return "ended early: no worker of Threadcap was there to go on"
        if self.trailer.done and cut:
            more = f", and {missing - 1} more that it had counted" if missing > 1 else ""
            return f"the last packet was unfinished when tcpdump stopped: {cut} bytes of it are left out{more}"
        if self.trailer.done:
            return "the last packet was not written when tcpdump stopped: it is left out" if missing == 1 else ""
        whole = f" of {self.trailer.size}" if self.trailer.size else ""
        return f"{lost()}; truncated at byte {received - cut}{whole}"

    def _failed_to_start(self) -> ThreadcapError:
        pod, container = self.plan.pod.name, self.plan.container
        complaint = self.trailer.complaint
        if not complaint:
            return CaptureInterrupted(f"The capture in pod {pod} ended before its first byte. Try again.")
        if "permission" in complaint.lower():
            return NotCapturable(
                f"tcpdump may not capture in container {container} of pod {pod}: it lacks the capability NET_RAW. "
                "Name another container with `-c NAME`."
            )
        if "No such device" in complaint or "is not up" in complaint:
            return NoSuchInterface(
                f"Pod {pod} has no interface {self.spec.interface} that can be captured ({complaint[:120]}). "
                "Leave `-i` out for all interfaces."
            )
        return NotCapturable(f"tcpdump could not start in container {container} of pod {pod}: {complaint[:160]}.")


def unstarted(spool: Spool, began: float, why: str = "stop") -> CaptureOutcome:
    """Return the outcome of a capture that was stopped before it began; `why` as in Capture.stop."""
    return CaptureOutcome(
        reason="stopped before it began",
        sha256=spool.sha256(),
        ended_by=why,
        started_at=began,
        ended_at=time.time(),
    )
