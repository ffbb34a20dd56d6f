"""The workspace: people, channels, messages and files as plain values.

Nothing here speaks HTTP or delivers anything; whoever changes a message publishes the change through
`Workspace.publish`, which page streams and tests listen to. Object shapes follow Slack's object types
(message, conversation, user and file objects of the Web API reference).
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .clock import Clock

Json = dict[str, Any]
Listener = Callable[[Json], None]

APP_ID = "A0THREADCP"


@dataclass(frozen=True)
class Team:
    """One workspace's name and ids, and who the app is in it: every id but the app's own differs by workspace."""

    id: str
    name: str
    domain: str
    bot_id: str
    bot_user: str
    general: str


TEAM_ID, BOT_ID, BOT_USER = "T0PLAYGRND", "B0THREADCP", "U0THREADCP"
ALICE, BOB, CAROL, MALLORY = "U00000ALICE", "U000000BOB", "U00000CAROL", "U0000MALLRY"
INCIDENTS, GENERAL, PRIVATE_ROOM = "C0INCIDENTS", "C000GENERAL", "C0PRIVATERM"
HOME_TEAM = Team(TEAM_ID, "Playground", "playground", BOT_ID, BOT_USER, GENERAL)


@dataclass
class User:
    """One member of the workspace; `role` is what the page says beside the name."""

    id: str
    name: str
    real_name: str
    role: str
    is_bot: bool = False
    team: Team = HOME_TEAM

    def to_api(self) -> Json:
        profile = {"real_name": self.real_name, "display_name": self.name, "bot_id": self.team.bot_id}
        if not self.is_bot:
            del profile["bot_id"]
        return {
            "id": self.id, "team_id": self.team.id, "name": self.name, "real_name": self.real_name,
            "deleted": False, "is_bot": self.is_bot, "is_app_user": False, "tz": "Etc/UTC",
            "tz_offset": 0, "profile": profile,
        }  # fmt: skip


@dataclass
class Channel:
    """A public or private channel, or a direct message between one person and the bot."""

    id: str
    name: str
    members: set[str]
    topic: str = ""
    is_private: bool = False
    is_archived: bool = False
    is_im: bool = False
    created: int = 1_700_000_000
    team: Team = HOME_TEAM

    @property
    def kind(self) -> str:
        """The `channel_type` of a message event."""
        if self.is_im:
            return "im"
        return "group" if self.is_private else "channel"

    def to_api(self) -> Json:
        shape: Json = {
            "id": self.id, "created": self.created, "is_archived": self.is_archived, "is_im": self.is_im,
            "is_channel": self.kind == "channel", "is_group": self.kind == "group", "is_mpim": False,
            "is_private": self.is_private or self.is_im, "context_team_id": self.team.id,
        }  # fmt: skip
        if self.is_im:
            return shape | {"user": next(iter(self.members - {self.team.bot_user}), self.team.bot_user)}
        topic = {"value": self.topic, "creator": "", "last_set": 0}
        return shape | {
            "name": self.name, "name_normalized": self.name, "is_member": self.team.bot_user in self.members,
            "num_members": len(self.members), "topic": topic, "is_general": self.id == self.team.general,
        }  # fmt: skip


@dataclass
class File:
    """An uploaded file. `state`: pending (URL handed out), uploaded (bytes are here), complete (shared)."""

    id: str
    name: str
    length: int
    path: Path
    user: str
    created: int
    title: str = ""
    mimetype: str = "application/octet-stream"
    alt_text: str = ""
    state: str = "pending"
    size: int = 0
    ready: bool = False
    shares: list[Json] = field(default_factory=list)
    team: Team = HOME_TEAM

    def to_api(self, base_url: str) -> Json:
        stem = f"{base_url}/files-pri/{self.team.id}-{self.id}"
        shape: Json = {
            "id": self.id, "created": self.created, "timestamp": self.created, "name": self.name,
            "title": self.title or self.name, "mimetype": self.mimetype if self.ready else "",
            "filetype": Path(self.name).suffix.lstrip(".") or "binary", "user": self.user, "size": self.size,
            "mode": "hosted", "is_external": False, "is_public": True, "alt_txt": self.alt_text,
            "url_private": f"{stem}/{self.name}", "url_private_download": f"{stem}/download/{self.name}",
            "permalink": f"{base_url}/files/{self.user}/{self.id}/{self.name}",
        }  # fmt: skip
        if self.shares:
            by_channel: Json = {}
            for share in self.shares:
                by_channel.setdefault(share["channel"], []).append({k: v for k, v in share.items() if k != "channel"})
            shape["shares"] = {"public": by_channel}
            shape["channels"] = list(by_channel)
        return shape


@dataclass
class Message:
    """One message. `ephemeral_to` names its only reader; `ts` is its id within the channel."""

    channel: str
    ts: str
    user: str
    text: str
    blocks: list[Json] = field(default_factory=list)
    thread_ts: str | None = None
    bot: bool = False
    subtype: str | None = None
    files: list[Json] = field(default_factory=list)
    edited: Json | None = None
    ephemeral_to: str | None = None
    reactions: dict[str, list[str]] = field(default_factory=dict)
    metadata: Json | None = None
    attachments: list[Json] = field(default_factory=list)
    team: Team = HOME_TEAM

    @property
    def is_reply(self) -> bool:
        return self.thread_ts is not None and self.thread_ts != self.ts

    def to_api(self) -> Json:
        shape: Json = {"type": "message", "user": self.user, "text": self.text, "ts": self.ts, "team": self.team.id}
        if self.bot:
            shape |= {"bot_id": self.team.bot_id, "app_id": APP_ID}
        optional = ("blocks", "thread_ts", "subtype", "files", "edited", "metadata", "attachments")
        shape |= {key: value for key in optional if (value := getattr(self, key))}
        if self.reactions:
            shape["reactions"] = [
                {"name": name, "users": users, "count": len(users)} for name, users in self.reactions.items()
            ]
        return shape


@dataclass(frozen=True)
class Seed:
    """What a workspace holds when nothing was said yet; everyone also has a direct message with the app."""

    team: Team
    users: tuple[User, ...]
    channels: tuple[Channel, ...]
    usergroups: dict[str, Json] = field(default_factory=dict)


class Workspace:
    """All state of one workspace, in memory, and the stream of its changes."""

    def __init__(self, clock: Clock, seed: Seed) -> None:
        self._clock = clock
        self._seed = seed
        self._listeners: list[Listener] = []
        self.team = seed.team
        self.bot_user = seed.team.bot_user
        self.reset()

    def reset(self) -> None:
        """Back to the seed."""
        self._ids = itertools.count(1)
        self._last_ts = 0
        people = copy.deepcopy(self._seed.users)
        self.users = {user.id: user for user in (*people, User(self.bot_user, "threadcap", "Threadcap", "app", True))}
        self.channels = {channel.id: channel for channel in copy.deepcopy(self._seed.channels)}
        for user in self.users.values():
            user.team = self.team
        for channel in self.channels.values():
            channel.team = self.team
        self.messages: dict[str, list[Message]] = {channel: [] for channel in self.channels}
        self.ephemerals: list[Message] = []
        self.files: dict[str, File] = {}
        for user in people:
            self.direct_message(user.id)
        self.usergroups: dict[str, Json] = copy.deepcopy(self._seed.usergroups)

    def add_person(self, name: str) -> User:
        """One more engineer, in every public channel."""
        user = User(self.new_id("U"), name, name.title(), "engineer", team=self.team)
        self.users[user.id] = user
        for channel in self.channels.values():
            if channel.kind == "channel":
                channel.members.add(user.id)
        return user

    def new_id(self, prefix: str) -> str:
        """An id shaped as Slack's: a letter, then upper-case characters."""
        return f"{prefix}0{self.team.id[2:4]}{next(self._ids):07d}"

    def new_ts(self) -> str:
        """A message id: seconds.microseconds, unique and growing."""
        self._last_ts = max(self._last_ts + 1, int(self._clock.now() * 1e6))
        return f"{self._last_ts // 1_000_000}.{self._last_ts % 1_000_000:06d}"

    def user_by_name(self, name: str) -> User | None:
        return next((u for u in self.users.values() if name in (u.id, u.name)), None)

    def channel_by_name(self, name: str) -> Channel | None:
        bare = name.removeprefix("#")
        return next((c for c in self.channels.values() if bare in (c.id, c.name)), None)

    def direct_message(self, user: str) -> Channel:
        """The conversation between `user` and the bot, made when first asked for."""
        channel_id = "D" + user[1:]
        if channel_id not in self.channels:
            self.channels[channel_id] = Channel(channel_id, "", {user, self.bot_user}, is_im=True, team=self.team)
            self.messages[channel_id] = []
            self.publish({"type": "channel", "channel": channel_id})
        return self.channels[channel_id]

    def find(self, channel: str, ts: str) -> Message | None:
        return next((m for m in self.messages.get(channel, ()) if m.ts == ts), None)

    def find_ephemeral(self, channel: str, ts: str) -> Message | None:
        return next((m for m in self.ephemerals if m.ts == ts and m.channel == channel), None)

    def replies(self, channel: str, thread_ts: str) -> list[Message]:
        """The parent, then its replies, oldest first."""
        return [m for m in self.messages.get(channel, ()) if thread_ts in (m.ts, m.thread_ts)]

    def add(self, message: Message) -> Message:
        """Store and publish a message; a reply marks its parent as a thread's root."""
        message.team = self.team
        if message.ephemeral_to is not None:
            self.ephemerals.append(message)
        else:
            self.messages[message.channel].append(message)
            parent = self.find(message.channel, message.thread_ts) if message.thread_ts else None
            if parent is not None and parent.thread_ts is None:
                parent.thread_ts = parent.ts
                self.publish_message("changed", parent)
        self.publish_message("message", message)
        return message

    def remove(self, message: Message) -> None:
        pool = self.ephemerals if message.ephemeral_to is not None else self.messages[message.channel]
        pool.remove(message)
        self.publish_message("removed", message)

    def publish_message(self, kind: str, message: Message) -> None:
        shape = message.to_api() | {"channel": message.channel, "ephemeral_to": message.ephemeral_to}
        self.publish({"type": kind, "channel": message.channel, "message": shape})

    def publish(self, change: Json) -> None:
        for listener in tuple(self._listeners):
            listener(change)

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` with every change; returns what ends it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def visible_channels(self, user: str) -> Iterator[Channel]:
        return (c for c in self.channels.values() if user in c.members)
