"""What counts captures at once is gone from Redis with the last place, though nobody gives a place back."""

import time

import redis

from workers.state import RedisJobStore


def test_places_of_the_dead_leave_no_key(redis_url: str) -> None:
    store = RedisJobStore(redis_url)
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        assert store.admit("short", {"all": 9, "node:n1": 9}, 0.2) == ""
        assert store.admit("long", {"all": 9}, 60) == ""
        assert store.admit("short", {"all": 9}, 0.2) == ""  # asked last, it must not shorten the other's
        assert set(client.keys("tc:places:*")) == {"tc:places:all", "tc:places:node:n1"}
        deadline = time.monotonic() + 20
        while client.keys("tc:places:*") != ["tc:places:all"]:
            assert time.monotonic() < deadline, client.keys("tc:places:*")
            time.sleep(0.05)
        assert 50_000 < client.pttl("tc:places:all") <= 60_001
        store.dismiss("long", ["all"])
        store.dismiss("short", ["all"])
        assert client.keys("tc:places:*") == []
    store.close()
