"""Celery shells and the worker's composition root: settings -> store, cluster, artifacts -> a running worker."""

import os
import secrets
import socket
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import celery
import structlog
from celery import signals

from workers import log as logs
from workers.artifacts import open_artifacts
from workers.capture.cluster import Cluster
from workers.contract.errors import JobNotFound, QueueUnavailable, StaleEpoch, StoreUnavailable
from workers.contract.job import WAITING, Job, JobState
from workers.contract.ports import JobQueue, JobStore
from workers.delivery import Tools
from workers.leases import Held, LeaseKeeper
from workers.pipeline import OUR_FAULT, run
from workers.queue import QUEUE, RUN, CeleryQueue, make_app
from workers.report.renderer import Renderer
from workers.salvage import salvage
from workers.settings import WorkerSettings, read
from workers.state import RedisJobStore

log = structlog.get_logger(__name__)

MAX_ATTEMPTS = 3
"""How often a job may begin to resolve its targets before we give up: each worker that tried was lost."""
RETRIES = 5
RETRY_SECONDS = 1.0


class JobObserver:
    """Observer of a job in the hands of one lease: writes to the JobStore under its epoch."""

    def __init__(self, store: JobStore, held: Held) -> None:
        self._store = store
        self._held = held

    def update(self, change: Callable[[Job], Job]) -> Job:
        """See Observer.update. Rides over a short absence of the store; raises StaleEpoch once the lease is lost."""
        lease = self._held.lease
        for attempt in range(RETRIES):
            try:
                job = self._store.change(lease.job_id, change, epoch=lease.epoch)
                break
            except StoreUnavailable:
                if attempt == RETRIES - 1:
                    raise
                self._held.lost.wait(RETRY_SECONDS)
        if job.stop_by is not None:
            self._held.stop.set()
        return job

    def stop_requested(self) -> bool:
        """See Observer.stop_requested. A lost lease is a reason to stop too."""
        return self._held.stop.is_set() or self._held.lost.is_set()

    def audit(self, action: str, fields: Mapping[str, Any]) -> None:
        """See Observer.audit."""
        self._store.audit(action, fields)


class Worker:
    """What one worker process does with job ids. Safe to call from many threads."""

    def __init__(self, store: JobStore, queue: JobQueue, tools: Tools) -> None:
        self._store = store
        self._queue = queue
        self._tools = tools
        owner = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        self.keeper = LeaseKeeper(store, owner, self._adopt_soon, self._enqueue)
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
            self._advance(held)
        except StaleEpoch as error:
            log.warning("job was taken over", job=job_id, error=str(error))
        except StoreUnavailable as error:
            # the lease must lapse, not be released: only a lapsed one is adopted
            log.warning("store lost during job", job=job_id, error=str(error))
            self.keeper.forget(held)
            return
        self.keeper.drop(held)

    def close(self) -> None:
        """End the background work."""
        self.keeper.close()
        self._adopting.shutdown(wait=True, cancel_futures=True)

    def _advance(self, held: Held) -> None:
        observer = JobObserver(self._store, held)
        job = self._store.get(held.lease.job_id)
        if job.final:
            return
        if job.state is JobState.RESOLVING:
            self._try_again(job, observer)
        elif job.state in WAITING:
            log.info("job ended", **run(job, self._tools, observer).log_context())
        else:
            log.info("job salvaged", **salvage(job, self._tools, observer).log_context())

    def _try_again(self, job: Job, observer: JobObserver) -> None:
        """The worker that resolved was lost before it touched a pod."""
        if job.attempts >= MAX_ATTEMPTS:
            observer.update(lambda old: old.to(JobState.FAILED, message=OUR_FAULT, error_code="internal"))
            return
        observer.update(lambda old: old.to(JobState.QUEUED))
        self._enqueue(job.id)

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


def build(settings: WorkerSettings) -> Worker:
    """Put a worker together from settings."""
    spool = Path(settings.spool_dir)
    spool.mkdir(parents=True, exist_ok=True, mode=0o700)
    tools = Tools(
        cluster=Cluster(settings.kubeconfig, settings.kube_context),
        artifacts=open_artifacts(settings.artifacts_url),
        rules=settings.rules,
        charts=Renderer(),
        spool_dir=spool,
    )
    return Worker(RedisJobStore(settings.redis_url), CeleryQueue(settings.redis_url), tools)


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
        worker.keeper.start()
        log.info("worker ready")
        threading.Thread(target=_show_life, args=(settings.ready_file, closing), daemon=True).start()

    def draining(**_: Any) -> None:
        log.info("worker draining", jobs=worker.keeper.count)
        worker.keeper.stop_all()

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
