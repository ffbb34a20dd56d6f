"""The only slack_bolt import: acknowledge, hand over, reply.

Every listener acks first and leaves the work to a tracked task, which is waited for at shutdown. Slack delivers
at least once: events are recognised by event_id, commands and clicks by trigger_id. Mistakes and refusals go to
their author alone; what a mention asks for is answered in its thread.
"""

import asyncio
import functools
import re
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any

import structlog
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.app.async_server import AsyncSlackAppServer
from slack_bolt.context.ack.async_ack import AsyncAck

from bot import messages
from bot.answers import ACTIONS, Answers, Asker
from bot.chat import WebClient
from bot.commands import Commands
from bot.ledger import aside
from bot.messages import Message
from bot.ports import Chat
from workers.contract.errors import ThreadcapError
from workers.contract.job import Origin, Person
from workers.contract.limits import Limits
from workers.contract.ports import JobStore

__all__ = ["AsyncApp", "AsyncSlackAppServer", "AsyncSocketModeHandler", "Listeners", "Tasks"]

log = structlog.get_logger()
Json = Mapping[str, Any]
SEEN_FOR = 3600.0
"""Seconds for which a delivery is recognised as a duplicate; Slack retries for about six minutes."""


class Tasks:
    """Work that goes on after the ack, tracked until it is done."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Start `work` and keep it."""
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def drain(self, grace: float) -> None:
        """Wait for what runs, `grace` seconds at most, then cancel the rest."""
        if not self._running:
            return
        _, late = await asyncio.wait(set(self._running), timeout=grace)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)


class Listeners:
    """Turns Slack's deliveries into commands, and their outcomes into answers."""

    def __init__(
        self, commands: Commands, store: JobStore, chat: Chat, limits: Limits, tasks: Tasks, *, command: str
    ) -> None:
        self._answers = Answers(commands, store, chat, limits)
        self._store = store
        self._chat = chat
        self._tasks = tasks
        self._command = command

    def register(self, app: AsyncApp) -> None:
        """Subscribe to everything the manifest asks for."""
        app.command(self._command)(self._on_command)
        app.event("app_mention")(self._on_mention)
        app.event("message")(self._on_message)
        for action in ACTIONS:
            app.action(action)(self._on_click)
        app.action(re.compile(".*"))(_on_link)

    # -- deliveries ------------------------------------------------------------------------------------------

    async def _on_command(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        await ack()
        channel = str(body["channel_id"])
        asker = Asker(
            Person(str(body["user_id"]), str(body.get("user_name", ""))),
            Origin(channel, "", "slash"),
            f"{self._command} ",
            functools.partial(self._chat.respond, str(body["response_url"])),
            functools.partial(self._chat.respond, str(body["response_url"])),
        )
        text = str(body.get("text", ""))
        self._once(f"trigger:{body['trigger_id']}", asker, lambda: self._answers.line(asker, text))

    async def _on_mention(self, event: dict[str, Any], body: dict[str, Any], context: dict[str, Any]) -> None:
        text = str(event.get("text", ""))
        mark = f"<@{context.get('bot_user_id')}"
        # "hey @threadcap capture …": what stands before the mention is talk
        text = text[max(0, text.find(mark)) :]
        self._said(event, body, text, "mention")

    async def _on_message(self, event: dict[str, Any], body: dict[str, Any]) -> None:
        """Direct messages need no mention; in channels only mentions are for us."""
        if event.get("channel_type") == "im" and not event.get("subtype") and not event.get("bot_id"):
            self._said(event, body, str(event.get("text", "")), "message")

    def _said(self, event: Json, body: Json, text: str, source: str) -> None:
        if event.get("bot_id") or not event.get("user"):
            return
        channel, user = str(event["channel"]), str(event["user"])
        within = str(event.get("thread_ts") or "")
        root = within or str(event["ts"])
        openly = functools.partial(self._chat.post, channel, root)
        # an ephemeral message in a thread shows only to who has that thread open
        alone: Callable[[Message], Awaitable[object]] = functools.partial(self._chat.ephemeral, channel, user, within)
        if source == "message":
            alone = openly
        prefix = "" if source == "message" else "@threadcap "
        asker = Asker(Person(user), Origin(channel, root, source), prefix, alone, openly)
        self._once(f"event:{body['event_id']}", asker, lambda: self._answers.line(asker, text))

    async def _on_click(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        await ack()
        action, value = str(body["actions"][0]["action_id"]), str(body["actions"][0].get("value", ""))
        channel = str((body.get("channel") or {}).get("id", ""))
        place = body.get("message") or body.get("container") or {}
        ts = str(place.get("ts") or place.get("message_ts") or "")
        within = str(place.get("thread_ts") or "")
        user = body["user"]
        person = Person(str(user["id"]), str(user.get("name") or user.get("username") or ""))
        asker = Asker(
            person,
            Origin(channel, within or ts, "button"),
            "@threadcap ",
            functools.partial(self._chat.ephemeral, channel, person.id, within),
            functools.partial(self._chat.post, channel, within or ts),
            "" if " " in value else value,
        )
        work = functools.partial(self._answers.pressed, asker, action, value)
        self._once(f"trigger:{body['trigger_id']}", asker, work)

    def _once(self, key: str, asker: Asker, work: Callable[[], Awaitable[None]]) -> None:
        """Do `work` in a task of its own unless this delivery has been seen."""

        async def guarded() -> None:
            if await aside(self._store.once, key, SEEN_FOR):
                await work()
            else:
                log.info("duplicate_delivery", key=key)

        self._tasks.spawn(self._answering(asker, guarded))

    async def _answering(self, asker: Asker, work: Callable[[], Awaitable[None]]) -> None:
        """Run `work`; whatever goes wrong is logged and told to the author in plain words, never as a trace."""
        try:
            await work()
        except ThreadcapError as error:
            log.warning("command_failed", code=error.code, detail=str(error)[:300], by=asker.person.id)
            await self._tell(asker, messages.refusal(error))
        except Exception:  # the boundary: no exception text reaches chat
            incident = f"{time.time_ns() // 1_000_000:x}"
            log.exception("command_broke", by=asker.person.id, incident=incident)
            text = f"Something went wrong on our side (incident {incident}). Try again, or tell the platform team."
            await self._tell(asker, messages.refusal(text, asker.about))

    async def _tell(self, asker: Asker, message: Message) -> None:
        try:
            await asker.alone(message)
        except ThreadcapError as error:
            log.warning("answer_lost", detail=str(error)[:300], by=asker.person.id)


async def _on_link(ack: AsyncAck) -> None:
    """Buttons that only open an address send an action all the same."""
    await ack()


def bolt_app(client: WebClient, signing_secret: str) -> AsyncApp:
    """Return the Bolt app on an existing client; its own logs go where the process's do."""
    return AsyncApp(client=client, signing_secret=signing_secret)
