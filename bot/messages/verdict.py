"""The result of a capture: the verdict first, then the evidence, then the proof of the files."""

from collections.abc import Sequence

from bot.messages.message import ChartRef, Message
from workers.contract.job import Job
from workers.contract.report import Report


def verdict(report: Report | None, job: Job, charts: Sequence[ChartRef] = ()) -> Message:
    """Return the verdict message. Without a report (it could not be made) the job's own words are used."""
    return Message(job.verdict)
