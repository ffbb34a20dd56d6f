"""What an interaction hands the app: single-use triggers and response_urls.

A trigger_id lives 3 seconds and serves once; a response_url takes 5 posts in 30 minutes
(docs.slack.dev/interactivity/handling-user-interaction).
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from aiohttp import web

from .blocks import assign_block_ids, check_message
from .context import Context
from .errors import SlackError
from .state import Json, Message

TRIGGER_SECONDS = 3.0
RESPONSE_SECONDS = 30 * 60.0
RESPONSE_USES = 5


class Triggers:
    """trigger_ids and who caused them."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._live: dict[str, tuple[float, str]] = {}
        self._used: set[str] = set()

    def reset(self) -> None:
        self._live.clear()
        self._used.clear()

    def issue(self, user: str) -> str:
        trigger = f"{secrets.randbelow(10**12)}.{secrets.randbelow(10**12)}.{secrets.token_hex(16)}"
        self._live[trigger] = (self._context.clock.now() + TRIGGER_SECONDS, user)
        return trigger

    def redeem(self, trigger: str) -> str:
        """The user behind `trigger`. Raises invalid_trigger_id, exchanged_trigger_id or expired_trigger_id."""
        if trigger not in self._live:
            raise SlackError("invalid_trigger_id")
        if trigger in self._used:
            raise SlackError("exchanged_trigger_id")
        deadline, user = self._live[trigger]
        if self._context.clock.now() > deadline:
            raise SlackError("expired_trigger_id")
        self._used.add(trigger)
        return user


@dataclass
class _Budget:
    user: str
    channel: str
    message: Message | None
    deadline: float
    uses: int = RESPONSE_USES


class Responses:
    """Issues response_urls and serves POST /response/<team>/<token>."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._budgets: dict[str, _Budget] = {}

    def reset(self) -> None:
        self._budgets.clear()

    def issue(self, user: str, channel: str, message: Message | None = None) -> str:
        token = secrets.token_urlsafe(18)
        deadline = self._context.clock.now() + RESPONSE_SECONDS
        self._budgets[token] = _Budget(user, channel, message, deadline)
        return f"{self._context.base_url}/response/{self._context.workspace.team.id}/{token}"

    async def handle(self, request: web.Request) -> web.Response:
        budget = self._budgets.get(request.match_info["token"])
        body = await request.json()
        entry = self._context.journal.add("response_url", "response_url", args=body)
        try:
            if budget is None or self._context.clock.now() > budget.deadline:
                raise SlackError("expired_url" if budget else "invalid_url", status=404)
            if budget.uses <= 0:
                raise SlackError("used_url", status=404)
            budget.uses -= 1
            self.apply(body, budget.user, budget.channel, budget.message)
        except SlackError as refused:
            entry.update(ok=False, error=refused.code)
            return web.json_response(refused.body(), status=refused.status)
        entry.update(ok=True)
        return web.json_response({"ok": True})

    def apply(self, body: Json, user: str, channel: str, source: Message | None = None) -> None:
        """Do what a response (by URL or in an ack) asks: delete, replace, or post. Raises SlackError."""
        if body.get("delete_original") and source is not None:
            self._context.workspace.remove(source)
            return
        blocks, text = body.get("blocks"), str(body.get("text") or "")
        check_message(blocks, text, other_content=bool(body.get("attachments")))
        blocks = assign_block_ids(blocks or [])
        if body.get("replace_original") and source is not None:
            source.text, source.blocks = text, blocks
            if source.ephemeral_to is None:
                source.edited = {"user": self._context.workspace.bot_user, "ts": self._context.workspace.new_ts()}
            self._context.workspace.publish_message("changed", source)
            return
        thread_ts = body.get("thread_ts") or (source.thread_ts if source is not None and source.is_reply else None)
        only_to = None if body.get("response_type") == "in_channel" else user
        workspace = self._context.workspace
        workspace.add(
            Message(
                channel,
                workspace.new_ts(),
                self._context.workspace.bot_user,
                text,
                blocks,
                thread_ts,
                bot=True,
                ephemeral_to=only_to,
            )
        )
