"""Celery shells and the worker's composition root: settings -> store, cluster, artifacts -> a running worker."""

import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol, TypeVar

import celery
import structlog
from celery import signals
from msgspec.structs import replace

from workers import log as logs
from workers.artifacts import open_artifacts
from workers.capture.cluster import Cluster
from workers.capture.pressure import PressureWatch
from workers.capture.spool import own_folder
from workers.contract.errors import JobNotFound, QueueUnavailable, StaleEpoch, StoreUnavailable
from workers.contract.job import WAITING, Job, JobState
from workers.contract.ports import JobQueue, JobStore
from workers.delivery import Tools, equipped
from workers.leases import Held, LeaseKeeper, heed
from workers.pipeline import OUR_FAULT, back_to_queue, run
from workers.queue import QUEUE, RUN, CeleryQueue, make_app
from workers.report.renderer import Renderers
from workers.salvage import salvage
from workers.settings import WorkerSettings, read
from workers.state import RedisJobStore
from workers.sweeper import LEASE, Sweeper, SweepLoop

log = structlog.get_logger(__name__)

T = TypeVar("T")

MAX_ATTEMPTS = 3
"""How often a job may begin to resolve its targets before we give up: each worker that tried was lost."""
PATIENCE = 60.0
"""Seconds a job rides over an absence of the store: while nobody can reach it, nobody adopts the job either."""
RETRY_SECONDS = 0.5
GIVE_UP_AFTER, GIVE_UP_LEASES = 900.0, 5
"""A capture that could not be finished so many seconds after its end, in so many hands, is given up."""
STORE_AWAY = (
    "What was captured could not be stored: the file store has not answered for a quarter of an hour. Tell the "
    "platform team to look at Threadcap's artifact store, then capture again."
)
SHUT_DOWN = "the worker was shut down, so the capture ended early"


class JobObserver:
    """Observer of a job in the hands of one lease: writes to the JobStore under its epoch."""

    def __init__(self, store: JobStore, held: Held) -> None:
        self._store = store
        self._held = held
        self._refused = ""

    def update(self, change: Callable[[Job], Job], *, patient: bool = True) -> Job:
        """See Observer.update. Raises StaleEpoch once the lease is lost."""
        lease, once = self._held.lease, _Once(change)
        patience = PATIENCE if patient else 0.0
        try:
            job = self._riding(lambda: self._store.change(lease.job_id, once, epoch=lease.epoch), patience)
        except StaleEpoch:
            self._held.lost.set()  # the other worker's from now on, its places too
            raise
        heed(self._store, self._held, job)
        return job

    def stop_requested(self) -> bool:
        """See Observer.stop_requested."""
        self._still_ours()
        return self._held.stop.is_set()

    def deadline(self) -> float | None:
        """See Observer.deadline."""
        return self._held.deadline

    def admit(self, limits: Mapping[str, int]) -> str:
        """See Observer.admit. Raises StaleEpoch once the lease is lost."""
        self._still_ours()
        full = self._riding(lambda: self._held.admit(self._store, limits), PATIENCE)
        if full and full != self._refused:  # asked again and again by a job that waits
            self.audit("admission_refused", {"job": self._held.lease.job_id, "full": full, "limit": limits[full]})
        self._refused = full
        return full

    def interrupted(self) -> str:
        """See Observer.interrupted."""
        return SHUT_DOWN if self._held.draining.is_set() else ""

    def audit(self, action: str, fields: Mapping[str, Any]) -> None:
        """See Observer.audit."""
        self._store.audit(action, fields)

    def _still_ours(self) -> None:
        if self._held.lost.is_set():
            lease = self._held.lease
            raise StaleEpoch(f"Another worker has taken over capture {lease.job_id}.", detail=f"epoch {lease.epoch}")

    def _riding(self, call: Callable[[], T], patience: float) -> T:
        """Ask the store again and again for `patience` seconds while it is away."""
        deadline = time.monotonic() + patience
        while True:
            try:
                return call()
            except StoreUnavailable:
                if time.monotonic() >= deadline:
                    raise
                self._held.lost.wait(RETRY_SECONDS)


class _Once:
    """A change that is not made twice: the store may apply a write whose answer is lost, and be asked again.

    Only the holder of the lease moves a job that has left the queue, so a job found in the state we moved it to
    was moved by us.
    """

    def __init__(self, change: Callable[[Job], Job]) -> None:
        self._change = change
        self._moved: tuple[JobState, JobState] | None = None

    def __call__(self, job: Job) -> Job:
        if self._moved is not None and job.state is self._moved[1]:
            return job
        new = self._change(job)
        self._moved = (job.state, new.state) if new.state is not job.state else None
        return new


class Background(Protocol):
    """What a worker does beside its jobs, in a thread of its own."""

    def start(self) -> None:
        """Begin."""

    def close(self) -> None:
        """End."""


