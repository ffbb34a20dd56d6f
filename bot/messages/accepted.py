"""The first answer to its author: what was understood, before anything has started."""

from collections.abc import Sequence

from bot.messages.message import Message
from workers.contract.job import Job


def accepted(job: Job, notes: Sequence[str] = ()) -> Message:
    """Echo the parse; `notes` are the policy's (what was reduced, and to what)."""
    return Message(job.id)
