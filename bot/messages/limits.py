"""Slack's limits on a message: `lint` names what breaks one, `fit` shortens until nothing does, and says so.

Source: the Block Kit and chat.postMessage references on docs.slack.dev; the sum over all blocks is undocumented
(bolt-js issue 2509, error msg_blocks_too_long), here on its safe side.
"""

import re
from collections.abc import Iterator
from typing import Any

from bot.messages.message import Block, Message

MAX_BLOCKS = 50
MAX_CHARACTERS = 12_000
MAX_TEXT = 4_000
MAX_ROWS, MAX_COLUMNS, TABLE = 100, 20, 10_000
SECTION, HEADER, BUTTON, VALUE, FIELD, FIELDS, ELEMENTS, ACTIONS, ALT = 3000, 150, 75, 2000, 2000, 10, 10, 25, 2000
CONFIRM_TITLE, CONFIRM_TEXT, CONFIRM_BUTTON, ACTION_ID = 100, 300, 30, 255

MARK = "… (shortened)"
NOTICE = "_Shortened to fit a Slack message; the files have everything._"
_TORN = re.compile(r"(?:&[a-z#0-9]{0,7}|<[^<>]{0,120})\Z")
"""An entity or a reference that a cut went through. Bounded, so cutting stays linear."""


def shorten(text: str, most: int) -> str:
    """Return at most `most` characters of mrkdwn; no entity, reference or code mark is left open."""
    if len(text) <= most:
        return text
    fence = "\n```"
    kept = _TORN.sub("", text[: max(0, most - len(MARK) - len(fence))])
    if kept.count("```") % 2:
        kept = kept.rstrip("`") + fence if not kept.endswith("```") else kept[:-3]
    elif kept.rpartition("\n")[2].replace("```", "").count("`") % 2:
        kept += "`"
    return (kept + MARK)[:most]


def fit(message: Message) -> Message:
    """Return the message within every limit. Buttons are kept; what is left out is told."""
    blocks = [block for block in map(_fit_block, message.blocks) if block]
    text = shorten(message.text.strip() or "Threadcap", MAX_TEXT)
    return Message(text, blocks if _fits(blocks) else _leave_out(blocks))


def _fits(blocks: list[Block]) -> bool:
    return len(blocks) <= MAX_BLOCKS and characters(blocks) <= MAX_CHARACTERS


def _leave_out(blocks: list[Block]) -> list[Block]:
    """Keep buttons, then what fits from the top, then a notice (before the buttons)."""
    buttons = [block for block in blocks if block["type"] == "actions"][:5]
    room = MAX_CHARACTERS - characters(buttons) - len(NOTICE)
    kept: list[Block] = []
    for whole in (block for block in blocks if block["type"] != "actions"):
        block = _fewer_rows(whole, room)
        cost = characters([block])
        if cost <= room and len(kept) < MAX_BLOCKS - len(buttons) - 1:
            kept.append(block)
            room -= cost
    notice = {"type": "context", "elements": [{"type": "mrkdwn", "text": NOTICE, "verbatim": True}]}
    return [*kept, notice, *buttons]


def _fewer_rows(block: Block, room: int) -> Block:
    if block["type"] != "table":
        return block
    rows = list(block["rows"])
    cost = characters(rows)
    while len(rows) > 2 and cost > room:
        cost -= characters([rows.pop()])
    return {**block, "rows": rows}


def characters(value: Any) -> int:
    """Return how many characters of text are in blocks: everything under a `text`, `alt_text` or `title` key."""
    return sum(len(text) for text in _texts(value))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            if isinstance(item, str):
                if key in ("text", "alt_text", "title"):
                    yield item
            else:
                yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def _fit_block(block: Block) -> Block | None:
    """Return the block within its own limits; None when it holds nothing Slack would take."""
    match block["type"]:
        case "section":
            return _fit_section(block)
        case "header":
            return {**block, "text": _fit_text(block["text"], HEADER)}
        case "context":
            elements = [_fit_element(item) for item in block["elements"][:ELEMENTS]]
            return {**block, "elements": elements} if elements else None
        case "actions":
            elements = [_fit_button(item) for item in block["elements"][:ACTIONS]]
            return {**block, "elements": elements} if elements else None
        case "image":
            return {**block, "alt_text": shorten(block["alt_text"], ALT) or "image"}
        case "table":
            return _fit_table(block)
        case _:
            return block


def _fit_section(block: Block) -> Block | None:
    fitted = dict(block)
    if "text" in block:
        fitted["text"] = _fit_text(block["text"], SECTION)
    if "fields" in block:
        fitted["fields"] = [_fit_text(item, FIELD) for item in block["fields"][:FIELDS]]
    return fitted if fitted.get("text") or fitted.get("fields") else None


def _fit_text(text: Block, most: int) -> Block:
    return {**text, "text": shorten(text["text"], most) or "-"}


def _fit_element(element: Block) -> Block:
    if element["type"] == "image":
        return {**element, "alt_text": shorten(element["alt_text"], ALT) or "image"}
    return _fit_text(element, FIELD)


def _fit_button(button: Block) -> Block:
    fitted = {**button, "text": _fit_text(button["text"], BUTTON), "value": button["value"][:VALUE] or "-"}
    if "confirm" in button:
        confirm = button["confirm"]
        fitted["confirm"] = {
            **confirm,
            "title": _fit_text(confirm["title"], CONFIRM_TITLE),
            "text": _fit_text(confirm["text"], CONFIRM_TEXT),
            "confirm": _fit_text(confirm["confirm"], CONFIRM_BUTTON),
            "deny": _fit_text(confirm["deny"], CONFIRM_BUTTON),
        }
    return fitted


def _fit_table(block: Block) -> Block | None:
    """Cut rows and columns; that rows are missing is for whoever made the table to say."""
    rows = [row[:MAX_COLUMNS] for row in block["rows"][:MAX_ROWS] if row]
    columns = block.get("column_settings", [])[:MAX_COLUMNS]
    return _fewer_rows({**block, "column_settings": columns, "rows": rows}, TABLE) if rows else None
