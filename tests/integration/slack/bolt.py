"""A small Bolt app that records what it got, connected to an emulator as a product's bot would be."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from deploy.playground.slack import SlackEmulator

Seen = list[tuple[str, dict[str, Any]]]


def make_app(slack: SlackEmulator, seen: Seen, *, stall: float = 0.0) -> AsyncApp:
    """An app with every kind of listener; `stall` seconds pass before each ack of a command."""
    app = bare_app(slack, process_before_response=True)

    @app.command("/capture")
    async def command(ack: Any, body: dict[str, Any]) -> None:
        seen.append(("command", body))
        await asyncio.sleep(stall)
        await ack()

    @app.event("app_mention")
    async def mention(body: dict[str, Any]) -> None:
        seen.append(("app_mention", body))

    @app.event("message")
    async def message(body: dict[str, Any]) -> None:
        seen.append(("message", body))

    @app.event("app_home_opened")
    async def home(body: dict[str, Any]) -> None:
        seen.append(("app_home_opened", body))

    @app.action("stop")
    async def stop(ack: Any, body: dict[str, Any]) -> None:
        seen.append(("stop", body))
        await ack()

    @app.view("form")
    async def form(ack: Any, body: dict[str, Any]) -> None:
        seen.append(("form", body))
        await ack(response_action="errors", errors={"why": "Say more"})

    return app


@asynccontextmanager
async def connected(
    way: str, make: Callable[[SlackEmulator], AsyncApp] | None = None, **emulator: Any
) -> AsyncIterator[tuple[SlackEmulator, AsyncApp]]:
    """A workspace and an app in it, over "socket" or "http"; without `make` an app that has no listeners yet."""
    make = make or bare_app
    if way == "socket":
        async with SlackEmulator(attach_delay=0.05, **emulator) as slack:
            app = make(slack)
            async with socket_app(slack, app):
                yield slack, app
        return
    apps: list[AsyncApp] = []
    async with http_app(apps) as url, SlackEmulator(attach_delay=0.05, events_url=url, **emulator) as slack:
        apps.append(make(slack))
        assert slack.http is not None
        await slack.http.verify()
        yield slack, apps[0]


def bare_app(slack: SlackEmulator, **more: Any) -> AsyncApp:
    """An app as its documentation makes one, but for the address of Slack."""
    client = AsyncWebClient(token=slack.bot_token, base_url=slack.api_url)
    return AsyncApp(client=client, signing_secret=slack.signing_secret, **more)


@asynccontextmanager
async def socket_app(slack: SlackEmulator, app: AsyncApp) -> AsyncIterator[AsyncSocketModeHandler]:
    """`app` over Socket Mode until the block ends."""
    web_client = AsyncWebClient(token=slack.app_token, base_url=slack.api_url)
    handler = AsyncSocketModeHandler(app, slack.app_token, web_client=web_client, ping_interval=1)
    await handler.connect_async()
    await slack.sockets.wait_connected()
    try:
        yield handler
    finally:
        await handler.close_async()


@asynccontextmanager
async def http_app(apps: list[AsyncApp]) -> AsyncIterator[str]:
    """A server for the one Bolt app in `apps`, which may be put there later; yields its request URL."""

    async def endpoint(request: web.Request) -> web.Response:
        from slack_bolt.adapter.aiohttp import to_aiohttp_response, to_bolt_request

        response = await apps[0].async_dispatch(await to_bolt_request(request))
        return await to_aiohttp_response(response)

    server = web.Application()
    server.router.add_post("/slack/events", endpoint)
    runner = web.AppRunner(server, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events"
    finally:
        await runner.cleanup()


async def until(condition: Any, seconds: float = 10.0) -> None:
    """Return when `condition()` is true. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what we wait for lives in Bolt and has no event of its own
            await asyncio.sleep(0.01)
