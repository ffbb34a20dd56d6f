"""All targets of one job captured at once: one start, readers, the analysis child's feeder, progress, segments, stop.

Each target has a reader thread that only writes its spool; the analysis child is fed from the spools by one more
thread, so a slow analysis never holds back a capture. The thread that calls `run` reports progress and puts what
arrived into the artifact store every TICK seconds, from where another worker can salvage it.
"""

import contextlib
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic, time
from typing import IO, Protocol

import structlog

from workers.capture.exec_stream import ExecRefused
from workers.capture.methods import Capture
from workers.capture.plans import Plan
from workers.capture.spool import Spool
from workers.capture.start_line import Runner, StartLine
from workers.capture.targets import Target
from workers.contract.errors import ClusterForbidden, NotCapturable, StoreUnavailable, ThreadcapError
from workers.contract.facts import Facts
from workers.contract.job import Job, TargetProgress
from workers.contract.ports import ArtifactStore, Observer
from workers.contract.report import CaptureOutcome
from workers.sandbox.parent import Sandbox

log = structlog.get_logger(__name__)

TICK = 2.0
POLL = 0.2
FEED = 256 << 10
"""Bytes handed to the analysis child at once: larger chunks cost it less per packet."""
ANALYSIS_SECONDS = 300.0
SEGMENTS = "segments"


NEXT_METHOD = (NotCapturable, ClusterForbidden, ExecRefused)
"""What keeps one method from starting and another one not."""


class Entrant(Protocol):
    """One target's way into a session."""

    @property
    def target(self) -> Target:
        """What is captured."""

    def begin(self) -> tuple[Plan, Capture]:
        """Return the plan to follow and its capture, which has not begun."""

    def instead(self, plan: Plan, error: ThreadcapError) -> tuple[Plan, Capture] | None:
        """Return the next best once one could not start, None when there is none."""


@dataclass(slots=True)
class Taken:
    """What came of one target: an outcome, or the error that kept it from starting."""

    entrant: Entrant
    plan: Plan
    capture: Capture
    runner: Runner
    outcome: CaptureOutcome | None = None
    error: ThreadcapError | None = None
    facts: Facts | None = None
    spent: list[Capture] = field(default_factory=list)
    """Captures of plans that could not start; closed with the rest."""


