"""What a line can mean: a command, or a mistake."""

from dataclasses import dataclass

from workers.contract.spec import CaptureSpec


@dataclass(frozen=True, slots=True)
class Capture:
    """Capture packets, or record them; the spec's mode says which. Every default is filled in.

    `anyway`: even if the same is being captured already.
    """

    spec: CaptureSpec
    anyway: bool = False


@dataclass(frozen=True, slots=True)
class Grab:
    """Deliver what a recording holds, or only its `last` seconds (0 for all), without ending it."""

    job_id: str
    last: float = 0.0


@dataclass(frozen=True, slots=True)
class Extend:
    """Let a running job go on for so many seconds more."""

    job_id: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Status:
    """How a job stands; the newest ones when `job_id` is None."""

    job_id: str | None = None


@dataclass(frozen=True, slots=True)
class ListJobs:
    """The recent jobs."""


@dataclass(frozen=True, slots=True)
class Stop:
    """End a job and keep what it has, or `discard` that."""

    job_id: str
    discard: bool = False


@dataclass(frozen=True, slots=True)
class Help:
    """How to say things; `topic` is one of `vocabulary.TOPICS`."""

    topic: str | None = None


Command = Capture | Grab | Extend | Status | ListJobs | Stop | Help


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong in a line.

    `text` is the line as read ("" when it was too long to repeat); `text[position:position + length]` is the place
    (length 0: something is missing there). `suggestion` is a whole command that parses, or "".
    """

    position: int
    length: int
    reason: str
    suggestion: str = ""
    text: str = ""
