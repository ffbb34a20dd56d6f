"""All targets of one job captured at once: one start, readers, the analysis child's feeder, progress, segments, stop.

Each target has a reader thread that only writes its spool; the analysis child is fed from the spools by one more
thread, so a slow analysis never holds back a capture. The thread that calls `run` reports progress and puts what
arrived into the artifact store every TICK seconds, from where another worker can salvage it. It also lets pods join
that came in place of captured ones (Succession), and ends everything once what people wait for has come (Condition).
"""

import contextlib
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from time import monotonic, time
from types import TracebackType
from typing import IO, Self

import structlog
from msgspec.structs import replace

from workers.capture.ending import TAKEN
from workers.capture.methods import Capture
from workers.capture.plans import Plan
from workers.capture.pressure import Pressures, said
from workers.capture.spool import Spool
from workers.capture.start_line import StartLine, alone
from workers.contract.errors import StaleEpoch, StoreUnavailable, ThreadcapError
from workers.contract.job import Job, TargetProgress
from workers.contract.ports import ArtifactStore, Observer
from workers.contract.report import CaptureOutcome
from workers.sandbox.parent import Sandbox
from workers.segments import Segments, segment_name
from workers.taken import NEXT_METHOD, Condition, Entrant, Owe, Succession, Taken, owe, progress_of

log = structlog.get_logger(__name__)

TICK = 2.0
POLL = 0.3
FEED_POLL = 0.2, 1.0
"""How often the spools are looked at for new bytes: while a condition waits for the facts, and otherwise."""
UNCHANGED = 3
"""Every which tick is told though nothing has changed: it brings what people wished, should the word be lost."""
FEED = 256 << 10
"""Bytes handed to the analysis child at once: larger chunks cost it less per packet."""
ANALYSIS_SECONDS = 300.0
PEEK_SECONDS, PEEK_SHARE = 1.0, 4.0
"""How often the facts so far are asked for, while a condition needs them; seldom enough to cost little of the time."""
LINGER = 1.0
"""Seconds to capture on once the condition is met, so that what follows is seen, too."""
JOINERS = 64
"""Pods that may join a running session."""

NOT_OURS = (StaleEpoch, StoreUnavailable)
"""What says that another worker has the job, or will adopt it."""


