"""Block Kit's composition objects and interactive elements: what each may hold.

Limits are those of Slack's Block Kit reference (docs.slack.dev/reference/block-kit).
"""

from __future__ import annotations

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
    record,
    string,
    typed,
)

IDENTIFIER = string(255)
URL = string(3000)


def plain(maximum: int) -> Check:
    return kind("plain_text", {"text": string(maximum)}, {"emoji": boolean})


def text(maximum: int) -> Check:
    mrkdwn = kind("mrkdwn", {"text": string(maximum)}, {"verbatim": boolean})
    return typed({"plain_text": plain(maximum), "mrkdwn": mrkdwn})


CONFIRM = record(
    {"title": plain(100), "text": text(300), "confirm": plain(30), "deny": plain(30)},
    {"style": one_of("primary", "danger")},
)
OPTION = record({"text": text(75), "value": string(150)}, {"description": text(75), "url": URL})
OPTION_GROUP = record({"label": plain(75), "options": array(OPTION, 1, 100)})
SLACK_FILE = both(record({}, {"id": string(255), "url": URL}), exactly_one("id", "url"))
FILTER = record({}, {"include": anything, "exclude_external_shared_channels": boolean, "exclude_bot_users": boolean})
DISPATCH = record({}, {"trigger_actions_on": anything})

IMAGE_ELEMENT = both(
    kind("image", {"alt_text": string(2000)}, {"image_url": URL, "slack_file": SLACK_FILE}),
    exactly_one("image_url", "slack_file"),
)
BUTTON = kind(
    "button",
    {"text": plain(75)},
    {
        "action_id": IDENTIFIER, "url": URL, "value": string(2000), "style": one_of("primary", "danger"),
        "confirm": CONFIRM, "accessibility_label": string(75),
    },
)  # fmt: skip
WORKFLOW_BUTTON = kind(
    "workflow_button",
    {"text": plain(75), "workflow": anything},
    {"action_id": IDENTIFIER, "style": one_of("primary", "danger"), "accessibility_label": string(75)},
)
OVERFLOW = kind("overflow", {"options": array(OPTION, 1, 5)}, {"action_id": IDENTIFIER, "confirm": CONFIRM})

_COMMON = {"action_id": IDENTIFIER, "focus_on_load": boolean}
_PICKER = {**_COMMON, "confirm": CONFIRM, "placeholder": plain(150)}
_CHOICES = {"options": array(OPTION, 1, 100), "option_groups": array(OPTION_GROUP, 1, 100)}


def _select(source: str, extra: dict[str, Check]) -> dict[str, Check]:
    """The single and the multi form of one select menu, by type."""
    many = {**_PICKER, **extra, "max_selected_items": number(1, whole=True)}
    initial = {"static": "options", "external": "options"}.get(source, source)
    many[f"initial_{initial}"] = anything
    one = {**_PICKER, **extra, f"initial_{initial[:-1]}": anything, "response_url_enabled": boolean}
    name = f"{source}_select"
    single, multi = kind(name, {}, one), kind(f"multi_{name}", {}, many)
    if source == "static":
        choice = exactly_one("options", "option_groups")
        single, multi = both(single, choice), both(multi, choice)
    return {name: single, f"multi_{name}": multi}


SELECTS: dict[str, Check] = {
    **_select("static", _CHOICES),
    **_select("external", {"min_query_length": number(0, whole=True)}),
    **_select("users", {}),
    **_select("conversations", {"default_to_current_conversation": boolean, "filter": FILTER}),
    **_select("channels", {}),
}
_LISTED = {"options": array(OPTION, 1, 10)}
PICKERS: dict[str, Check] = {
    "datepicker": kind("datepicker", {}, {**_PICKER, "initial_date": string(10)}),
    "timepicker": kind("timepicker", {}, {**_PICKER, "initial_time": string(5), "timezone": string(100)}),
    "datetimepicker": kind(
        "datetimepicker", {}, {**_COMMON, "confirm": CONFIRM, "initial_date_time": number(whole=True)}
    ),
    "checkboxes": kind("checkboxes", _LISTED, {**_COMMON, "confirm": CONFIRM, "initial_options": anything}),
    "radio_buttons": kind("radio_buttons", _LISTED, {**_COMMON, "confirm": CONFIRM, "initial_option": OPTION}),
}
_TYPED = {**_COMMON, "placeholder": plain(150), "dispatch_action_config": DISPATCH}
INPUTS: dict[str, Check] = {
    "plain_text_input": kind(
        "plain_text_input",
        {},
        {
            **_TYPED, "initial_value": string(3000, 0), "multiline": boolean,
            "min_length": number(0, 3000, whole=True), "max_length": number(1, 3000, whole=True),
        },
    ),
    "number_input": kind(
        "number_input",
        {"is_decimal_allowed": boolean},
        {**_TYPED, "initial_value": string(100), "min_value": string(100), "max_value": string(100)},
    ),
    "email_text_input": kind("email_text_input", {}, {**_TYPED, "initial_value": string(3000)}),
    "url_text_input": kind("url_text_input", {}, {**_TYPED, "initial_value": string(3000)}),
    "rich_text_input": kind("rich_text_input", {}, {**_TYPED, "initial_value": anything}),
    "file_input": kind(
        "file_input", {}, {"action_id": IDENTIFIER, "filetypes": anything, "max_files": number(1, 10, whole=True)}
    ),
}  # fmt: skip
ACTIONS: dict[str, Check] = {
    "button": BUTTON, "workflow_button": WORKFLOW_BUTTON, "overflow": OVERFLOW, **SELECTS, **PICKERS,
}  # fmt: skip
ACCESSORIES: dict[str, Check] = {**ACTIONS, "image": IMAGE_ELEMENT}
INPUT_ELEMENTS: dict[str, Check] = {**SELECTS, **PICKERS, **INPUTS}
_FEEDBACK = record({"text": plain(75), "value": string(2000)}, {"accessibility_label": string(75)})
CONTEXT_ACTIONS: dict[str, Check] = {
    "feedback_buttons": kind(
        "feedback_buttons", {"positive_button": _FEEDBACK, "negative_button": _FEEDBACK}, {"action_id": IDENTIFIER}
    ),
    "icon_button": kind(
        "icon_button",
        {"icon": string(50), "text": plain(75)},
        {
            "action_id": IDENTIFIER, "value": string(2000), "confirm": CONFIRM, "visible_to_user_ids": anything,
            "accessibility_label": string(75),
        },
    ),
}  # fmt: skip
