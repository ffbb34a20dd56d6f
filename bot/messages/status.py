"""The answer to `status JOB`, for the person who asked."""

from bot.messages import parts
from bot.messages.card import card
from bot.messages.message import Message
from bot.messages.text import ago
from workers.contract.job import Job


def status(job: Job, now: float) -> Message:
    """Say in a few lines how one job stands, without buttons."""
    shown = card(job, now)
    blocks = [block for block in shown.blocks if block["type"] != "actions"]
    if parts.waiting(job) and job.created:
        since = ago(max(0.0, now - job.created))
        blocks[-1]["elements"][0]["text"] += f" · asked {since}"
    return Message(shown.text, blocks)
