"""What people do: talk, run commands, press buttons, submit modals; and what the app is told of it.

Payload shapes: docs.slack.dev/reference/interaction-payloads and /reference/events. Slack runs no slash
command inside a thread, and sends events only for conversations that the app is in.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .announce import Announcer
from .context import Context
from .delivery import Dispatcher, Envelope, NotDelivered
from .errors import SlackError
from .mangle import as_sent, as_typed
from .responses import Responses, Triggers
from .state import APP_ID, TEAM_ID, Channel, Json, Message, User
from .views import Views

TYPED_LIMIT = 12_000
_TEAM = {"id": TEAM_ID, "domain": "playground"}


class People:
    """Acts as a member of the workspace. Every method raises SlackError for what Slack's client refuses."""

    def __init__(self, context: Context, dispatcher: Dispatcher) -> None:
        self._context = context
        self._workspace = context.workspace
        self._dispatcher = dispatcher
        self.announcer = Announcer(context, dispatcher)
        self.triggers = Triggers(context)
        self.responses = Responses(context)
        self.views = Views(context)

    def person(self, name: str) -> User:
        user = self._workspace.user_by_name(name)
        if user is None or user.is_bot:
            raise SlackError("user_not_found")
        return user

    def place(self, user: User, name: str) -> Channel:
        channel = self._workspace.channel_by_name(name)
        if channel is None or user.id not in channel.members:
            raise SlackError("channel_not_found")
        return channel

    def say(self, who: str, where: str, text: str, thread_ts: str | None = None, *, smart: bool = True) -> Message:
        """Post `text` as typed by `who`; `smart` applies the Mac client's substitutions."""
        user = self.person(who)
        channel = self.place(user, where)
        typed = _typed(text, smart)
        if thread_ts is not None and self._workspace.find(channel.id, thread_ts) is None:
            raise SlackError("thread_not_found")
        encoded = as_sent(typed, self._workspace)
        message = Message(channel.id, self._workspace.new_ts(), user.id, encoded, thread_ts=thread_ts)
        self._workspace.add(message)
        self.announcer.posted(message)
        return message

    async def command(
        self, who: str, where: str, line: str, thread_ts: str | None = None, *, smart: bool = True
    ) -> None:
        """Run a slash command; a missing ack is told to the user alone, as Slack does."""
        user = self.person(who)
        channel = self.place(user, where)
        command, _, text = line.strip().partition(" ")
        if command not in self._context.config.commands:
            raise SlackError("unknown_command")
        if thread_ts is not None:
            raise SlackError("command_not_allowed_in_thread")
        text = as_sent(_typed(text.strip(), smart), self._workspace, named=True)
        payload = {
            "token": "playground", "team_id": TEAM_ID, "team_domain": "playground", "channel_id": channel.id,
            "channel_name": "directmessage" if channel.is_im else channel.name, "user_id": user.id,
            "user_name": user.name, "command": command, "text": text, "api_app_id": APP_ID,
            "is_enterprise_install": "false", "response_url": self.responses.issue(user.id, channel.id),
            "trigger_id": self.triggers.issue(user.id),
        }  # fmt: skip
        try:
            answer = await self._dispatcher.send(Envelope("slash_commands", payload))
        except NotDelivered as failed:
            error = "operation_timeout" if failed.reason == "timeout" else "dispatch_failed"
            self.notice(user.id, channel.id, f'{command} failed with the error "{error}"')
            return
        if answer.get("text") or answer.get("blocks"):
            self.responses.apply(answer, user.id, channel.id)

    async def click(
        self, who: str, where: str, ts: str, action_id: str, *, value: Any = None, block_id: str | None = None
    ) -> None:
        """Press the button (or choose `value` in the menu) `action_id` of the message `ts`."""
        user = self.person(who)
        channel = self.place(user, where)
        message = self._workspace.find(channel.id, ts) or self._workspace.find_ephemeral(channel.id, ts)
        if message is None or message.ephemeral_to not in (None, user.id):
            raise SlackError("message_not_found")
        action = find_action(message.blocks, action_id, block_id)
        if action is None:
            raise SlackError("action_not_found")
        container = {
            "type": "message", "message_ts": ts, "channel_id": channel.id,
            "is_ephemeral": message.ephemeral_to is not None,
        }  # fmt: skip
        if message.thread_ts is not None:
            container["thread_ts"] = message.thread_ts
        payload = self._interaction("block_actions", user) | {
            "container": container, "channel": {"id": channel.id, "name": channel.name or "directmessage"},
            "actions": [_acted(action, value, self._workspace.new_ts())], "state": {"values": {}},
            "trigger_id": self.triggers.issue(user.id),
            "response_url": self.responses.issue(user.id, channel.id, message),
        }  # fmt: skip
        if message.ephemeral_to is None:
            payload["message"] = message.to_api()
        await self._interact(payload, user, channel.id)

    async def submit(self, who: str, view_id: str, values: Json) -> Json:
        """Submit a modal; returns the ack's payload (its response_action is applied)."""
        user = self.person(who)
        view = self.views.of_user(view_id, user.id)
        shape = view.to_api() | {"state": {"values": values}}
        payload = self._interaction("view_submission", user) | {
            "view": shape, "trigger_id": self.triggers.issue(user.id), "response_urls": [],
        }  # fmt: skip
        answer = await self._interact(payload, user, None)
        if answer is not None:
            self.views.answer(view, answer)
        return answer or {}

    async def close_view(self, who: str, view_id: str) -> None:
        """Dismiss a modal; the app hears of it when the view says notify_on_close."""
        user = self.person(who)
        view = self.views.of_user(view_id, user.id)
        self.views.remove(view)
        if view.shape.get("notify_on_close"):
            payload = self._interaction("view_closed", user) | {"view": view.to_api(), "is_cleared": False}
            await self._interact(payload, user, None)

    def open_home(self, who: str) -> None:
        """Look at the app's Home tab."""
        user = self.person(who)
        if "app_home_opened" in self._context.config.events:
            channel = self._workspace.direct_message(user.id)
            self._dispatcher.event(
                {
                    "type": "app_home_opened", "user": user.id, "channel": channel.id, "tab": "home",
                    "event_ts": self._workspace.new_ts(),
                }
            )  # fmt: skip

    def notice(self, user: str, channel: str, text: str) -> None:
        """Slackbot's word to one user, as an ephemeral message that is not the app's."""
        ts = self._workspace.new_ts()
        self._workspace.add(Message(channel, ts, "USLACKBOT", text, ephemeral_to=user))

    def _interaction(self, kind: str, user: User) -> Json:
        who = {"id": user.id, "username": user.name, "name": user.name, "team_id": TEAM_ID}
        return {
            "type": kind, "user": who, "api_app_id": APP_ID, "token": "playground", "team": _TEAM,
            "enterprise": None, "is_enterprise_install": False,
        }  # fmt: skip

    async def _interact(self, payload: Json, user: User, channel: str | None) -> Json | None:
        try:
            return await self._dispatcher.send(Envelope("interactive", payload))
        except NotDelivered as failed:
            text = "This app responded too slowly." if failed.reason == "timeout" else "This app did not respond."
            if channel is not None:
                self.notice(user.id, channel, f"{text} Try again, or ask its developers.")
            return None


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


def _acted(element: Json, value: Any, action_ts: str) -> Json:
    """The `actions` entry that an element sends when used."""
    kept = ("type", "action_id", "block_id", "text", "value", "style")
    action = {key: element[key] for key in kept if element.get(key) is not None} | {"action_ts": action_ts}
    if element["type"] in ("static_select", "overflow", "radio_buttons", "external_select"):
        options = element.get("options") or [o for g in element.get("option_groups", ()) for o in g["options"]]
        chosen = next((o for o in options if o["value"] == value), None)
        if chosen is None:
            raise SlackError("option_not_found")
        action["selected_option"] = chosen
    elif element["type"].endswith("_select"):
        action["selected_" + element["type"].removesuffix("_select").removesuffix("s")] = value
    return action


def _typed(text: str, smart: bool) -> str:
    if len(text) > TYPED_LIMIT:
        raise SlackError("msg_too_long")
    return as_typed(text) if smart else text
