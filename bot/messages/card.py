"""The live card of one job: what was asked, how it goes, what can be done."""

from bot.messages import parts
from bot.messages.blocks import DISCARD, EXTEND, GO, GRAB, RERUN, STOP, actions, button, confirm, context, section
from bot.messages.limits import fit
from bot.messages.message import Block, Message
from bot.messages.planned import planned, tally
from bot.messages.text import asked_for, code, count, lasting, person, plain, subject
from workers.contract.job import Job, JobState
from workers.contract.spec import Mode


def card(job: Job, now: float) -> Message:
    """Return the card for the job's newest record; `now` in epoch seconds. A dry run's is its whole answer."""
    head = f"{parts.emoji(job)} *{parts.state_words(job)}*  {asked_for(job.spec, parts.pods(job))}"
    blocks = [section(text) for text in (head, *_said(job), *planned(job), parts.pod_lines(job)) if text]
    blocks.append(_small_print(job, now))
    buttons = _buttons(job)
    if buttons:
        blocks.append(actions(*buttons))
    return fit(Message(_fallback(job, now), blocks))


def _said(job: Job) -> list[str]:
    """Return the verdict, the job's own words and who stopped it."""
    return [plain(job.verdict, 500), tally(job), plain(job.message, 700), parts.stopped_by(job)]


def _small_print(job: Job, now: float) -> Block:
    details = [
        f"Asked by {person(job.requester)}",
        parts.time_left(job, now),
        parts.extended_by(job),
        parts.methods(job),
        f"{'recording' if job.spec.mode is Mode.RECORD else 'capture'} {code(job.id, 40)}",
    ]
    return context(" · ".join(detail for detail in details if detail))


def _buttons(job: Job) -> list[Block]:
    if job.final:
        return _afterwards(job)
    if job.stop_by is not None:
        return []
    if parts.waiting(job) or (job.spec.mode is Mode.GRAB and job.state is JobState.CAPTURING):
        return [button("Cancel", DISCARD, job.id)]
    if job.state is not JobState.CAPTURING:
        return []
    return _recording(job) if job.spec.mode is Mode.RECORD else _capturing(job)


def _afterwards(job: Job) -> list[Block]:
    """A grab can't be made again once its recording is over; ask for another on the recording's card."""
    if job.spec.dry_run and job.planned:
        return [button("Capture now", GO, job.id, style="primary")] if any(one.method for one in job.planned) else []
    return [] if job.spec.mode is Mode.GRAB else [button("Run again", RERUN, job.id)]


def _capturing(job: Job) -> list[Block]:
    sure = confirm(
        "Discard this capture?",
        "It ends now, and what was captured so far is deleted. To keep it, press Stop and keep.",
        "Discard",
        "Go on",
    )
    keep = button("Stop and keep", STOP, job.id, style="primary")
    more = [button(f"+{lasting(seconds)}", action, job.id) for action, seconds in EXTEND.items()]
    return [keep, button("Discard", DISCARD, job.id, style="danger", confirm=sure), *more]


def _recording(job: Job) -> list[Block]:
    sure = confirm(
        "Discard this recording?",
        "It ends now, and what it holds is deleted; what was grabbed is kept. To keep it, press Stop and keep.",
        "Discard",
        "Go on",
    )
    grabs = [
        button(f"Grab last {lasting(seconds)}" if seconds else "Grab all", action, job.id)
        for action, seconds in GRAB.items()
        if seconds < job.spec.keep or not seconds
    ]
    grabs[0]["style"] = "primary"
    keep = button("Stop and keep", STOP, job.id)
    return [*grabs, keep, button("Discard", DISCARD, job.id, style="danger", confirm=sure)]


def _fallback(job: Job, now: float) -> str:
    text = f"{parts.state_words(job)}: {subject(job.spec)}"
    if job.final:
        return plain(f"{text}. {job.verdict or tally(job) or job.message}".rstrip(". ") + ".", 600)
    packets = sum(progress.packets for progress in job.targets)
    details = [count(packets, "packet") if packets else "", parts.time_left(job, now)]
    return plain(", ".join([text, *(detail for detail in details if detail)]) + ".", 600)
