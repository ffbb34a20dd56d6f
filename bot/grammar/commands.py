"""What a line can mean: a command, or a mistake."""

from msgspec import Struct

from workers.contract.spec import CaptureSpec


class Capture(Struct, frozen=True):
    """Capture packets, or record them; the spec's mode says which. Every default is filled in.

    `anyway`: even if the same is being captured already.
    """

    spec: CaptureSpec
    anyway: bool = False


class Grab(Struct, frozen=True):
    """Deliver what a recording holds, or only its `last` seconds (0 for all), without ending it."""

    job_id: str
    last: float = 0.0


class Extend(Struct, frozen=True):
    """Let a running job go on for so many seconds more."""

    job_id: str
    seconds: float


class Status(Struct, frozen=True):
    """How a job stands; the newest ones when `job_id` is None."""

    job_id: str | None = None


class ListJobs(Struct, frozen=True):
    """The recent jobs."""


class Stop(Struct, frozen=True):
    """End a job and keep what it has, or `discard` that."""

    job_id: str
    discard: bool = False


class Help(Struct, frozen=True):
    """How to say things; `topic` is one of `vocabulary.TOPICS`."""

    topic: str | None = None


Command = Capture | Grab | Extend | Status | ListJobs | Stop | Help


class Mistake(Struct, frozen=True):
    """What is wrong in a line.

    `text` is the line as read ("" when it was too long to repeat); `text[position:position + length]` is the place
    (length 0: something is missing there). `suggestion` is a whole command that parses, or "".
    """

    position: int
    length: int
    reason: str
    suggestion: str = ""
    text: str = ""
