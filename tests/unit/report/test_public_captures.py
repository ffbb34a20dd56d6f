"""Verdicts on public captures: alarms where an engineer would raise one, none elsewhere, whatever the bytes."""

from pathlib import Path

import pytest

from tests.unit.findings.cases import SPEC, alarms
from workers.analysis import Analyser
from workers.contract.report import CaptureOutcome, Report, TargetResult
from workers.report import build, resolve_names
from workers.report.text import markdown, terminal

SHARED = Path(__file__).resolve().parents[4] / "shared"
PCAPS = SHARED / "pcaps"

pytestmark = pytest.mark.skipif(not SHARED.exists(), reason="no ../shared beside this checkout")

TROUBLED = {
    "ticks-dns": "dns-unanswered",
    "raw_packets": "dns-unanswered",
    "DnsEdit": "dns-unanswered",
    "dns-edns-ecs.pcap": "dns-unanswered",
    "tls-1.2-handshake-failure": "tls-alert",
    "tls-expired-cert": "certificate",
    "bgp-bgpsec": "connection-refused",
    "of10_7050sx_bsn.pcap": "connection-refused",
    "nmap-vsn": "connection-refused",
    "pop3__pop3": "connection-refused",
    "smb2-zero-byte-error-ioctl": "connection-refused",
    "conn-size": "syn-unanswered",
    "rotation.pcap": "syn-unanswered",
    "te_cl_desync": "http-unanswered",
    "expect_100_cl0": "http-unanswered",
    "leading_zeros": "http-unanswered",
    "te_obs_fold": "http-unanswered",
    "multi_value_te": "http-unanswered",
    "dcb_ets.pcap": "dhcp-unanswered",
    "dcb_qcn.pcap": "dhcp-unanswered",
    "mysql__auth.pcap": "service-errors",
}
"""Part of a file's name -> the rule that leads. Every other capture is free of alarms."""


def captures() -> list[Path]:
    found = PCAPS.rglob("*") if SHARED.exists() else ()
    return sorted(path for path in found if path.suffix in (".pcap", ".pcapng", ".gz", ".cap"))


def report_on(path: Path) -> Report:
    analyser = Analyser()
    analyser.feed(path.read_bytes())
    facts = analyser.finish()
    target = TargetResult("default", path.name, "", facts=facts, outcome=CaptureOutcome(complete=True))
    return build("abcdefgh", SPEC, [target], resolve_names(facts=[facts]), 0.0)


@pytest.mark.parametrize("path", captures(), ids=lambda path: path.name)
def test_alarms_only_where_something_is_wrong(path: Path) -> None:
    report = report_on(path)
    expected = next((rule for part, rule in TROUBLED.items() if part in path.name), None)
    found = alarms(report.findings)
    assert [text.split(":")[0] for text in found[:1]] == ([expected] if expected else []), found
    for text in (terminal(report), markdown(report)):
        assert report.verdict
        assert text.isprintable() or "\n" in text
