"""The live card of one capture: what was asked, how it goes, what can be done."""

from bot.messages.message import Message
from workers.contract.job import Job

STOP = "stop"
DISCARD = "discard"
RERUN = "rerun"
"""Action ids; each button's value is the job's id."""


def card(job: Job, now: float) -> Message:
    """Return the card for the job's newest record; `now` in epoch seconds."""
    return Message(job.id)
