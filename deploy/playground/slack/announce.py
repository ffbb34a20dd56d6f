"""Events API events for what happens to messages, as far as the app subscribed and is in the channel.

The app's own posts, edits and uploads come back to it as events too (message with bot_id, message_changed,
message_deleted, file_share): an app that answers its own messages is caught here, not in production.
"""

from __future__ import annotations

import uuid

from .context import Context
from .delivery import Dispatcher
from .mangle import mentions
from .state import Channel, Json, Message

_SUBSCRIPTION = {"channel": "message.channels", "group": "message.groups", "im": "message.im"}


class Announcer:
    """Tells the app about messages."""

    def __init__(self, context: Context, dispatcher: Dispatcher) -> None:
        self._context = context
        self._dispatcher = dispatcher

    def posted(self, message: Message) -> None:
        """`app_mention` and `message`, each with its own event_id."""
        channel = self._heard(message)
        if channel is None:
            return
        event = message.to_api() | {"channel": channel.id, "event_ts": message.ts}
        if not message.bot:
            event["client_msg_id"] = str(uuid.uuid4())
            mentioned = mentions(message.text, self._context.workspace.bot_user) and not channel.is_im
            if mentioned and self._context.config.hears("app_mention"):
                self._dispatcher.event(event | {"type": "app_mention"})
        if message.files:
            event["subtype"] = "file_share"
        self._message_event(channel, event)

    def changed(self, message: Message, previous: Json) -> None:
        """`message_changed`, hidden, with what it was before."""
        channel = self._heard(message)
        if channel is not None:
            what = {"subtype": "message_changed", "message": message.to_api(), "previous_message": previous}
            self._hidden(channel, what)

    def deleted(self, message: Message) -> None:
        channel = self._heard(message)
        if channel is not None:
            what = {"subtype": "message_deleted", "deleted_ts": message.ts, "previous_message": message.to_api()}
            self._hidden(channel, what)

    def _heard(self, message: Message) -> Channel | None:
        """The channel, unless the message is ephemeral or the app is not there."""
        workspace = self._context.workspace
        channel = workspace.channels[message.channel]
        return None if message.ephemeral_to is not None or workspace.bot_user not in channel.members else channel

    def _hidden(self, channel: Channel, what: Json) -> None:
        ts = self._context.workspace.new_ts()
        event = {"type": "message", "channel": channel.id, "hidden": True, "ts": ts, "event_ts": ts}
        self._message_event(channel, event | what)

    def _message_event(self, channel: Channel, event: Json) -> None:
        if self._context.config.hears(_SUBSCRIPTION[channel.kind]):
            self._dispatcher.event(event | {"channel_type": channel.kind})
