"""Faults of the API server by its control endpoint: streams that go wrong, refusals, latency, outages."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import aiohttp
import pytest

from tests.integration.playground.cluster_support import CORE, SECONDS, Api, FakeAgent

FAULTS = "/_playground/faults"
PATH = f"{CORE}/namespaces/shop/pods/x/exec?command=cat&stdin=true&stdout=true"
PODS = f"{CORE}/namespaces/shop/pods"
V4 = "v4.channel.k8s.io"
SUCCESS = b'\x03{"metadata":{},"status":"Success"}'
ENDED = (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.CLOSING, aiohttp.WSMsgType.ERROR)


@pytest.fixture
async def ready(api: Api) -> Api:
    await api.running_pod(await api.namespace("shop"), "x")
    return api


async def inject(api: Api, kind: str, **body: Any) -> None:
    code, answer = await api.post(FAULTS, {"kind": kind, **body})
    assert code == 200, answer


async def connect(api: Api) -> aiohttp.ClientWebSocketResponse:
    return await api.session.ws_connect(PATH, headers=api.headers, protocols=(V4,), max_msg_size=0)


async def test_a_stream_is_cut_after_so_many_bytes_without_a_status(ready: Api, agent: FakeAgent) -> None:
    await inject(ready, "stream", action="cut", namespace="shop", afterBytes=10)
    socket = await connect(ready)
    await socket.send_bytes(b"\x02what tcpdump says is not counted")
    await socket.receive_bytes()
    await socket.send_bytes(b"\x01123456")
    assert await socket.receive_bytes() == b"\x01123456"
    await socket.send_bytes(b"\x017890abcdef")
    async with asyncio.timeout(SECONDS):
        assert (await socket.receive()).type in ENDED
        await agent.exec_ended.wait()
    assert socket.close_code == 1006
    whole = await connect(ready)
    await whole.send_bytes(b"\x01" + bytes(100))
    assert len(await whole.receive_bytes()) == 101


async def test_streams_are_cut_one_after_the_other(ready: Api) -> None:
    await inject(ready, "stream", action="cut", command="ca", afterBytes=[3, 5])
    await inject(ready, "stream", action="cut", command="tail -c", afterBytes=1)
    for length in (3, 5, 8):
        socket = await connect(ready)
        await socket.send_bytes(b"\x0112345678")
        received = b""
        async with asyncio.timeout(SECONDS):
            while len(received) < 8 and (message := await socket.receive()).type is aiohttp.WSMsgType.BINARY:
                received += message.data[1:]
        assert (received, socket.closed) == (b"12345678" if length == 8 else b"", length != 8)
        await socket.close()


async def test_a_success_can_lie(ready: Api, agent: FakeAgent) -> None:
    await inject(ready, "stream", action="lie", pod="x", afterBytes=4)
    socket = await connect(ready)
    await socket.send_bytes(b"\x01123456")
    assert await socket.receive_bytes() == b"\x011234"
    assert await socket.receive_bytes() == SUCCESS
    assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSE
    assert socket.close_code == 1000
    async with asyncio.timeout(SECONDS):
        await agent.exec_ended.wait()


@pytest.mark.parametrize("action", ["cut", "lie"])
async def test_an_orphan_is_not_told_that_its_client_has_gone(ready: Api, agent: FakeAgent, action: str) -> None:
    await inject(ready, "stream", action=action, orphan=True)
    socket = await connect(ready)
    await socket.send_bytes(b"\x01123456")
    while (await socket.receive()).type is aiohttp.WSMsgType.BINARY:
        pass
    await socket.close()
    await ready.get(PODS)
    assert not agent.exec_ended.is_set()
    await ready.cluster.__aexit__()
    async with asyncio.timeout(SECONDS):
        await agent.exec_ended.wait()


async def test_a_stalled_stream_stays_open_and_says_nothing(ready: Api, agent: FakeAgent) -> None:
    await inject(ready, "stream", action="stall", afterBytes=4)
    socket = await connect(ready)
    await socket.send_bytes(b"\x011234")
    assert await socket.receive_bytes() == b"\x011234"
    await socket.send_bytes(b"\x015678")
    with pytest.raises(TimeoutError):
        await socket.receive(timeout=0.3)
    assert not agent.exec_ended.is_set()


async def test_a_slow_stream_is_whole_and_late(ready: Api) -> None:
    await inject(ready, "stream", action="slow", afterBytes=4, bytesPerSecond=1_000_000)
    socket = await connect(ready)
    began, sent = time.monotonic(), 0
    for number in range(16):
        payload = b"\x01" + bytes([number]) * 30_000
        await socket.send_bytes(payload)
        sent += len(payload)
    for number in range(16):
        assert await socket.receive_bytes() == b"\x01" + bytes([number]) * 30_000
    assert time.monotonic() - began > 0.8 * sent / 1_000_000


async def test_the_end_of_a_slow_stream_comes_after_its_bytes(ready: Api) -> None:
    await inject(ready, "stream", action="slow", bytesPerSecond=200_000)
    socket = await connect(ready)
    await socket.send_bytes(b"\x01" + bytes(50_000))
    await socket.send_str("0")
    assert len(await socket.receive_bytes()) == 50_001
    assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSE
    assert socket.close_code == 1000


async def test_errors_by_verb_and_resource(ready: Api) -> None:
    await inject(
        ready, "request", verb="list", resource="pods", code=500, message="etcdserver: leader changed", times=1
    )
    code, answer = await ready.get(PODS)
    assert (code, answer["reason"], answer["message"]) == (500, "InternalError", "etcdserver: leader changed")
    assert (await ready.get(f"{PODS}/x"))[0] == 200
    assert (await ready.get(PODS))[0] == 200
    await inject(ready, "request", resource="pods/exec", code=403, message="no")
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await connect(ready)
    assert refused.value.status == 403
    await inject(ready, "heal")
    assert not (await connect(ready)).closed


async def test_too_many_requests_says_when_to_come_again(ready: Api) -> None:
    await inject(ready, "request", verb="get", resource="pods", code=429, retryAfter=2)
    async with ready.session.get(f"{PODS}/x", headers=ready.headers) as answer:
        assert (answer.status, answer.headers["Retry-After"]) == (429, "2")
        assert (await answer.json())["details"] == {"retryAfterSeconds": 2}


async def test_latency_by_verb(ready: Api) -> None:
    await inject(ready, "request", verb="get", resource="pods", namespace="shop", delayMs=300)
    began = time.monotonic()
    assert (await ready.get(f"{PODS}/x"))[0] == 200
    assert time.monotonic() - began >= 0.3


async def test_a_soft_outage_answers_503_and_spares_streams(ready: Api) -> None:
    socket = await connect(ready)
    await inject(ready, "outage", how="soft", seconds=60)
    for path in (PODS, "/readyz"):
        assert (await ready.get(path))[0] == 503
    await socket.send_bytes(b"\x01still here")
    assert await socket.receive_bytes() == b"\x01still here"
    await inject(ready, "heal")
    assert (await ready.get(PODS))[0] == 200


async def test_a_hard_outage_drops_and_refuses_connections_and_ends(ready: Api, agent: FakeAgent) -> None:
    socket = await connect(ready)
    watch = await ready.session.get(f"{PODS}?watch=true", headers=ready.headers)
    await inject(ready, "outage", how="hard", seconds=0.5)
    async with asyncio.timeout(SECONDS):
        assert (await socket.receive()).type in ENDED
        with pytest.raises(aiohttp.ClientError):
            await watch.read()
        await agent.exec_ended.wait()
    with pytest.raises(aiohttp.ClientConnectorError):
        await ready.get(PODS)
    async with asyncio.timeout(SECONDS):
        while True:
            try:
                assert (await ready.get(f"{PODS}/x"))[0] == 200
                break
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "stream", "action": "melt"},
        {"kind": "stream", "action": "slow"},
        {"kind": "stream", "action": "cut", "afterBytes": -1},
        {"kind": "request", "code": 200},
        {"kind": "outage", "how": "hard", "seconds": 100_000},
        {"kind": "outage", "seconds": 1},
    ],
)
async def test_what_makes_no_sense_is_refused(api: Api, body: dict[str, Any]) -> None:
    assert (await api.post(FAULTS, body))[0] == 400
    assert (await api.user("").post(FAULTS, body))[0] == 403