class Session:
    """One job's captures, from start to the last byte. `run`, then `analyse`."""

    def __init__(self, job: Job, entrants: Sequence[Entrant], artifacts: ArtifactStore) -> None:
        self._job = job
        self._artifacts = artifacts
        self._line = StartLine(len(entrants))
        self.taken = [Taken(one, *one.begin(), self._line.runner()) for one in entrants]
        self._segments = Segments(job, [one.capture.spool.path for one in self.taken], artifacts)
        self._sandbox = Sandbox(job.id)
        self.cut_short = ""
        """Why the captures had to end early though nobody asked for it; "" when they did not."""
        self._all_in = threading.Event()
        self._abandoned = threading.Event()
        self._changing = threading.Lock()
        self._stopped_by = ""
        self._deadline = job.deadline
        self._feeder = threading.Thread(target=self._feed, name=f"feed-{job.id}", daemon=True)

    def run(self, observer: Observer) -> None:
        """Capture until every target has ended. Errors of single targets are kept in `taken`."""
        self._feeder.start()
        with ThreadPoolExecutor(len(self.taken), thread_name_prefix=f"capture-{self._job.id}") as pool:
            running = [pool.submit(self._capture, one) for one in self.taken]
            try:
                self._watch(running, observer)
            except BaseException:
                self._abandoned.set()
                self.stop("interrupted")
                raise
            finally:
                wait(running)
        self._all_in.set()
        self._tell(observer)
        self._segments.save([one.capture.spool.size for one in self.taken])

    def stop(self, why: str = "stop") -> None:
        """Ask every capture to end."""
        with self._changing:
            self._stopped_by = self._stopped_by or why
            self._line.open()
            for one in self.taken:
                one.capture.stop(why)

    def analyse(self) -> bool:
        """Wait for the facts of what was captured. False when analysis failed; `taken` then lacks them."""
        deadline = monotonic() + ANALYSIS_SECONDS
        self._feeder.join(ANALYSIS_SECONDS)
        if self._feeder.is_alive():
            self._sandbox.abort(f"was not fed in {ANALYSIS_SECONDS:.0f} s")
            self._feeder.join()
        facts = self._sandbox.finish(max(0.0, deadline - monotonic()))
        for index, one in enumerate(self.taken):
            one.facts = facts.get(index)
        return not self._sandbox.failed

    def leave(self) -> None:
        """End what the methods put into the targets, all at once."""
        with ThreadPoolExecutor(len(self.taken), thread_name_prefix=f"leave-{self._job.id}") as pool:
            captures = [capture for one in self.taken for capture in (one.capture, *one.spent)]
            list(pool.map(lambda capture: capture.close(), captures))

    def close(self) -> None:
        """End what still runs here and there, and remove the local files."""
        self.leave()
        self._abandoned.set()
        self._all_in.set()
        if self._feeder.is_alive():  # a child that is not read any more must not hold it
            self._sandbox.abort("was given up")
            self._feeder.join()
        self._sandbox.close()
        for one in self.taken:
            one.capture.spool.close()
            one.capture.spool.path.unlink(missing_ok=True)

    def forget_segments(self) -> None:
        """Delete what was kept for salvage, once everything is delivered."""
        self._segments.forget()

    def progress(self) -> tuple[TargetProgress, ...]:
        """Return each target as the card shows it."""
        return tuple(self._progress_of(one) for one in self.taken)

    def _progress_of(self, one: Taken) -> TargetProgress:
        spool, outcome = one.capture.spool, one.outcome
        now = progress_of(one.plan)
        now = replace(now, packets=spool.records, bytes=spool.size, note="; ".join(one.plan.reasons))
        if one.error is not None:
            return replace(now, state="failed", note=one.error.user_message)
        if outcome is None:
            return replace(now, state="capturing" if spool.size else "starting")
        state = "done" if outcome.complete else "partial"
        return replace(now, state=state, dropped=outcome.kernel_dropped, note=outcome.reason or now.note)

    def _capture(self, one: Taken) -> None:
        try:
            while not self._tried(one):
                pass
        except ThreadcapError as error:
            log.warning("target failed", job=self._job.id, pod=one.plan.pod.name, error=str(error))
            one.error = error
        except OSError as error:  # of the spool; the other targets go on
            log.exception("spool not written", job=self._job.id, pod=one.plan.pod.name)
            self._not_written(one, error)
        finally:
            one.runner.gone()

    def _not_written(self, one: Taken, error: OSError) -> None:
        """Keep what was written before the disk refused more."""
        why = error.strerror or "it refuses"
        outcome = _broken_off(self._job, one.capture.spool, why)
        if outcome.packets:
            one.outcome = outcome
            return
        one.error = ThreadcapError(
            f"The worker could not write the capture to its own disk ({why}). Try again with a smaller "
            "`--max-bytes`, or tell the platform team.",
            detail=f"spool: {error}",
        )

    def _tried(self, one: Taken) -> bool:
        """Capture by the plan at hand; False when it could not start and another one is at hand now."""
        try:
            one.outcome = one.capture.run(one.runner)
            return True
        except NEXT_METHOD as error:
            if one.capture.spool.size or (other := one.entrant.instead(one.plan, error)) is None:
                raise
            log.info("next method", job=self._job.id, pod=one.plan.pod.name, method=other[0].method, error=str(error))
            with self._changing:
                one.spent.append(one.capture)
                one.plan, one.capture = other
                if self._stopped_by:
                    one.capture.stop(self._stopped_by)
            return False

    def _watch(self, running: Sequence["Future[None]"], observer: Observer) -> None:
        told, stopping = monotonic(), False
        while wait(running, timeout=POLL).not_done:
            asked = observer.stop_requested()  # raises once the job is another worker's
            if not stopping and (asked or observer.interrupted()):
                stopping = True
                self.cut_short = "" if asked else observer.interrupted()
                self.stop("interrupted" if self.cut_short else "stop")
            self._heed(observer.deadline())
            if monotonic() - told >= TICK:
                told = monotonic()
                self._tell(observer)  # first: a worker that lost the job learns it here and stores nothing more
                self._segments.save([one.capture.spool.size for one in self.taken])
        for future in running:
            future.result()

    def _heed(self, deadline: float | None) -> None:
        """Move the end of every capture to where people moved the job's."""
        if deadline is None or deadline == self._deadline:
            return
        self._deadline = deadline
        with self._changing:
            for one in self.taken:
                one.capture.extend(max(1.0, deadline - time()))

    def _tell(self, observer: Observer) -> None:
        progress = self.progress()
        with contextlib.suppress(StoreUnavailable):  # the next tick says it again
            observer.update(lambda job: job.evolve(targets=progress + job.targets[len(progress) :]), patient=False)

    def _feed(self) -> None:
        """Hand each spool's new bytes to the child, at the child's pace."""
        files = [one.capture.spool.path.open("rb") for one in self.taken]
        try:
            while not self._abandoned.is_set():
                last_round = self._all_in.is_set()
                # after the end the files are trimmed to whole records, and never read past that
                moved = [self._feed_one(index, file) for index, file in enumerate(files)]
                if last_round and not any(moved):
                    return
                if not any(moved):
                    self._all_in.wait(POLL)
        finally:
            for file in files:
                file.close()

    def _feed_one(self, index: int, file: IO[bytes]) -> bool:
        chunk = file.read(FEED)
        if chunk:
            self._sandbox.feed(index, chunk)
        return bool(chunk)


