"""The exec relay between a client and the node's agent: handshake, fidelity, back-pressure, ends."""

import asyncio

import aiohttp
import pytest

from tests.integration.playground.cluster_support import CORE, SECONDS, Api, FakeAgent

PATH = f"{CORE}/namespaces/shop/pods/x/exec?command=cat&stdin=true&stdout=true"
V4, V5 = "v4.channel.k8s.io", "v5.channel.k8s.io"
MEBIBYTE = 1 << 20


@pytest.fixture
async def ready(api: Api) -> Api:
    await api.running_pod(await api.namespace("shop"), "x")
    return api


@pytest.mark.parametrize(
    ("offered", "chosen", "asked"),
    [((V4,), V4, V4), ((V4, V5), V5, V5), ((), None, V4), (("other", V4), V4, V4)],
)
async def test_protocol_choice(
    ready: Api, agent: FakeAgent, offered: tuple[str, ...], chosen: str | None, asked: str
) -> None:
    async with ready.session.ws_connect(PATH, headers=ready.headers, protocols=offered) as socket:
        assert socket.protocol == chosen
        headers = {name.lower() for name in socket._response.headers}
        expected = {"upgrade", "connection", "sec-websocket-accept"}
        assert headers == expected | ({"sec-websocket-protocol"} if chosen else set())
        await socket.send_bytes(b"\x00hello")
        assert await socket.receive_bytes() == b"\x00hello"
    assert agent.protocols == [asked]


async def test_unknown_protocol_is_403(ready: Api) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await ready.session.ws_connect(PATH, headers=ready.headers, protocols=("nonsense",))
    assert refused.value.status == 403


async def test_the_agents_refusal_is_passed_on(ready: Api, agent: FakeAgent) -> None:
    agent.refuse_exec = 'container not found ("app")'
    headers = {**ready.headers, "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
    headers |= {"Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==", "Sec-WebSocket-Protocol": V4}
    async with ready.session.get(PATH, headers=headers) as response:
        assert (response.status, await response.text()) == (500, 'container not found ("app")')


async def test_a_large_stream_is_whole(ready: Api) -> None:
    size, got = 32 * MEBIBYTE, 0
    async with ready.session.ws_connect(PATH, headers=ready.headers, protocols=(V4,), max_msg_size=0) as socket:
        await socket.send_str(str(size))
        async with asyncio.timeout(SECONDS):
            async for message in socket:
                got += len(message.data)
    assert got == size
    assert socket.close_code == 1000


async def test_a_client_that_goes_ends_the_stream_at_the_node(ready: Api, agent: FakeAgent) -> None:
    socket = await ready.session.ws_connect(PATH, headers=ready.headers, protocols=(V4,))
    await socket.send_bytes(b"\x00a")
    await socket.receive_bytes()
    connection = socket._response.connection
    assert connection is not None
    assert connection.transport is not None
    connection.transport.abort()
    async with asyncio.timeout(SECONDS):
        await agent.exec_ended.wait()


async def test_streams_do_not_outlive_the_server(ready: Api) -> None:
    socket = await ready.session.ws_connect(PATH, headers=ready.headers, protocols=(V4,))
    await ready.cluster.__aexit__()
    async with asyncio.timeout(SECONDS):
        message = await socket.receive()
    assert message.type in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.CLOSING, aiohttp.WSMsgType.ERROR)


async def test_logs_and_their_refusals(ready: Api) -> None:
    home = f"{CORE}/namespaces/shop"
    assert await ready.get(f"{home}/pods/x/log") == (200, "one\ntwo\n")
    code, status = await ready.get(f"{home}/pods/x/log?previous=true")
    assert (code, status["message"]) == (400, 'previous terminated container "app" in pod "x" not found')
    code, status = await ready.get(f"{home}/pods/x/log?container=no")
    assert (code, status["message"]) == (400, "container no is not valid for pod x")
