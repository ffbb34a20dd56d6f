"""POST or GET /api/<method>: parse, authenticate, check scope and rate, run the handler, answer.

Order and error strings as Slack's: unknown_method, not_authed, invalid_auth, not_allowed_token_type,
missing_scope (needed, provided), ratelimited (429), then the method's own.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from .context import Context
from .errors import SlackError
from .interact import People
from .limits import STRICT_HISTORY
from .methods import TABLE, Call, Method
from .socket_mode import SocketMode
from .state import Json

_SECRET_ARGS = ("token",)


class WebApi:
    """The Web API over the method table."""

    def __init__(self, context: Context, people: People, sockets: SocketMode | None) -> None:
        self._context = context
        self._people = people
        self._sockets = sockets

    async def handle(self, request: web.Request) -> web.Response:
        name = request.match_info["method"]
        args: Json = {}
        entry = self._context.journal.add("call", name, args=args)
        try:
            args.update(await _arguments(request))
            body = {"ok": True, **await self._call(name, args, request)}
            answer = web.json_response(body, headers=self._scope_headers(name))
        except SlackError as refused:
            body = refused.body()
            answer = web.json_response(body, status=refused.status, headers=refused.headers)
        for secret in _SECRET_ARGS:
            args.pop(secret, None)
        entry.update(ok=body["ok"], error=body.get("error"), status=answer.status)
        if body["ok"] and self._context.faults.take_lost_answer(name):
            return web.Response(status=500, text="internal error")
        return answer

    async def _call(self, name: str, args: Json, request: web.Request) -> Json:
        method = TABLE.get(name)
        if method is None:
            raise SlackError("unknown_method", req_method=name)
        self._authorize(method, _token(args, request))
        strict = self._context.faults.strict_history and name in ("conversations.replies", "conversations.history")
        self._context.limits.take(name, STRICT_HISTORY if strict else method.rate, str(args.get("channel", "")))
        if error := self._context.faults.take_failure(name):
            raise SlackError(error)
        return await method.handler(Call(args, self._context, self._people, self._sockets))

    def _authorize(self, method: Method, token: str) -> None:
        tokens = self._context.tokens
        if not token:
            raise SlackError("not_authed")
        is_bot = secrets.compare_digest(token, tokens.bot)
        if not is_bot and not secrets.compare_digest(token, tokens.app):
            raise SlackError("invalid_auth")
        if method.token not in ("any", "bot" if is_bot else "app"):
            raise SlackError("not_allowed_token_type")
        provided = self._context.config.scopes
        if is_bot and method.scopes and not set(method.scopes) & set(provided):
            raise SlackError("missing_scope", needed=method.scopes[0], provided=",".join(provided))

    def _scope_headers(self, name: str) -> dict[str, str]:
        method = TABLE[name]
        scopes = ",".join(self._context.config.scopes)
        return {"X-OAuth-Scopes": scopes, "X-Accepted-OAuth-Scopes": ",".join(method.scopes)}


def _token(args: Mapping[str, Any], request: web.Request) -> str:
    header = request.headers.get("Authorization", "")
    if header:
        return header.removeprefix("Bearer ").strip()
    return str(args.get("token", ""))


async def _arguments(request: web.Request) -> Json:
    """Query, then form or JSON body. Raises invalid_json, json_not_object, invalid_form_data."""
    args: Json = dict(request.query)
    if request.method != "POST":
        return args
    if request.content_type == "application/json":
        text = await request.text()
        if not text.strip():
            return args
        try:
            body = json.loads(text)
        except ValueError:
            raise SlackError("invalid_json") from None
        if not isinstance(body, dict):
            raise SlackError("json_not_object")
        # A token inside a JSON body is ignored by Slack: only the header counts.
        return args | {k: v for k, v in body.items() if k != "token"}
    try:
        form = await request.post()
    except ValueError:
        raise SlackError("invalid_form_data") from None
    return args | {key: value for key, value in form.items() if isinstance(value, str)}
