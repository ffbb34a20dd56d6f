"""The answer when it can't be done: policy, a missing pod, a service that is down. For the author alone."""

from bot.messages.blocks import context, section
from bot.messages.limits import fit
from bot.messages.message import Message
from bot.messages.text import code, plain
from workers.contract.errors import ThreadcapError


def refusal(cause: ThreadcapError | str, job_id: str = "") -> Message:
    """Say a reason: an error's `user_message`, or a sentence (a policy's `Denied.reason`)."""
    words = plain(cause if isinstance(cause, str) else cause.user_message, 2500)
    blocks = [section(words or "It can't be done, and no reason was given.")]
    again = "The same command may work in a minute." if not isinstance(cause, str) and cause.retryable else ""
    small = " · ".join(text for text in (again, f"capture {code(job_id, 40)}" if job_id else "") if text)
    if small:
        blocks.append(context(small))
    return fit(Message(words or "It can't be done.", blocks))
