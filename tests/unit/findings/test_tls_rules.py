"""TLS: alerts, certificates out of date, handshakes that stop."""

from typing import Any

from tests.unit.findings.cases import END, PAYMENTS, START, alarms, facts, judge, only, rules, talk
from workers.contract.facts import Conversation, TlsAlert, TlsHandshake
from workers.contract.report import Finding, Severity

DAY = 86_400.0


def judged(
    count: int = 3, *, at: float = START + 5, flow: dict[str, Any] | None = None, **about: Any
) -> tuple[Finding, ...]:
    """Judge `count` handshakes with payments:8443, healthy unless `about` says otherwise."""
    flows: list[Conversation] = [talk(port=8443, application="tls", at=at, **(flow or {})) for _ in range(count)]
    values: dict[str, Any] = {"client_hello_frame": 4, "server_hello_frame": 6, "sni": "payments", "version": "TLS 1.2"}
    return judge(facts(flows, hellos=[TlsHandshake(f.id, **(values | about)) for f in flows], packets=100))


def test_alert_says_who_and_why() -> None:
    found = judged(alerts=(TlsAlert(8, "client", "fatal", "unknown_ca"),))
    finding = only(found, "tls-alert")
    assert finding.severity is Severity.CRITICAL
    assert (
        "the client ended 3 TLS handshakes for payments with unknown_ca: the certificate's issuer is not trusted"
        in (finding.sentence)
    )
    assert finding.display_filter == f"tls.alert_message && ip.addr == {PAYMENTS} && tcp.port == 8443"


def test_close_notify_is_normal() -> None:
    assert rules(judged(alerts=(TlsAlert(8, "client", "warning", "close_notify"),))) == {"healthy"}


def test_expired_certificate_says_since_when() -> None:
    finding = only(judged(expired=True, not_before=START - 400 * DAY, not_after=START - 8 * DAY), "certificate")
    assert finding.severity is Severity.CRITICAL
    assert "expired on" in finding.sentence
    assert "8 days before this capture" in finding.sentence


def test_certificate_of_the_future() -> None:
    finding = only(judged(expired=True, not_before=START + 2 * DAY, not_after=START + 90 * DAY), "certificate")
    assert "is not valid before" in finding.sentence


def test_certificate_about_to_expire_is_a_warning() -> None:
    finding = only(judged(not_before=START - 360 * DAY, not_after=START + 5 * DAY), "certificate")
    assert finding.severity is Severity.WARNING
    assert "expires in 4 days" in finding.sentence or "expires in 5 days" in finding.sentence


def test_short_lived_certificates_always_expire_soon() -> None:
    assert rules(judged(not_before=START - DAY / 2, not_after=START + DAY / 2)) == {"healthy"}


def test_handshakes_that_stop_after_the_client_hello() -> None:
    finding = only(judged(server_hello_frame=0, flow={"server_payload": 0}), "tls-incomplete")
    assert "3 of 3 TLS handshakes for payments stopped after the ClientHello" in finding.sentence
    assert finding.severity is Severity.CRITICAL


def test_handshake_under_way_at_the_end_is_not_judged() -> None:
    assert alarms(judged(server_hello_frame=0, at=END - 0.5, flow={"server_payload": 0})) == []


def test_server_hello_that_was_not_captured_is_not_missing() -> None:
    assert alarms(judged(server_hello_frame=0, flow={"server_payload": 900})) == []
