"""The table of databases, caches and brokers in a report."""

from tests.unit.analysis.talks import talk
from tests.unit.analysis.test_redis import ask
from tests.unit.findings.cases import NAMES, SPEC, target
from workers.report import build
from workers.report.text import terminal

ASKED = talk(
    (0.1, "c", ask(b"GET", b"secret") * 3),
    (0.2, "s", b"$-1\r\n" * 2 + b"-LOADING wait\r\n"),
    (0.3, "c", ask(b"PING")),
    (0.35, "s", b"+PONG\r\n:1\r\n"),
    port=6379,
)


def test_rows_tell_errors_and_latency_those_with_trouble_first() -> None:
    report = build("abcdefgh", SPEC, [target(ASKED)], NAMES, 1_795_300_000.0)
    (table,) = [table for table in report.tables if table.title == "Services"]
    assert table.rows == (
        ("198.18.0.2:6379", "redis GET", "3", "LOADING x1", "100 ms", "100 ms", ""),
        ("198.18.0.2:6379", "redis PING", "1", "", "50 ms", "50 ms", ""),
        ("198.18.0.2:6379", "redis (not asked in this capture)", "0", "", "", "", ""),
    )
    assert "LOADING x1" in terminal(report)


def test_a_captured_servers_own_view_is_told_alone() -> None:
    server = target(ASKED, "redis-0", "198.18.0.2")
    report = build("abcdefgh", SPEC, [target(ASKED), server], NAMES, 1_795_300_000.0)
    (table,) = [table for table in report.tables if table.title == "Services"]
    assert len(table.rows) == 3
    assert table.rows[0][0] == "redis-0 (198.18.0.2:6379)"