def _broken_off(job: Job, spool: Spool, why: str) -> CaptureOutcome:
    """The outcome of a capture whose spool could not be written any more: what was written until then."""
    spool.trim()
    return CaptureOutcome(
        reason=f"the worker could not write any more to its own disk ({why}); truncated at byte {spool.size}",
        bytes=spool.size,
        sha256=spool.sha256(),
        packets=spool.records,
        ended_by="error",
        started_at=job.started or job.created,
        ended_at=time(),
    )


def progress_of(plan: Plan) -> TargetProgress:
    """Return a planned target as the card shows it before it starts; a whole node is in no namespace."""
    pod = plan.pod
    name = f"node/{pod.name}" if pod.is_node else pod.name
    return TargetProgress(pod.namespace, name, plan.container, pod.node, plan.method, uid=pod.uid)


class Segments:
    """What arrived so far, in the artifact store, in pieces under the lease's epoch."""

    def __init__(self, job: Job, paths: Sequence[Path], artifacts: ArtifactStore) -> None:
        self._prefix = f"jobs/{job.id}/{job.epoch}/{SEGMENTS}/"
        self._paths = paths
        self._artifacts = artifacts
        self._saved = [0] * len(paths)
        self._count = 0

    def save(self, sizes: Sequence[int]) -> None:
        """Store each spool's bytes since the last time. A store that is away is tried again at the next call."""
        for index, size in enumerate(sizes):
            if size > self._saved[index]:
                key = f"{self._prefix}{index:03d}-{self._count:08d}"
                with contextlib.suppress(StoreUnavailable):
                    self._artifacts.put(key, _slice(self._paths[index], self._saved[index], size))
                    self._saved[index] = size
                self._count += 1

    def forget(self) -> None:
        """Delete them, and those of the workers that had the job before: the whole file is stored."""
        _, job_id, newest, *_ = self._prefix.split("/")
        with contextlib.suppress(StoreUnavailable):
            for epoch in range(1, int(newest) + 1):
                self._artifacts.delete(f"jobs/{job_id}/{epoch}/{SEGMENTS}/")


def _slice(path: Path, start: int, end: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(start)
        while start < end and (chunk := file.read(min(1 << 20, end - start))):
            start += len(chunk)
            yield chunk
