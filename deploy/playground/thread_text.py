"""A Slack thread as Markdown: what the demo prints and leaves as thread.md. Pure."""

import html
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from deploy.playground.slack.state import Message

Block = Mapping[str, Any]
WIDTH = 38
"""Columns of one table cell at most."""


def thread_markdown(messages: Sequence[Message], names: Mapping[str, str]) -> str:
    """Return the messages, oldest first, as a person would read them. `names` maps user ids to names."""
    return "\n\n".join(_message(message, names) for message in messages) + "\n"


def _message(message: Message, names: Mapping[str, str]) -> str:
    at = datetime.fromtimestamp(float(message.ts), UTC).strftime("%H:%M:%S")
    head = f"**{names.get(message.user, message.user)}** {at}" + (" (edited)" if message.edited else "")
    body = "\n\n".join(filter(None, (_block(block) for block in message.blocks))) or _plain(message.text)
    files = [f"[file] {file.get('name', '')} ({int(file.get('size', 0)):,} bytes)" for file in message.files]
    text = "\n\n".join(filter(None, [_named(body, names), *files]))
    quoted = "\n".join(f"> {line}".rstrip() for line in text.splitlines())
    return f"{head}\n\n{quoted if message.bot else text}"


def _named(text: str, names: Mapping[str, str]) -> str:
    return re.sub(r"<@(\w+)(\|[^>]*)?>", lambda found: f"@{names.get(found[1], found[1])}", text)


def _block(block: Block) -> str:
    render = _BLOCKS.get(str(block.get("type")))
    return render(block) if render is not None else ""


def _text(value: Any) -> str:
    return _plain(str(value.get("text", ""))) if isinstance(value, Mapping) else ""


def _plain(text: str) -> str:
    return html.unescape(text)


def _header(block: Block) -> str:
    return f"**{_text(block.get('text'))}**"


def _section(block: Block) -> str:
    fields = [_text(field) for field in block.get("fields", ())]
    return "\n".join(filter(None, [_text(block.get("text")), *fields]))


def _context(block: Block) -> str:
    return " ".join(filter(None, (_text(element) for element in block.get("elements", ()))))


def _actions(block: Block) -> str:
    return " ".join(f"[ {_text(element.get('text'))} ]" for element in block.get("elements", ()))


def _image(block: Block) -> str:
    return f"[image: {block.get('alt_text', '')}]"


def _table(block: Block) -> str:
    rows = [[_cell(cell)[:WIDTH] for cell in row] for row in block.get("rows", ())]
    if not rows:
        return ""
    widths = [max(len(row[column]) if column < len(row) else 0 for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip() for row in rows]
    return "```\n" + "\n".join(lines) + "\n```"


def _cell(cell: Block) -> str:
    return _plain(str(cell.get("text", ""))) if cell.get("type") == "raw_text" else "".join(_leaves(cell))


def _leaves(node: Any) -> Iterator[str]:
    if isinstance(node, Mapping):
        if isinstance(node.get("text"), str):
            yield _plain(node["text"])
        for child in node.get("elements", ()):
            yield from _leaves(child)


_BLOCKS: dict[str, Callable[[Block], str]] = {
    "header": _header,
    "section": _section,
    "context": _context,
    "actions": _actions,
    "image": _image,
    "table": _table,
    "markdown": lambda block: _plain(str(block.get("text", ""))),
    "rich_text": lambda block: "".join(_leaves(block)),
    "divider": lambda _: "---",
}
