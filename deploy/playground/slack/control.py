"""/_control: the emulator's own switches, for tests and demos. No part of Slack.

`GET state`, `GET journal?kind=&name=`, `POST reset`, `POST faults`, `POST clock`,
`POST sockets`, `POST archive`, `POST withdraw`. The package docstring has the fields.
"""

from __future__ import annotations

from aiohttp import web

from .installed import Installed
from .socket_mode import SocketMode
from .state import Json


class Control:
    """Routes under /_control."""

    def __init__(self, installed: Installed, sockets: SocketMode | None) -> None:
        self._installed = installed
        self._context = installed.home.context
        self._sockets = sockets

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/_control/state", self.state),
            web.get("/_control/journal", self.journal),
            web.post("/_control/reset", self.reset),
            web.post("/_control/faults", self.faults),
            web.post("/_control/clock", self.clock),
            web.post("/_control/sockets", self.sockets),
            web.post("/_control/archive", self.archive),
            web.post("/_control/withdraw", self.withdraw),
        ]

    def snapshot(self) -> Json:
        """The first workspace as plain values, all of them under `teams`."""
        sockets = self._sockets.connected if self._sockets else 0
        teams = {team: one.snapshot() for team, one in self._installed.all.items()}
        return {"sockets": sockets, **teams[self._context.workspace.team.id], "teams": teams}

    async def state(self, request: web.Request) -> web.Response:
        return web.json_response(self.snapshot())

    async def journal(self, request: web.Request) -> web.Response:
        """Oldest first; `kind` is call, delivery, upload, download, response_url or socket; `name` a method, event."""
        kind, name = request.query.get("kind"), request.query.get("name")
        entries = [e for e in self._context.journal.entries if kind in (None, e["kind"]) and name in (None, e["name"])]
        return web.json_response({"entries": entries})

    async def reset(self, request: web.Request) -> web.Response:
        """All workspaces back to their seeds, nothing under way; tokens and sockets stay."""
        await self._context.cancel_tasks()  # retries, uploads on their way
        self._context.faults.reset()
        for one in self._installed.all.values():
            await one.reset()
        self._context.journal.entries.clear()
        return web.json_response({"ok": True})

    async def faults(self, request: web.Request) -> web.Response:
        """Set the switches named in the body; others stay."""
        body = await request.json()
        faults = self._context.faults
        for limits in (one.context.limits for one in self._installed.all.values()):
            for method, times in body.get("ratelimit", {}).items():
                limits.force(method, int(times), int(body.get("retry_after", 1)))
            limits.enabled = bool(body.get("limits", limits.enabled))
        faults.duplicate_events = int(body.get("duplicate_events", faults.duplicate_events))
        faults.reorder_events = int(body.get("reorder_events", faults.reorder_events))
        faults.strict_history = bool(body.get("strict_history", faults.strict_history))
        faults.ack_delay = float(body.get("ack_delay", faults.ack_delay))
        faults.lose_answers |= {m: int(n) for m, n in body.get("lose_answers", {}).items()}
        faults.fail_calls |= {m: (int(n), str(e)) for m, (n, e) in body.get("fail_calls", {}).items()}
        return web.json_response({"ok": True})

    async def clock(self, request: web.Request) -> web.Response:
        """`{"advance": seconds}`."""
        self._context.clock.advance(float((await request.json())["advance"]))
        return web.json_response({"ok": True, "now": self._context.clock.now()})

    async def archive(self, request: web.Request) -> web.Response:
        """`{"channel": id or name, "archived": true}`: nobody can post there any more; it stays readable."""
        body = await request.json()
        channel = self._context.workspace.channel_by_name(str(body["channel"]))
        if channel is None or channel.is_im:
            raise web.HTTPNotFound(text="no such channel")
        channel.is_archived = bool(body.get("archived", True))
        self._context.workspace.publish({"type": "channel", "channel": channel.id})
        return web.json_response({"ok": True})

    async def withdraw(self, request: web.Request) -> web.Response:
        """`{"team": id, "error": token_revoked | account_inactive}`: the app's token there is good no more."""
        body = await request.json()
        place = self._installed.all.get(str(body.get("team", self._context.workspace.team.id)))
        if place is None:
            raise web.HTTPNotFound(text="no such workspace")
        place.withdraw(str(body.get("error", "account_inactive")))
        return web.json_response({"ok": True})

    async def sockets(self, request: web.Request) -> web.Response:
        """`{"do": "drop" | "refresh" | "warning"}`."""
        if self._sockets is None:
            raise web.HTTPBadRequest(text="not in Socket Mode")
        what = (await request.json())["do"]
        if what == "drop":
            await self._sockets.drop()
        else:
            await self._sockets.refresh("warning" if what == "warning" else "refresh_requested")
        return web.json_response({"ok": True})
