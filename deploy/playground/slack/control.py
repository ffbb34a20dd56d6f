"""/_control: the emulator's own switches, for tests and demos. No part of Slack.

`GET state`, `GET journal?kind=&name=`, `POST reset`, `POST faults`, `POST clock`,
`POST sockets`. The package docstring has the fields.
"""

from __future__ import annotations

from aiohttp import web

from .context import Context
from .socket_mode import SocketMode
from .state import Json
from .views import Views


class Control:
    """Routes under /_control."""

    def __init__(self, context: Context, sockets: SocketMode | None, views: Views) -> None:
        self._context = context
        self._views = views
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
        ]

    def snapshot(self) -> Json:
        """The whole workspace as plain values."""
        workspace = self._context.workspace
        return {
            "sockets": self._sockets.connected if self._sockets else 0,
            "channels": [c.to_api() for c in workspace.channels.values()],
            "messages": {c: [m.to_api() for m in kept] for c, kept in workspace.messages.items()},
            "ephemerals": [m.to_api() | {"ephemeral_to": m.ephemeral_to, "channel": m.channel}
                           for m in workspace.ephemerals],
            "files": [f.to_api(self._context.base_url) | {"state": f.state} for f in workspace.files.values()],
        }  # fmt: skip

    async def state(self, request: web.Request) -> web.Response:
        return web.json_response(self.snapshot())

    async def journal(self, request: web.Request) -> web.Response:
        """Entries, oldest first; `kind` is call, delivery, upload or response_url, `name` a method or event."""
        kind, name = request.query.get("kind"), request.query.get("name")
        entries = [e for e in self._context.journal.entries if kind in (None, e["kind"]) and name in (None, e["name"])]
        return web.json_response({"entries": entries})

    async def reset(self, request: web.Request) -> web.Response:
        """Back to the seed; tokens and sockets stay."""
        context = self._context
        context.workspace.reset()
        self._views.reset()
        context.limits.reset()
        context.journal.entries.clear()
        context.faults.__init__()  # type: ignore[misc]  # all switches back to their defaults, in place
        context.workspace.publish({"type": "reset"})
        return web.json_response({"ok": True})

    async def faults(self, request: web.Request) -> web.Response:
        """Set the switches named in the body; others stay."""
        body = await request.json()
        faults, limits = self._context.faults, self._context.limits
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
