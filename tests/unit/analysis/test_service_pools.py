"""Connections to services by client and server, how busy they were, and answers over time."""

import pytest

from tests.unit.analysis import test_kafka as kafka
from tests.unit.analysis import test_postgresql as postgresql
from tests.unit.analysis import test_redis as redis
from tests.unit.analysis.captures import ACK, PSH, Pcap, Tcp
from tests.unit.analysis.talks import Segment, checked, groups, talk
from workers.analysis import service_pools


def queries(*times: tuple[float, float]) -> list[Segment]:
    """Queries asked and answered at these times."""
    found: list[Segment] = [(0.1, "c", postgresql.startup()), (0.2, "s", postgresql.HELLO)]
    for asked, answered in times:
        found += [(asked, "c", postgresql.query(b"SELECT 1")), (answered, "s", postgresql.done(b"SELECT 1"))]
    return found


def test_a_pool_is_as_busy_as_its_connections() -> None:
    facts = talk(*queries((1.0, 1.5), (2.0, 3.0)), port=5432)
    (pool,) = facts.services.pools
    assert (pool.protocol, pool.client, pool.server, pool.server_port) == (
        "postgresql", "198.18.0.1", "198.18.0.2", 5432,
    )  # fmt: skip
    assert (pool.connections, pool.requests) == (1, 3)
    assert pool.busy == pytest.approx(0.1 + 0.5 + 1.0)
    assert pool.last_at - pool.first_at == pytest.approx(2.9)


def test_connections_to_one_server_are_one_pool() -> None:
    pcap = Pcap()
    for n in range(3):
        tcp = Tcp(pcap, client_port=40_000 + n, server_port=6379).handshake(n / 10)
        tcp.send(1 + n, "c", PSH | ACK, 1, 1, redis.ask(b"GET", b"k"))
        tcp.send(1.25 + n, "s", PSH | ACK, 1, 1 + len(redis.ask(b"GET", b"k")), b"$-1\r\n")
    (pool,) = checked(pcap).services.pools
    assert (pool.connections, pool.requests) == (3, 3)
    assert pool.busy == pytest.approx(0.75)
    assert pool.last_at - pool.first_at == pytest.approx(2.25)


def test_of_pipelined_requests_each_moment_counts_once() -> None:
    facts = redis.redis((1.0, "c", redis.ask(b"GET", b"a") * 4), (1.5, "s", b"$-1\r\n" * 4))
    assert facts.services.pools[0].busy == pytest.approx(0.5)


def test_connections_that_wait_by_nature_are_no_pool() -> None:
    facts = redis.redis(
        (1.0, "c", redis.ask(b"BLPOP", b"jobs", b"5")),
        (6.0, "s", b"*-1\r\n"),
        (6.1, "c", redis.ask(b"GET", b"k")),
        (6.2, "s", b"$-1\r\n"),
    )
    assert facts.services.pools == ()
    assert {name: one.waits for name, one in groups(facts).items()} == {"BLPOP": True, "GET": False}


def test_answers_are_on_the_timeline_but_for_those_that_wait_by_nature() -> None:
    facts = kafka.kafka(
        (1.0, "c", kafka.request(kafka.METADATA, 5, 1)),
        (1.25, "s", kafka.response(1)),
        (2.0, "c", kafka.request(kafka.FETCH, 4, 2)),
        (2.5, "s", kafka.response(2, bytes(500))),
    )
    found = [
        (round(at - facts.first_at, 3), round(took, 3)) for at, took, kind in facts.timeline.latency if kind == "kafka"
    ]
    assert found == [(1.25, 0.25)]


def test_pools_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_pools, "MAX_POOLS", 1)
    pcap = Pcap()
    for n in range(3):
        tcp = Tcp(pcap, server=f"198.18.0.{n + 2}", server_port=6379).handshake(n / 10)
        tcp.send(1 + n, "c", PSH | ACK, 1, 1, redis.ask(b"GET", b"k"))
        tcp.send(1.25 + n, "s", PSH | ACK, 1, 1 + len(redis.ask(b"GET", b"k")), b"$-1\r\n")
    assert len(pcap.facts().services.pools) == 1


def test_a_redis_that_takes_no_more_clients_is_told() -> None:
    facts = redis.redis((0.1, "s", b"-ERR max number of clients reached\r\n"))
    assert groups(facts)[""].errors == {"MAXCLIENTS": 1}
