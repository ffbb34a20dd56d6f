"""How to say things."""

from bot.messages.message import Message
from workers.contract.spec import Limits


def help_page(topic: str | None, limits: Limits, prefix: str = "@threadcap ") -> Message:
    """Explain all commands, or one. `prefix` goes before each example ("/capture " for a slash command)."""
    return Message("help")
