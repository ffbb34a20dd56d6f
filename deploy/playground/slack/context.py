"""What every part of one emulator shares: configuration, state, clock, journal, faults, background tasks."""

from __future__ import annotations

import asyncio
import copy
import secrets
from collections import deque
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from .clock import Clock
from .errors import SlackError
from .limits import RateLimits
from .seed import PLAYGROUND
from .state import Json, Seed, Workspace
from .uploads import Uploads

DEFAULT_SCOPES = (
    "app_mentions:read", "channels:history", "channels:read", "chat:write", "commands", "files:read",
    "files:write", "groups:history", "groups:read", "im:history", "im:read", "im:write", "reactions:write",
    "usergroups:read", "users:read",
)  # fmt: skip
DEFAULT_EVENTS = ("app_mention", "message.channels", "message.im", "app_home_opened")
EVENT_SCOPES = {
    "app_mention": "app_mentions:read", "message.channels": "channels:history", "message.groups": "groups:history",
    "message.im": "im:history",
}  # fmt: skip


@dataclass(frozen=True)
class AppConfig:
    """The installed app as its manifest says.

    `commands` maps a slash command to its usage hint, `descriptions` to what it does. A shortcut is
    {name, type, callback_id, description}, its type `global` or `message`; `home` says whether there is a Home tab.
    """

    scopes: tuple[str, ...] = DEFAULT_SCOPES
    events: tuple[str, ...] = DEFAULT_EVENTS
    commands: dict[str, str] = field(default_factory=lambda: {"/capture": "TARGET [-n NAMESPACE] [--for 30s]"})
    shortcuts: tuple[Json, ...] = ()
    home: bool = True
    descriptions: dict[str, str] = field(default_factory=dict)

    def need(self, scopes: tuple[str, ...]) -> None:
        """Raises SlackError `missing_scope` unless one of `scopes` was granted."""
        if scopes and not set(scopes) & set(self.scopes):
            raise SlackError("missing_scope", needed=scopes[0], provided=",".join(self.scopes))

    def hears(self, event: str) -> bool:
        """Whether the app subscribed to `event` and was granted the scope that it takes."""
        return event in self.events and EVENT_SCOPES.get(event) in (None, *self.scopes)

    @classmethod
    def from_manifest(cls, manifest: Json) -> AppConfig:
        """Read Slack's manifest (features.slash_commands, oauth_config, settings.event_subscriptions)."""
        scopes = manifest.get("oauth_config", {}).get("scopes", {}).get("bot", DEFAULT_SCOPES)
        settings = manifest.get("settings", {})
        events = settings.get("event_subscriptions", {}).get("bot_events", ())
        commands = manifest.get("features", {}).get("slash_commands", ())
        hints = {one["command"]: one.get("usage_hint", "") for one in commands}
        shortcuts = manifest.get("features", {}).get("shortcuts", ())
        home = manifest.get("features", {}).get("app_home", {}).get("home_tab_enabled", False)
        descriptions = {one["command"]: one.get("description", "") for one in commands}
        return cls(tuple(scopes), tuple(events), hints, tuple(shortcuts), bool(home), descriptions)


@dataclass
class Tokens:
    """Credentials made at start; they open nothing but this emulator and can't be mistaken for real ones.

    `refused` is the error that the bot token meets: token_revoked, account_inactive; "" while it is good.
    """

    bot: str = field(default_factory=lambda: f"xoxb-playground-{secrets.token_hex(8)}")
    app: str = field(default_factory=lambda: f"xapp-playground-{secrets.token_hex(8)}")
    signing_secret: str = field(default_factory=lambda: f"playground{secrets.token_hex(11)}")
    page: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    refused: str = ""


@dataclass
class Faults:
    """Switches that make Slack misbehave; each counts down as it is used.

    duplicate_events: that many events are delivered twice. lose_answers: that many Web API calls of the
    named method take effect, then answer HTTP 500. reorder_events: that many events wait until the event
    after them was delivered (or two seconds). strict_history: conversations.replies and .history at one call a
    minute and 15 messages a page, as for apps outside Slack's
    Marketplace since 2025 (rate limits page).
    ack_delay: seconds that every ack is late by.
    """

    duplicate_events: int = 0
    reorder_events: int = 0
    strict_history: bool = False
    lose_answers: dict[str, int] = field(default_factory=dict)
    fail_calls: dict[str, tuple[int, str]] = field(default_factory=dict)
    ack_delay: float = 0.0

    def reset(self) -> None:
        """All switches back, in place: everybody holds this object."""
        vars(self).update(vars(Faults()))

    def take_duplicate(self) -> bool:
        self.duplicate_events, hit = max(self.duplicate_events - 1, 0), self.duplicate_events > 0
        return hit

    def take_reorder(self) -> bool:
        self.reorder_events, hit = max(self.reorder_events - 1, 0), self.reorder_events > 0
        return hit

    def take_lost_answer(self, method: str) -> bool:
        left = self.lose_answers.get(method, 0)
        self.lose_answers[method] = max(left - 1, 0)
        return left > 0

    def take_failure(self, method: str) -> str | None:
        left, error = self.fail_calls.get(method, (0, ""))
        self.fail_calls[method] = (max(left - 1, 0), error)
        return error if left > 0 else None


class Journal:
    """The last 20,000 calls and deliveries, tokens left out."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.entries: deque[Json] = deque(maxlen=20_000)

    def add(self, kind: str, name: str, **details: Any) -> Json:
        entry = {"at": self._clock.now(), "kind": kind, "name": name, **details}
        self.entries.append(entry)
        return entry

    def find(self, kind: str, name: str | None = None) -> list[Json]:
        return [e for e in self.entries if e["kind"] == kind and name in (None, e["name"])]


class Context:
    """What the parts that serve one workspace share. `base_url` is set once the port is known."""

    def __init__(
        self, rundir: Path, config: AppConfig, clock: Clock, attach_delay: float, seed: Seed = PLAYGROUND
    ) -> None:
        self.rundir = rundir
        self.config = config
        self.clock = clock
        self.attach_delay = attach_delay
        self.base_url = ""
        self.tokens = Tokens()
        self.workspace = Workspace(clock, seed)
        self.limits = RateLimits(clock)
        self.faults = Faults()
        self.journal = Journal(clock)
        self.uploads = Uploads(self)
        self._tasks: set[asyncio.Task[Any]] = set()

    def sibling(self, seed: Seed) -> Self:
        """Another workspace with the same app: people, bot token and limits of its own, the rest is shared."""
        other = copy.copy(self)
        other.workspace = Workspace(self.clock, seed)
        other.tokens = Tokens(app=self.tokens.app, signing_secret=self.tokens.signing_secret)
        other.limits = RateLimits(self.clock)
        other.uploads = Uploads(other)
        return other

    @property
    def cookie(self) -> str:
        """The page session's cookie; cookies ignore ports, so its name carries ours."""
        return f"playground_page_{self.base_url.rpartition(':')[2]}"

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run `work` beside everything else; it is cancelled when the emulator stops."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def under_way(self) -> int:
        """How much is yet to happen by itself: retries to come, files to attach, sockets to end."""
        return len(self._tasks)

    async def cancel_tasks(self) -> None:
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
