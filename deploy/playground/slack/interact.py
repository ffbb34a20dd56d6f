"""What people do: talk, run commands, press buttons, submit modals; and what the app is told of it.

Payload shapes: docs.slack.dev/reference/interaction-payloads and /reference/events. Slack runs no slash
command inside a thread, and sends events only for conversations that the app is in.
"""

from __future__ import annotations

from typing import Any

from .actions import acted, find_action, options_in
from .announce import Announcer
from .context import Context
from .delivery import Dispatcher, Envelope, NotDelivered
from .errors import SlackError
from .mangle import as_sent, as_typed
from .responses import Responses, Triggers
from .state import APP_ID, Channel, Json, Message, User
from .views import View, Views

__all__ = ["People", "find_action"]

TYPED_LIMIT = 12_000
_PLACES = {"im": "directmessage", "group": "privategroup"}
"""What a slash command calls a conversation whose name it does not tell."""


class People:
    """Acts as a member of the workspace. Every method raises SlackError for what Slack's client refuses."""

    def __init__(self, context: Context, dispatcher: Dispatcher) -> None:
        self._context = context
        self._workspace = context.workspace
        self.dispatcher = dispatcher
        self.announcer = Announcer(context, dispatcher)
        self.triggers = Triggers(context)
        self.responses = Responses(context)
        self.views = Views(context)
        self._offered: dict[tuple[str, str], dict[str, Json]] = {}

    def reset(self) -> None:
        """Nobody has anything open, and no trigger or response_url is good any more."""
        self.triggers.reset()
        self.responses.reset()
        self.views.reset()
        self._offered.clear()

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
        if channel.is_archived:
            raise SlackError("is_archived")
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
        user, team = self.person(who), self._workspace.team
        channel = self.place(user, where)
        command, _, text = line.strip().partition(" ")
        if command == "/invite":
            self._invite(channel, text.strip().removeprefix("@"))
            return
        if command not in self._context.config.commands:
            raise SlackError("unknown_command")
        if channel.is_archived:
            raise SlackError("is_archived")
        if thread_ts is not None:
            raise SlackError("command_not_allowed_in_thread")
        text = as_sent(_typed(text.strip(), smart), self._workspace, named=True)
        payload = {
            "token": "playground", "team_id": team.id, "team_domain": team.domain, "channel_id": channel.id,
            "channel_name": _PLACES.get(channel.kind, channel.name), "user_id": user.id,
            "user_name": user.name, "command": command, "text": text, "api_app_id": APP_ID,
            "is_enterprise_install": "false", "response_url": self.responses.issue(user.id, channel.id),
            "trigger_id": self.triggers.issue(user.id),
        }  # fmt: skip
        try:
            answer = await self.dispatcher.send(Envelope("slash_commands", payload))
        except NotDelivered as failed:
            error = "operation_timeout" if failed.reason == "timeout" else "dispatch_failed"
            self.notice(user.id, channel.id, f'{command} failed with the error "{error}"')
            return
        if answer.get("text") or answer.get("blocks"):
            self.responses.apply(answer, user.id, channel.id)

    def _invite(self, channel: Channel, name: str) -> None:
        """Slack's own /invite: one more member, the app as well; the app hears of everyone who comes where it is."""
        guest = self._workspace.user_by_name(name)
        if guest is None:
            raise SlackError("user_not_found")
        if guest.id in channel.members:
            raise SlackError("already_in_channel")
        channel.members.add(guest.id)
        self._workspace.publish({"type": "channel", "channel": channel.id})
        if self._context.config.hears("member_joined_channel") and self._workspace.bot_user in channel.members:
            event = {"type": "member_joined_channel", "user": guest.id, "channel": channel.id}
            self.dispatcher.event(event | {"event_ts": self._workspace.new_ts()})

    async def click(
        self, who: str, where: str, ts: str, action_id: str, *,
        value: Any = None, block_id: str | None = None, values: Json | None = None,
    ) -> None:  # fmt: skip
        """Press the button (or choose `value` in the menu) `action_id` of the message `ts`.

        `values` is what the message's other inputs hold, by block_id and action_id, as Slack's state.values.
        """
        user, channel, message = self._message(who, where, ts)
        action = self._act(user, message.blocks, action_id, block_id, value)
        payload = self._interaction("block_actions", user) | self._in_message(message, channel) | {
            "actions": [action], "state": {"values": values or {}},
            "trigger_id": self.triggers.issue(user.id),
            "response_url": self.responses.issue(user.id, channel.id, message),
        }  # fmt: skip
        await self._interact(payload, user, channel.id)

    async def use(
        self, who: str, view_id: str, action_id: str, *,
        value: Any = None, block_id: str | None = None, values: Json | None = None,
    ) -> None:  # fmt: skip
        """The same for an element of a modal or of one's Home tab."""
        user = self.person(who)
        view = self.views.of_user(view_id, user.id)
        action = self._act(user, view.shape["blocks"], action_id, block_id, value)
        payload = self._interaction("block_actions", user) | self._in_view(view, values) | {
            "actions": [action], "trigger_id": self.triggers.issue(user.id),
        }  # fmt: skip
        if await self._interact(payload, user, None) is None:
            raise SlackError("app_did_not_respond")

    async def suggest(self, who: str, place: Json, action_id: str, query: str, block_id: str | None = None) -> Json:
        """What an external select offers for `query`: the app's options or option_groups, checked.

        `place` is {"channel", "ts"} or {"view_id"}. Raises SlackError, `options_timeout` after three seconds.
        """
        if "view_id" in place:
            user = self.person(who)
            view = self.views.of_user(place["view_id"], user.id)
            blocks, inside = view.shape["blocks"], self._in_view(view, None)
        else:
            user, channel, message = self._message(who, place["channel"], place["ts"])
            blocks, inside = message.blocks, self._in_message(message, channel)
        element = find_action(blocks, action_id, block_id)
        if element is None or "external_select" not in element["type"]:
            raise SlackError("action_not_found")
        payload = self._interaction("block_suggestion", user) | inside | {
            "action_id": action_id, "block_id": element["block_id"], "value": query,
        }  # fmt: skip
        answer = await self._interact(payload, user, None)
        if answer is None:
            raise SlackError("options_timeout")
        # Chosen is only what was offered; what an earlier query brought up may still be on the screen.
        self._offered.setdefault((user.id, action_id), {}).update({o["value"]: o for o in options_in(answer)})
        return {key: answer[key] for key in ("options", "option_groups") if key in answer}

    async def shortcut(self, who: str, callback_id: str, where: str | None = None, ts: str | None = None) -> None:
        """Run a global shortcut, or a message shortcut on the message `ts` in `where`."""
        user = self.person(who)
        kind = "message" if ts else "global"
        if not any(s["callback_id"] == callback_id and s["type"] == kind for s in self._context.config.shortcuts):
            raise SlackError("shortcut_not_found")
        payload = {
            "callback_id": callback_id, "action_ts": self._workspace.new_ts(),
            "trigger_id": self.triggers.issue(user.id),
        }  # fmt: skip
        if ts is None or where is None:
            payload = self._interaction("shortcut", user) | payload
            if await self._interact(payload, user, None) is None:
                raise SlackError("app_did_not_respond")
            return
        user, channel, message = self._message(who, where, ts)
        payload = self._interaction("message_action", user) | payload | {
            "message_ts": ts, "channel": _named(channel), "message": message.to_api(),
            "response_url": self.responses.issue(user.id, channel.id),
        }  # fmt: skip
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
        if answer is None:
            raise SlackError("app_did_not_respond")
        self.views.answer(view, answer)
        return answer

    async def close_view(self, who: str, view_id: str, *, everything: bool = False) -> None:
        """Dismiss a modal, or with `everything` (the X in its corner) all of its stack.

        The app hears of it when the view, or the stack's first, says notify_on_close.
        """
        user = self.person(who)
        view = self.views.of_user(view_id, user.id)
        everything = everything or bool(view.shape.get("clear_on_close"))
        view = self.views.close(view, everything=everything)
        if view.shape.get("notify_on_close"):
            payload = self._interaction("view_closed", user) | {"view": view.to_api(), "is_cleared": everything}
            await self._interact(payload, user, None)

    def open_home(self, who: str) -> None:
        """Look at the app's Home tab."""
        user = self.person(who)
        if self._context.config.hears("app_home_opened"):
            channel = self._workspace.direct_message(user.id)
            self.dispatcher.event(
                {
                    "type": "app_home_opened", "user": user.id, "channel": channel.id, "tab": "home",
                    "event_ts": self._workspace.new_ts(),
                }
            )  # fmt: skip

    def notice(self, user: str, channel: str, text: str) -> None:
        """Slackbot's word to one user, as an ephemeral message that is not the app's."""
        ts = self._workspace.new_ts()
        self._workspace.add(Message(channel, ts, "USLACKBOT", text, ephemeral_to=user))

    def _message(self, who: str, where: str, ts: str) -> tuple[User, Channel, Message]:
        """A message as `who` sees it, an ephemeral one of theirs too."""
        user = self.person(who)
        channel = self.place(user, where)
        message = self._workspace.find(channel.id, ts) or self._workspace.find_ephemeral(channel.id, ts)
        if message is None or message.ephemeral_to not in (None, user.id):
            raise SlackError("message_not_found")
        return user, channel, message

    def _act(self, user: User, blocks: list[Json], action_id: str, block_id: str | None, value: Any) -> Json:
        element = find_action(blocks, action_id, block_id)
        if element is None:
            raise SlackError("action_not_found")
        offered = list(self._offered.get((user.id, action_id), {}).values())
        return acted(element, value, self._workspace.new_ts(), offered)

    def _in_message(self, message: Message, channel: Channel) -> Json:
        """The part of a payload that says which message something happened in."""
        ephemeral = message.ephemeral_to is not None
        container = {
            "type": "message", "message_ts": message.ts, "channel_id": channel.id, "is_ephemeral": ephemeral,
        }  # fmt: skip
        if message.thread_ts is not None:
            container["thread_ts"] = message.thread_ts
        shape: Json = {"container": container, "channel": _named(channel)}
        return shape if ephemeral else shape | {"message": message.to_api()}

    def _in_view(self, view: View, values: Json | None) -> Json:
        shape = view.to_api() | {"state": {"values": values or {}}}
        return {"container": {"type": "view", "view_id": view.id}, "view": shape}

    def _interaction(self, kind: str, user: User) -> Json:
        team = self._workspace.team
        who = {"id": user.id, "username": user.name, "name": user.name, "team_id": team.id}
        return {
            "type": kind, "user": who, "api_app_id": APP_ID, "token": "playground",
            "team": {"id": team.id, "domain": team.domain}, "enterprise": None, "is_enterprise_install": False,
        }  # fmt: skip

    async def _interact(self, payload: Json, user: User, channel: str | None) -> Json | None:
        try:
            return await self.dispatcher.send(Envelope("interactive", payload))
        except NotDelivered as failed:
            text = "This app responded too slowly." if failed.reason == "timeout" else "This app did not respond."
            if channel is not None:
                self.notice(user.id, channel, f"{text} Try again, or ask its developers.")
            return None


def _named(channel: Channel) -> Json:
    return {"id": channel.id, "name": channel.name or "directmessage"}


def _typed(text: str, smart: bool) -> str:
    if len(text) > TYPED_LIMIT:
        raise SlackError("msg_too_long")
    return as_typed(text) if smart else text
