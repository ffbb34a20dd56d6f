"""A container of ours, entered once and followed over as many connections as it takes.

A House puts it where the packets are. A Follower talks with it: an exec reads on from where the last one ended, hears
when it is ready, lets it begin with the others, and says that somebody is still there and what people wish meanwhile.
What is read, and when that is all, is for a Feed to say.
"""

import contextlib
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from workers.capture.cluster import Cluster
from workers.capture.exec_stream import STDERR, STDOUT, ExecStream
from workers.capture.start_line import Runner
from workers.capture.targets import PodInfo
from workers.capture.tcpdump import BEAT, GO, STOP, Trailer, lasting
from workers.contract.errors import TargetNotFound, ThreadcapError

log = structlog.get_logger(__name__)

BEAT_SECONDS = 5.0
FIRST_PAUSE = 0.2
TICK = 1.0


@dataclass(frozen=True, slots=True)
class Seat:
    """The container of ours that captures."""

    pod: PodInfo
    container: str


class House(Protocol):
    """Puts a container of ours where the packets are, and takes it away."""

    def enter(self, argv: Sequence[str], stopped: threading.Event) -> Seat | None:
        """Add it and wait until it runs; None when `stopped` came first. Raises NotCapturable, ClusterForbidden, …"""

    def find(self) -> Seat | None:
        """Return it as an earlier worker left it, None when there is none."""

    def leave(self) -> bool:
        """End it and whatever of it can be removed; False when that was not seen. Never raises; again is harmless."""


class Feed(Protocol):
    """What a Follower reads from one exec after another."""

    def argv(self) -> list[str]:
        """Return what reads on from here."""

    def take(self, data: bytes) -> None:
        """Take the next bytes."""

    def enough(self, trailer: Trailer) -> bool:
        """Whether nothing more is wanted, by what was said at the side."""

    def refused(self, error: ThreadcapError) -> None:
        """Raise `error`, with which an exec was refused, where trying again is no use."""

    def deleted(self, pod: PodInfo) -> str:
        """Say in words that the container's pod is gone."""

    def ended(self, said: str) -> str:
        """Say in words that the container has ended, by what the cluster said. Raises NotCapturable if it never
        captured."""


class Patience:
    """How long to try again: `seconds` from the last time it was worth it, after pauses of up to `longest` seconds."""

    def __init__(self, seconds: float, longest: float) -> None:
        self._seconds = seconds
        self._longest = longest
        self.renew()

    def renew(self) -> None:
        """Begin anew."""
        self._until, self._pause = time.monotonic() + self._seconds, FIRST_PAUSE

    @property
    def over(self) -> bool:
        """Whether to give up."""
        return time.monotonic() > self._until

    def wait(self, cut: threading.Event) -> None:
        """Pause, shorter when `cut` is set meanwhile."""
        cut.wait(self._pause)
        self._pause = min(self._longest, self._pause * 2)


