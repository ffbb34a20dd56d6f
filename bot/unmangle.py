"""Undo what Slack and keyboards do to a command's text. Pure."""


def unmangle(text: str) -> str:
    """Return the text as the person meant it; a leading mention (the bot's own) is removed."""
    return text
