"""A message's blocks as plain text: for a terminal, and for the demo's thread.md. Pure."""

import html
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

Block = Mapping[str, Any]
WIDTH = 38
"""Columns of one table cell at most."""


def as_text(blocks: Sequence[Block]) -> str:
    """Return what the blocks say, paragraphs apart; mrkdwn marks stay as they are."""
    return "\n\n".join(filter(None, (_block(block) for block in blocks)))


def unescaped(text: str) -> str:
    """Return text with Slack's three entities as characters."""
    return html.unescape(text)


def _block(block: Block) -> str:
    render = _BLOCKS.get(str(block.get("type")))
    return render(block) if render is not None else ""


def _text(value: Any) -> str:
    return unescaped(str(value.get("text", ""))) if isinstance(value, Mapping) else ""


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
    return unescaped(str(cell.get("text", ""))) if cell.get("type") == "raw_text" else "".join(_leaves(cell))


def _leaves(node: Any) -> Iterator[str]:
    if isinstance(node, Mapping):
        if isinstance(node.get("text"), str):
            yield unescaped(node["text"])
        for child in node.get("elements", ()):
            yield from _leaves(child)


_BLOCKS: dict[str, Callable[[Block], str]] = {
    "header": _header,
    "section": _section,
    "context": _context,
    "actions": _actions,
    "image": _image,
    "table": _table,
    "markdown": lambda block: unescaped(str(block.get("text", ""))),
    "rich_text": lambda block: "".join(_leaves(block)),
    "divider": lambda _: "---",
}
