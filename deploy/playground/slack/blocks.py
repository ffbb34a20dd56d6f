"""Block Kit lint: would Slack take this message?

`lint_message(blocks, text)` is pure and returns problems in Slack's wording; `check_message` raises
`SlackError` with Slack's error string. Limits: Block Kit reference; 50 blocks a message, 100 a view; the
cumulative character limit (`msg_blocks_too_long`) is undocumented and taken at its strict end.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from typing import Any

from .elements import (
    ACCESSORIES,
    ACTIONS,
    CONTEXT_ACTIONS,
    IDENTIFIER,
    IMAGE_ELEMENT,
    INPUT_ELEMENTS,
    SLACK_FILE,
    URL,
    plain,
    text,
)
from .errors import SlackError
from .schema import (
    Check,
    anything,
    array,
    boolean,
    both,
    exactly_one,
    kind,
    number,
    one_of,
    problem,
    record,
    string,
    typed,
)

MESSAGE_BLOCKS, VIEW_BLOCKS = 50, 100
MESSAGE_TEXT, UPDATE_TEXT = 40_000, 4_000
BLOCKS_CHARACTERS = 12_000
TABLE_CHARACTERS = 10_000
MARKDOWN_CHARACTERS = 12_000
CHARTS_PER_MESSAGE = 2

Json = dict[str, Any]
_COUNTED = ("text", "alt_text", "title", "label", "name", "caption", "x_label", "y_label", "categories")

_ID = {"block_id": IDENTIFIER}
_RICH_ELEMENTS = array(
    typed(
        {
            name: record({"type": one_of(name), "elements": anything}, dict.fromkeys(extra, anything))
            for name, extra in {
                "rich_text_section": (),
                "rich_text_list": ("style", "indent", "border", "offset"),
                "rich_text_preformatted": ("border", "language"),
                "rich_text_quote": ("border",),
            }.items()
        }
    ),
    0,
    1000,
)
RICH_TEXT = kind("rich_text", {"elements": _RICH_ELEMENTS}, _ID)

_POINT = record({"label": string(20), "value": number()})
_SERIES = record({"name": string(20), "data": array(_POINT, 1, 20)})
_AXES = record({"categories": array(string(20), 1, 20)}, {"x_label": string(50), "y_label": string(50)})
_SEGMENT = record({"label": string(20), "value": number(0)})


def _same_labels(chart: Any, pointer: str, problems: list[str]) -> None:
    """Every series has one point for each category, and series names differ."""
    if not isinstance(chart, dict) or not isinstance(chart.get("series"), list):
        return
    axes = chart.get("axis_config")
    categories = axes.get("categories") if isinstance(axes, dict) else None
    series = [one for one in chart["series"] if isinstance(one, dict)]
    for index, one in enumerate(series):
        labels = [point.get("label") for point in one.get("data") or () if isinstance(point, dict)]
        if isinstance(categories, list) and labels != categories:
            problem(problems, "data labels must match axis_config.categories", f"{pointer}/series/{index}/data")
    if len({one.get("name") for one in series}) != len(series):
        problem(problems, "series names must be unique", f"{pointer}/series")


def _chart(name: str) -> Check:
    return both(kind(name, {"series": array(_SERIES, 1, 6), "axis_config": _AXES}), _same_labels)


_CHART = typed(
    {"pie": kind("pie", {"segments": array(_SEGMENT, 1, 6)}), **{n: _chart(n) for n in ("line", "area", "bar")}}
)
_CELLS: dict[str, Check] = {
    "raw_text": kind("raw_text", {"text": string(TABLE_CHARACTERS, 0)}),
    "raw_number": kind("raw_number", {"value": number()}, {"text": string(2000)}),
    "rich_text": RICH_TEXT,
}
_COLUMN = record({}, {"align": one_of("left", "center", "right"), "is_wrapped": boolean})
_ROW = array(typed(_CELLS), 1, 20)

BLOCKS: dict[str, Check] = {
    "section": kind(
        "section",
        {},
        {
            **_ID, "text": text(3000), "fields": array(text(2000), 1, 10), "accessory": typed(ACCESSORIES),
            "expand": boolean,
        },
    ),
    "header": kind("header", {"text": plain(150)}, {**_ID, "level": number(1, 4, whole=True)}),
    "divider": kind("divider", {}, _ID),
    "context": kind(
        "context",
        {"elements": array(typed({"image": IMAGE_ELEMENT, "plain_text": plain(2000), "mrkdwn": text(2000)}), 1, 10)},
        _ID,
    ),
    "actions": kind("actions", {"elements": array(typed(ACTIONS), 1, 25)}, _ID),
    "context_actions": kind("context_actions", {"elements": array(typed(CONTEXT_ACTIONS), 1, 5)}, _ID),
    "image": both(
        kind(
            "image",
            {"alt_text": string(2000)},
            {**_ID, "image_url": URL, "slack_file": SLACK_FILE, "title": plain(2000)},
        ),
        exactly_one("image_url", "slack_file"),
    ),
    "input": kind(
        "input",
        {"label": plain(2000), "element": typed(INPUT_ELEMENTS)},
        {**_ID, "hint": plain(2000), "optional": boolean, "dispatch_action": boolean},
    ),
    "markdown": kind("markdown", {"text": string(MARKDOWN_CHARACTERS)}, _ID),
    "rich_text": RICH_TEXT,
    "table": kind("table", {"rows": array(_ROW, 1, 100)}, {**_ID, "column_settings": array(_COLUMN, 0, 20)}),
    "data_table": kind(
        "data_table",
        {"rows": array(_ROW, 2, 101), "caption": string(2000)},
        {**_ID, "page_size": number(1, 100, whole=True), "row_header_column_index": number(0, 19, whole=True)},
    ),
    "data_visualization": kind("data_visualization", {"title": string(50), "chart": _CHART}, _ID),
    "video": kind(
        "video",
        {"alt_text": string(2000), "title": plain(200), "thumbnail_url": URL, "video_url": URL},
        {
            **_ID, "author_name": string(50), "description": plain(200), "provider_icon_url": URL,
            "provider_name": string(50), "title_url": URL,
        },
    ),
    "file": kind("file", {"external_id": string(255), "source": one_of("remote")}, _ID),
}  # fmt: skip
_BLOCK = typed(BLOCKS)


def lint_message(blocks: Any, text: str | None, *, maximum: int = MESSAGE_BLOCKS) -> list[str]:
    """Problems of a message's blocks in Slack's wording, none when Slack would take them.

    `text` is the fallback; an empty one is no problem here (`check_message` raises no_text when both lack).
    """
    problems: list[str] = []
    if blocks is None:
        return problems
    array(_BLOCK, 0, maximum)(blocks, "/blocks", problems)
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
