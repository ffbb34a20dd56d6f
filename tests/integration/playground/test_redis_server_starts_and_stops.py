"""A Redis of our own: found, started on loopback with a password, gone afterwards; a given one is left alone."""

import os
from pathlib import Path

import pytest
import redis

from deploy.playground.redis_server import RedisServer, RedisServerError


def test_own_server_answers_and_is_gone_afterwards() -> None:
    with RedisServer() as server, redis.Redis.from_url(server.url) as client:
        assert client.ping()
        assert client.config_get("save") == {b"save": b""} or client.config_get("save") == {"save": ""}
        pid = server.pid
        assert pid is not None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_nobody_enters_without_the_password() -> None:
    with RedisServer() as server:
        bare = "redis://" + server.url.split("@")[1]
        with redis.Redis.from_url(bare) as client, pytest.raises(redis.AuthenticationError):
            client.ping()


def test_given_server_is_used_and_left_running(redis_url: str) -> None:
    with RedisServer(redis_url) as server:
        assert server.url == redis_url
        assert server.pid is None
    with redis.Redis.from_url(redis_url) as client:
        assert client.ping()


def test_password_is_in_no_command_line() -> None:
    with RedisServer() as server:
        words = Path(f"/proc/{server.pid}/cmdline").read_text()
        assert server.url.split("@")[0].rpartition(":")[2] not in words


def test_given_server_that_is_not_there_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deploy.playground.redis_server.START_SECONDS", 0.2)
    with pytest.raises(RedisServerError, match="did not answer"), RedisServer("redis://127.0.0.1:1/0"):
        pass
