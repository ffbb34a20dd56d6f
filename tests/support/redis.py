"""A real Redis for tests: one server a pytest worker, emptied before each test that asks for its URL."""

from collections.abc import Iterator

import pytest
import redis

from deploy.playground.redis_server import RedisServer


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """The worker's own server."""
    with RedisServer() as server:
        yield server


@pytest.fixture
def redis_url(redis_server: RedisServer) -> str:
    """URL of an empty database."""
    with redis.Redis.from_url(redis_server.url) as client:
        client.flushall()
    return redis_server.url
