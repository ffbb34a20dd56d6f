"""The first answer to its author: what was understood, before anything has started."""

from collections.abc import Sequence

from bot.messages.blocks import context, section
from bot.messages.limits import fit
from bot.messages.message import Message
from bot.messages.text import asked_for, code, plain, subject
from workers.contract.job import Job
from workers.contract.spec import Mode

_DOING = {Mode.CAPTURE: "Capturing", Mode.BETWEEN: "Capturing", Mode.RECORD: "Recording", Mode.GRAB: "Grabbing from"}


def accepted(job: Job, notes: Sequence[str] = ()) -> Message:
    """Echo the parse; `notes` are the policy's (what was reduced, and to what)."""
    doing = "Planning for" if job.spec.dry_run else _DOING[job.spec.mode]
    text = f"{doing} {subject(job.spec)}; the card follows in the thread."
    blocks = [section(f"Understood: {asked_for(job.spec)}")]
    if notes:
        blocks.append(section("\n".join(plain(note, 300) for note in notes[:8])))
    blocks.append(context(f"Capture {code(job.id, 40)}. The card follows in the thread."))
    return fit(Message(plain(text, 400), blocks))
