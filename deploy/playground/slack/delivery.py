"""Handing things to the app: the 3 second rule, and what happens when it is broken.

Events that are not acknowledged are retried at once, after one minute and after five (Events API docs,
"Retries"); commands and interactions are never retried, their user is told instead.
"""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass
from typing import Protocol

from .context import Context
from .state import APP_ID, Json

ACK_SECONDS = 3.0
HELD_SECONDS = 2.0
RETRY_AFTER = (0.0, 60.0, 300.0)


@dataclass(frozen=True)
class Envelope:
    """One thing to deliver. `kind`: events_api, slash_commands or interactive (Socket Mode's names)."""

    kind: str
    payload: Json
    retry_num: int = 0
    retry_reason: str = ""


class NotDelivered(Exception):
    """`reason` in Slack's words: timeout, connection_failed, http_error; `final` when the app wants no retry."""

    def __init__(self, reason: str, *, final: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.final = final


class Transport(Protocol):
    async def deliver(self, envelope: Envelope) -> Json:
        """Return the ack's payload (empty when it has none). Raises NotDelivered; waits as long as it takes."""
        ...


class Dispatcher:
    """Delivers through whatever transport is set, within Slack's time."""

    def __init__(self, context: Context, transport: Transport) -> None:
        self._context = context
        self.transport = transport
        self._held: list[asyncio.Event] = []

    async def send(self, envelope: Envelope) -> Json:
        """Deliver once; the ack's payload. Raises NotDelivered."""
        name = str(envelope.payload.get("command") or envelope.payload.get("type"))
        event = envelope.payload.get("event", {}).get("type")
        entry = self._context.journal.add(
            "delivery", event or name, team=self._context.workspace.team.id, envelope=envelope.kind,
            retry_num=envelope.retry_num, acked=False, payload=envelope.payload,
        )  # fmt: skip
        started = self._context.clock.now()
        try:
            async with asyncio.timeout(ACK_SECONDS):
                answer = await self.transport.deliver(envelope)
                await asyncio.sleep(self._context.faults.ack_delay)
        except TimeoutError:
            entry["reason"] = "timeout"
            raise NotDelivered("timeout") from None
        except NotDelivered as refused:
            entry["reason"] = refused.reason
            raise
        entry.update(acked=True, ack_seconds=self._context.clock.now() - started)
        return answer

    def event(self, event: Json) -> str:
        """Send an Events API callback in the background, with retries; its event_id."""
        event_id, team = f"Ev{uuid.uuid4().hex[:10].upper()}", self._context.workspace.team
        payload = {
            "type": "event_callback", "token": "playground", "team_id": team.id, "api_app_id": APP_ID,
            "event": event, "event_id": event_id, "event_time": int(self._context.clock.now()),
            "authorizations": [{"enterprise_id": None, "team_id": team.id, "user_id": team.bot_user, "is_bot": True}],
            "is_ext_shared_channel": False, "event_context": f"4-{event_id}",
        }  # fmt: skip
        if self._context.faults.take_reorder():
            self._held.append(asyncio.Event())
            self._context.spawn(self._send_later(payload, self._held[-1]))
            return event_id
        overtaken, self._held = self._held, []
        self._context.spawn(self._send_with_retries(payload, overtaken))
        if self._context.faults.take_duplicate():
            self._context.spawn(self._send_with_retries(payload))
        return event_id

    async def _send_later(self, payload: Json, overtaken: asyncio.Event) -> None:
        """Deliver once a later event was, or when none comes."""
        try:
            async with asyncio.timeout(HELD_SECONDS):
                await overtaken.wait()
        except TimeoutError:
            pass  # nothing overtook it: late, and in order
        await self._send_with_retries(payload)

    async def _send_with_retries(self, payload: Json, overtaken: list[asyncio.Event] | None = None) -> None:
        reason = ""
        for attempt in range(1 + len(RETRY_AFTER)):
            if attempt:
                await self._context.clock.sleep(RETRY_AFTER[attempt - 1])
            try:
                await self.send(Envelope("events_api", payload, attempt, reason))
            except NotDelivered as failed:
                reason = failed.reason
                if not failed.final:
                    continue
            finally:
                for held in overtaken or ():
                    held.set()
            return
