"""Databases, caches and brokers: errors, slowness, silence, and connections that run out."""

from tests.unit.analysis import test_kafka as kafka
from tests.unit.analysis import test_mongodb as mongodb
from tests.unit.analysis import test_mysql as mysql
from tests.unit.analysis import test_postgresql as postgresql
from tests.unit.analysis import test_redis as redis
from tests.unit.findings.golden.traffic import LEDGER, VAULT, Link, Scene, fires, quiet


def pg(scene: Scene, at: float, **about: int) -> Link:
    """A PostgreSQL connection after its startup."""
    link = scene.tcp(LEDGER, 5432, at, **about).open().send("c", postgresql.startup()).wait(0.002)
    return link.send("s", postgresql.HELLO)


def ask(link: Link, statement: bytes, answer: bytes, took: float = 0.003) -> Link:
    """A simple query and its answer."""
    return link.send("c", postgresql.query(statement)).wait(took).send("s", answer)


def select(link: Link, took: float = 0.003) -> Link:
    """A query that works."""
    return ask(link, b"SELECT 1", postgresql.done(b"SELECT 1"), took)


def command(link: Link, *words: bytes, reply: bytes = b"$-1\r\n", took: float = 0.0005) -> Link:
    """A command to Redis and its reply."""
    return link.send("c", redis.ask(*words)).wait(took).send("s", reply)


@fires(
    "service-errors",
    "8 of 52 PostgreSQL requests failed (UPDATE): deadlock (40P01) 6 times and cancelled or timed out (57014) 2 times.",
)
def deadlocks() -> Scene:
    scene = Scene().normal()
    for n in range(4):
        link = pg(scene, n * 0.5)
        for step in range(8):
            select(link)
            if step % 4 == 3:
                code = b"57014" if n == 3 else b"40P01"
                ask(link, b"UPDATE t", postgresql.error(code) + postgresql.READY, 0.05)
        select(select(link)).close()
    return scene


@fires("service-errors", "6 of 12 Redis requests failed (SET): a replica, read-only (READONLY) 6 times.")
def writes_to_a_replica() -> Scene:
    scene = Scene().normal()
    for n in range(6):
        link = command(scene.tcp(VAULT, 6379, n * 0.5).open(), b"GET", b"k")
        command(link, b"SET", b"k", b"v", reply=b"-READONLY You can't write against a read only replica.\r\n").close()
    return scene


@quiet("service-errors")
def answers_that_clients_expect() -> Scene:
    """A key that exists, a slot that moved, a script to be sent first, a group that forms anew."""
    scene = Scene().normal()
    for n in range(4):
        link = pg(scene, n * 0.5)
        ask(link, b"INSERT INTO t", postgresql.error(b"23505") + postgresql.READY)
        select(link).close()
        link = scene.tcp(VAULT, 6379, n * 0.5).open()
        command(link, b"GET", b"k", reply=b"-MOVED 3999 198.18.7.3:6380\r\n")
        command(link, b"EVALSHA", b"00", b"0", reply=b"-NOSCRIPT No matching script.\r\n").close()
        link = scene.tcp(VAULT, 27017, n * 0.5).open()
        link.send("c", mongodb.msg({"insert": "t"}, 1)).wait(0.002)
        link.send("s", mongodb.msg({"ok": 0.0, "code": 11000}, 9, 1)).close()
        link = scene.tcp(VAULT, 9092, n * 0.5).open()
        link.send("c", kafka.request(kafka.HEARTBEAT, 1, 1)).wait(0.002)
        link.send("s", kafka.response(1, bytes(4) + kafka.short(27))).close()
    return scene


@fires(
    "service-slow",
    "PostgreSQL SELECT is slow, 95 % within 1.2 s (median 1.2 s, worst 1.2 s, 12 answers). The network's round trip "
    "is 1.0 ms, so the time is spent in service ledger.",
)
def statements_without_an_index() -> Scene:
    scene = Scene().normal()
    for n in range(4):
        link = pg(scene, n * 0.5)
        for _ in range(3):
            select(link, 1.2)
        link.close()
    return scene


@fires("service-slow", "Redis GET is slow now and then, 95 % within 40 ms", first=False)
def cache_that_stalls_now_and_then() -> Scene:
    """A slow command of somebody else's blocks the server for a moment; the median stays as it was."""
    scene = Scene().normal()
    for n in range(5):
        link = scene.tcp(VAULT, 6379, n).open()
        for step in range(12):
            command(link, b"GET", b"k", took=0.039 if step == 5 else 0.0002)
        link.close()
    return scene


