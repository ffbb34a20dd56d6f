"""A grab: what a recording's ring holds at this moment, as one pcap, while the recording goes on.

The pod holds the files it hands over until we say that they have arrived, so a cut connection goes on at the next byte.
"""

import contextlib
import threading
import time

import structlog

from workers.capture.cluster import Cluster
from workers.capture.exec_stream import STDERR, STDOUT, ExecStream
from workers.capture.plans import Plan
from workers.capture.ring import FOLDER, RingReader, counters, grab_argv
from workers.capture.seat import House, Patience, Seat
from workers.capture.spool import Spool
from workers.capture.start_line import Runner
from workers.capture.tcpdump import ACK, Trailer
from workers.contract.errors import CaptureInterrupted, TargetNotFound, ThreadcapError
from workers.contract.report import CaptureOutcome

log = structlog.get_logger(__name__)

TRIES_FOR = 45.0
"""Seconds it tries to reach the ring again: the pod holds what was cut off for a minute."""
LONGEST_PAUSE = 2.0
TICK = 1.0


class Grab:
    """See methods.Capture. `job_id` is of the job that asks; `last` seconds, 0 for all; `flaw` is known of the ring.

    `ends`: whether nobody wants the ring afterwards, so that `close` ends its container.
    """

    def __init__(
        self,
        cluster: Cluster,
        plan: Plan,
        house: House,
        job_id: str,
        spool: Spool,
        *,
        last: float = 0.0,
        flaw: str = "",
        ends: bool = False,
        folder: str = FOLDER,
    ) -> None:
        self.spool = spool
        self._cluster = cluster
        self._plan = plan
        self._house = house
        self._job_id = job_id
        self._last = last
        self._flaw = flaw
        self._ends = ends
        self._folder = folder
        self._ring = RingReader(spool.write, last)
        self._trailer = Trailer()
        self._stopped_by = ""
        self._stopped = threading.Event()

    def stop(self, why: str = "stop") -> None:
        """See Capture.stop: what has arrived by then is kept. Whatever ended a recording, what it holds is still
        wanted, and reading it is what frees the node's disk."""
        if self._ends and why != "interrupted":
            return
        self._stopped_by = self._stopped_by or why
        self._stopped.set()

    def extend(self, seconds: float) -> None:
        """See Capture.extend: it takes no time that could be given."""

    def close(self) -> bool:
        """See Capture.close."""
        ends, self._ends = self._ends, False
        return not ends or self._house.leave()

    def run(self, runner: Runner) -> CaptureOutcome:
        """See Capture.run. Raises TargetNotFound when the ring is gone, CaptureInterrupted when nothing of it came."""
        runner.gone()
        seat = self._house.find()
        if seat is None:
            raise TargetNotFound(f"The recording in {self._plan.pod.name} has ended, and what it held is gone.")
        lost = self._read(seat)
        if not self._ring.size and not self._stopped_by:
            raise CaptureInterrupted(f"Nothing of the ring in {self._plan.pod.name} arrived: {lost}. Grab again.")
        return self._outcome(lost)

    def _read(self, seat: Seat) -> str:
        """Read to the end over as many connections as it takes; returns why not to the end, "" when it was."""
        patience = Patience(TRIES_FOR, LONGEST_PAUSE)
        while not self._stopped.is_set():
            before, self._trailer = self._ring.size, Trailer()
            why = self._read_once(seat)
            if self._trailer.done and self._ring.ended:
                return ""
            if self._ring.size > before:
                patience.renew()
            if why or patience.over:
                return why or f"the connection to pod {seat.pod.name} was lost"
            log.info("ring is read again", job=self._job_id, pod=seat.pod.name, at=self._ring.size)
            patience.wait(self._stopped)
        return "it was stopped"

    def _read_once(self, seat: Seat) -> str:
        """Read over one connection; returns why another one would not help, "" when it may."""
        argv = grab_argv(self._job_id, self._ring.size, self._last, self._folder)
        try:
            opened = self._cluster.open_exec(seat.pod, seat.container, argv)
        except TargetNotFound as error:
            return error.user_message.rstrip(".")
        except ThreadcapError as error:
            log.info("ring not reached", job=self._job_id, pod=seat.pod.name, error=str(error))
            return ""
        with contextlib.closing(opened):
            self._receive(opened)
        refused = opened.status is not None and opened.status.exit_code not in (None, 0)
        return self._trailer.complaint if refused else ""

    def _receive(self, opened: ExecStream) -> None:
        for channel, data in opened.frames(TICK):
            if channel == STDOUT:
                self._ring.feed(data)
            elif channel == STDERR:
                self._trailer.feed(data)
            if self._stopped.is_set():
                return
            if self._trailer.done and self._ring.ended:
                opened.send(ACK)
                return
        self._trailer.finish()

    def _outcome(self, lost: str) -> CaptureOutcome:
        ring, spool, trailer = self._ring, self.spool, self._trailer
        arrived = ring.ended and trailer.done
        same = arrived and trailer.sha256 == ring.sha256()
        spool.trim()
        why = f"{lost}; truncated at byte {spool.size}"
        if arrived:
            why = "" if same else "what arrived is not what left the pod"
        flaws = "; ".join(one for one in (why, ring.flaw, self._flaw) if one)
        now = ring.now or time.time()
        return CaptureOutcome(
            complete=not flaws,
            proved=same and not ring.flaw,
            reason=flaws,
            bytes=spool.size,
            sha256=spool.sha256(),
            pod_bytes=spool.size + ring.unfinished if same else None,
            pod_sha256=trailer.sha256,
            packets=spool.records,
            kernel_dropped=_dropped(trailer),
            interface_dropped=trailer.counters.get("interface_dropped"),
            ended_by=self._stopped_by or ("time" if arrived else "interrupted"),
            started_at=ring.first_at or now,
            ended_at=now,
        )


def _dropped(trailer: Trailer) -> int | None:
    """Packets the kernel dropped since the recording began, by the newest word of tcpdump's."""
    told = [counted for line in trailer.complaints if (counted := counters(line))]
    return trailer.counters.get("kernel_dropped", told[-1][2] if told else None)
