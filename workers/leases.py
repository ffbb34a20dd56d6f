"""The leases this worker holds: renewed by one heartbeat thread, stopped by one listener thread.

A job that another worker took over, or that somebody asked to stop, is told through its `Held`. Lapsed leases of
dead workers, and waiting jobs nobody holds, are looked for by the heartbeat too.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from workers.contract.errors import StoreUnavailable
from workers.contract.job import WAITING
from workers.contract.ports import JobStore, Lease

log = structlog.get_logger(__name__)

TTL = 10.0
BEAT = 2.5
FORGOTTEN = 30.0
"""Seconds a job may wait without a lease before it is enqueued again."""


@dataclass(slots=True)
class Held:
    """One lease of ours and what happened to it meanwhile."""

    lease: Lease
    lost: threading.Event = field(default_factory=threading.Event)
    stop: threading.Event = field(default_factory=threading.Event)
    draining: threading.Event = field(default_factory=threading.Event)
    """The worker shuts down. One event for all leases of a keeper."""


class LeaseKeeper:
    """Holds leases for the jobs of one worker process. Start it once; `hold` and `drop` from any thread."""

    def __init__(
        self, store: JobStore, owner: str, adopt: Callable[[str], None], enqueue: Callable[[str], None]
    ) -> None:
        self._store = store
        self._owner = owner
        self._adopt = adopt
        self._enqueue = enqueue
        self._held: dict[str, Held] = {}
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._draining = threading.Event()
        self._threads = [
            threading.Thread(target=self._beat, name="lease-heartbeat", daemon=True),
            threading.Thread(target=self._listen, name="stop-listener", daemon=True),
        ]

    def start(self) -> None:
        """Start renewing, listening and looking for lost jobs."""
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Stop the threads; leases still held lapse unless dropped."""
        self._closing.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(5)

    def hold(self, job_id: str) -> Held | None:
        """Acquire a job's lease; None while somebody else works on it. Raises JobNotFound, StoreUnavailable."""
        lease = self._store.acquire(job_id, self._owner, TTL)
        if lease is None:
            return None
        held = Held(lease, draining=self._draining)
        with self._lock:
            self._held[job_id] = held
        return held

    def drop(self, held: Held) -> None:
        """Give a lease back. When the store is away it lapses by itself."""
        self.forget(held)
        try:
            self._store.release(held.lease)
        except StoreUnavailable as error:
            log.warning("lease not released", job=held.lease.job_id, error=str(error))

    def forget(self, held: Held) -> None:
        """Renew a lease no longer, so that it lapses and somebody adopts the job."""
        with self._lock:
            if self._held.get(held.lease.job_id) is held:
                del self._held[held.lease.job_id]

    def drain(self) -> None:
        """Have every job held here end early, and adopt no other: the worker shuts down."""
        self._draining.set()

    @property
    def count(self) -> int:
        """How many jobs are held."""
        with self._lock:
            return len(self._held)

    def _beat(self) -> None:
        while not self._closing.wait(BEAT):
            try:
                self._renew()
                self._look_for_lost()
            except StoreUnavailable as error:
                log.warning("heartbeat failed", error=str(error))
            except Exception:  # the boundary of the thread: every lease of this worker lapses without it
                log.exception("heartbeat failed")

    def _renew(self) -> None:
        with self._lock:
            held = {one.lease: one for one in self._held.values()}
        for lease in self._store.renew(list(held), TTL) if held else ():
            log.warning("lease lost", job=lease.job_id, epoch=lease.epoch)
            held[lease].lost.set()

    def _look_for_lost(self) -> None:
        if self._draining.is_set():
            return
        for job_id in self._store.lapsed():
            with self._lock:
                ours = job_id in self._held
            # one adopter is enough to try: the others find the lease taken
            if not ours:
                self._adopt(job_id)
        old = time.time() - FORGOTTEN
        for job in self._store.unfinished():
            if job.state in WAITING and job.updated < old and self._store.once(f"again:{job.id}", FORGOTTEN):
                log.warning("enqueued again", **job.log_context())
                self._enqueue(job.id)

    def _listen(self) -> None:
        while not self._closing.is_set():
            try:
                asked = self._store.stop_requests(1.0)
            except StoreUnavailable as error:
                log.warning("stop listener failed", error=str(error))
                self._closing.wait(1.0)
                continue
            with self._lock:
                for held in (self._held.get(job_id) for job_id in asked):
                    if held is not None:
                        held.stop.set()
