"""HTTP/2 and gRPC stand in the table of HTTP, named as what they are."""

from tests.unit.findings.cases import NAMES, SPEC, facts, healthy, http, judge, target
from workers.contract.facts_http import HIDDEN
from workers.report import build


def test_protocol_and_grpc_status_are_shown() -> None:
    webs = [
        http(9, protocol="grpc", path="/pay.Cards/Charge", grpc_statuses={"OK": 7, "UNAVAILABLE": 2}),
        http(8, protocol="h2", method="GET", path="/pay"),
        http(7, protocol="h2", method="POST", path=HIDDEN, statuses={HIDDEN: 7}),
        http(6),
    ]
    report = build("abcdefgh", SPEC, [target(facts(healthy(9), webs))], NAMES, 0.0)
    (table,) = (table for table in report.tables if table.title == "HTTP")
    assert [row[1] for row in table.rows] == [
        "gRPC /pay.Cards/Charge",
        "HTTP/2 GET /pay",
        "HTTP/2 POST (not visible)",
        "POST /charge",
    ]
    assert [row[3] for row in table.rows] == ["OK x7, UNAVAILABLE x2", "200 x8", "(not visible) x7", "200 x6"]


def test_a_filter_for_http_2_needs_nobody_to_recognise_it() -> None:
    (finding,) = (f for f in judge(facts(healthy(9), [http(60, errors=30, protocol="h2")])) if f.rule == "http-errors")
    assert finding.display_filter == "tcp.len > 0 && ip.addr == 198.18.7.1 && tcp.port == 8080"
