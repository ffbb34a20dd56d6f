"""The interfaces between the sides. Implementations: workers.state, workers.queue, workers.artifacts.

All are synchronous; the bot calls them through `asyncio.to_thread`. Each raises StoreUnavailable (or
QueueUnavailable) when the service behind it cannot be reached.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from msgspec import Struct

from workers.contract.job import Job, Person
from workers.contract.pictures import Album


class Lease(Struct, frozen=True):
    """The right to work on a job. Writes carry `epoch`; older ones are refused."""

    job_id: str
    owner: str
    epoch: int


class Dirty(Struct, frozen=True):
    """A job whose thread may not show its newest state; `mark` is handed back when it does."""

    job_id: str
    mark: int


class Debt(Struct, frozen=True):
    """A container in which a job may have left something, as nobody could end it there. `since` in epoch seconds."""

    job_id: str
    namespace: str
    pod: str
    uid: str
    container: str
    method: str
    since: float

    @property
    def key(self) -> str:
        """What tells it from the others."""
        return f"{self.job_id}/{self.namespace}/{self.pod}/{self.container}"


class JobStore(Protocol):
    """Job records, leases, stop flags, the dirty set and small shared counters."""

    def create(self, job: Job) -> bool:
        """Store a new job and mark it dirty. False if the id is taken."""

    def get(self, job_id: str) -> Job:
        """Return the newest record. Raises JobNotFound."""

    def recent(self, limit: int = 20) -> list[Job]:
        """Return the newest jobs, newest first."""

    def unfinished(self) -> list[Job]:
        """Return every job that is not final."""

    def change(self, job_id: str, change: Callable[[Job], Job], *, epoch: int | None = None) -> Job:
        """Apply `change` by compare-and-set (it may be called again) and mark the job dirty.

        With `epoch`, refuses with StaleEpoch unless it is the lease's newest. Raises JobNotFound, and what
        `change` raises (IllegalTransition).
        """

    def acquire(self, job_id: str, owner: str, ttl: float) -> Lease | None:
        """Take the job's lease with a new epoch; None while another owner holds it. The record's epoch moves too."""

    def renew(self, leases: Sequence[Lease], ttl: float) -> list[Lease]:
        """Renew what is still ours; returns the leases that were lost."""

    def release(self, lease: Lease) -> None:
        """Give the lease up, if still ours."""

    def lapsed(self) -> list[str]:
        """Return ids of jobs whose lease ran out and was not released."""

    def request_stop(self, job_id: str, by: Person, *, discard: bool = False) -> Job:
        """Record who wants the job stopped (the first one stands) and wake the worker that runs it."""

    def request_extension(self, job_id: str, by: Person, seconds: float, most: float) -> Job:
        """Move the end of a capture and wake the worker that runs it (workers.contract.job.extended)."""

    def wishes(self, timeout: float) -> list[str]:
        """Block up to `timeout` seconds for ids of jobs somebody asked to stop or extend (own connection; one caller
        a process); what is wished is in the record."""

    def admit(self, job_id: str, limits: Mapping[str, int], ttl: float) -> str:
        """Take a place of each of `limits` (name -> how many jobs at once) for `ttl` seconds, all or none.

        Returns "" when taken, else the name of one that is full. Asked again it renews. One place a job and name.
        A limit of 0 or less is no limit: such a name is never full, and no place of it is taken.
        """

    def dismiss(self, job_id: str, names: Sequence[str]) -> None:
        """Give a job's places back."""

    def owe(self, debt: Debt) -> None:
        """Remember a place that must be swept; known already, the older record stands."""

    def debts(self) -> list[Debt]:
        """Return every place that must be swept, the oldest first."""

    def forgive(self, debt: Debt) -> None:
        """Forget a place: nothing of ours is left there."""

    def claim_dirty(self, owner: str, ttl: float, limit: int = 50) -> list[Dirty]:
        """Claim jobs whose thread must be looked at, oldest first, each under a render lease of `ttl` seconds."""

    def settle(self, dirty: Dirty, owner: str, *, again_in: float | None = None) -> None:
        """Give a claim back: clean if nothing changed since, else dirty still; `again_in` asks for another look."""

    def wait_dirty(self, timeout: float) -> bool:
        """Block up to `timeout` seconds until some job becomes dirty (own connection; one caller a process)."""

    def posted(self, job_id: str) -> dict[str, str]:
        """Return what the thread holds already: name -> Slack id or text."""

    def record_posted(self, job_id: str, **ids: str) -> None:
        """Remember what was posted. Does not mark the job dirty."""

    def once(self, key: str, ttl: float) -> bool:
        """True the first time `key` is seen within `ttl` seconds (deduplication)."""

    def take(self, bucket: str, *, per_second: float, burst: int, reserve: int = 0) -> float:
        """Take a token of a shared bucket: 0.0 when taken, else seconds until there is one. `reserve` tokens are
        left for callers who pass less (results outrank card updates)."""

    def audit(self, action: str, fields: Mapping[str, Any]) -> None:
        """Append to the audit stream (who, what, where, decision). Never payloads or tokens."""

    def ping(self) -> None:
        """Raise StoreUnavailable unless the store answers."""


class JobQueue(Protocol):
    """The way to the workers."""

    def enqueue(self, job_id: str) -> None:
        """Hand a job to the workers. Raises QueueUnavailable."""


class ArtifactStore(Protocol):
    """Files by key. Keys are `jobs/<id>/<epoch>/<name>`: a worker that lost its lease can't touch newer files."""

    def put(self, key: str, chunks: Iterable[bytes]) -> tuple[int, str]:
        """Store a file atomically from chunks, in constant memory; returns (size, sha256 hex)."""

    def read(self, key: str, chunk: int = 1 << 20) -> Iterator[bytes]:
        """Yield a file's bytes. Raises StoreUnavailable; KeyError when there is none."""

    def keys(self, prefix: str) -> list[str]:
        """List keys under a prefix, sorted."""

    def delete(self, prefix: str) -> None:
        """Delete everything under a prefix."""


class Observer(Protocol):
    """What the pipeline tells while it works; the worker writes it to the JobStore, the terminal prints it."""

    def update(self, change: Callable[[Job], Job], *, patient: bool = True) -> Job:
        """Apply a change to the job and make it visible; rides over a short absence of the store if `patient`."""

    def stop_requested(self) -> bool:
        """Whether somebody asked to stop. Raises StaleEpoch once another worker has the job."""

    def deadline(self) -> float | None:
        """When the capture ends by the newest word of people, epoch seconds; None until somebody moved it."""

    def admit(self, limits: Mapping[str, int]) -> str:
        """Take a place of each of `limits` for as long as the job is held; "" or the name of one that is full."""

    def interrupted(self) -> str:
        """Why the job must end early though nobody asked for it, in words; "" while it need not."""

    def audit(self, action: str, fields: Mapping[str, Any]) -> None:
        """Record a decision or a deed."""


class Presenter(Protocol):
    """Makes the pictures of a report."""

    def __call__(self, album: Album) -> list[tuple[str, str, bytes]]:
        """Return (file name, alt text, PNG bytes), in the order in which people get them."""
