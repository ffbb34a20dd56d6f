"""Each block type's schema (docs.slack.dev/reference/block-kit/blocks)."""

from __future__ import annotations

from typing import Any

from .elements import (
    ACCESSORIES,
    ACTIONS,
    BUTTON,
    CONTEXT_ACTIONS,
    IDENTIFIER,
    IMAGE_ELEMENT,
    INPUT_ELEMENTS,
    SLACK_FILE,
    URL,
    plain,
    text,
)
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

TABLE_CHARACTERS = 10_000
MARKDOWN_CHARACTERS = 12_000

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
BLOCK = typed(BLOCKS)

# Newer containers: they hold other blocks, so they join the table once it exists.
_PICTURE = both(
    record({"alt_text": string(2000)}, {"type": one_of("image"), "image_url": URL, "slack_file": SLACK_FILE}),
    exactly_one("image_url", "slack_file"),
)
_CARD = kind(
    "card",
    {},
    {
        **_ID,
        "title": plain(150),
        "subtitle": plain(150),
        "body": text(200),
        "hero_image": _PICTURE,
        "icon": _PICTURE,
        "actions": array(BUTTON, 1, 5),
    },
)
_SOURCE = kind("url", {"url": URL, "text": string(2000)})
_TASK = kind(
    "task_card",
    {"task_id": string(255), "title": string(2000)},
    {
        **_ID,
        "details": RICH_TEXT,
        "output": RICH_TEXT,
        "sources": array(_SOURCE, 0, 100),
        "status": one_of("pending", "in_progress", "complete", "error"),
    },
)
BLOCKS |= {
    "alert": kind(
        "alert",
        {"text": text(3000)},
        {**_ID, "level": one_of("default", "info", "warning", "error", "success")},
    ),
    "card": _CARD,
    "carousel": kind("carousel", {"elements": array(_CARD, 1, 10)}, _ID),
    "container": kind(
        "container",
        {"title": plain(150), "child_blocks": array(BLOCK, 1, 10)},
        {
            **_ID, "subtitle": text(150), "icon": IMAGE_ELEMENT, "is_collapsible": boolean,
            "width": one_of("narrow", "standard", "wide", "full"), "default_collapsed": boolean,
        },
    ),
    "task_card": _TASK,
    "plan": kind("plan", {"title": string(2000)}, {**_ID, "tasks": array(_TASK, 0, 50)}),
}  # fmt: skip
