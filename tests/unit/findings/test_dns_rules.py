"""DNS: silence, failures, names nobody has, the search list, slowness."""

from msgspec import structs

from tests.unit.findings.cases import SPEC, alarms, dns, facts, healthy, judge, only, rules
from workers.contract.report import Severity


def test_unanswered_queries_name_server_and_names() -> None:
    names = [dns("payments.shop.svc.cluster.local", 6, unanswered=4), dns("web.shop.svc.cluster.local", 6)]
    finding = only(judge(facts(healthy(3), names=names)), "dns-unanswered")
    assert finding.severity is Severity.CRITICAL
    assert finding.sentence == (
        "checkout-7d9f-x2z → service kube-system/dns (198.18.0.10:53): 4 of 12 DNS queries got no answer "
        "(payments.shop.svc.cluster.local)."
    )


def test_one_lost_query_is_a_note() -> None:
    assert alarms(judge(facts(healthy(3), names=[dns("web", 90, unanswered=1)]))) == []


def test_filter_on_queries_alone_does_not_look_like_silence() -> None:
    spec = structs.replace(SPEC, filter="udp dst port 53")
    assert alarms(judge(facts(names=[dns("web", 20, unanswered=20)]), spec=spec)) == []


def test_servfail() -> None:
    finding = only(judge(facts(names=[dns("api.example.com", 9, rcodes={"SERVFAIL": 9})])), "dns-failure")
    assert "9 of 9 DNS answers (100 %) say SERVFAIL (api.example.com)" in finding.sentence
    assert finding.display_filter == "dns.flags.rcode == 2 && ip.addr == 198.18.0.10"


def test_search_list_storm_is_a_note() -> None:
    steps = ["shop.svc.cluster.local", "svc.cluster.local", "cluster.local", "eu-west-1.compute.internal"]
    names = [dns(f"api.example.com.{step}", 30, rcodes={"NXDOMAIN": 30}) for step in steps]
    found = judge(facts(healthy(3), names=[*names, dns("api.example.com", 30)]))
    assert alarms(found) == []
    assert "120 of 150 DNS answers (80 %) are NXDOMAIN" in only(found, "dns-search-list").sentence


def test_a_few_search_list_steps_are_normal() -> None:
    names = [dns("payments.billing.shop.svc.cluster.local", 5, rcodes={"NXDOMAIN": 5})]
    assert rules(judge(facts(healthy(3), names=[*names, dns("payments.billing.svc.cluster.local", 5)]))) == {"healthy"}


def test_name_that_exists_nowhere_is_named() -> None:
    names = [
        dns(f"paymets.shop{tail}", 4, rcodes={"NXDOMAIN": 4})
        for tail in ("", ".shop.svc.cluster.local", ".svc.cluster.local")
    ]
    finding = only(judge(facts(healthy(3), names=names)), "dns-nxdomain")
    assert finding.severity is Severity.WARNING
    assert "a name that does not exist: paymets.shop, 12 answers NXDOMAIN" in finding.sentence


def test_service_discovery_may_find_nothing() -> None:
    names = [
        dns("_grpclb._tcp.web.shop", 40, rcodes={"NXDOMAIN": 40}, qtype="SRV"),
        dns("_x.web", 9, rcodes={"NXDOMAIN": 9}),
    ]
    assert alarms(judge(facts(healthy(3), names=names))) == []


def test_slow_answers() -> None:
    finding = only(judge(facts(names=[dns("web.shop", 20, p50=0.9)])), "dns-slow")
    assert "takes up to 1.8 s (median 900 ms)" in finding.sentence
    assert "dns.time > 0.5" in finding.display_filter


def test_forwarded_queries_of_a_tenth_second_are_normal() -> None:
    assert rules(judge(facts(healthy(9), names=[dns("api.example.com", 20, p50=0.15)]))) == {"healthy"}
