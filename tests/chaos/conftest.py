"""The worlds: one a module, on the cluster all tests share or, for faults that everybody there would feel, its own."""

import contextlib
import secrets
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from bot.commands import Commands
from deploy.playground.scene.client import ApiError, Client
from deploy.playground.stack import Stack
from deploy.playground.up import Playground, PlaygroundSettings
from tests.chaos.redis_server import LastingRedis
from tests.chaos.world import World
from tests.support.captures import Desk
from tests.support.playground import SharedPlayground
from workers.artifacts import ObjectArtifacts
from workers.policy import Rules
from workers.queue import CeleryQueue
from workers.report.renderer import Renderers
from workers.state import RedisJobStore


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(playground: SharedPlayground) -> AsyncIterator[World]:
    """A worker on the cluster all tests share."""
    async with _stack(playground) as stack, _world(playground, stack) as one:
        await stack.start_worker()
        yield one


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def idle_world(playground: SharedPlayground) -> AsyncIterator[World]:
    """No worker on the cluster all tests share; faults bring their own."""
    async with _stack(playground) as stack, _world(playground, stack) as one:
        yield one


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def own_world() -> AsyncIterator[World]:
    """A worker on a cluster without the scene, whose faults nobody else feels."""
    settings = PlaygroundSettings(id=f"test-{secrets.token_hex(4)}", scene=False)
    async with Playground(settings) as own:
        cluster = SharedPlayground(own.settings.id, 0, own.admin_kubeconfig, own.capture_kubeconfig)
        async with _stack(cluster) as stack, _world(cluster, stack) as one:
            one.whole = True
            await stack.start_worker()
            yield one


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lasting_world(playground: SharedPlayground, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """A worker on the shared cluster, with a Redis that can be restarted."""
    folder: Path = tmp_path_factory.mktemp("redis")
    with LastingRedis(folder, _free_port(), "chaos") as redis:
        async with _stack(playground, redis.url) as stack, _world(playground, stack) as one:
            one.redis = redis
            await stack.start_worker()
            yield one


@contextlib.asynccontextmanager
async def _stack(cluster: SharedPlayground, redis_url: str = "") -> AsyncIterator[Stack]:
    settings = PlaygroundSettings(id=f"test-{secrets.token_hex(4)}")
    async with Stack(settings, progress=lambda line: None, cluster=cluster, redis_url=redis_url) as stack:
        yield stack


@contextlib.asynccontextmanager
async def _world(cluster: SharedPlayground, stack: Stack) -> AsyncIterator[World]:
    """A namespace of its own, and a desk where captures are asked for."""
    store, queue = RedisJobStore(stack.redis_url), CeleryQueue(stack.redis_url)
    artifacts = ObjectArtifacts(f"file://{stack.rundir}/artifacts")
    desk = Desk(stack, store, queue, artifacts, Commands(store, queue, Rules(), time.time))
    name = f"test-chaos-{secrets.token_hex(4)}"
    async with Client(cluster.admin_kubeconfig) as client:
        await client.apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}])
        charts = Renderers(1)
        try:
            yield World(cluster, desk, name, charts)
        finally:
            charts.close()
            with contextlib.suppress(ApiError):
                await client.call("DELETE", f"/api/v1/namespaces/{name}")
            queue.close()
            store.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
