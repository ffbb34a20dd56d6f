"""The answer to `list` and to `status` without a job."""

from collections.abc import Sequence

from bot.messages import parts
from bot.messages.blocks import context, section
from bot.messages.limits import fit
from bot.messages.message import Message
from bot.messages.text import ago, code, person, place
from workers.contract.job import Job

MAX_LINES = 20


def listing(jobs: Sequence[Job], now: float) -> Message:
    """List jobs as given (newest first), one line each."""
    if not jobs:
        text = "No captures yet. Start one with `capture deploy/NAME`."
        return fit(Message(text, [section(text)]))
    running = sum(not job.final for job in jobs)
    head = f"{len(jobs)} recent {'capture' if len(jobs) == 1 else 'captures'}, {running or 'none'} running."
    blocks = [section(f"*{head}*"), *(section(text) for text in _paragraphs(jobs, now))]
    more = len(jobs) - MAX_LINES
    rest = f"and {more} more · " if more > 0 else ""
    blocks.append(context(f"{rest}`status` and an id shows one, `stop` and an id ends it."))
    return fit(Message(head, blocks))


def _paragraphs(jobs: Sequence[Job], now: float) -> list[str]:
    """Return ten lines a section, so that none grows beyond Slack's limit."""
    lines = [_line(job, now) for job in jobs[:MAX_LINES]]
    return ["\n".join(lines[start : start + 10]) for start in range(0, len(lines), 10)]


def _line(job: Job, now: float) -> str:
    words = [
        f"{code(job.id, 40)} {parts.state_words(job)}",
        place(job.spec, 2, 60),
        person(job.requester),
    ]
    if job.created:
        words.append(ago(max(0.0, now - job.created)))
    return " · ".join(words)
