"""Makes each job's thread show what the job's state says: the reconcile loop.

Level-triggered: a claim names a job whose thread may be behind; the newest record is read, `plan` says what the
thread lacks, `Deliverer` does it, step by step, each planned anew. It may run twice, late or out of order. Claims
are leases, so several bots may run; a step is begun only while its claim surely outlives the call to Slack.
"""

import asyncio
import contextlib
import random
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from bot import messages
from bot.deliver import Deliverer, digest_of
from bot.ledger import Ledger, NotYet, aside
from bot.plan import COMPLETE, Kind, Pace, Step, next_look, plan
from bot.ports import Chat, ChatLimited, ChatRefused
from workers.contract.errors import JobNotFound, StoreUnavailable, ThreadcapError
from workers.contract.job import WAITING, Job
from workers.contract.ports import ArtifactStore, Dirty, JobStore

log = structlog.get_logger()

STEPS = 200
"""Steps of one claim at most; more means that a step does not stick, and it is tried again later."""
SKIPPABLE = (Kind.UPLOAD_FILE, Kind.UPDATE_CARD, Kind.POST_JOINED)


@dataclass(frozen=True, slots=True)
class Tempo:
    """Times of the loop, in seconds, and how many jobs one bot tends at once."""

    pace: Pace = field(default_factory=Pace)
    claim: float = 15.0
    wait: float = 1.0
    """How long one wait for news lasts; jobs that asked for another look are seen this late at most."""
    full_pass: float = 30.0
    jobs: int = 16
    first_retry: float = 2.0
    last_retry: float = 60.0
    give_up: float = 24 * 3600.0
    """So long after the request a thread that cannot be completed is left as it is."""


