"""Block Kit blocks from text that is already safe. Source: docs.slack.dev/reference/block-kit."""

from collections.abc import Sequence

from bot.messages.message import Block, ChartRef

STOP = "stop"
DISCARD = "discard"
RERUN = "rerun"
GO = "go"
"""Do what a dry run said."""
EXTEND = {"extend_30": 30.0, "extend_300": 300.0}
"""Action ids, and by how many seconds."""
GRAB = {"grab_120": 120.0, "grab_all": 0.0}
"""Action ids, and how many of the last seconds; 0 for all."""
JOIN = "join"
ANYWAY = "anyway"
OPEN = "open"


def mrkdwn(text: str) -> Block:
    """A text object; `verbatim` keeps Slack from making links of what looks like one."""
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def plain_text(text: str) -> Block:
    """A text object without markup or emoji."""
    return {"type": "plain_text", "text": text, "emoji": False}


def section(text: str) -> Block:
    """A paragraph."""
    return {"type": "section", "text": mrkdwn(text)}


def context(*texts: str) -> Block:
    """A line of small print."""
    return {"type": "context", "elements": [mrkdwn(text) for text in texts if text]}


def actions(*buttons: Block) -> Block:
    """A row of buttons."""
    return {"type": "actions", "elements": list(buttons)}


def button(
    label: str, action_id: str, value: str, *, style: str = "", confirm: Block | None = None, url: str = ""
) -> Block:
    """A button; `style` is "", "primary" or "danger"; one with a `url` opens it."""
    made = {"type": "button", "text": plain_text(label), "action_id": action_id, "value": value}
    if style:
        made["style"] = style
    if url:
        made["url"] = url
    return made if confirm is None else {**made, "confirm": confirm}


def confirm(title: str, text: str, yes: str, no: str) -> Block:
    """A dialog that asks again before a click counts."""
    return {
        "title": plain_text(title),
        "text": plain_text(text),
        "confirm": plain_text(yes),
        "deny": plain_text(no),
        "style": "danger",
    }


def image(chart: ChartRef) -> Block:
    """An image from a file that was uploaded before."""
    return {"type": "image", "slack_file": {"id": chart.file_id}, "alt_text": chart.alt}


def table(rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> Block:
    """A table; the first row is the heading, columns in `right` hold numbers."""
    width = len(rows[0]) if rows else 0
    return {
        "type": "table",
        "column_settings": [{"align": "right" if index in right else "left"} for index in range(width)],
        "rows": [[{"type": "raw_text", "text": cell} for cell in row] for row in rows],
    }
