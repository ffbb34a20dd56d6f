"""What the web page and browser-less tests use: look at the workspace as one person, act as them.

The package docstring documents the endpoints. Everything here answers JSON; a refusal is Slack's error
object with HTTP 400.
"""

from __future__ import annotations

import asyncio
import json
import mimetypes
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from aiohttp import web

from .context import Context
from .errors import SlackError
from .interact import People
from .mangle import as_sent, as_typed
from .state import BOT_USER, File, Json, Message
from .uploads import MAX_FILE, safe_name

Action = Callable[[Json], Awaitable[Json]]
HEARTBEAT_SECONDS = 15.0
BACKLOG = 5000


class PageApi:
    """Routes under /_page."""

    def __init__(self, context: Context, people: People, panels: Sequence[str] = ()) -> None:
        self._context = context
        self._panels = list(panels)
        self._workspace = context.workspace
        self._people = people
        self._actions: dict[str, Action] = {
            "command": self._command, "message": self._message, "click": self._click, "submit": self._submit,
            "close": self._close, "home": self._home, "react": self._react, "suggest": self._suggest,
            "shortcut": self._shortcut,
        }  # fmt: skip

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/_page/state", self.state),
            web.get("/_page/events", self.events),
            web.get("/_page/file/{file}", self.file),
            web.post("/_page/upload", self.upload),
            web.post("/_page/{action}", self.act),
        ]

    def sign_in(self, response: web.StreamResponse) -> None:
        """Give the browser the session that file downloads ask for."""
        response.set_cookie(self._context.cookie, self._context.tokens.page, httponly=True, samesite="Strict")

    async def state(self, request: web.Request) -> web.Response:
        """Everything the person `?user=` sees now."""
        try:
            user = self._people.person(request.query.get("user", "alice"))
        except SlackError as refused:
            return web.json_response(refused.body(), status=400)
        channels = list(self._workspace.visible_channels(user.id))
        messages = [m for c in channels for m in self._workspace.messages[c.id]]
        own = [m for m in self._workspace.ephemerals if m.ephemeral_to == user.id]
        home = self._people.views.homes.get(user.id)
        answer = web.json_response(
            {
                "me": user.id,
                "bot": BOT_USER,
                "users": [u.to_api() | {"role": u.role} for u in self._workspace.users.values()],
                "channels": [c.to_api() | {"has_bot": BOT_USER in c.members} for c in channels],
                "messages": [_shape(m) for m in sorted(messages + own, key=lambda m: m.ts)],
                "commands": self._context.config.commands,
                "descriptions": self._context.config.descriptions,
                "shortcuts": self._context.config.shortcuts,
                "views": [v.to_api() for v in self._people.views.stacks.get(user.id, ())],
                "home": home.to_api() if home else None,
                "home_enabled": self._context.config.home,
                "panels": self._panels,
            }
        )
        self.sign_in(answer)
        return answer

    async def events(self, request: web.Request) -> web.StreamResponse:
        """Server-sent events: each change that `?user=` may see, as one JSON object."""
        try:
            user = self._people.person(request.query.get("user", "alice")).id
        except SlackError as refused:
            return web.json_response(refused.body(), status=400)
        stream = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
        queue: asyncio.Queue[Json] = asyncio.Queue(BACKLOG)

        def put(change: Json) -> None:
            # A page that stopped reading is cut off below; it reconnects and loads everything anew.
            if not queue.full():
                queue.put_nowait(change)

        stop = self._workspace.listen(put)
        try:
            await stream.prepare(request)
            await stream.write(b": connected\n\n")
            while not queue.full():
                await stream.write(await self._next(queue, user))
        except ConnectionError:
            pass  # the page was closed
        finally:
            stop()
        return stream

    async def _next(self, queue: asyncio.Queue[Json], user: str) -> bytes:
        try:
            async with asyncio.timeout(HEARTBEAT_SECONDS):
                while not self._visible(change := await queue.get(), user):
                    pass
        except TimeoutError:
            return b": still here\n\n"
        return b"data: " + json.dumps(change).encode() + b"\n\n"

    def _visible(self, change: Json, user: str) -> bool:
        channel = self._workspace.channels.get(change.get("channel", ""))
        if channel is not None and user not in channel.members:
            return False
        only = change.get("user") or change.get("message", {}).get("ephemeral_to")
        return only in (None, user)

    async def file(self, request: web.Request) -> web.Response:
        """A file by its id alone, as `slack_file` blocks name it: the way to its bytes."""
        file = self._workspace.files.get(request.match_info["file"])
        if file is None:
            raise web.HTTPNotFound(text="file not found")
        raise web.HTTPFound(file.to_api("")["url_private"])

    async def act(self, request: web.Request) -> web.Response:
        """POST /_page/<action> with a JSON object."""
        action = self._actions.get(request.match_info["action"])
        if action is None:
            raise web.HTTPNotFound(text="no such action")
        if request.content_type != "application/json":
            raise web.HTTPUnsupportedMediaType(text="application/json, please")
        try:
            body = await request.json()
            answer = await action(body)
        except SlackError as refused:
            return web.json_response(refused.body(), status=400)
        except (ValueError, KeyError, TypeError) as wrong:
            return web.json_response({"ok": False, "error": f"bad request: {wrong!r}"[:200]}, status=400)
        return web.json_response({"ok": True, **answer})

    async def _command(self, body: Json) -> Json:
        smart = bool(body.get("smart", True))
        await self._people.command(body["user"], body["channel"], body["text"], body.get("thread_ts"), smart=smart)
        return {}

    async def _message(self, body: Json) -> Json:
        """A message; one that starts with a slash is a command, as in Slack's composer."""
        text = str(body["text"])
        if text.startswith("/"):
            return await self._command(body)
        smart = bool(body.get("smart", True))
        message = self._people.say(body["user"], body["channel"], text, body.get("thread_ts"), smart=smart)
        return {"ts": message.ts, "channel": message.channel}

    async def _click(self, body: Json) -> Json:
        """An element of a message (channel, ts) or of a view (view_id) is used."""
        how = {name: body.get(name) for name in ("value", "block_id", "values")}
        if "view_id" in body:
            await self._people.use(body["user"], body["view_id"], body["action_id"], **how)
        else:
            await self._people.click(body["user"], body["channel"], body["ts"], body["action_id"], **how)
        return {}

    async def _suggest(self, body: Json) -> Json:
        return await self._people.suggest(
            body["user"], body, body["action_id"], str(body.get("value") or ""), body.get("block_id")
        )

    async def _shortcut(self, body: Json) -> Json:
        await self._people.shortcut(body["user"], body["callback_id"], body.get("channel"), body.get("ts"))
        return {}

    async def _submit(self, body: Json) -> Json:
        return {"answer": await self._people.submit(body["user"], body["view_id"], body.get("values", {}))}

    async def _close(self, body: Json) -> Json:
        await self._people.close_view(body["user"], body["view_id"], everything=bool(body.get("all")))
        return {}

    async def _home(self, body: Json) -> Json:
        self._people.open_home(body["user"])
        return {}

    async def _react(self, body: Json) -> Json:
        """One's own reaction comes, or goes when it is there."""
        user = self._people.person(body["user"])
        channel = self._people.place(user, body["channel"])
        message = self._workspace.find(channel.id, body["ts"])
        if message is None:
            raise SlackError("message_not_found")
        users = message.reactions.setdefault(str(body["name"]), [])
        users.remove(user.id) if user.id in users else users.append(user.id)
        if not users:
            del message.reactions[str(body["name"])]
        self._workspace.publish_message("changed", message)
        return {}

    async def upload(self, request: web.Request) -> web.Response:
        """A person's file: ?user=&channel=[&thread_ts=]&name=[&text=], the raw bytes as the body."""
        query: dict[str, Any] = dict(request.query)
        try:
            user = self._people.person(query.get("user", ""))
            channel = self._people.place(user, query.get("channel", ""))
            name = query["name"]
        except (SlackError, KeyError) as refused:
            body = refused.body() if isinstance(refused, SlackError) else {"ok": False, "error": "no name"}
            return web.json_response(body, status=400)
        file = await self._store(request, user.id, name)
        share = {"channel": channel.id, "ts": self._workspace.new_ts()}
        file.shares.append(share)
        shapes = [file.to_api(self._context.base_url)]
        text = as_sent(as_typed(query.get("text", "")), self._workspace)
        message = Message(channel.id, share["ts"], user.id, text, thread_ts=query.get("thread_ts"), files=shapes)
        self._workspace.add(message)
        self._people.announcer.posted(message)
        return web.json_response({"ok": True, "ts": message.ts, "file": shapes[0]})

    async def _store(self, request: web.Request, user: str, name: str) -> File:
        file_id = self._workspace.new_id("F")
        path = self._context.rundir / "files" / f"{file_id}-{safe_name(name)}"
        path.parent.mkdir(parents=True, exist_ok=True)
        file = File(file_id, name, 0, path, user, int(self._context.clock.now()), state="complete", ready=True)
        file.mimetype = mimetypes.guess_type(name)[0] or file.mimetype
        with path.open("wb") as spool:
            async for chunk in request.content.iter_any():
                file.size += len(chunk)
                if file.size > MAX_FILE:
                    path.unlink()
                    raise web.HTTPRequestEntityTooLarge(max_size=MAX_FILE, actual_size=file.size)
                spool.write(chunk)
        self._workspace.files[file_id] = file
        return file


def _shape(message: Message) -> Json:
    return message.to_api() | {"channel": message.channel, "ephemeral_to": message.ephemeral_to}
