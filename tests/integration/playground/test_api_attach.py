"""attach: what is refused before the upgrade."""

import pytest

from tests.integration.playground.cluster_support import CORE, Api

ATTACH = f"{CORE}/namespaces/shop/pods/x/attach"


@pytest.fixture
async def ready(api: Api) -> Api:
    """A cluster with the running pod shop/x, whose log is two lines long."""
    await api.running_pod(await api.namespace("shop"), "x")
    return api


@pytest.mark.parametrize(
    ("query", "upgrade", "code", "message"),
    [
        ("stdout=true", "SPDY/3.1", 400, "SPDY streams are not served here: use a client that speaks WebSocket"),
        ("stdout=true&container=no", "websocket", 400, "container no is not valid for pod x"),
        ("", "SPDY/3.1", 400, "SPDY"),
    ],
)
async def test_refusals_before_the_upgrade(ready: Api, query: str, upgrade: str, code: int, message: str) -> None:
    found = await ready.send("POST", f"{ATTACH}?{query}", Upgrade=upgrade, Connection="Upgrade")
    assert found[0] == code
    assert found[1]["message"].startswith(message)
