"""Interactive elements in use: where they are in blocks, and the `actions` entry each one sends.

Shapes: docs.slack.dev/reference/interaction-payloads/block_actions-payload and the element pages of Block Kit.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .elements import OPTION, OPTION_GROUP
from .errors import SlackError
from .schema import array
from .state import Json

_ONE_OPTION = ("static_select", "external_select", "overflow", "radio_buttons")
_MANY_OPTIONS = ("multi_static_select", "multi_external_select", "checkboxes")
_CHOSEN = {
    "users_select": "selected_user", "channels_select": "selected_channel",
    "conversations_select": "selected_conversation", "multi_users_select": "selected_users",
    "multi_channels_select": "selected_channels", "multi_conversations_select": "selected_conversations",
    "datepicker": "selected_date", "timepicker": "selected_time", "datetimepicker": "selected_date_time",
}  # fmt: skip


def find_action(blocks: list[Json], action_id: str, block_id: str | None = None) -> Json | None:
    """The interactive element `action_id` among `blocks` and what they contain, with its block_id."""
    for block in blocks:
        if block_id is None or block.get("block_id") == block_id:
            for element in _parts(block):
                if element.get("action_id") == action_id:
                    return element | {"block_id": block.get("block_id")}
    return None


def _parts(block: Json) -> Iterator[Json]:
    """Every element inside a block, those of contained cards and blocks too."""
    for name in ("elements", "actions", "child_blocks"):
        for part in block.get(name) or ():
            yield part
            yield from _parts(part)
    for name in ("accessory", "element"):
        if isinstance(block.get(name), dict):
            yield block[name]


def acted(element: Json, value: Any, action_ts: str, offered: list[Json]) -> Json:
    """The `actions` entry of an element used with `value`; `offered` are an external select's options.

    `value` is an option's value (a list of them where several may be chosen), an id, a date, a time or text.
    Raises option_not_found.
    """
    kept = ("type", "action_id", "block_id", "text", "value", "style")
    action = {key: element[key] for key in kept if element.get(key) is not None} | {"action_ts": action_ts}
    kind = element["type"]
    if kind in _ONE_OPTION:
        action["selected_option"] = None if value is None else _option(_options(element) or offered, value)
    elif kind in _MANY_OPTIONS:
        action["selected_options"] = [_option(_options(element) or offered, one) for one in value or ()]
    elif kind in _CHOSEN:
        action[_CHOSEN[kind]] = value
    elif value is not None and kind.endswith("_input"):
        action["value"] = value
    return action


def options_in(answer: Json) -> list[Json]:
    """The options of an answer to block_suggestion, groups laid flat; none when Slack would show none."""
    problems: list[str] = []
    options, groups = answer.get("options"), answer.get("option_groups")
    array(OPTION, 0, 100)(options or [], "/options", problems)
    array(OPTION_GROUP, 0, 100)(groups or [], "/option_groups", problems)
    if problems or (options is None) == (groups is None):
        raise SlackError.with_messages("invalid_options", problems or ["options or option_groups is needed"])
    return options if options is not None else [option for group in groups or () for option in group["options"]]


def _options(element: Json) -> list[Json]:
    return element.get("options") or [o for g in element.get("option_groups") or () for o in g["options"]]


def _option(options: list[Json], value: Any) -> Json:
    chosen = next((option for option in options if option.get("value") == value), None)
    if chosen is None:
        raise SlackError("option_not_found")
    return chosen
