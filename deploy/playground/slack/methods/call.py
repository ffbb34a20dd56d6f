"""One Web API call: its arguments, and the checks that many methods share."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..context import Context
from ..errors import SlackError
from ..limits import TIER_3, Rate
from ..state import Channel, Json, Workspace

if TYPE_CHECKING:
    from ..interact import People
    from ..socket_mode import SocketMode

Handler = Callable[["Call"], Awaitable[Json]]


@dataclass(frozen=True)
class Method:
    """One row of the method table. `scopes`: any one of them opens the method; `token`: bot, app or any.

    `takes_json`: the methods that only read take forms alone, a JSON body is as good as none.
    """

    name: str
    handler: Handler
    scopes: tuple[str, ...] = ()
    rate: Rate = TIER_3
    token: str = "bot"
    takes_json: bool = True


@dataclass(frozen=True)
class Call:
    """Arguments (as sent: strings from a form, anything from JSON) and what the handler may reach."""

    args: Json
    context: Context
    people: People
    sockets: SocketMode | None

    @property
    def workspace(self) -> Workspace:
        return self.context.workspace

    @property
    def me(self) -> str:
        """The app's user in this workspace."""
        return self.workspace.bot_user

    def need(self, scope: str) -> None:
        """Raises missing_scope unless the token has `scope`."""
        self.context.config.need((scope,))

    def text(self, name: str) -> str:
        value = self.args.get(name)
        return "" if value is None else str(value)

    def required(self, name: str) -> str:
        """A text argument. Raises invalid_arguments when it is missing or empty."""
        value = self.text(name)
        if not value:
            raise SlackError.with_messages("invalid_arguments", [f"missing required field: {name}"])
        return value

    def flag(self, name: str) -> bool:
        return self.text(name).lower() in ("true", "1")

    def json(self, name: str) -> Any:
        """A structured argument: as it is from JSON, decoded when it came as text in a form."""
        value = self.args.get(name)
        if not isinstance(value, str):
            return value
        if not value:
            return None
        try:
            return json.loads(value)
        except ValueError:
            code = "invalid_blocks_format" if name == "blocks" else "invalid_arguments"
            raise SlackError(code) from None

    def limit(self, default: int, maximum: int) -> int:
        """The page size. Raises invalid_limit."""
        text = self.text("limit") or str(default)
        if not text.isdigit() or not 0 < int(text) <= maximum:
            raise SlackError("invalid_limit")
        return int(text)

    def readable_channel(self) -> Channel:
        """The `channel` argument, when the app may see it. Raises channel_not_found."""
        channel = self.workspace.channels.get(self.required("channel"))
        if channel is None or (self.me not in channel.members and channel.kind != "channel"):
            raise SlackError("channel_not_found")
        return channel

    def writable_channel(self, archived: str = "is_archived") -> Channel:
        """The `channel` argument, when the app may post there. Raises not_in_channel or `archived` too."""
        name = self.required("channel")
        if name in self.workspace.users:
            return self.workspace.direct_message(name)
        if name.startswith("#"):
            known = self.workspace.channel_by_name(name)
            name = known.id if known else name
        channel = self.workspace.channels.get(name)
        if channel is None or (self.me not in channel.members and channel.kind != "channel"):
            raise SlackError("channel_not_found")
        if channel.is_archived:
            raise SlackError(archived)
        if self.me not in channel.members and "chat:write.public" not in self.context.config.scopes:
            raise SlackError("not_in_channel")
        return channel


def page(
    items: list[Json], call: Call, default: int = 100, maximum: int = 1000, cap: int = 1000
) -> tuple[list[Json], Json]:
    """One page of `items` and its response_metadata; cursors are opaque offsets. Raises invalid_cursor."""
    cursor = call.text("cursor")
    if cursor and not (cursor.startswith("pg") and cursor[2:].isdigit()):
        raise SlackError("invalid_cursor")
    start, size = int(cursor[2:] or 0) if cursor else 0, min(call.limit(default, maximum), cap)
    following = f"pg{start + size}" if start + size < len(items) else ""
    return items[start : start + size], {"next_cursor": following}
