"""What Slack would refuse in a message, by its own error names. For tests, and for the emulator's sake the same."""

from collections.abc import Iterator

from bot.messages import limits
from bot.messages.message import Block, Message


def lint(message: Message) -> list[str]:
    """Return every violation as "error: where"; empty when Slack takes the message."""
    return list(_message(message))


def _message(message: Message) -> Iterator[str]:
    if not message.text.strip():
        yield "no_text: the fallback text is empty"
    if len(message.text) > limits.MAX_TEXT:
        yield f"msg_too_long: text has {len(message.text)} characters"
    if len(message.blocks) > limits.MAX_BLOCKS:
        yield f"invalid_blocks: {len(message.blocks)} blocks"
    total = limits.characters(message.blocks)
    if total > limits.MAX_CHARACTERS:
        yield f"msg_blocks_too_long: {total} characters"
    if sum(block["type"] == "table" for block in message.blocks) > 1:
        yield "invalid_attachments: only_one_table_allowed"
    for index, block in enumerate(message.blocks):
        yield from (f"invalid_blocks: block {index} ({block['type']}): {what}" for what in _block(block))


def _block(block: Block) -> Iterator[str]:
    match block["type"]:
        case "section":
            if not block.get("text") and not block.get("fields"):
                yield "neither text nor fields"
            if block.get("text"):
                yield from _text(block["text"], limits.SECTION)
            yield from _several(block.get("fields", []), limits.FIELDS, limits.FIELD)
        case "header":
            yield from _text(block["text"], limits.HEADER)
            if block["text"]["type"] != "plain_text":
                yield "a header is plain_text"
        case "context":
            texts = [item for item in block["elements"] if item["type"] != "image"]
            yield from _several(texts, limits.ELEMENTS, limits.FIELD)
        case "actions":
            yield from _actions(block)
        case "image":
            if not 1 <= len(block["alt_text"]) <= limits.ALT:
                yield "alt_text length"
        case "table":
            yield from _table(block)
        case "divider":
            return
        case _:
            yield "unknown type"


def _text(text: Block, most: int) -> Iterator[str]:
    if text["type"] not in ("mrkdwn", "plain_text"):
        yield f"text of type {text['type']}"
    if not 1 <= len(text["text"]) <= most:
        yield f"text of {len(text['text'])} characters, 1 to {most} allowed"
    try:
        text["text"].encode()
    except UnicodeEncodeError:
        yield "text that does not encode"


def _several(texts: list[Block], most: int, each: int) -> Iterator[str]:
    if len(texts) > most:
        yield f"{len(texts)} elements, {most} allowed"
    for text in texts:
        yield from _text(text, each)


def _actions(block: Block) -> Iterator[str]:
    elements = block["elements"]
    if not 1 <= len(elements) <= limits.ACTIONS:
        yield f"{len(elements)} elements"
    ids = [element["action_id"] for element in elements]
    if len(set(ids)) != len(ids):
        yield "an action_id occurs twice"
    for element in elements:
        yield from _text(element["text"], limits.BUTTON)
        if not 1 <= len(element["value"]) <= limits.VALUE or len(element["action_id"]) > limits.ACTION_ID:
            yield "value or action_id of a wrong length"
        if "confirm" in element:
            yield from _confirm(element["confirm"])


def _confirm(confirm: Block) -> Iterator[str]:
    yield from _text(confirm["title"], limits.CONFIRM_TITLE)
    yield from _text(confirm["text"], limits.CONFIRM_TEXT)
    yield from _text(confirm["confirm"], limits.CONFIRM_BUTTON)
    yield from _text(confirm["deny"], limits.CONFIRM_BUTTON)


def _table(block: Block) -> Iterator[str]:
    rows = block["rows"]
    if not 1 <= len(rows) <= limits.MAX_ROWS:
        yield f"{len(rows)} rows"
    if len({len(row) for row in rows}) > 1 or any(not 1 <= len(row) <= limits.MAX_COLUMNS for row in rows):
        yield "rows of unequal or wrong length"
    if len(block.get("column_settings", [])) > limits.MAX_COLUMNS:
        yield "too many column_settings"
    if limits.characters(rows) > limits.TABLE:
        yield f"{limits.characters(rows)} characters in a table"
    for cell in (cell for row in rows for cell in row):
        if cell["type"] not in ("raw_text", "rich_text") or not cell.get("text"):
            yield "an empty or unknown cell"
