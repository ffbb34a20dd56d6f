"""What a line can mean: five commands, or a mistake."""

from dataclasses import dataclass

from workers.contract.spec import CaptureSpec


@dataclass(frozen=True, slots=True)
class Capture:
    """Capture packets. Every default is filled in."""

    spec: CaptureSpec


@dataclass(frozen=True, slots=True)
class Status:
    """How a job stands; the newest ones when `job_id` is None."""

    job_id: str | None = None


@dataclass(frozen=True, slots=True)
class ListJobs:
    """The recent jobs."""


@dataclass(frozen=True, slots=True)
class Stop:
    """End a job and keep what it has."""

    job_id: str


@dataclass(frozen=True, slots=True)
class Help:
    """How to say things; `topic` is one of `vocabulary.TOPICS`."""

    topic: str | None = None


Command = Capture | Status | ListJobs | Stop | Help


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
