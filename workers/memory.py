"""InMemoryJobStore and MemoryArtifacts: the twins of RedisJobStore and ObjectArtifacts, for tests and one-process runs.

Held to the real ones by tests/contract/. One lock makes every call whole; times come from `clock` (epoch
seconds), so that a test can move them. Nothing outlives the process.
"""

import hashlib
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from msgspec import structs

from workers.contract.errors import JobNotFound, StaleEpoch
from workers.contract.job import Job, Person, extended, stopped
from workers.contract.ports import Debt, Dirty, Lease


@dataclass
class _Record:
    job: Job
    mark: int = 1
    owner: str = ""
    lease_until: float | None = None
    posted: dict[str, str] = field(default_factory=dict)
    render_owner: str = ""
    render_until: float = 0.0


class InMemoryJobStore:
    """JobStore in one process. Safe to share between threads."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._changed = threading.Condition()
        self._records: dict[str, _Record] = {}
        self._dirty: dict[str, float] = {}
        self._wishes: list[str] = []
        self._places: dict[str, dict[str, float]] = {}
        self._debts: dict[str, Debt] = {}
        self._wakes = 0
        self._woken = 0
        self._seen: dict[str, float] = {}
        self._buckets: dict[str, tuple[float, float]] = {}
        self.audited: list[dict[str, Any]] = []

    def create(self, job: Job) -> bool:
        """See JobStore.create."""
        with self._changed:
            if job.id in self._records:
                return False
            created = job.created or self._clock()
            job = structs.replace(job, created=created, updated=created, version=0, epoch=0)
            self._records[job.id] = _Record(job)
            self._wake(job.id)
            return True

    def get(self, job_id: str) -> Job:
        """See JobStore.get."""
        with self._changed:
            return self._record(job_id).job

    def recent(self, limit: int = 20) -> list[Job]:
        """See JobStore.recent."""
        with self._changed:
            jobs = [record.job for record in self._records.values()]
        return sorted(jobs, key=lambda job: job.created, reverse=True)[: max(0, limit)]

    def unfinished(self) -> list[Job]:
        """See JobStore.unfinished."""
        with self._changed:
            jobs = [record.job for record in self._records.values() if not record.job.final]
        return sorted(jobs, key=lambda job: job.created)

    def change(self, job_id: str, change: Callable[[Job], Job], *, epoch: int | None = None) -> Job:
        """See JobStore.change."""
        with self._changed:
            record = self._record(job_id)
            old = record.job
            if epoch is not None and old.epoch != epoch:
                raise StaleEpoch(
                    f"Another worker has taken over capture {job_id}.", detail=f"{job_id}: epoch {epoch} is old"
                )
            new = change(old)
            if new == old:
                return old
            record.job = structs.replace(new, version=old.version + 1, epoch=old.epoch, updated=self._clock())
            record.mark += 1
            self._wake(job_id)
            return record.job

    def acquire(self, job_id: str, owner: str, ttl: float) -> Lease | None:
        """See JobStore.acquire."""
        with self._changed:
            record = self._record(job_id)
            if record.lease_until is not None and record.lease_until > self._clock():
                return None
            record.owner, record.lease_until = owner, self._clock() + ttl
            record.job = structs.replace(record.job, epoch=record.job.epoch + 1)
            return Lease(job_id, owner, record.job.epoch)

    def renew(self, leases: Sequence[Lease], ttl: float) -> list[Lease]:
        """See JobStore.renew."""
        with self._changed:
            lost = [lease for lease in leases if not self._holds(lease)]
            for lease in leases:
                if lease not in lost:
                    self._records[lease.job_id].lease_until = self._clock() + ttl
            return lost

    def release(self, lease: Lease) -> None:
        """See JobStore.release."""
        with self._changed:
            if self._holds(lease):
                self._records[lease.job_id].lease_until = None

    def lapsed(self) -> list[str]:
        """See JobStore.lapsed."""
        with self._changed:
            now = self._clock()
            return [i for i, r in self._records.items() if r.lease_until is not None and r.lease_until <= now]

    def request_stop(self, job_id: str, by: Person, *, discard: bool = False) -> Job:
        """See JobStore.request_stop."""
        return self._wished(job_id, lambda old: stopped(old, by, discard=discard))

    def request_extension(self, job_id: str, by: Person, seconds: float, most: float) -> Job:
        """See JobStore.request_extension."""
        return self._wished(job_id, lambda old: extended(old, by, seconds, most))

    def wishes(self, timeout: float) -> list[str]:
        """See JobStore.wishes."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self._wishes), timeout)
            found, self._wishes = self._wishes, []
            return found

    def admit(self, job_id: str, limits: Mapping[str, int], ttl: float) -> str:
        """See JobStore.admit."""
        with self._changed:
            now = self._clock()
            counted = {name: most for name, most in limits.items() if most > 0}
            for name, most in counted.items():
                taken = {one: until for one, until in self._places.get(name, {}).items() if until > now}
                self._places[name] = taken
                if job_id not in taken and len(taken) >= most:
                    return name
            for name in counted:
                self._places[name][job_id] = now + ttl
            return ""

    def dismiss(self, job_id: str, names: Sequence[str]) -> None:
        """See JobStore.dismiss."""
        with self._changed:
            for name in names:
                self._places.get(name, {}).pop(job_id, None)

    def owe(self, debt: Debt) -> None:
        """See JobStore.owe."""
        with self._changed:
            self._debts.setdefault(debt.key, debt)

    def debts(self) -> list[Debt]:
        """See JobStore.debts."""
        with self._changed:
            return sorted(self._debts.values(), key=lambda debt: debt.since)

    def forgive(self, debt: Debt) -> None:
        """See JobStore.forgive."""
        with self._changed:
            self._debts.pop(debt.key, None)

    def claim_dirty(self, owner: str, ttl: float, limit: int = 50) -> list[Dirty]:
        """See JobStore.claim_dirty."""
        with self._changed:
            now = self._clock()
            due = sorted((at, job_id) for job_id, at in self._dirty.items() if at <= now)
            free = [job_id for _, job_id in due if self._records[job_id].render_until <= now][:limit]
            for job_id in free:
                record = self._records[job_id]
                record.render_owner, record.render_until = owner, now + ttl
            return [Dirty(job_id, self._records[job_id].mark) for job_id in free]

    def settle(self, dirty: Dirty, owner: str, *, again_in: float | None = None) -> None:
        """See JobStore.settle."""
        with self._changed:
            record = self._record(dirty.job_id)
            now = self._clock()
            if record.render_owner != owner or record.render_until <= now:
                return
            record.render_owner, record.render_until = "", 0.0
            if again_in is not None or record.mark != dirty.mark:
                self._dirty[dirty.job_id] = now + (again_in or 0.0)
            else:
                self._dirty.pop(dirty.job_id, None)

    def wait_dirty(self, timeout: float) -> bool:
        """See JobStore.wait_dirty."""
        with self._changed:
            woken = self._changed.wait_for(lambda: self._wakes > self._woken, timeout)
            self._woken = self._wakes
            return woken

    def posted(self, job_id: str) -> dict[str, str]:
        """See JobStore.posted."""
        with self._changed:
            return dict(self._records[job_id].posted) if job_id in self._records else {}

    def record_posted(self, job_id: str, **ids: str) -> None:
        """See JobStore.record_posted."""
        with self._changed:
            self._record(job_id).posted.update(ids)

    def once(self, key: str, ttl: float) -> bool:
        """See JobStore.once."""
        with self._changed:
            now = self._clock()
            if self._seen.get(key, 0.0) > now:
                return False
            self._seen[key] = now + ttl
            return True

    def take(self, bucket: str, *, per_second: float, burst: int, reserve: int = 0) -> float:
        """See JobStore.take."""
        with self._changed:
            now = self._clock()
            tokens, at = self._buckets.get(bucket, (float(burst), now))
            tokens = min(float(burst), tokens + max(0.0, now - at) * per_second)
            taken = tokens - 1 >= reserve
            self._buckets[bucket] = (tokens - 1 if taken else tokens, now)
            return 0.0 if taken else (reserve + 1 - tokens) / per_second

    def audit(self, action: str, fields: Mapping[str, Any]) -> None:
        """See JobStore.audit."""
        with self._changed:
            self.audited.append({"action": action, **fields})

    def ping(self) -> None:
        """See JobStore.ping."""

    def _wished(self, job_id: str, change: Callable[[Job], Job]) -> Job:
        job = self.change(job_id, change)
        with self._changed:
            self._wishes.append(job_id)
            self._changed.notify_all()
        return job

    def _record(self, job_id: str) -> _Record:
        try:
            return self._records[job_id]
        except KeyError:
            raise JobNotFound(f"There is no capture {job_id[:40]}. `list` shows the recent ones.") from None

    def _holds(self, lease: Lease) -> bool:
        record = self._records.get(lease.job_id)
        held = record is not None and record.lease_until is not None
        return held and record is not None and record.owner == lease.owner and record.job.epoch == lease.epoch

    def _wake(self, job_id: str) -> None:
        self._dirty[job_id] = self._clock()
        self._wakes += 1
        self._changed.notify_all()


class MemoryArtifacts:
    """ArtifactStore in a dict."""

    def __init__(self) -> None:
        self._files: dict[str, bytes] = {}

    def put(self, key: str, chunks: Iterable[bytes]) -> tuple[int, str]:
        """See ArtifactStore.put."""
        data = b"".join(chunks)
        self._files[key] = data
        return len(data), hashlib.sha256(data).hexdigest()

    def read(self, key: str, chunk: int = 1 << 20) -> Iterator[bytes]:
        """See ArtifactStore.read."""
        data = self._files[key]
        return (data[at : at + chunk] for at in range(0, len(data), chunk))

    def keys(self, prefix: str) -> list[str]:
        """See ArtifactStore.keys."""
        return sorted(key for key in self._files if key.startswith(prefix))

    def delete(self, prefix: str) -> None:
        """See ArtifactStore.delete."""
        for key in self.keys(prefix):
            del self._files[key]
