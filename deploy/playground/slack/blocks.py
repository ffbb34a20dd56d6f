"""Block Kit lint: would Slack take this message?

`lint_message(blocks, text)` is pure and returns problems in Slack's wording; `check_message` raises
`SlackError` with Slack's error string. Limits: Block Kit reference; 50 blocks a message, 100 a view; the
cumulative character limit (`msg_blocks_too_long`) is undocumented and taken at its strict end.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from typing import Any

from .block_types import BLOCK, MARKDOWN_CHARACTERS, TABLE_CHARACTERS
from .errors import SlackError
from .schema import array, problem

MESSAGE_BLOCKS, VIEW_BLOCKS = 50, 100
MESSAGE_TEXT, UPDATE_TEXT = 40_000, 4_000
BLOCKS_CHARACTERS = 12_000
CHARTS_PER_MESSAGE = 2

Json = dict[str, Any]
_COUNTED = ("text", "alt_text", "title", "label", "name", "caption", "x_label", "y_label", "categories")


def lint_message(blocks: Any, text: str | None, *, maximum: int = MESSAGE_BLOCKS) -> list[str]:
    """Problems of a message's blocks in Slack's wording, none when Slack would take them.

    `text` is the fallback; an empty one is no problem here (`check_message` raises no_text when both lack).
    """
    problems: list[str] = []
    if blocks is None:
        return problems
    array(BLOCK, 0, maximum)(blocks, "/blocks", problems)
    if problems or not isinstance(blocks, list):
        return problems
    _lint_section_content(blocks, problems)
    _lint_together(blocks, problems)
    return problems


def check_message(
    blocks: Any,
    text: str | None,
    *,
    text_limit: int = MESSAGE_TEXT,
    file_ready: Callable[[str], bool] = lambda _id: True,
    other_content: bool = False,
) -> None:
    """Raise SlackError: no_text, msg_too_long, invalid_blocks or msg_blocks_too_long.

    `file_ready` answers whether a slack_file may be shown; `other_content` says that attachments are there.
    """
    if not text and not blocks and not other_content:
        raise SlackError("no_text")
    if text and len(text) > text_limit:
        raise SlackError("msg_too_long")
    problems = lint_message(blocks, text)
    if not problems and blocks:
        problems = [
            f"invalid slack file [json-pointer:{pointer}]"
            for pointer, file in slack_files(blocks)
            if not file_ready(file)
        ]
    if problems:
        raise SlackError.with_messages("invalid_blocks", problems)
    if blocks and character_count(blocks) > BLOCKS_CHARACTERS:
        raise SlackError("msg_blocks_too_long")


def assign_block_ids(blocks: list[Json]) -> list[Json]:
    """Blocks without a block_id get one, as Slack gives."""
    return [block if block.get("block_id") else block | {"block_id": secrets.token_hex(3)} for block in blocks]


def character_count(node: Any, counted: bool = False) -> int:
    """Characters a reader sees, over all blocks."""
    if isinstance(node, str):
        return len(node) if counted else 0
    if isinstance(node, list):
        return sum(character_count(item, counted) for item in node)
    if isinstance(node, dict):
        return sum(character_count(value, key in _COUNTED) for key, value in node.items())
    return 0


def slack_files(node: Any, pointer: str = "/blocks") -> Iterator[tuple[str, str]]:
    """Each slack_file in the blocks: (json pointer, its id or url)."""
    if isinstance(node, list):
        for index, item in enumerate(node):
            yield from slack_files(item, f"{pointer}/{index}")
    elif isinstance(node, dict):
        for key, value in node.items():
            if key == "slack_file" and isinstance(value, dict):
                yield f"{pointer}/slack_file", str(value.get("id") or value.get("url"))
            else:
                yield from slack_files(value, f"{pointer}/{key}")


def _lint_section_content(blocks: list[Json], problems: list[str]) -> None:
    for index, block in enumerate(blocks):
        if block["type"] == "section" and not (block.get("text") or block.get("fields")):
            problem(problems, "missing required field: text or fields", f"/blocks/{index}")


def _lint_together(blocks: list[Json], problems: list[str]) -> None:
    """Rules over the whole message: unique ids, one table, two charts, cumulative characters."""
    ids = [block["block_id"] for block in blocks if block.get("block_id")]
    if len(set(ids)) != len(ids):
        problem(problems, "block_id must be unique", "/blocks")
    for index, block in enumerate(blocks):
        actions = [e["action_id"] for e in block.get("elements") or () if isinstance(e, dict) and e.get("action_id")]
        if len(set(actions)) != len(actions):
            problem(problems, "action_id must be unique within a block", f"/blocks/{index}/elements")
    by_type = [block["type"] for block in blocks]
    if by_type.count("table") > 1:
        problem(problems, "only_one_table_allowed", "/blocks")
    if by_type.count("data_visualization") > CHARTS_PER_MESSAGE:
        problem(problems, f"no more than {CHARTS_PER_MESSAGE} data_visualization blocks allowed", "/blocks")
    tables = [block for block in blocks if block["type"] in ("table", "data_table")]
    if character_count(tables) > TABLE_CHARACTERS:
        problem(problems, f"tables must be less than {TABLE_CHARACTERS + 1} characters together", "/blocks")
    markdown = sum(len(block["text"]) for block in blocks if block["type"] == "markdown")
    if markdown > MARKDOWN_CHARACTERS:
        problem(problems, f"markdown must be less than {MARKDOWN_CHARACTERS + 1} characters together", "/blocks")