@quiet("service-slow", "service-unanswered")
def requests_that_wait_by_nature() -> Scene:
    """A blocking pop, a subscription, a consumer's fetch, a cursor that waits for data, a table that is copied."""
    scene = Scene().normal()
    for n in range(6):
        command(scene.tcp(VAULT, 6379, n * 0.2).open(), b"BLPOP", b"jobs", b"5", reply=b"*-1\r\n", took=4.5).close()
        scene.tcp(VAULT, 6379, n * 0.2).open().send("c", redis.ask(b"SUBSCRIBE", b"news")).wait(0.001).send(
            "s", b"*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n"
        ).wait(3).send("s", b"*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$1\r\nx\r\n").close()
        link = scene.tcp(VAULT, 9092, n * 0.2).open().send("c", kafka.request(kafka.FETCH, 4, 1, bytes(60)))
        link.wait(2.5).send("s", kafka.response(1, bytes(40))).close()
        link = scene.tcp(VAULT, 27017, n * 0.2).open().send("c", mongodb.msg({"getMore": 7}, 1))
        link.wait(3).send("s", mongodb.msg({"ok": 1.0}, 9, 1)).close()
        ask(pg(scene, n * 0.2), b"COPY t FROM stdin", postgresql.done(b"COPY 5"), 2.0).close()
    return scene


@fires("service-unanswered", "4 of 16 MySQL requests got no response (SELECT).")
def database_that_hangs() -> Scene:
    scene = Scene(end=14).normal()
    for n in range(4):
        link = scene.tcp(LEDGER, 3306, n * 0.5).open().send("s", mysql.GREETING)
        link.send("c", mysql.login()).wait(0.002).send("s", mysql.ok(2))
        for _ in range(2):
            link.send("c", mysql.query(b"SELECT 1")).wait(0.002).send("s", mysql.ok())
        link.send("c", mysql.query(b"SELECT 1")).wait(8).close()
    return scene


@fires(
    "connections-full",
    "PostgreSQL has no connections left, it turned 4 away: too many connections (53300) 4 times. 3 other connections",
)
def remaining_slots_are_reserved() -> Scene:
    scene = Scene().normal()
    for n in range(3):
        select(pg(scene, n * 0.1)).wait(5).close()
    for n in range(4):
        link = scene.tcp(LEDGER, 5432, 1 + n * 0.5).open().send("c", postgresql.startup()).wait(0.002)
        link.send("s", postgresql.error(b"53300", b"FATAL")).close("s")
    return scene


@fires("connections-full", "MySQL has no connections left, it turned 3 away: too many connections (1040) 3 times.")
def too_many_connections() -> Scene:
    scene = Scene().normal()
    for n in range(3):
        scene.tcp(LEDGER, 3306, 1 + n * 0.5).open().wait(0.001).send("s", mysql.error(1040, 0)).close("s")
    return scene


@fires("service-errors", "4 of 4 MySQL requests failed (login): TLS required (3159) 4 times")
def database_that_insists_on_tls() -> Scene:
    scene = Scene().normal()
    for n in range(4):
        link = scene.tcp(LEDGER, 3306, n * 0.5).open().send("s", mysql.GREETING).send("c", mysql.login()).wait(0.001)
        link.send("s", mysql.error(3159, 2)).close("s")
    return scene


@quiet("connections-full", "tls-refused", "pool-exhausted")
def database_at_work() -> Scene:
    """Five connections, one after another used for a query; TLS is asked for, declined, and done without."""
    scene = Scene().normal()
    for n in range(5):
        link = scene.tcp(LEDGER, 5432, n * 0.1).open().send("c", postgresql.SSL).wait(0.001).send("s", b"N")
        link.send("c", postgresql.startup()).wait(0.002).send("s", postgresql.HELLO)
        for _ in range(8):
            select(link, 0.06).wait(0.2)
        link.close()
    return scene


@fires(
    "pool-exhausted",
    "the client's pool is exhausted, all 3 connections were busy 99 % of the time (153 ms a request)",
    first=False,
)
def every_database_connection_is_busy() -> Scene:
    scene = Scene().normal()
    for n in range(3):
        link = pg(scene, n * 0.01)
        for _ in range(20):
            select(link, 0.16)
    return scene
