"""The leases this worker holds: renewed by one heartbeat thread, told what people wish by one listener thread.

A job that another worker took over, or that somebody asked to stop or to extend, is told through its `Held`. The
places a job takes of what is limited are renewed with its lease, and lapse with it. Lapsed leases of dead workers,
and waiting jobs nobody holds, are looked for by the heartbeat too.
"""

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import structlog

from workers.contract.errors import JobNotFound, StoreUnavailable
from workers.contract.job import WAITING, Job
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
    deadline: float | None = None
    """When the capture ends by the newest word of people, epoch seconds; None until somebody moved it."""
    places: dict[str, int] = field(default_factory=dict)
    """What it has a place of -> the limit. Changed under `placing` only, together with the store."""
    placing: threading.Lock = field(default_factory=threading.Lock)
    _heard: int = field(default=-1, init=False)
    _hearing: threading.Lock = field(default_factory=threading.Lock, init=False)

    def heed(self, job: Job) -> bool:
        """Take over what people wish by the job's record, unless a newer one was seen. True when its end moved."""
        with self._hearing:
            if job.version < self._heard:
                return False
            self._heard, before = job.version, self.deadline
            if job.stop_by is not None:
                self.stop.set()
            if job.extended_by is not None:
                self.deadline = job.deadline
            return self.deadline != before

    def admit(self, store: JobStore, limits: Mapping[str, int]) -> str:
        """Take places for as long as the lease is held; "" or the name of one that is full."""
        with self.placing:
            full = store.admit(self.lease.job_id, limits, TTL)
            if not full:
                self.places.update(limits)
            return full

    def readmit(self, store: JobStore) -> str:
        """Renew the places. One that lapsed meanwhile may be full; it is asked for again the next time."""
        with self.placing:
            return store.admit(self.lease.job_id, self.places, TTL) if self.places else ""

    def dismiss(self, store: JobStore) -> None:
        """Give the places back, unless another worker has the job: they are its places now."""
        with self.placing:
            names, self.places = list(self.places), {}
            if names and not self.lost.is_set():
                store.dismiss(self.lease.job_id, names)


def heed(store: JobStore, held: Held, job: Job) -> None:
    """Have what people wish by the job's record done, and audit that its end moved."""
    if not held.heed(job) or job.extended_by is None:
        return
    try:
        store.audit("extended", {"job": job.id, "by": job.extended_by.id, "deadline": job.deadline})
    except StoreUnavailable as error:
        log.warning("extension not audited", job=job.id, by=job.extended_by.id, error=str(error))


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
            threading.Thread(target=self._listen, name="wish-listener", daemon=True),
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
        """Give a lease and its places back. When the store is away they lapse by themselves."""
        self.forget(held)
        try:
            held.dismiss(self._store)  # first: with the lease free, somebody else may take the same places
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
                self._renew_places()
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

    def _renew_places(self) -> None:
        with self._lock:
            all_held = list(self._held.values())
        for held in all_held:
            if not held.lost.is_set() and (full := held.readmit(self._store)):
                log.warning("place not renewed", job=held.lease.job_id, full=full)

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
        wished: set[str] = set()
        while not self._closing.is_set():
            try:
                wished.update(self._store.wishes(1.0))
                wished = self._unheeded(wished)
            except StoreUnavailable as error:
                log.warning("wish listener failed", error=str(error))
                self._closing.wait(1.0)
            except Exception:  # the boundary of the thread: no wish reaches this worker in time without it
                log.exception("wish listener failed")
                wished.clear()

    def _unheeded(self, wished: Iterable[str]) -> set[str]:
        """Tell the jobs held here what is wished; returns those whose records could not be read."""
        with self._lock:
            ours = [held for job_id in wished if (held := self._held.get(job_id)) is not None]
        return {held.lease.job_id for held in ours if not self._told(held)}

    def _told(self, held: Held) -> bool:
        try:
            heed(self._store, held, self._store.get(held.lease.job_id))
        except StoreUnavailable as error:
            log.warning("wish not read", job=held.lease.job_id, error=str(error))
            return False
        except JobNotFound:
            log.warning("wish for a job that is gone", job=held.lease.job_id)
        return True
