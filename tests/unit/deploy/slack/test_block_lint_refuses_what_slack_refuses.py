"""Block Kit lint: each limit, at its edge, in Slack's wording."""

from __future__ import annotations

from typing import Any

import pytest

from deploy.playground.slack.blocks import BLOCKS_CHARACTERS, check_message, lint_message
from deploy.playground.slack.errors import SlackError

Json = dict[str, Any]


def section(size: int) -> Json:
    return {"type": "section", "text": {"type": "mrkdwn", "text": "x" * size}}


def button(label: str = "Stop", action_id: str = "stop", **more: Any) -> Json:
    return {"type": "button", "action_id": action_id, "text": {"type": "plain_text", "text": label}, **more}


def actions(*elements: Json) -> Json:
    return {"type": "actions", "elements": list(elements)}


def table(rows: int, columns: int, cell: Json | None = None) -> Json:
    return {"type": "table", "rows": [[cell or {"type": "raw_text", "text": "x"}] * columns] * rows}


def chart(series: int = 1, points: int = 3, **axes: Any) -> Json:
    categories = [f"t{n}" for n in range(points)]
    data = [{"label": label, "value": 1.5} for label in categories]
    return {
        "type": "data_visualization", "title": "Throughput",
        "chart": {"type": "line", "axis_config": {"categories": categories, **axes},
                  "series": [{"name": f"s{n}", "data": data} for n in range(series)]},
    }  # fmt: skip


