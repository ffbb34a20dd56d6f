"""Retries with their number and reason, either way; sockets: ten at most, single-use tickets, refresh with overlap."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web as server
from slack_sdk.web.async_client import AsyncWebClient

from deploy.playground.slack import SlackEmulator
from deploy.playground.slack.socket_mode import MAX_SOCKETS

from .bolt import until

Json = dict[str, Any]
Socket = aiohttp.ClientWebSocketResponse


async def url(slack: SlackEmulator) -> str:
    client = AsyncWebClient(base_url=slack.api_url)
    return str((await client.apps_connections_open(app_token=slack.app_token))["url"])


async def connect(slack: SlackEmulator, session: aiohttp.ClientSession) -> Socket:
    """A socket that has been greeted."""
    socket = await session.ws_connect(await url(slack))
    assert (await receive(socket))["type"] in ("hello", "disconnect")
    return socket


async def receive(socket: Socket) -> Json:
    answer: Json = await socket.receive_json(timeout=10)
    return answer


async def acknowledge(socket: Socket, envelope: Json) -> None:
    await socket.send_json({"envelope_id": envelope["envelope_id"]})


async def closed(socket: Socket) -> bool:
    """Wait for the server's end of the socket."""
    return (await socket.receive(timeout=10)).type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)


@asynccontextmanager
async def failing_app(*headers: str, stall: float = 0.0) -> AsyncIterator[tuple[str, list[dict[str, str]]]]:
    """A request URL that answers 500 after `stall` seconds with `headers` of 1, and the retry headers it got."""
    got: list[dict[str, str]] = []

    async def fail(request: server.Request) -> server.Response:
        got.append({name: value for name, value in request.headers.items() if name.startswith("X-Slack-Retry")})
        await asyncio.sleep(stall)
        return server.Response(status=500, headers=dict.fromkeys(headers, "1"))

    app = server.Application()
    app.router.add_post("/slack/events", fail)
    runner = server.AppRunner(app, access_log=None)
    await runner.setup()
    await server.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events", got
    finally:
        await runner.cleanup()


def retry(number: int, reason: str = "http_error") -> dict[str, str]:
    return {"X-Slack-Retry-Num": str(number), "X-Slack-Retry-Reason": reason}


async def test_http_retries_say_their_number_and_reason() -> None:
    async with failing_app() as (address, got), SlackEmulator(events_url=address) as slack:
        slack.people.say("alice", "#incidents", "hello")
        await until(lambda: got == [{}, retry(1)])
        slack.context.clock.advance(60)
        await until(lambda: got == [{}, retry(1), retry(2)])
        slack.context.clock.advance(300)
        await until(lambda: got == [{}, retry(1), retry(2), retry(3)])
        slack.context.clock.advance(3600)
        entries = slack.context.journal.find("delivery", "message")
        await until(lambda: [entry.get("reason") for entry in entries] == ["http_error"] * 4)
        assert len({entry["payload"]["event_id"] for entry in entries}) == 1


async def test_answer_after_three_seconds_is_a_timeout() -> None:
    async with failing_app(stall=3.5) as (address, got), SlackEmulator(events_url=address) as slack:
        slack.people.say("alice", "#incidents", "hello")
        await until(lambda: got == [{}, retry(1, "http_timeout")])


async def test_app_may_refuse_retries() -> None:
    async with (
        failing_app("X-Slack-No-Retry") as (address, got),
        SlackEmulator(events_url=address) as slack,
    ):
        slack.people.say("alice", "#incidents", "hello")
        await until(lambda: [e.get("reason") for e in slack.context.journal.find("delivery")] == ["http_error"])
        await until(lambda: slack.context.under_way() == 0)
    assert got == [{}]


async def test_socket_retries_say_their_attempt_and_reason(
    slack: SlackEmulator, session: aiohttp.ClientSession
) -> None:
    socket = await connect(slack, session)
    slack.people.say("alice", "#incidents", "hello")
    first, second = await receive(socket), await receive(socket)
    assert (first["retry_attempt"], first["retry_reason"]) == (0, "")
    assert (second["retry_attempt"], second["retry_reason"]) == (1, "timeout")
    assert first["payload"]["event_id"] == second["payload"]["event_id"]
    await acknowledge(socket, second)
    await until(lambda: [e["acked"] for e in slack.context.journal.find("delivery", "message")] == [False, True])
    await socket.close()


async def test_ten_sockets_are_the_most(slack: SlackEmulator, session: aiohttp.ClientSession) -> None:
    sockets = [await connect(slack, session) for _ in range(MAX_SOCKETS)]
    eleventh = await session.ws_connect(await url(slack))
    refused = await receive(eleventh)
    assert (refused["type"], refused["reason"]) == ("disconnect", "too_many_websockets")
    assert await closed(eleventh)
    await sockets.pop().close()
    await until(lambda: slack.sockets.connected == MAX_SOCKETS - 1)
    sockets.append(await connect(slack, session))
    for number in range(MAX_SOCKETS):
        slack.people.say("alice", "#incidents", str(number))
    spread = await asyncio.gather(*(receive(socket) for socket in sockets))
    assert len({envelope["envelope_id"] for envelope in spread}) == MAX_SOCKETS
    for socket in sockets:
        await socket.close()


async def test_ticket_serves_once(slack: SlackEmulator, session: aiohttp.ClientSession) -> None:
    address = await url(slack)
    await (await session.ws_connect(address)).close()
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await session.ws_connect(address)
    assert refused.value.status == 403


async def test_old_and_new_socket_overlap_during_a_refresh(
    slack: SlackEmulator, session: aiohttp.ClientSession
) -> None:
    old = await connect(slack, session)
    slack.people.say("alice", "#incidents", "before")
    before = await receive(old)
    await slack.sockets.refresh("warning")
    assert (await receive(old))["reason"] == "warning"
    slack.context.clock.advance(10)
    assert (await receive(old))["reason"] == "refresh_requested"
    new = await connect(slack, session)
    slack.people.say("alice", "#incidents", "after")
    after = await receive(new)
    await acknowledge(old, before)
    await acknowledge(new, after)
    await until(lambda: [e["acked"] for e in slack.context.journal.find("delivery", "message")] == [True, True])
    slack.context.clock.advance(10)
    assert await closed(old)
    await until(lambda: slack.sockets.connected == 1)
    await new.close()
