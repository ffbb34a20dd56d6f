"""Many people who act on one app in the same moment, and how long each waited for the ack."""

from __future__ import annotations

import asyncio
import statistics
from collections import Counter
from typing import Any

from slack_bolt.async_app import AsyncAck, AsyncApp

from deploy.playground.slack import SlackEmulator
from deploy.playground.slack.state import INCIDENTS

USERS = 200
CARD = [
    {
        "type": "actions",
        "elements": [{"type": "button", "action_id": "stop", "text": {"type": "plain_text", "text": "Stop"}}],
    }
]


class Crowd:
    """`USERS` people in #incidents; `heard` counts what the app was told, by (what, who)."""

    def __init__(self, slack: SlackEmulator, app: AsyncApp) -> None:
        self._slack = slack
        self._app = app
        self.heard: Counter[tuple[str, str]] = Counter()
        self.people = [slack.workspace.add_person(f"user{number}") for number in range(USERS)]
        app.command("/capture")(self._on_command)
        app.action("stop")(self._on_click)

    async def _on_command(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        await ack()
        self.heard["command", body["user_id"]] += 1

    async def _on_click(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        await ack()
        self.heard["click", body["user"]["id"]] += 1

    async def warm_up(self) -> str:
        """Post a card and run one command, as an app that has been up for a while has; the card's ts."""
        ts = str((await self._app.client.chat_postMessage(channel=INCIDENTS, text="card", blocks=CARD))["ts"])
        await self._slack.people.command("alice", "#incidents", "/capture web")
        self._slack.context.journal.entries.clear()
        self.heard.clear()
        return ts

    async def act(self, card: str) -> list[float]:
        """All at once, every other one by command and by click; the ack times in seconds, as far as there was one."""
        people = self._slack.people
        await asyncio.gather(
            *(
                people.click(user.name, "#incidents", card, "stop")
                if number % 2
                else people.command(user.name, "#incidents", f"/capture {user.name}")
                for number, user in enumerate(self.people)
            )
        )
        deliveries = self._slack.context.journal.find("delivery")
        return [entry["ack_seconds"] for entry in deliveries if entry["acked"]]


def percentiles(seconds: list[float]) -> str:
    """Median, 99th percentile and slowest in ms."""
    cuts = statistics.quantiles(seconds, n=100, method="inclusive")
    return f"p50 {cuts[49] * 1000:.0f} ms, p99 {cuts[98] * 1000:.0f} ms, slowest {max(seconds) * 1000:.0f} ms"
