"""A recording: a ring of the last minutes in a container of ours (ring_scripts.RECORDING), watched from here.

The ring is the pod's: a worker only looks, and says that somebody still wants it. Any other worker goes on where one
left off, at once or within ring.LAPSE seconds.
"""

import contextlib
import threading
import time
from dataclasses import replace

import structlog

from workers.capture.ending import Ending, unstarted
from workers.capture.exec_stream import STDERR, STDOUT, ExecStream
from workers.capture.methods import Ground
from workers.capture.methods.agent import AgentHouse
from workers.capture.methods.ephemeral import AddedContainer
from workers.capture.plans import EPHEMERAL, Plan
from workers.capture.ring import FOLDER, HELD_AT_ONCE, LAPSE, Held, recording_argv, ring_bytes, watch_argv
from workers.capture.spool import Spool
from workers.capture.start_line import Runner
from workers.capture.supervised import House, Seat
from workers.capture.tcpdump import BEAT, GO, STOP, Trailer, lasting
from workers.contract.errors import NotCapturable, TargetNotFound, ThreadcapError
from workers.contract.report import CaptureOutcome

log = structlog.get_logger(__name__)

BEAT_SECONDS = 5.0
PAUSE = 0.2, 5.0
"""Seconds between two tries to reach the pod again: the first, and the longest."""
TICK = 1.0


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
        self.ended = False
        """Whether tcpdump is known to have ended, so that nothing more will come."""
        self._ground = ground
        self._plan = plan
        self.resumed = resume
        self.folder = folder
        self._trailer = Trailer()
        self._began = resume
        self._entered = resume
        self._stopped_by = ""
        self._stopped = threading.Event()
        self._left = threading.Event()
        self._until: float | None = None
        """The moved end, monotonic."""
        self._stream: ExecStream | None = None
        self._lock = threading.Lock()

    def stop(self, why: str = "stop") -> None:
        """See Capture.stop."""
        with self._lock:
            self._stopped_by = self._stopped_by or why
            self._stopped.set()
            self._say(STOP)

    def extend(self, seconds: float) -> None:
        """See Capture.extend."""
        with self._lock:
            self._until = time.monotonic() + seconds
            self._say(lasting(seconds))

    def leave(self) -> None:
        """Look no longer: `run` returns, and the recording goes on."""
        self._entered = False
        self._left.set()

    def close(self) -> bool:
        """See Capture.close."""
        entered, self._entered = self._entered, False
        return not entered or self.house.leave()

    def run(self, runner: Runner) -> CaptureOutcome:
        """See Capture.run. The outcome says how the recording ended; it has no bytes yet."""
        began = time.time()
        seat = self._seat()
        if seat is None:
            return unstarted(self.spool, began)
        lost = self._watch(seat, runner)
        trailer = self._trailer
        if trailer.done and not trailer.counters and not trailer.listening and not self._stopped_by:
            Ending(self._plan, self._ground.spec, self.spool, trailer, "", began).outcome(lambda: lost)  # raises
        broke = trailer.done and not trailer.counters and not self._stopped_by
        why = f"tcpdump in the pod ended before its time (exit code {trailer.rc})" if broke else lost
        return CaptureOutcome(reason=why, ended_by=self._stopped_by or "time", started_at=began, ended_at=time.time())

    def _seat(self) -> Seat | None:
        if self.resumed:
            found = self.house.find()
            if found is None:
                raise TargetNotFound("The container that recorded is gone, and what it held with it.")
            return found
        self._entered = True  # even when nobody knows whether it was added
        ceiling = self._ground.equipment.ceiling
        argv = recording_argv(self._plan, self._ground.spec, self._ground.job_id, ceiling, self.folder)
        return self.house.enter(argv, self._stopped)

    # -- watching ----------------------------------------------------------------------------------------------

    def _watch(self, seat: Seat, runner: Runner) -> str:
        """Look on over as many connections as it takes; returns why the end was not seen, "" when it was."""
        given_up, pause = time.monotonic() + LAPSE, PAUSE[0]
        while not self._left.is_set():
            self._trailer = Trailer()
            self._watch_once(seat, runner)
            if self._trailer.done:
                self.ended = True
                return ""
            if gone := self._gone(seat):
                return gone
            if self._trailer.ready:
                given_up, pause = time.monotonic() + LAPSE, PAUSE[0]
            if time.monotonic() > given_up:
                return f"the connection to pod {seat.pod.name} was lost"
            self._left.wait(pause)
            pause = min(PAUSE[1], pause * 2)
        return ""

    def _watch_once(self, seat: Seat, runner: Runner) -> None:
        ground = self._ground
        try:
            opened = ground.cluster.open_exec(seat.pod, seat.container, watch_argv(ground.job_id, self.folder))
        except ThreadcapError as error:
            log.info("recording not reached", job=ground.job_id, pod=seat.pod.name, error=str(error))
            return
        try:
            with contextlib.closing(opened):
                self._receive(opened, runner)
        finally:
            with self._lock:
                self._stream = None

    def _receive(self, opened: ExecStream, runner: Runner) -> None:
        trailer, beat, said = self._trailer, 0.0, b""
        for channel, data in opened.frames(TICK):
            if channel == STDOUT:
                *lines, said = (said + data).split(b"\n")
                for line in lines:
                    self.held = self.held.heard(line.decode(errors="replace"))
            elif channel == STDERR:
                was_ready = trailer.ready
                trailer.feed(data)
                if trailer.ready and not was_ready:
                    self._arrive(opened, runner)
            if trailer.done or self._left.is_set():
                return
            if time.monotonic() - beat > BEAT_SECONDS:
                beat = time.monotonic()
                opened.send(BEAT)
        trailer.finish()

    def _arrive(self, opened: ExecStream, runner: Runner) -> None:
        """Begin with the others; said again by a later watcher it changes nothing. Then what was wished meanwhile."""
        runner.ready()
        with self._lock:
            self._stream, self._began = opened, True
            opened.send(GO)
            if self._until is not None:
                opened.send(lasting(self._until - time.monotonic()))
            if self._stopped_by:
                opened.send(STOP)

    def _say(self, word: bytes) -> None:
        if self._stream is not None:
            self._stream.send(word)

    def _gone(self, seat: Seat) -> str:
        """Why there is nothing left to look at, in words; "" while there may be."""
        target = self._plan.pod.name
        try:
            pod = self._ground.cluster.pod(seat.pod.namespace, seat.pod.name)
        except ThreadcapError:
            return ""
        if pod is None or pod.uid != seat.pod.uid:
            what = f"pod {target}" if seat.pod.name == target else f"the recording pod {seat.pod.name}"
            return f"{what} was deleted during the recording"
        mine = next((one for one in pod.containers if one.name == seat.container), None)
        if mine is not None and (mine.running or not mine.waiting_reason):
            return ""
        said = (mine.message if mine else "") or pod.reason or (mine.waiting_reason if mine else "")
        if not self._began:
            raise NotCapturable(f"Recording {target} in a container of Threadcap did not work: {said[:160]}.")
        return f"the container that recorded has ended ({said[:80]})"
