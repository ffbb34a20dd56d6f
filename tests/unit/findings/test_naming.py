"""What a conversation's server is called: by its owner at that time, by what this client asked for, else by itself."""

from typing import Any

import pytest

from tests.unit.findings.cases import CHECKOUT, CHECKOUT_B, PAYMENTS, SPEC, START, facts, healthy, silent, talk, target
from workers.contract.facts import Conversation, DnsFacts, HttpGroup, TlsFacts, TlsHandshake
from workers.contract.facts_dns import DnsAddress
from workers.contract.report import CaptureOutcome, Former, Named, TargetResult
from workers.findings import find
from workers.findings.case import Case
from workers.findings.naming import unported
from workers.report import build

CDN = "192.0.2.7"


def told(*names: tuple[float, str], client: str = CHECKOUT, address: str = CDN) -> DnsFacts:
    """What a client was told an address stands for, seconds after the start."""
    return DnsFacts(addresses=tuple(DnsAddress(client, address, name, START + at) for at, name in names))


def called(flow: Conversation, names: dict[str, Named] | None = None, **about: Any) -> str:
    """The name of one conversation's server in a capture of it."""
    return Case((target(facts([flow], **about)),), names or {}, SPEC).naming.called(flow)


@pytest.mark.parametrize(
    ("at", "name"),
    [(0.5, CDN), (1.5, "a.example.com"), (2.5, "b.example.com"), (3.5, "a.example.com")],
)
def test_a_shared_address_is_what_this_client_asked_for_last_before_it_connected(at: float, name: str) -> None:
    dns = told((1, "a.example.com."), (2, "b.example.com"), (3, "a.example.com"))
    assert called(talk(CDN, 443, at=START + at), dns=dns) == name


def test_another_clients_answers_are_its_own() -> None:
    dns = told((1, "a.example.com"), client=CHECKOUT_B)
    assert called(talk(CDN, 443), dns=dns) == CDN
    assert called(talk(CDN, 443), {CDN: Named("dns", "a.example.com")}, dns=dns) == "a.example.com"


def test_without_dns_tls_and_then_http_say_the_name() -> None:
    flow = talk(CDN, 443)
    tls = TlsFacts((TlsHandshake(flow.id, sni="Shop.Example.com"),))
    assert called(flow, tls=tls) == "shop.example.com"
    assert called(flow, tls=tls, dns=told((1, "a.example.com"))) == "a.example.com"
    assert called(talk(CDN, 8080), webs=[HttpGroup(CDN, 8080, "Shop.example.com:8080", "GET", "/")]) == (
        "shop.example.com"
    )


def test_hosts_that_differ_or_are_addresses_say_nothing() -> None:
    webs = [HttpGroup(CDN, 8080, host, "GET", "/") for host in ("a.example.com", "b.example.com")]
    assert called(talk(CDN, 8080), webs=webs) == CDN
    assert [unported(host) for host in ("192.0.2.7:80", "[2001:db8::1]:80", "(not visible)", "", "Pay:50051")] == [
        "", "", "", "", "pay",
    ]  # fmt: skip


def test_the_cluster_knows_better_than_dns() -> None:
    names = {PAYMENTS: Named("service", "payments", "shop")}
    assert called(talk(PAYMENTS), names, dns=told((1, "x.example.com"), address=PAYMENTS)) == "service payments"


OWNERS = {
    PAYMENTS: Named(
        "pod",
        "payments-new",
        "shop",
        since=START + 10,
        former=(Former("pod", "report-29", "shop", START - 50, START + 8),),
    )
}


@pytest.mark.parametrize(
    ("at", "name"), [(5, "report-29"), (9.5, "payments-new"), (20, "payments-new"), (-60, PAYMENTS)]
)
def test_an_address_that_changed_its_owner(at: float, name: str) -> None:
    assert called(talk(PAYMENTS, at=START + at), OWNERS) == name


def test_nobody_has_the_address_of_a_pod_that_ended() -> None:
    names = {PAYMENTS: Named("pod", "report-29", "shop", START - 50, START + 8)}
    assert called(talk(PAYMENTS, at=START + 5), names) == "report-29"
    assert called(talk(PAYMENTS, at=START + 15), names) == PAYMENTS


def test_captured_pods_that_had_an_address_one_after_another() -> None:
    flows = [talk(PAYMENTS, at=START + at) for at in (1, 20)]

    def captured(pod: str, begun: float) -> TargetResult:
        return target(facts(flows), pod, PAYMENTS, outcome=CaptureOutcome(started_at=START + begun))

    case = Case((captured("web-new", 15), captured("web-old", 0)), {}, SPEC)
    assert [case.naming.called(flow) for flow in flows] == ["web-old", "web-new"]


def test_a_finding_says_the_names_its_connections_were_meant_for() -> None:
    dns = told((1, "a.example.com"), (4, "b.example.com"))
    flows = [*silent(3, server=CDN, port=443, at=START + 2), *silent(3, server=CDN, port=443, at=START + 5)]
    sentence = find(Case((target(facts(flows, dns=dns)),), {CDN: Named("dns", "b.example.com")}, SPEC))[0].sentence
    assert sentence.startswith(
        "checkout-7d9f-x2z → a.example.com and b.example.com (192.0.2.7:443): 6 of 6 connection attempts got no answer"
    )


def test_conversations_are_told_by_the_name_they_were_meant_for() -> None:
    dns = told((1, "a.example.com"), (4, "b.example.com"))
    flows = [*healthy(2, server=CDN, port=443, at=START + 2), *healthy(3, server=CDN, port=443, at=START + 5)]
    report = build("abcdefgh", SPEC, [target(facts(flows, dns=dns))], {}, 0.0)
    assert {row[1]: row[3] for row in report.tables[0].rows} == {
        "a.example.com (192.0.2.7:443)": "2",
        "b.example.com (192.0.2.7:443)": "3",
    }
