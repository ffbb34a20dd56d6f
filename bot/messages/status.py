"""The answer to `status JOB`, for the person who asked."""

from bot.messages.message import Message
from workers.contract.job import Job


def status(job: Job, now: float) -> Message:
    """Say in a few lines how one job stands, without buttons."""
    return Message(job.id)