class Follower:
    """One container of ours and the words to it. `enter` and `follow` in one thread, the others from any.

    With `resume` it is one that another worker began.
    """

    def __init__(
        self, cluster: Cluster, job_id: str, house: House, feed: Feed, patience: Patience, *, resume: bool = False
    ) -> None:
        self.trailer = Trailer()
        """What the newest exec said at the side."""
        self.stopped_by = ""
        self.stopped = threading.Event()
        self.left = threading.Event()
        """Set once it is another worker's."""
        self.begun = resume
        """Whether it is known to have been ready once."""
        self._cluster = cluster
        self._job_id = job_id
        self._house = house
        self._feed = feed
        self._patience = patience
        self._resume = resume
        self._entered = resume
        self._until: float | None = None
        """The moved end, monotonic."""
        self._stream: ExecStream | None = None
        self._lock = threading.Lock()

    def stop(self, why: str) -> None:
        """Ask it to end; the first reason stands."""
        with self._lock:
            self.stopped_by = self.stopped_by or why
            self.stopped.set()
            self._say(STOP)

    def extend(self, seconds: float) -> None:
        """Move its end to so many seconds from now."""
        with self._lock:
            self._until = time.monotonic() + seconds
            self._say(lasting(seconds))

    @property
    def remaining(self) -> float | None:
        """Seconds to the end as it was moved, None when it was not."""
        return None if self._until is None else self._until - time.monotonic()

    def leave(self) -> None:
        """Let it go on without us: `follow` returns, and `close` ends nothing."""
        self._entered = False
        self.left.set()

    def close(self) -> bool:
        """See Capture.close."""
        entered, self._entered = self._entered, False
        return not entered or self._house.leave()

    def enter(self, argv: Sequence[str], gone: str) -> Seat | None:
        """Add the container, or find it again; None when somebody stopped that. Raises TargetNotFound with `gone`."""
        if self._resume:
            found = self._house.find()
            if found is None:
                raise TargetNotFound(gone)
            return found
        self._entered = True  # even when nobody knows whether it was added
        return self._house.enter(argv, self.stopped)

    def follow(self, seat: Seat, runner: Runner) -> str:
        """Read over as many connections as it takes; returns why not to the end, "" when it was, or when we left."""
        self._patience.renew()
        while not self.left.is_set():
            self.trailer = Trailer()
            heard, why = self._read_once(seat, runner)
            if self._feed.enough(self.trailer):
                return ""
            if self.left.is_set():
                break
            if gone := self._gone(seat):
                return gone
            if heard:
                self._patience.renew()
            if self._patience.over:
                return f"the connection to pod {seat.pod.name} was lost"
            log.info("container is read again", job=self._job_id, pod=seat.pod.name, why=why)
            self._patience.wait(self.left)
        return ""

    def _read_once(self, seat: Seat, runner: Runner) -> tuple[bool, str]:
        """Read over one connection; returns whether anything came, and why it ended."""
        try:
            opened = self._cluster.open_exec(seat.pod, seat.container, self._feed.argv())
        except ThreadcapError as error:
            self._feed.refused(error)
            return False, str(error)
        try:
            with contextlib.closing(opened):
                return self._receive(opened, runner), "the stream ended"
        finally:
            with self._lock:
                self._stream = None

    def _receive(self, opened: ExecStream, runner: Runner) -> bool:
        trailer, beat, heard = self.trailer, 0.0, False
        for channel, data in opened.frames(TICK):
            if channel == STDOUT:
                heard = True
                self._feed.take(data)
            elif channel == STDERR:
                was_ready = trailer.ready
                trailer.feed(data)
                if trailer.ready and not was_ready:
                    heard = True
                    self._arrive(opened, runner)
            if self._feed.enough(trailer) or self.left.is_set():
                return heard
            if time.monotonic() - beat > BEAT_SECONDS:
                beat = time.monotonic()
                opened.send(BEAT)
        trailer.finish()
        return heard

    def _arrive(self, opened: ExecStream, runner: Runner) -> None:
        """Begin with the others; said again by a later reader it changes nothing. Then what was wished meanwhile."""
        runner.ready()
        with self._lock:
            self._stream, self.begun = opened, True
            opened.send(GO)
            if (remaining := self.remaining) is not None:
                opened.send(lasting(remaining))
            if self.stopped_by:
                opened.send(STOP)

    def _say(self, word: bytes) -> None:
        if self._stream is not None:
            self._stream.send(word)

    def _gone(self, seat: Seat) -> str:
        """Why there is nothing left to read, in words; "" while there may be."""
        try:
            pod = self._cluster.pod(seat.pod.namespace, seat.pod.name)
        except ThreadcapError:
            return ""
        if pod is None or pod.uid != seat.pod.uid:
            return self._feed.deleted(seat.pod)
        mine = next((one for one in pod.containers if one.name == seat.container), None)
        if mine is not None and (mine.running or not mine.waiting_reason):
            return ""
        return self._feed.ended((mine.message if mine else "") or pod.reason or (mine.waiting_reason if mine else ""))