class ThreadKeeper:
    """Keeps all threads. `run` until `stop`; one a process."""

    def __init__(
        self,
        store: JobStore,
        chat: Chat,
        artifacts: ArtifactStore,
        *,
        tempo: Tempo | None = None,
        now: Callable[[], float] = time.time,
        deliverer: Deliverer | None = None,
    ) -> None:
        self._store = store
        self._tempo = tempo or Tempo()
        self._now = now
        self._deliverer = deliverer or Deliverer(Ledger(store, now), chat, artifacts)
        self.owner = f"bot-{uuid.uuid4().hex[:12]}"
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._failures: dict[str, int] = {}
        self._live = (0.0, 0)
        self._stopping = asyncio.Event()
        self._freed = asyncio.Event()

    async def run(self) -> None:
        """Tend threads until `stop`; the store's absence is waited out."""
        passing = asyncio.create_task(self._pass_regularly())
        try:
            while not self._stopping.is_set():
                await self._round()
        finally:
            passing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await passing
            for task in self._tasks.values():
                task.cancel()
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def stop(self, grace: float = 5.0) -> None:
        """Claim nothing more and let what is under way end, within `grace` seconds."""
        self._stopping.set()
        if self._tasks:
            await asyncio.wait(list(self._tasks.values()), timeout=grace)

    async def _round(self) -> None:
        """Claim what there is room for, else wait for news."""
        try:
            room = self._tempo.jobs - len(self._tasks)
            claims = await aside(self._store.claim_dirty, self.owner, self._tempo.claim, room) if room > 0 else []
            fresh = [dirty for dirty in claims if dirty.job_id not in self._tasks]
            for dirty in claims:
                if dirty not in fresh:  # an upload of it has outlived its claim here
                    await aside(self._store.settle, dirty, self.owner, again_in=self._tempo.wait)
            for dirty in fresh:
                self._start(dirty)
            if room <= 0:
                await self._room()
            elif len(claims) < room:
                await aside(self._store.wait_dirty, self._tempo.wait)
        except StoreUnavailable as error:
            log.warning("store_unavailable", detail=str(error))
            await self._pause(self._tempo.wait)

    def _start(self, dirty: Dirty) -> None:
        task = asyncio.create_task(self.tend(dirty))
        self._tasks[dirty.job_id] = task
        task.add_done_callback(lambda _: self._ended(dirty.job_id))

    def _ended(self, job_id: str) -> None:
        self._tasks.pop(job_id, None)
        self._freed.set()

    async def _room(self) -> None:
        self._freed.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._freed.wait(), self._tempo.wait)

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

    async def tend(self, dirty: Dirty) -> None:
        """Bring one thread up to date and give the claim back."""
        again: float | None = self._tempo.first_retry
        try:
            again = await self._outcome(dirty.job_id)
        finally:
            # also when cancelled: the next bot need not wait for the lease to lapse
            with contextlib.suppress(StoreUnavailable, JobNotFound):
                await aside(self._store.settle, dirty, self.owner, again_in=again)

    async def _outcome(self, job_id: str) -> float | None:
        """Return when to look again: None when the thread shows all there is to show."""
        try:
            again = await self._deliver(job_id, time.monotonic() + self._tempo.claim)
        except NotYet as later:
            return later.again_in
        except ChatLimited as limited:
            return limited.retry_after + random.uniform(0, 0.5)
        except JobNotFound:
            return None
        except (ThreadcapError, OSError) as error:
            return self._retry(job_id, error)
        except Exception as error:  # the loop's boundary: one broken job must not end the others' threads
            log.exception("thread_failed", job=job_id)
            return self._retry(job_id, error)
        return again

    def _retry(self, job_id: str, error: Exception) -> float:
        failures = self._failures[job_id] = self._failures.get(job_id, 0) + 1
        delay = min(self._tempo.last_retry, self._tempo.first_retry * 2.0 ** min(failures - 1, 10))
        log.warning("thread_behind", job=job_id, failures=failures, again_in=delay, detail=str(error)[:300])
        return delay * random.uniform(1.0, 1.25)

    async def _deliver(self, job_id: str, until: float) -> float | None:
        """Do steps until there is none left; skipped ones say when to come back."""
        skipped: dict[str, float] = {}
        for _ in range(STEPS):
            job, posted = await aside(self._store.get, job_id), await aside(self._store.posted, job_id)
            digest = digest_of(messages.card(job, self._now()))
            interval = self._tempo.pace.interval(await self._live_captures())
            steps = plan(job, posted, self._now(), digest=digest, interval=interval)
            step = next((step for step in steps if step.part not in skipped), None)
            if step is None:
                look = next_look(job, posted, self._now(), digest=digest, interval=interval)
                return await self._at_rest(job, posted, skipped, look)
            if time.monotonic() + self._deliverer.ledger.patience.call > until:
                return 0.0  # the claim would not outlive the call: claim anew, here or elsewhere
            again = await self._one_step(job, step)
            if again is None:
                self._failures.pop(job_id, None)
            else:
                skipped[step.part] = again
        raise NotYet(self._tempo.last_retry)

    async def _one_step(self, job: Job, step: Step) -> float | None:
        """Do a step. A file or card edit that must wait is skipped; cards and verdicts hold back what follows."""
        try:
            return await self._deliverer.do(job, step)
        except (NotYet, ChatLimited, ThreadcapError) as later:
            if self._now() - job.created > self._tempo.give_up and not isinstance(later, NotYet):
                log.exception("thread_given_up", part=step.part, **job.log_context())
                await aside(self._store.record_posted, job.id, **{f"{step.part}.failed": "given up"})
                return None
            if step.kind not in SKIPPABLE or isinstance(later, StoreUnavailable | ChatRefused):
                raise
            if isinstance(later, NotYet):
                return later.again_in
            if isinstance(later, ChatLimited):
                return later.retry_after
            return self._retry(job.id, later)

    async def _at_rest(
        self, job: Job, posted: dict[str, str], skipped: dict[str, float], look: float | None
    ) -> float | None:
        if skipped:
            return min([*skipped.values(), *([look] if look is not None else [])])
        if job.final and not posted.get(COMPLETE):
            await aside(self._store.record_posted, job.id, **{COMPLETE: "1"})
            log.info("thread_complete", **job.log_context())
        return look

    async def _live_captures(self) -> int:
        """Return how many captures run now, as counted in the last seconds."""
        at, count = self._live
        if time.monotonic() - at > 3 or not at:
            count = len(await aside(self._store.unfinished))
            self._live = (time.monotonic(), count)
        return count

    # -- the full pass ---------------------------------------------------------------------------------------

    async def _pass_regularly(self) -> None:
        while not self._stopping.is_set():
            try:
                await self.full_pass()
            except StoreUnavailable as error:
                log.warning("store_unavailable", detail=str(error))
            await self._pause(self._tempo.full_pass)

    async def full_pass(self) -> None:
        """Mark threads dirty that lack something though nobody claims them; one bot at a time."""
        if not await aside(self._store.once, "full-pass", self._tempo.full_pass * 0.9):
            return
        recent = await aside(self._store.recent, 200)
        for job in recent:
            rest, age = self._now() - job.updated, self._now() - job.created
            # a waiting job's `updated` tells the workers how long it has waited: not to be touched
            if not job.origin.channel or job.state in WAITING or rest < 30 or age > self._tempo.give_up:
                continue
            posted = await aside(self._store.posted, job.id)
            if not posted.get(COMPLETE if job.final else "card"):
                await aside(self._store.change, job.id, lambda old: old.evolve(updated=self._now()))
