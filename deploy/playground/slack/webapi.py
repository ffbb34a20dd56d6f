"""POST or GET /api/<method>: parse, authenticate, check scope and rate, run the handler, answer.

Order and error strings as Slack's: unknown_method, not_authed, invalid_auth, not_allowed_token_type,
token_revoked or account_inactive, missing_scope (needed, provided), ratelimited (429), then the method's own.
The bot token says which workspace is meant.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from .context import AppConfig
from .errors import SlackError
from .installed import Installation, Installed
from .limits import STRICT_HISTORY
from .methods import TABLE, Call, Method
from .socket_mode import SocketMode
from .state import Json, Workspace

_SECRET_ARGS = ("token",)


class WebApi:
    """The Web API over the method table."""

    def __init__(self, installed: Installed, sockets: SocketMode | None) -> None:
        self._installed = installed
        self._home = installed.home
        self._sockets = sockets

    async def handle(self, request: web.Request) -> web.Response:
        name = request.match_info["method"]
        args: Json = {}
        entry = self._home.context.journal.add("call", name, args=args)
        try:
            if (method := TABLE.get(name)) is None:
                raise SlackError("unknown_method", req_method=name)
            args.update(await _arguments(request, method))
            place = self._authorize(method, _token(args, request))
            entry["team"] = place.context.workspace.team.id
            body = {"ok": True, **await self._call(method, args, place)}
            answer = web.json_response(body, headers=_scope_headers(method, place.context.config))
        except SlackError as refused:
            body = refused.body()
            answer = web.json_response(body, status=refused.status, headers=refused.headers)
        for secret in _SECRET_ARGS:
            args.pop(secret, None)
        entry.update(ok=body["ok"], error=body.get("error"), status=answer.status)
        if body["ok"] and self._home.context.faults.take_lost_answer(name):
            return web.Response(status=500, text="internal error")
        return answer

    async def _call(self, method: Method, args: Json, place: Installation) -> Json:
        context, name = place.context, method.name
        context.config.need(method.scopes if method.token == "bot" else ())
        strict = context.faults.strict_history and name in ("conversations.replies", "conversations.history")
        channel = _channel_id(context.workspace, str(args.get("channel", "")))
        context.limits.take(name, STRICT_HISTORY if strict else method.rate, channel)
        if error := context.faults.take_failure(name):
            raise SlackError(error)
        return await method.handler(Call(args, context, place.people, self._sockets))

    def _authorize(self, method: Method, token: str) -> Installation:
        """Where the token belongs; the app's own belongs to no workspace, and is taken for the first one's."""
        if not token:
            raise SlackError("not_authed")
        is_app = secrets.compare_digest(token, self._home.context.tokens.app)
        place = self._home if is_app else self._installed.by_token(token)
        if place is None:
            raise SlackError("invalid_auth")
        if method.token not in ("any", "app" if is_app else "bot"):
            raise SlackError("not_allowed_token_type")
        if place.context.tokens.refused and not is_app:
            raise SlackError(place.context.tokens.refused)
        return place


def _scope_headers(method: Method, config: AppConfig) -> dict[str, str]:
    return {"X-OAuth-Scopes": ",".join(config.scopes), "X-Accepted-OAuth-Scopes": ",".join(method.scopes)}


def _channel_id(workspace: Workspace, name: str) -> str:
    """A channel is limited under its id, however it was named."""
    known = workspace.channel_by_name(name)
    return known.id if known else name


def _token(args: Mapping[str, Any], request: web.Request) -> str:
    header = request.headers.get("Authorization", "")
    if header:
        return header.removeprefix("Bearer ").strip()
    return str(args.get("token", ""))


async def _arguments(request: web.Request, method: Method) -> Json:
    """Query, then form or, if taken, JSON body. Raises invalid_json, json_not_object, invalid_form_data."""
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
        if not method.takes_json:
            return args
        # A token inside a JSON body is ignored by Slack: only the header counts.
        return args | {k: v for k, v in body.items() if k != "token"}
    try:
        form = await request.post()
    except ValueError:
        raise SlackError("invalid_form_data") from None
    return args | {key: value for key, value in form.items() if isinstance(value, str)}
