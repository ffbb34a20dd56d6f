"""The answer to a second request for what is being captured: join it, or capture anyway. For the author alone."""

from bot.messages import parts
from bot.messages.blocks import ANYWAY, JOIN, OPEN, actions, button, context, section
from bot.messages.limits import VALUE, fit
from bot.messages.message import Message
from bot.messages.text import asked_for, code, person, plain, subject
from workers.contract.job import Job


def already(job: Job, now: float, place: str, line: str) -> Message:
    """Offer to join `job`. `place` is the thread of who asks, `line` the command that captures anyway.

    Both are the buttons' values: `<job> <place>` and `<place> <line>`, where an empty place is "-".
    """
    state = f"{parts.state_words(job)}{_left(job, now)}, asked for by {person(job.requester)}"
    head = f"This is being captured already: {asked_for(job.spec, parts.pods(job))}\n{state}."
    buttons = [button("Join", JOIN, f"{job.id} {place or '-'}", style="primary")]
    again = f"{place or '-'} {line}"
    if len(again) <= VALUE:
        buttons.append(button("Capture anyway", ANYWAY, again))
    small = "Join brings its verdict here, too. To capture once more all the same, add `--anyway`."
    blocks = [section(head), context(f"{small} Capture {code(job.id, 40)}."), actions(*buttons)]
    return fit(Message(plain(f"Already being captured: {subject(job.spec)}, capture {job.id}.", 400), blocks))


def _left(job: Job, now: float) -> str:
    left = parts.time_left(job, now)
    return f", {left}" if left else ""


def joined(job: Job, link: str) -> Message:
    """Say that the verdict comes to this thread, too; `link` is the address of the capture's card, or ""."""
    text = f"Joined capture {code(job.id, 40)}: its verdict comes here, too, when it ends."
    blocks = [section(text)]
    if link:
        blocks.append(actions(button("Open its card", OPEN, job.id, url=link)))
    return fit(Message(plain(f"Joined capture {job.id}; its verdict comes here, too.", 400), blocks))
