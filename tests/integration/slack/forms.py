"""Views and messages that hold one of each interactive element, and an app that answers for them."""

from __future__ import annotations

from typing import Any

from slack_bolt.async_app import AsyncApp

from deploy.playground.slack import AppConfig

from .bolt import Seen

Json = dict[str, Any]


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}


def option(value: str) -> Json:
    return {"text": plain(value.title()), "value": value}


def field(name: str, element: Json, **more: Any) -> Json:
    return {
        "type": "input",
        "block_id": name,
        "label": plain(name.title()),
        "element": element | {"action_id": name},
        **more,
    }


PODS = {"type": "external_select", "action_id": "pod", "min_query_length": 1, "placeholder": plain("Pod")}
SIDES = [option("client"), option("server")]
FIELDS: list[Json] = [
    field("reason", {"type": "plain_text_input", "multiline": True}, hint=plain("For the audit")),
    field("seconds", {"type": "number_input", "is_decimal_allowed": False, "initial_value": "30"}),
    field("side", {"type": "static_select", "options": SIDES}),
    field("people", {"type": "multi_users_select"}, optional=True),
    field("target", {"type": "external_select", "min_query_length": 1}),
    field("keep", {"type": "checkboxes", "options": [option("pcap"), option("report")]}, optional=True),
    field(
        "way", {"type": "radio_buttons", "options": [option("exec"), option("node")], "initial_option": option("exec")}
    ),
    field("day", {"type": "datepicker", "initial_date": "2030-01-02"}),
]
FORM: Json = {
    "type": "modal", "callback_id": "all", "title": plain("New capture"), "submit": plain("Start"),
    "close": plain("Not now"), "blocks": FIELDS,
}  # fmt: skip
MENU: list[Json] = [
    {
        "type": "section", "block_id": "head", "text": {"type": "mrkdwn", "text": "*checkout*, 3 pods"},
        "accessory": {"type": "overflow", "action_id": "more", "options": [option("rerun"), option("extend")]},
    },
    {
        "type": "actions", "block_id": "row",
        "elements": [
            {"type": "static_select", "action_id": "side", "placeholder": plain("Side"), "options": SIDES},
            {"type": "datepicker", "action_id": "day", "placeholder": plain("Day")},
            PODS,
            {"type": "button", "action_id": "stop", "text": plain("Stop"), "style": "danger", "value": "j1"},
        ],
    },
]  # fmt: skip
HOME: Json = {
    "type": "home",
    "blocks": [
        {"type": "header", "text": plain("Running captures")},
        {
            "type": "actions",
            "block_id": "home",
            "elements": [{"type": "button", "action_id": "stop", "text": plain("Stop all")}],
        },
    ],
}
SHORTCUTS = (
    {"name": "New capture", "type": "global", "callback_id": "new", "description": "Fill in a form"},
    {"name": "Capture from this", "type": "message", "callback_id": "from", "description": "Reads the message"},
)
CONFIG = AppConfig(shortcuts=SHORTCUTS)


def answer_forms(app: AsyncApp, seen: Seen) -> None:
    """Listeners for everything above, recorded in `seen`; the global shortcut opens the form."""

    @app.options("pod")
    @app.options("target")
    async def pods(ack: Any, body: Json) -> None:
        seen.append(("options", body))
        names = [f"{body['value']}-{n}" for n in range(1, 102 if body["value"] == "many" else 3)]
        await ack(options=[option(name) for name in names])

    for action in ("more", "side", "day", "pod"):
        app.action(action)(_recorder(action, seen))

    @app.view("all")
    async def submitted(ack: Any, body: Json) -> None:
        seen.append(("submitted", body))
        await ack() if len(body["view"]["state"]["values"]["reason"]["reason"]["value"]) > 3 else await ack(
            response_action="errors", errors={"reason": "Say more"}
        )

    @app.shortcut("new")
    async def new(ack: Any, body: Json, client: Any) -> None:
        seen.append(("new", body))
        await ack()
        await client.views_open(trigger_id=body["trigger_id"], view=FORM)

    @app.shortcut("from")
    async def from_message(ack: Any, body: Json) -> None:
        seen.append(("from", body))
        await ack()


def _recorder(name: str, seen: Seen) -> Any:
    async def record(ack: Any, body: Json) -> None:
        seen.append((name, body))
        await ack()

    return record
