"""One capture's life: states, the one transition table, and the record everyone reads."""

import enum
from typing import Any

from msgspec import Struct, field, structs

from workers.contract.errors import IllegalTransition
from workers.contract.outcome import CaptureOutcome
from workers.contract.spec import CaptureSpec

SCHEMA_VERSION = 1


class JobState(enum.StrEnum):
    """Where a job is. The last four are final."""

    REQUESTED = "requested"
    QUEUED = "queued"
    RESOLVING = "resolving"
    CAPTURING = "capturing"
    ANALYSING = "analysing"
    DELIVERING = "delivering"
    DONE = "done"
    PARTIAL = "partial"
    FAILED = "failed"
    CANCELLED = "cancelled"


_S = JobState
_ENDS = frozenset({_S.FAILED, _S.CANCELLED})

TRANSITIONS: dict[JobState, frozenset[JobState]] = {
    _S.REQUESTED: _ENDS | {_S.QUEUED, _S.RESOLVING},
    _S.QUEUED: _ENDS | {_S.RESOLVING},
    # back to queued: a worker lost its lease before it touched a pod; done: a dry run, or a grab of what is held
    _S.RESOLVING: _ENDS | {_S.QUEUED, _S.CAPTURING, _S.DONE},
    _S.CAPTURING: _ENDS | {_S.ANALYSING, _S.PARTIAL},
    _S.ANALYSING: _ENDS | {_S.DELIVERING, _S.PARTIAL},
    _S.DELIVERING: _ENDS | {_S.DONE, _S.PARTIAL},
    _S.DONE: frozenset(),
    _S.PARTIAL: frozenset(),
    _S.FAILED: frozenset(),
    _S.CANCELLED: frozenset(),
}
FINAL = frozenset(state for state, after in TRANSITIONS.items() if not after)
WAITING = frozenset({_S.REQUESTED, _S.QUEUED})


class Person(Struct, frozen=True):
    """Who asked. `id` is Slack's user id, or `terminal:<login>`; `name` is for reading."""

    id: str
    name: str = ""


class Origin(Struct, frozen=True):
    """Where the request came from and where its thread is. channel and thread_ts are "" for a terminal."""

    channel: str = ""
    thread_ts: str = ""
    source: str = "terminal"
    """slash | mention | terminal | button"""


class TargetProgress(Struct, frozen=True):
    """One container of one pod, as the card shows it. Bytes of pcap, drops as tcpdump's kernel counter."""

    namespace: str
    pod: str
    container: str
    node: str = ""
    method: str = ""
    state: str = "waiting"
    """waiting | starting | capturing | done | partial | failed"""
    packets: int = 0
    bytes: int = 0
    dropped: int | None = None
    note: str = ""
    uid: str = ""
    """The pod's, so that a pod of the same name that came later is not taken for it."""
    filter: str = ""
    """As tcpdump has it there, where that is not the spec's."""
    outcome: CaptureOutcome | None = None
    """How it ended, with the proof, so that both outlive the worker; None until then."""


class PlannedTarget(Struct, frozen=True):
    """What would be done for one target: the answer to a dry run. `rejected` holds (method, why not)."""

    namespace: str
    pod: str
    node: str = ""
    method: str = ""
    """"" when no method can capture it."""
    container: str = ""
    creates: tuple[str, ...] = ()
    """What would be added to the cluster, in words."""
    argv: tuple[str, ...] = ()
    """tcpdump's, exactly."""
    limits: str = ""
    reasons: tuple[str, ...] = ()
    rejected: tuple[tuple[str, str], ...] = ()


class Artifact(Struct, frozen=True):
    """A stored file; `name` is what a person sees, `key` finds it in the store.

    `kind` is pcap | merged | report | chart | picture; a picture is for a folder, a chart for the thread as well.
    """

    kind: str
    name: str
    key: str
    size: int
    sha256: str
    title: str = ""
    content_type: str = "application/octet-stream"


class Job(Struct, frozen=True):
    """The record of one capture. `version` counts writes; `epoch` is the lease's (0 before the first lease)."""

    id: str
    spec: CaptureSpec
    requester: Person
    origin: Origin = field(default_factory=Origin)
    state: JobState = JobState.REQUESTED
    schema: int = SCHEMA_VERSION
    version: int = 0
    epoch: int = 0
    created: float = 0.0
    updated: float = 0.0
    attempts: int = 0
    started: float | None = None
    deadline: float | None = None
    """When the capture ends by itself, epoch seconds; None until capturing."""
    targets: tuple[TargetProgress, ...] = ()
    stop_by: Person | None = None
    discard: bool = False
    message: str = ""
    """For the person: why it failed, was cut short or waits."""
    error_code: str = ""
    verdict: str = ""
    report: Artifact | None = None
    artifacts: tuple[Artifact, ...] = ()
    planned: tuple[PlannedTarget, ...] = ()
    """The answer to a dry run."""
    extended_by: Person | None = None
    """Who asked last for more time; `deadline` is the new end."""

    @property
    def final(self) -> bool:
        """Whether nothing more will happen to this job."""
        return self.state in FINAL

    def evolve(self, **changes: Any) -> "Job":
        """Return a copy with `changes`; the state is moved with `to`, never here."""
        if "state" in changes:
            raise IllegalTransition("The job's state is moved by its transitions only.", detail="evolve(state=…)")
        return structs.replace(self, **changes)

    def to(self, state: JobState, **changes: Any) -> "Job":
        """Return a copy in `state`. Raises IllegalTransition where TRANSITIONS does not allow it."""
        if state not in TRANSITIONS[self.state]:
            raise IllegalTransition(
                f"Capture {self.id} is already {self.state}.", detail=f"{self.id}: {self.state} -> {state}"
            )
        return structs.replace(self, state=state, **changes)

    def log_context(self) -> dict[str, Any]:
        """What every log line about this job carries."""
        return {"job": self.id, "state": str(self.state), "epoch": self.epoch}


def stopped(job: Job, by: Person, *, discard: bool) -> Job:
    """Return `job` once `by` asked to stop it: the first asker stands, a waiting job is cancelled at once."""
    if job.final or job.stop_by is not None:
        return job
    if job.state in WAITING:
        return job.to(JobState.CANCELLED, stop_by=by, discard=discard)
    return job.evolve(stop_by=by, discard=discard)


def extended(job: Job, by: Person, seconds: float, most: float) -> Job:
    """Return `job` with its end moved `seconds` on, but not beyond `most` seconds after its start.

    Raises IllegalTransition unless it is capturing and nobody asked to stop it.
    """
    if job.state is not JobState.CAPTURING or job.stop_by is not None or job.started is None or job.deadline is None:
        raise IllegalTransition(f"Capture {job.id} is not capturing any more; it can't be extended.")
    deadline = min(job.deadline + seconds, job.started + most)
    return job.evolve(deadline=deadline, extended_by=by)


_ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"


def new_job_id() -> str:
    """Return a short id that is easy to read aloud and type on a phone (8 of 31 letters, about 40 bits)."""
    import secrets  # late: a program that only reads jobs makes no ids

    return "".join(secrets.choice(_ALPHABET) for _ in range(8))
