"""attach: the output from now on as frames, and what is refused before the upgrade."""

import json

import aiohttp
import pytest

from tests.integration.playground.cluster_support import CORE, Api

ATTACH = f"{CORE}/namespaces/shop/pods/x/attach"


@pytest.fixture
async def ready(api: Api) -> Api:
    """A cluster with the running pod shop/x, whose log is two lines long."""
    await api.running_pod(await api.namespace("shop"), "x")
    return api


@pytest.mark.parametrize("protocol", ["v4.channel.k8s.io", "v5.channel.k8s.io"])
async def test_output_comes_in_frames_and_ends_with_success(ready: Api, protocol: str) -> None:
    async with ready.session.ws_connect(
        f"{ATTACH}?stdout=true&stderr=true", headers=ready.headers, protocols=[protocol]
    ) as socket:
        assert socket.protocol == protocol
        frames = [message.data async for message in socket]
    assert (frames[0], b"".join(frame[1:] for frame in frames[1:-1])) == (b"\x01", b"one\ntwo\n")
    assert {frame[0] for frame in frames[:-1]} == {1}
    assert (frames[-1][0], json.loads(frames[-1][1:])["status"]) == (3, "Success")


@pytest.mark.parametrize(
    ("query", "upgrade", "code", "message"),
    [
        ("stdout=true", "SPDY/3.1", 400, "SPDY streams are not served here: use a client that speaks WebSocket"),
        ("stdout=true&stdin=true", "websocket", 400, "standard input is not attached here"),
        ("stdout=true&container=no", "websocket", 400, "container no is not valid for pod x"),
        ("", "SPDY/3.1", 400, "SPDY"),
    ],
)
async def test_refusals_before_the_upgrade(ready: Api, query: str, upgrade: str, code: int, message: str) -> None:
    found = await ready.send("POST", f"{ATTACH}?{query}", Upgrade=upgrade, Connection="Upgrade")
    assert found[0] == code
    assert found[1]["message"].startswith(message)


async def test_a_container_that_has_not_started_has_nothing_to_attach_to(ready: Api) -> None:
    home = f"{CORE}/namespaces/shop"
    await ready.running_pod(home, "later")
    status = {"status": {"phase": "Running", "containerStatuses": [{"name": "app", "state": {"terminated": {}}}]}}
    await ready.patch(f"{home}/pods/later/status", status, "merge-patch+json")
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await ready.session.ws_connect(f"{home}/pods/later/attach?stdout=true", headers=ready.headers)
    assert refused.value.status == 500
