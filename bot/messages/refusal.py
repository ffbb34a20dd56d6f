"""The answer when it can't be done: policy, a missing pod, a service that is down. For the author alone."""

from bot.messages.message import Message
from workers.contract.errors import ThreadcapError


def refusal(cause: ThreadcapError | str, job_id: str = "") -> Message:
    """Say a reason: an error's `user_message`, or a sentence (a policy's `Denied.reason`)."""
    return Message(cause if isinstance(cause, str) else cause.user_message)