class Worker:
    """What one worker process does with job ids. Safe to call from many threads."""

    def __init__(
        self, store: JobStore, queue: JobQueue, tools: Tools, background: Sequence[Background] = (), owner: str = ""
    ) -> None:
        self._store = store
        self._queue = queue
        self._tools = tools
        self._background = background
        self.keeper = LeaseKeeper(store, owner or process_name(), self._adopt_soon, self._enqueue)
        self._adopting = ThreadPoolExecutor(8, thread_name_prefix="adopt")
        self._adopted: set[str] = set()
        self._lock = threading.Lock()

    def work(self, job_id: str) -> None:
        """Do what a job needs next, if nobody else does. Never raises: every end is in the job or in the log."""
        try:
            held = self.keeper.hold(job_id)
        except (JobNotFound, StoreUnavailable) as error:
            log.warning("job not taken", job=job_id, error=str(error))
            return
        if held is None:
            log.info("job is in other hands", job=job_id)
            return
        try:
            state = self._advance(held)
        except StaleEpoch as error:
            log.warning("job was taken over", job=job_id, error=str(error))
        except StoreUnavailable as error:
            # the lease must lapse, not be released: only a lapsed one is adopted
            log.warning("store lost during job", job=job_id, error=str(error))
            self.keeper.forget(held)
            return
        except Exception:  # the boundary of the worker: a lease kept by a thread that is gone would never lapse
            log.exception("job not advanced", job=job_id)
            self.keeper.forget(held)
            return
        if state is JobState.CAPTURING:  # a recording that goes on without us; only a lapsed lease is adopted
            self.keeper.forget(held)
            return
        self.keeper.drop(held)
        if state is JobState.QUEUED:  # after the lease is free: whoever takes the task must be able to take the job
            self._enqueue(job_id)

    def start(self) -> None:
        """Begin the background work."""
        self.keeper.start()
        for one in self._background:
            one.start()

    def close(self) -> None:
        """End the background work."""
        for one in self._background:
            one.close()
        self.keeper.close()
        self._adopting.shutdown(wait=True, cancel_futures=True)

    def _advance(self, held: Held) -> JobState:
        """Take a job as far as it goes in our hands; one that is not final then waits for another worker."""
        observer = JobObserver(self._store, held)
        job = self._store.get(held.lease.job_id)
        held.heed(job)
        if job.final:
            return job.state
        if job.state is JobState.RESOLVING:
            job = self._try_again(job, observer)
        elif job.state in WAITING:
            job = run(job, self._tools, observer)
        else:
            job = self._salvaged(job, observer)
        log.info("job left", **job.log_context())
        return job.state

    def _salvaged(self, job: Job, observer: JobObserver) -> Job:
        """Finish what a lost worker began. When nobody can, as with a bucket that refuses us, say so in the end."""
        late = self._tools.clock() - (job.deadline or job.created)
        if late > GIVE_UP_AFTER and job.epoch > GIVE_UP_LEASES:
            log.error("job given up", **job.log_context())
            return observer.update(
                lambda old: old.to(JobState.FAILED, message=STORE_AWAY, error_code="store_unavailable")
            )
        return salvage(job, self._tools, observer)

    def _try_again(self, job: Job, observer: JobObserver) -> Job:
        """The worker that resolved was lost before it touched a pod."""
        if job.attempts >= MAX_ATTEMPTS:
            return observer.update(lambda old: old.to(JobState.FAILED, message=OUR_FAULT, error_code="internal"))
        return observer.update(back_to_queue)

    def _adopt_soon(self, job_id: str) -> None:
        with self._lock:
            if job_id in self._adopted:
                return
            self._adopted.add(job_id)
        self._adopting.submit(self._adopt, job_id)

    def _adopt(self, job_id: str) -> None:
        try:
            log.info("adopting", job=job_id)
            self.work(job_id)
        finally:
            with self._lock:
                self._adopted.discard(job_id)

    def _enqueue(self, job_id: str) -> None:
        try:
            self._queue.enqueue(job_id)
        except QueueUnavailable as error:
            log.warning("not enqueued", job=job_id, error=str(error))


def process_name() -> str:
    """A name for this process that no other one has, ever."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"


def build(settings: WorkerSettings) -> Worker:
    """Put a worker together from settings."""
    cluster, store = Cluster(settings.kubeconfig, settings.kube_context), RedisJobStore(settings.redis_url)
    pressure, owner = PressureWatch(cluster), process_name()
    sweeper = Sweeper(cluster, store, settings.agent_namespace, settings.installation)
    sweeping = SweepLoop(sweeper, lambda: not store.admit(owner, {"sweeper": 1}, LEASE))
    tools = Tools(
        cluster=cluster,
        artifacts=open_artifacts(settings.artifacts_url),
        rules=settings.rules,
        charts=Renderers(),
        spool_dir=own_folder(Path(settings.spool_dir)),
        equipment=replace(equipped(settings), installation=settings.installation),
        static_tcpdump=Path(settings.static_tcpdump),
        owe=store.owe,
        pressures=pressure,
        jobs=store.get,
    )
    return Worker(store, CeleryQueue(settings.redis_url), tools, (pressure, sweeping), owner)


def make_worker_app(settings: WorkerSettings, worker: Worker) -> celery.Celery:
    """Return the Celery application with our one task registered."""
    app = make_app(settings.redis_url)
    app.task(name=RUN)(worker.work)
    return app


def main() -> int:
    """Run a capture worker until SIGTERM; running captures then end early and keep what they have."""
    settings = read(WorkerSettings)
    logs.set_up(settings.log_level, name="worker")
    worker = build(settings)
    app = make_worker_app(settings, worker)
    closing = threading.Event()

    def ready(**_: Any) -> None:
        worker.start()
        log.info("worker ready")
        threading.Thread(target=_show_life, args=(settings.ready_file, closing), daemon=True).start()

    def draining(**_: Any) -> None:
        log.info("worker draining", jobs=worker.keeper.count)
        worker.keeper.drain()

    signals.worker_ready.connect(ready, weak=False)
    signals.worker_shutting_down.connect(draining, weak=False)
    app.Worker(
        pool="threads",
        concurrency=settings.concurrency,
        queues=[QUEUE],
        loglevel=settings.log_level,
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        enable_remote_control=False,
        quiet=True,
    ).start()
    closing.set()
    worker.close()
    return 0


def _show_life(ready_file: str, closing: threading.Event) -> None:
    if ready_file:
        Path(ready_file).touch()
        while not closing.wait(5):
            Path(ready_file).touch()
