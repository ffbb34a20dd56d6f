"""The workspaces that one app is installed in, each with its own people, token and limits."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from aiohttp import web

from .context import Context
from .delivery import Dispatcher, Transport
from .interact import People
from .state import Json, Seed, Workspace


@dataclass(frozen=True)
class Installation:
    """The app in one workspace."""

    context: Context
    people: People

    @property
    def workspace(self) -> Workspace:
        return self.context.workspace

    @property
    def bot_token(self) -> str:
        return self.context.tokens.bot

    def withdraw(self, error: str = "account_inactive") -> None:
        """Remove the app from the workspace, as far as it notices: its token is refused, its events say so."""
        self.context.tokens.refused = error
        for event in (
            {"type": "tokens_revoked", "tokens": {"oauth": [], "bot": [self.workspace.bot_user]}},
            {"type": "app_uninstalled"},
        ):
            if self.context.config.hears(str(event["type"])):
                self.people.dispatcher.event(event)

    async def reset(self) -> None:
        """Back to the seed. Tokens stay and are good again."""
        self.workspace.reset()
        self.people.reset()
        self.context.limits.reset()
        self.context.tokens.refused = ""
        self.workspace.publish({"type": "reset"})

    def snapshot(self) -> Json:
        """The whole workspace as plain values."""
        workspace, views = self.workspace, self.people.views
        return {
            "team": {"id": workspace.team.id, "name": workspace.team.name},
            "token_refused": self.context.tokens.refused,
            "users": [u.to_api() for u in workspace.users.values()],
            "usergroups": workspace.usergroups,
            "channels": [c.to_api() | {"members": sorted(c.members)} for c in workspace.channels.values()],
            "messages": {c: [m.to_api() for m in kept] for c, kept in workspace.messages.items()},
            "ephemerals": [m.to_api() | {"ephemeral_to": m.ephemeral_to, "channel": m.channel}
                           for m in workspace.ephemerals],
            "files": [f.to_api(self.context.base_url) | {"state": f.state} for f in workspace.files.values()],
            "views": {user: [view.to_api() for view in stack] for user, stack in views.stacks.items()},
            "homes": {user: view.to_api() for user, view in views.homes.items()},
        }  # fmt: skip


class Installed:
    """All of them by team id; the first is the one meant where nobody says which."""

    def __init__(self, first: Context, seeds: tuple[Seed, ...], transport: Transport) -> None:
        contexts = [first, *(first.sibling(seed) for seed in seeds)]
        self.all = {c.workspace.team.id: Installation(c, People(c, Dispatcher(c, transport))) for c in contexts}
        self.home = self.all[first.workspace.team.id]

    def by_token(self, token: str) -> Installation | None:
        return next((one for one in self.all.values() if secrets.compare_digest(token, one.bot_token)), None)

    def addressed(self, request: web.Request) -> Installation:
        """The workspace whose id is in the request's path. Raises HTTPNotFound."""
        found = self.all.get(request.match_info["team"])
        if found is None:
            raise web.HTTPNotFound(text="no such workspace")
        return found
