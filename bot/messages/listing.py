"""The answer to `list` and to `status` without a job."""

from collections.abc import Sequence

from bot.messages.message import Message
from workers.contract.job import Job


def listing(jobs: Sequence[Job], now: float) -> Message:
    """List jobs as given (newest first), one line each."""
    return Message("none")
