"""A Slack thread as Markdown: what the demo prints and leaves as thread.md. Pure."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from bot.messages.as_text import as_text, unescaped
from deploy.playground.slack.state import Message


def thread_markdown(messages: Sequence[Message], names: Mapping[str, str]) -> str:
    """Return the messages, oldest first, as a person would read them. `names` maps user ids to names."""
    return "\n\n".join(_message(message, names) for message in messages) + "\n"


def _message(message: Message, names: Mapping[str, str]) -> str:
    at = datetime.fromtimestamp(float(message.ts), UTC).strftime("%H:%M:%S")
    head = f"**{names.get(message.user, message.user)}** {at}" + (" (edited)" if message.edited else "")
    body = as_text(message.blocks) or unescaped(message.text)
    files = [f"[file] {file.get('name', '')} ({int(file.get('size', 0)):,} bytes)" for file in message.files]
    text = "\n\n".join(filter(None, [_named(body, names), *files]))
    quoted = "\n".join(f"> {line}".rstrip() for line in text.splitlines())
    return f"{head}\n\n{quoted if message.bot else text}"


def _named(text: str, names: Mapping[str, str]) -> str:
    return re.sub(r"<@(\w+)(\|[^>]*)?>", lambda found: f"@{names.get(found[1], found[1])}", text)
