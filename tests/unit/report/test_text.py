"""The report in a terminal, as Markdown and as tables."""

from msgspec import structs

from tests.unit.findings.cases import NAMES, SPEC, dns, facts, healthy, http, silent, target
from workers.contract.facts import TlsHandshake
from workers.contract.report import CaptureOutcome, Report
from workers.report import build
from workers.report.text import escape, markdown, terminal


def report() -> Report:
    flows = [*silent(8), *healthy(12)]
    one = facts(
        flows, [http(50, errors=20)], [dns("payments.shop", 9)], [TlsHandshake(flows[-1].id, 1, 2, sni="payments")]
    )
    outcome = CaptureOutcome(complete=True, proved=True, packets=812, bytes=123_456, kernel_dropped=0)
    return build("abcdefgh", SPEC, [target(one, outcome=outcome)], NAMES, 1_795_300_000.0)


def test_terminal_says_verdict_evidence_and_proof() -> None:
    text = terminal(report(), width=80)
    assert text.startswith(report().verdict)
    assert "Wireshark: tcp.flags.syn == 1" in text
    assert "Frames: 1, 2" in text
    assert "812 packets, 123 kB, 0 dropped by the kernel, byte-equal to what tcpdump wrote" in text
    assert "\x1b" not in text
    assert "\x1b[1;31m" in terminal(report(), colour=True)


def test_conversations_are_put_together_with_trouble_first() -> None:
    table = report().tables[0]
    assert table.columns[:4] == ("From", "To", "Protocol", "Conversations")
    assert table.rows[0][:4] == ("checkout-7d9f-x2z", "service payments (198.18.7.1:8080)", "TCP", "20")
    assert table.rows[0][-1] == "8 unanswered"


def test_tables_exist_for_what_was_seen() -> None:
    assert [table.title for table in report().tables] == ["Conversations", "HTTP", "DNS", "TLS"]
    assert all(len(row) == len(table.columns) for table in report().tables for row in table.rows)


def test_long_tables_count_what_they_leave_out() -> None:
    flows = [flow for n in range(60) for flow in healthy(1, server=f"198.19.8.{n}")]
    built = build("abcdefgh", SPEC, [target(facts(flows, more_conversations=5))], NAMES, 0.0)
    table = built.tables[0]
    assert (len(table.rows), table.more) == (20, 45)
    assert "and 55 more" in terminal(built)


def test_markdown_shows_names_as_text() -> None:
    hostile = structs.replace(SPEC, filter="`x` | <b>")
    evil = http(50, errors=20, path="/<img src=x>|[a](b)`")
    built = build("abcdefgh", hostile, [target(facts(healthy(3), [evil]), "pod|`*x")], NAMES, 0.0)
    text = markdown(built, [("traffic.png", "Traffic [of] pods")])
    assert "<img" not in text.replace("\\<img", "")
    assert "](b)" not in text.replace("\\](b)", "")
    assert "![Traffic \\[of\\] pods](traffic.png)" in text
    assert escape("a_b*c") == "a\\_b\\*c"
