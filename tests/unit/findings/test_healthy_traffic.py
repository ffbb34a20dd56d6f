"""Healthy traffic never raises an alarm: cut by a snaplen, begun in its middle, or with drops the kernel counted."""

import dataclasses
import itertools
import random
from ipaddress import ip_address

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.examples import examples
from tests.unit.analysis import test_kafka as kafka
from tests.unit.analysis import test_mongodb as mongodb
from tests.unit.analysis import test_mysql as mysql
from tests.unit.analysis import test_postgresql as postgresql
from tests.unit.analysis import test_redis as redis
from tests.unit.findings.cases import SPEC, alarms
from tests.unit.findings.golden.h2 import Channel
from tests.unit.findings.golden.traffic import (
    APPLICATION_DATA,
    CHANGE_CIPHER,
    LEDGER,
    PAYMENTS,
    POD,
    RESOLVER,
    VAULT,
    Scene,
    certificate,
    client_hello,
    server_hello,
)
from workers.contract.report import Finding, Named
from workers.findings import Case, find
from workers.findings.find import ABOUT_CAPTURE

CLIENT = ip_address(POD).packed
NAMES = {
    ip: Named("service", name, "shop") for ip, name in ((PAYMENTS, "payments"), (LEDGER, "ledger"), (VAULT, "vault"))
}
IDS = itertools.count()
CERTIFICATE = certificate(("vault.shop", "*.example.com"), (-100, 200))

requests = st.tuples(
    st.sampled_from(["/cart", "/list?page=2", "/healthz", "/log"]),
    st.sampled_from([200, 204, 302]),
    st.floats(0.0005, 0.1),
    st.sampled_from([0, 2, 1_000, 9_000, 40_000]),
    st.floats(0, 1.5),
)
"""Path, status, seconds to answer, bytes, pause after it."""

connections = st.tuples(
    st.sampled_from([(PAYMENTS, 8080), (LEDGER, 9000), (VAULT, 443)]),
    st.floats(0, 8),
    st.floats(0.0002, 0.03),
    st.lists(requests, min_size=1, max_size=6),
    st.sampled_from(["closed", "closed by the server", "open", "old"]),
)
"""Server, start, round trip, requests, how it begins and ends."""


def write(
    scene: Scene,
    server: tuple[str, int],
    at: float,
    rtt: float,
    asked: list[tuple[str, int, float, int, float]],
    how: str,
) -> None:
    link = scene.tcp(*server, at, rtt=rtt)
    link = link.established() if how == "old" else link.open()
    if server[1] == 443:
        link.send("c", client_hello("vault.shop")).wait(0.002).send("s", server_hello(CERTIFICATE))
        link.send("c", CHANGE_CIPHER).send("s", CHANGE_CIPHER)
        for *_, pause in asked:
            link.send("c", APPLICATION_DATA).wait(0.004).send("s", APPLICATION_DATA).wait(pause)
    else:
        for path, status, took, size, pause in asked:
            body = b"" if status == 204 else bytes(size)
            link.get(
                path, status, took, body=body, head=f"X-Request-ID: {next(IDS)}\r\n", request_body=bytes(size % 3_000)
            ).wait(pause)
    if how.startswith("closed"):
        link.close("s" if "server" in how else "c")


def judge(scene: Scene, dropped: int = 0) -> list[str]:
    found: tuple[Finding, ...] = find(Case((scene.target(kernel_dropped=dropped),), NAMES, SPEC))
    return alarms([finding for finding in found if finding.rule not in ABOUT_CAPTURE])


@settings(max_examples=examples(25), deadline=None)
@given(
    st.lists(connections, min_size=1, max_size=12),
    st.lists(st.tuples(st.floats(0, 10), st.floats(0.0002, 0.2)), max_size=30),
    st.sampled_from([64, 96, 128, 262_144]),
    st.floats(0, 0.9),
    st.floats(0, 0.04),
    st.integers(0, 1_000),
)
def test_healthy_traffic_raises_no_alarm(
    opened: list[tuple[tuple[str, int], float, float, list[tuple[str, int, float, int, float]], str]],
    lookups: list[tuple[float, float]],
    snaplen: int,
    start: float,
    holes: float,
    seed: int,
) -> None:
    scene = Scene()
    for one in opened:
        write(scene, *one)
    for at, took in lookups:
        scene.ask(at, "api.example.com", took=took, server=RESOLVER)
    assert judge(dataclasses.replace(scene, snaplen=snaplen)) == []
    assert judge(scene.later(start)) == []
    kept = [frame for frame in scene.frames if random.Random(f"{seed}{frame[0]}").random() >= holes]
    dropped = len(scene.frames) - len(kept)
    assert judge(dataclasses.replace(scene, frames=kept), dropped) == []