PIE = {"type": "pie", "segments": [{"label": "TCP", "value": 9}]}
GOOD: dict[str, Json] = {
    "section": section(3000),
    "fields": {"type": "section", "fields": [{"type": "mrkdwn", "text": "x"}] * 10},
    "accessory": section(1) | {"accessory": button(style="danger", value="1")},
    "header": {"type": "header", "text": {"type": "plain_text", "text": "x" * 150, "emoji": True}},
    "context": {"type": "context", "elements": [{"type": "mrkdwn", "text": "x"}] * 10},
    "image": {"type": "image", "image_url": "https://x.test/a.png", "alt_text": "a"},
    "slack_file": {"type": "image", "slack_file": {"id": "F1"}, "alt_text": "a"},
    "actions": actions(*(button("x" * 75, f"a{n}") for n in range(25))),
    "markdown": {"type": "markdown", "text": "# x"},
    "rich_text": {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": []}]},
    "table": table(100, 20) | {"column_settings": [{"align": "right", "is_wrapped": True}]},
    "numbers": table(2, 2, {"type": "raw_number", "value": 3}),
    "chart": chart(6, 20, x_label="time", y_label="kB/s"),
    "pie": {"type": "data_visualization", "title": "Mix", "chart": PIE},
    "alert": {"type": "alert", "text": {"type": "mrkdwn", "text": "x"}, "level": "error"},
    "carousel": {"type": "carousel", "elements": [{"type": "card", "actions": [button()]}] * 10},
    "container": {
        "type": "container",
        "title": {"type": "plain_text", "text": "Flows"},
        "child_blocks": [section(1)] * 10,
        "is_collapsible": True,
    },
    "plan": {"type": "plan", "title": "x", "tasks": [{"type": "task_card", "task_id": "1", "title": "x"}]},
    "select": actions(
        {
            "type": "static_select",
            "action_id": "s",
            "options": [{"text": {"type": "plain_text", "text": "x"}, "value": "1"}],
        }
    ),
}

BAD: list[tuple[Json | list[Json], str]] = [
    (section(3001), "must be less than 3001 characters [json-pointer:/blocks/0/text/text]"),
    (section(0), "must be more than 0 characters [json-pointer:/blocks/0/text/text]"),
    ({"type": "section"}, "missing required field: text or fields [json-pointer:/blocks/0]"),
    ({"type": "sektion"}, "unsupported type: sektion [json-pointer:/blocks/0/type]"),
    ({}, "missing required field: type [json-pointer:/blocks/0]"),
    (section(1) | {"color": "red"}, "invalid additional property: color [json-pointer:/blocks/0]"),
    (actions(button("x" * 76)), "must be less than 76 characters [json-pointer:/blocks/0/elements/0/text/text]"),
    (actions(button(value="x" * 2001)), "must be less than 2001 characters [json-pointer:/blocks/0/elements/0/value]"),
    (actions(button(), button()), "action_id must be unique within a block [json-pointer:/blocks/0/elements]"),
    (actions(), "no less than 1 items allowed [json-pointer:/blocks/0/elements]"),
    ([section(1)] * 51, "no more than 50 items allowed [json-pointer:/blocks]"),
    ([section(1) | {"block_id": "a"}] * 2, "block_id must be unique [json-pointer:/blocks]"),
    (
        {"type": "container", "title": {"type": "plain_text", "text": "x"}, "child_blocks": [section(3001)]},
        "must be less than 3001 characters [json-pointer:/blocks/0/child_blocks/0/text/text]",
    ),
    (table(101, 1), "no more than 100 items allowed [json-pointer:/blocks/0/rows]"),
    (table(1, 21), "no more than 20 items allowed [json-pointer:/blocks/0/rows/0]"),
    ([table(1, 1), table(1, 1)], "only_one_table_allowed [json-pointer:/blocks]"),
    (table(2, 2, {"type": "raw_text", "text": "x" * 2501}),
     "tables must be less than 10001 characters together [json-pointer:/blocks]"),
    (chart(7), "no more than 6 items allowed [json-pointer:/blocks/0/chart/series]"),
    (chart(1, 21), "no more than 20 items allowed [json-pointer:/blocks/0/chart/axis_config/categories]"),
    ([chart()] * 3, "no more than 2 data_visualization blocks allowed [json-pointer:/blocks]"),
    ({"type": "image", "alt_text": "a"}, "must provide exactly one of: image_url, slack_file [json-pointer:/blocks/0]"),
    ({"type": "image", "image_url": "https://x.test/a"}, "missing required field: alt_text [json-pointer:/blocks/0]"),
    ("text", "must be an array [json-pointer:/blocks]"),  # type: ignore[list-item]
]  # fmt: skip


@pytest.mark.parametrize("name", GOOD)
def test_block_at_its_limits_is_taken(name: str) -> None:
    assert lint_message([GOOD[name]], "x") == []


@pytest.mark.parametrize(("blocks", "expected"), BAD, ids=[expected.split(" [")[0] for _, expected in BAD])
def test_block_over_a_limit_is_refused(blocks: Any, expected: str) -> None:
    problems = lint_message([blocks] if isinstance(blocks, dict) else blocks, "x")
    assert expected in problems


def test_chart_labels_must_match_the_axis() -> None:
    bad = chart()
    bad["chart"]["axis_config"]["categories"] = ["a", "b", "c"]
    assert lint_message([bad], "x") == [
        "data labels must match axis_config.categories [json-pointer:/blocks/0/chart/series/0/data]"
    ]


@pytest.mark.parametrize(
    ("blocks", "text", "error"),
    [
        (None, "", "no_text"),
        ([], "", "no_text"),
        (None, "x" * 40_001, "msg_too_long"),
        ([section(3001)], "x", "invalid_blocks"),
        ([section(3000)] * (BLOCKS_CHARACTERS // 3000) + [section(1)], "x", "msg_blocks_too_long"),
        ([GOOD["slack_file"]], "x", "invalid_blocks"),
    ],
)
def test_message_is_refused_with_slacks_error(blocks: Any, text: str, error: str) -> None:
    with pytest.raises(SlackError, match=f"^{error}$"):
        check_message(blocks, text, file_ready=lambda _id: False)


def test_message_at_the_cumulative_limit_is_taken() -> None:
    check_message([section(3000)] * (BLOCKS_CHARACTERS // 3000), "fallback")
