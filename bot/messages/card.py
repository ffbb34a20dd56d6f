"""The live card of one capture: what was asked, how it goes, what can be done."""

from bot.messages import parts
from bot.messages.blocks import DISCARD, RERUN, STOP, actions, button, confirm, context, section
from bot.messages.limits import fit
from bot.messages.message import Block, Message
from bot.messages.text import asked_for, code, count, person, plain, raw, target
from workers.contract.job import Job, JobState


def card(job: Job, now: float) -> Message:
    """Return the card for the job's newest record; `now` in epoch seconds."""
    head = f"{parts.emoji(job)} *{parts.state_words(job)}*  {asked_for(job.spec, parts.pods(job))}"
    blocks = [section(text) for text in (head, *_said(job), parts.pod_lines(job)) if text]
    blocks.append(_small_print(job, now))
    buttons = _buttons(job)
    if buttons:
        blocks.append(actions(*buttons))
    return fit(Message(_fallback(job, now), blocks))


def _said(job: Job) -> list[str]:
    """Return the verdict, the job's own words and who stopped it."""
    verdict = plain(job.verdict, 500) if job.final else ""
    return [verdict, plain(job.message, 700), parts.stopped_by(job)]


def _small_print(job: Job, now: float) -> Block:
    details = [
        f"Asked by {person(job.requester)}",
        parts.time_left(job, now),
        parts.methods(job),
        f"capture {code(job.id, 40)}",
    ]
    return context(" · ".join(detail for detail in details if detail))


def _buttons(job: Job) -> list[Block]:
    if job.final:
        return [button("Run again", RERUN, job.id)]
    if job.stop_by is not None:
        return []
    if parts.waiting(job):
        return [button("Cancel", DISCARD, job.id)]
    if job.state is JobState.CAPTURING:
        sure = confirm(
            "Discard this capture?",
            "It ends now, and what was captured so far is deleted. To keep it, press Stop and keep.",
            "Discard",
            "Go on",
        )
        keep = button("Stop and keep", STOP, job.id, style="primary")
        return [keep, button("Discard", DISCARD, job.id, style="danger", confirm=sure)]
    return []


def _fallback(job: Job, now: float) -> str:
    text = f"{parts.state_words(job)}: {raw(target(job.spec), 120)} in {raw(job.spec.namespace, 63)}"
    if job.final:
        return plain(f"{text}. {job.verdict or job.message}".rstrip(". ") + ".", 600)
    packets = sum(progress.packets for progress in job.targets)
    details = [count(packets, "packet") if packets else "", parts.time_left(job, now)]
    return plain(", ".join([text, *(detail for detail in details if detail)]) + ".", 600)