class Session:
    """One job's captures, from start to the last byte. `run`, then `analyse`. Context manager; see `close`.

    `failed` are the job's targets that have no capture; they stay behind those that have one. Left by one of NOT_OURS
    it ends here alone: what captures in containers of ours goes on there.
    """

    def __init__(
        self,
        job: Job,
        entrants: Sequence[Entrant],
        artifacts: ArtifactStore,
        failed: Sequence[TargetProgress] = (),
        *,
        succession: Succession | None = None,
        condition: Condition | None = None,
        owe: Owe = lambda debt: None,
        pressures: Callable[[str], Pressures] = lambda node: None,
    ) -> None:
        self._job = job
        self._owe = owe
        self._pressures = pressures
        self._artifacts = artifacts
        self._failed = tuple(failed)
        self._succession = succession
        self._condition = condition
        self.met = ""
        """What the session was to wait for, once it came; a sentence."""
        self._met_at = self._asked_at = self._peek_at = 0.0
        self._line = StartLine(len(entrants))
        self.taken = [Taken(one, *one.begin(), self._line.runner()) for one in entrants]
        self._running: list[Future[None]] = []
        self._told: tuple[TargetProgress, ...] = ()
        self._segments = Segments(job, artifacts)
        for one in self.taken:
            self._segments.add(segment_name(one.plan.pod), one.capture.spool.path)
        self._sandbox = Sandbox(job.id)
        self.cut_short = ""
        """Why the captures had to end early though nobody asked for it; "" when they did not."""
        self._all_in = threading.Event()
        self._abandoned = threading.Event()
        self._changing = threading.Lock()
        self._stopped_by = ""
        self._deadline = job.deadline if job.extended_by is None else None
        """None: what captures already may not have heard of it."""
        self._feeder = threading.Thread(target=self._feed, name=f"feed-{job.id}", daemon=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, NOT_OURS):
            self.stop(TAKEN)
        self.close()

    def run(self, observer: Observer) -> None:
        """Capture until every target has ended. Errors of single targets are kept in `taken`."""
        self._feeder.start()
        with ThreadPoolExecutor(len(self.taken) + JOINERS, thread_name_prefix=f"capture-{self._job.id}") as pool:
            self._running = [pool.submit(self._capture, one) for one in self.taken]
            try:
                self._watch(pool, observer)
            except NOT_OURS:
                self._abandoned.set()
                self.stop(TAKEN)
                raise
            except BaseException:
                self._abandoned.set()
                self.stop("interrupted")
                raise
            finally:
                wait(self._running)
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
            captures = [each for one in self.taken for each in ((one.plan, one.capture), *one.spent)]
            list(pool.map(lambda each: self._leave_one(*each), captures))

    def _leave_one(self, plan: Plan, capture: Capture) -> None:
        if not capture.close():
            owe(self._job.id, plan, self._owe)

    def close(self) -> None:
        """End what still runs here and there, and remove the local files."""
        if self._condition is not None:
            self._condition.close()
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
        """Return each target as the card shows it, those without a capture last."""
        return (*(self._progress_of(one) for one in self.taken), *self._failed)

    def outcome(self, one: Taken) -> CaptureOutcome | None:
        """Return how a target ended, None when it has not or could not begin; what was cut short is not complete."""
        if one.outcome is not None and one.outcome.complete and one.outcome.ended_by == "interrupted":
            return replace(one.outcome, complete=False, reason=self.cut_short)
        return one.outcome

    def _progress_of(self, one: Taken) -> TargetProgress:
        spool, outcome = one.capture.spool, self.outcome(one)
        now = progress_of(one.plan, one.entrant.target, self._job.spec)
        now = replace(now, packets=spool.records, bytes=spool.size, note="; ".join(one.plan.reasons))
        if one.error is not None:
            return replace(now, state="failed", note=one.error.user_message)
        if outcome is None:
            return replace(now, state="capturing" if spool.size else "starting")
        state = "done" if outcome.complete else "partial"
        note = outcome.reason or now.note
        return replace(now, state=state, dropped=outcome.kernel_dropped, note=note, outcome=outcome)

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
            outcome = one.capture.run(one.runner)
            if one.ended_early and outcome.ended_by == "pressure":
                outcome = replace(outcome, complete=False, reason=one.ended_early)
            one.outcome = outcome
            return True
        except NEXT_METHOD as error:
            if one.capture.spool.size or (other := one.entrant.instead(one.plan, error)) is None:
                raise
            log.info("next method", job=self._job.id, pod=one.plan.pod.name, method=other[0].method, error=str(error))
            with self._changing:
                one.spent.append((one.plan, one.capture))
                one.bearable = None
                one.plan, one.capture = other
                if self._stopped_by:
                    one.capture.stop(self._stopped_by)
            return False

    def _watch(self, pool: ThreadPoolExecutor, observer: Observer) -> None:
        told, stopping, ticks = monotonic(), False, 0
        while self._goes_on():
            asked = observer.stop_requested()  # raises once the job is another worker's
            if not stopping and (asked or observer.interrupted()):
                stopping = True
                self.cut_short = "" if asked else observer.interrupted()
                self.stop("interrupted" if self.cut_short else "stop")
            self._heed(observer.deadline())
            self._spare_nodes()
            self._look_for_condition()
            self._let_join(pool, observer)
            if monotonic() - told >= TICK:
                told, ticks = monotonic(), ticks + 1
                if self.progress() != self._told or ticks % UNCHANGED == 0:
                    self._tell(observer)  # first: a worker that lost the job learns it here and stores nothing more
                self._segments.save([one.capture.spool.size for one in self.taken])
        for future in self._running:
            future.result()

    def _goes_on(self) -> bool:
        """Wait a moment; whether something is captured still, or may be again."""
        if running := [one for one in self._running if not one.done()]:
            wait(running, POLL)
            return True
        if self._stopped_by or self._succession is None or not self._succession.awaits():
            return False
        if self._deadline is not None and time() >= self._deadline:
            return False
        self._all_in.wait(POLL)
        return True

    def _look_for_condition(self) -> None:
        if self._condition is None or self._stopped_by:
            return
        if self._condition.needs_facts and self._sandbox.peeked is not None:
            for index, facts in self._sandbox.peeked.items():
                self.taken[index].facts = facts
        if not self.met:
            self.met, self._met_at = self._condition.met(self.taken), monotonic()
        elif monotonic() - self._met_at >= LINGER:
            self.stop("until")

    def _let_join(self, pool: ThreadPoolExecutor, observer: Observer) -> None:
        """Capture what came in place of a pod that went, for the rest of the time."""
        if self._succession is None or self._stopped_by:
            return
        for entrant in self._succession.look(self.taken):
            one = self._joined(entrant)
            # known before it begins: whoever takes the job over counts targets by their place
            observer.update(lambda job: job.evolve(targets=self.progress()))
            self._running.append(pool.submit(self._capture, one))

    def _joined(self, entrant: Entrant) -> Taken:
        one = Taken(entrant, *entrant.begin(), alone())
        if self._deadline is not None:
            one.capture.extend(max(1.0, self._deadline - time()))
        with self._changing:
            self._segments.add(segment_name(one.plan.pod), one.capture.spool.path)
            self.taken.append(one)
            if self._stopped_by:
                one.capture.stop(self._stopped_by)
        return one

    def _heed(self, deadline: float | None) -> None:
        """Move the end of every capture to where people moved the job's."""
        if deadline is None or deadline == self._deadline:
            return
        self._deadline = deadline
        with self._changing:
            for one in self.taken:
                one.capture.extend(max(1.0, deadline - time()))

    def _spare_nodes(self) -> None:
        """End captures on nodes that have begun to run short of something."""
        with self._changing:
            for one in self.taken:
                node, now = one.plan.pod.node, self._pressures(one.plan.pod.node)
                if now is None or one.ended_early or one.outcome is not None or one.error is not None:
                    continue
                before = one.bearable if one.bearable is not None else frozenset() if one.plan.spools else now
                one.bearable = before & now
                if now - before:
                    one.ended_early = f"ended early: {said(node, now - before)}"
                    log.warning("capture ends early", job=self._job.id, pod=one.plan.pod.name, why=one.ended_early)
                    one.capture.stop("pressure")

    def _tell(self, observer: Observer) -> None:
        progress = self.progress()
        with contextlib.suppress(StoreUnavailable):  # the next tick says it again
            observer.update(lambda job: job.evolve(targets=progress), patient=False)
            self._told = progress

    def _feed(self) -> None:
        """Hand each spool's new bytes to the child, at the child's pace."""
        files: list[IO[bytes]] = []
        try:
            while not self._abandoned.is_set():
                last_round = self._all_in.is_set()
                files += [one.capture.spool.path.open("rb") for one in self.taken[len(files) :]]
                # after the end the files are trimmed to whole records, and never read past that
                moved = [self._feed_one(index, file) for index, file in enumerate(files)]
                if last_round and not any(moved):
                    return
                self._peek()
                if not any(moved):
                    self._all_in.wait(FEED_POLL[self._condition is None])
        finally:
            for file in files:
                file.close()

    def _feed_one(self, index: int, file: IO[bytes]) -> bool:
        chunk = file.read(FEED)
        if chunk:
            self._sandbox.feed(index, chunk)
        return bool(chunk)

    def _peek(self) -> None:
        """Ask for the facts so far, at most as often as they are worth their cost."""
        if self._condition is None or not self._condition.needs_facts or self._sandbox.peeking:
            return
        now = monotonic()
        if self._asked_at:
            self._peek_at = now + max(PEEK_SECONDS, PEEK_SHARE * (now - self._asked_at))
            self._asked_at = 0.0
        if now >= self._peek_at:
            self._asked_at = now
            self._sandbox.peek()


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
