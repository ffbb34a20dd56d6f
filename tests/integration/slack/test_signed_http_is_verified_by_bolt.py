"""The HTTP way of delivery: Bolt verifies the signature; retries carry their headers."""

from __future__ import annotations

import pytest
from slack_bolt.async_app import AsyncApp

from deploy.playground.slack import SlackEmulator
from deploy.playground.slack.clock import Clock
from deploy.playground.slack.context import AppConfig, Context
from deploy.playground.slack.http_delivery import HttpDelivery

from .bolt import Seen, http_app, make_app


@pytest.mark.parametrize("fault", ["forged", "stale"])
async def test_bolt_refuses_forged_and_stale_requests(fault: str) -> None:
    seen: Seen = []
    apps: list[AsyncApp] = []
    async with http_app(apps) as url, SlackEmulator(events_url=url) as slack:
        app = make_app(slack, seen)
        apps.append(app)
        assert slack.http is not None
        slack.http.forge_signature = fault == "forged"
        slack.http.skew = -600.0 if fault == "stale" else 0.0
        await slack.people.command("alice", "#incidents", "/capture web")
        assert "dispatch_failed" in slack.workspace.ephemerals[-1].text
    assert seen == []


async def test_socket_mode_is_off_over_http() -> None:
    async with http_app([]) as url, SlackEmulator(events_url=url) as slack:
        from slack_sdk.errors import SlackApiError
        from slack_sdk.web.async_client import AsyncWebClient

        client = AsyncWebClient(token=slack.app_token, base_url=slack.api_url)
        with pytest.raises(SlackApiError, match="socket_mode_not_enabled"):
            await client.apps_connections_open(app_token=slack.app_token)


def test_only_loopback_is_delivered_to(tmp_path: object) -> None:
    from pathlib import Path

    context = Context(Path(str(tmp_path)), AppConfig(), Clock(), 0.0)
    with pytest.raises(ValueError, match="loopback"):
        HttpDelivery(context, "http://192.0.2.1/slack/events")