def without(scene: Scene, share: float, side: str, seed: int) -> Scene:
    """The scene as captured where a part of its TCP connections has one direction only: the other takes another way."""

    def kept(frame: bytes) -> bool:
        if frame[23] != 6:
            return True
        ports = (int.from_bytes(frame[at : at + 2]) for at in (34, 36))
        from_client = frame[26:30] == CLIENT
        port = next(ports) if from_client else list(ports)[1]
        seen = random.Random(f"{seed}{port}").random() >= share
        return seen or from_client != (side == "client")

    return dataclasses.replace(scene, frames=[one for one in scene.frames if kept(one[1])])


asymmetric = st.tuples(st.sampled_from([0.2, 0.6, 0.9, 1.0]), st.sampled_from(["client", "server"]))
"""Part of the connections with a direction unseen, and whose packets are."""


@settings(max_examples=examples(40), deadline=None)
@given(
    st.lists(connections, min_size=1, max_size=12),
    asymmetric,
    st.sampled_from([96, 262_144]),
    st.floats(0, 0.9),
    st.integers(0, 1_000),
)
def test_healthy_traffic_whose_answers_take_another_way_raises_no_alarm(
    opened: list[tuple[tuple[str, int], float, float, list[tuple[str, int, float, int, float]], str]],
    gone: tuple[float, str],
    snaplen: int,
    start: float,
    seed: int,
) -> None:
    scene = Scene()
    for one in opened:
        write(scene, *one)
    less = without(scene, *gone, seed)
    assert judge(dataclasses.replace(less, snaplen=snaplen)) == []
    assert judge(less.later(start)) == []


def pairs(protocol: str, nth: int) -> tuple[bytes, bytes]:
    """A request that works, and its answer."""
    match protocol:
        case "redis":
            return redis.ask(b"GET", b"k%d" % nth), b"$4\r\ndata\r\n"
        case "postgresql":
            return postgresql.query(b"SELECT %d" % nth), postgresql.ROW * (nth % 40) + postgresql.done(b"SELECT 1")
        case "mysql":
            return mysql.query(b"SELECT %d" % nth), mysql.rows(nth % 40)
        case "kafka":
            return kafka.request(kafka.METADATA, 5, nth), kafka.response(nth, bytes(300))
        case "mongodb":
            return mongodb.msg({"find": "t"}, nth), mongodb.msg({"x": "y" * 200, "ok": 1.0}, 9_000 + nth, nth)
    raise AssertionError(protocol)


def serve(scene: Scene, protocol: str, at: float, took: float, count: int, end: str) -> None:
    """A connection to a service, or an HTTP/2 connection with calls."""
    if protocol == "grpc":
        channel = Channel(scene, at)
        for _ in range(count):
            channel.link.wait(took)
            channel.call()
        channel.close()
        return
    port = {"redis": 6379, "postgresql": 5432, "mysql": 3306, "kafka": 9092, "mongodb": 27017}[protocol]
    link = scene.tcp(LEDGER, port, at).open()
    if protocol == "postgresql":
        link.send("c", postgresql.startup()).wait(took).send("s", postgresql.HELLO)
    elif protocol == "mysql":
        link.send("s", mysql.GREETING).send("c", mysql.login()).wait(took).send("s", mysql.ok(2))
    for nth in range(1, count + 1):
        asked, answer = pairs(protocol, nth)
        link.send("c", asked).wait(took).send("s", answer).wait(0.01)
    if end != "open":
        link.close("s" if end == "server" else "c")


services = st.lists(
    st.tuples(
        st.sampled_from(["redis", "postgresql", "mysql", "kafka", "mongodb", "grpc"]),
        st.floats(0, 6),
        st.floats(0.0002, 0.015),
        st.integers(1, 40),
        st.sampled_from(["client", "server", "open"]),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=examples(20), deadline=None)
@given(
    services,
    st.sampled_from([64, 96, 128, 262_144]),
    st.floats(0, 0.9),
    st.floats(0, 0.04),
    st.integers(0, 1_000),
)
def test_healthy_services_raise_no_alarm(
    served: list[tuple[str, float, float, int, str]], snaplen: int, start: float, holes: float, seed: int
) -> None:
    scene = Scene()
    for one in served:
        serve(scene, *one)
    assert judge(dataclasses.replace(scene, snaplen=snaplen)) == []
    assert judge(scene.later(start)) == []
    kept = [frame for frame in scene.frames if random.Random(f"{seed}{frame[0]}").random() >= holes]
    dropped = len(scene.frames) - len(kept)
    assert judge(dataclasses.replace(scene, frames=kept), dropped) == []


@settings(max_examples=examples(30), deadline=None)
@given(
    services,
    asymmetric,
    st.floats(0, 0.9),
    st.integers(0, 1_000),
)
def test_healthy_services_whose_answers_take_another_way_raise_no_alarm(
    served: list[tuple[str, float, float, int, str]], gone: tuple[float, str], start: float, seed: int
) -> None:
    scene = Scene()
    for one in served:
        serve(scene, *one)
    less = without(scene, *gone, seed)
    assert judge(less) == []
    assert judge(less.later(start)) == []
