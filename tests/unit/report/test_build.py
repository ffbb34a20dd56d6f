"""The verdict line, the notes and the names of a report."""

from msgspec import structs

from tests.unit.findings.cases import NAMES, SPEC, dns, facts, healthy, http, silent, talk, target
from workers.contract.facts import DnsFacts, DnsName, Facts, HttpGroup, Tally, TlsFacts, TlsHandshake
from workers.contract.facts_dns import DnsAddress
from workers.contract.report import CaptureOutcome, Former, Named, Report, Severity, TargetResult
from workers.report import Known, build, resolve_names
from workers.report.build import shorten


def report(*targets: TargetResult) -> Report:
    return build("abcdefgh", SPEC, targets, NAMES, 1_795_300_000.0)


def test_verdict_is_the_worst_finding_and_names_the_culprit() -> None:
    built = report(target(facts([*silent(8), *healthy(8)], [http(50, errors=1)])))
    assert built.verdict == (
        "checkout-7d9f-x2z → service payments (198.18.7.1:8080): 8 of 16 connection attempts got no answer."
    )
    assert built.severity is Severity.CRITICAL


def test_notes_do_not_spoil_a_healthy_verdict() -> None:
    built = report(target(facts([*healthy(60), *silent(1)])))
    assert built.verdict.startswith("No trouble found")
    assert built.severity is Severity.OK
    assert built.findings[0].severity is Severity.NOTE


def test_cause_is_said_before_its_symptom() -> None:
    symptom = http(40, errors=20, server="198.19.1.4", server_port=80, path="/buy")
    built = report(target(facts([*silent(14), *healthy(3)], [symptom])))
    assert [f.rule for f in built.findings][:3] == ["syn-unanswered", "http-upstream", "http-errors"]


def test_long_verdicts_end_at_a_word() -> None:
    name = "a-very-long-name-" * 4
    built = report(
        target(facts(silent(8)), name), target(facts(silent(9, client="198.19.1.7")), f"{name}b", "198.19.1.7")
    )
    assert len(built.verdict) <= 140
    assert built.verdict.endswith("...")


def test_long_verdicts_end_before_figures_in_brackets_rather_than_within() -> None:
    slow = "checkout → service ledger (198.19.1.3:5432): PostgreSQL UPDATE is slow, 95 % within 806 ms"
    told = f"{slow} (median 803 ms, worst 807 ms, 21 answers). The network's round trip is 0.3 ms."
    assert shorten(told, 125) == f"{slow}."
    assert shorten(told, 300) == f"{slow} (median 803 ms, worst 807 ms, 21 answers)."


def test_nothing_and_no_facts_have_verdicts_too() -> None:
    assert report().verdict == "Nothing was captured."
    lost = target(None, outcome=CaptureOutcome(reason="pod deleted"))
    assert report(lost).verdict == "Nothing was captured (pod deleted)."
    assert report(structs.replace(lost, analysis_error="out of memory")).verdict.startswith("Analysis failed for")


def test_notes_tell_partial_targets_drops_and_limits() -> None:
    outcome = CaptureOutcome(reason="truncated at byte 4,096 of 9,000", packets=100, kernel_dropped=3)
    one = facts(healthy(30), approximations=("snaplen 96: HTTP is not visible",))
    built = report(target(one, outcome=outcome), target(facts(healthy(30)), "other", "198.19.1.9", node="n2"))
    assert built.notes == (
        "checkout-7d9f-x2z: partial, truncated at byte 4,096 of 9,000.",
        "checkout-7d9f-x2z: 3 packets dropped while capturing, 100 kept.",
        "checkout-7d9f-x2z: snaplen 96: HTTP is not visible.",
        "Clocks of 2 nodes are unsynchronised: compare times across nodes with care.",
    )


def test_addresses_are_named_by_the_cluster_first_then_by_dns() -> None:
    asked = [
        dns("api.example.com.", answers=("cdn.example.net", "192.0.2.9", "2001:db8::9")),
        dns("payments.shop", answers=("198.18.7.1",)),
        DnsName("gone.example.com", "A", "", "", Tally(1), rcodes={"NXDOMAIN": 1}, answers=("192.0.2.8",)),
    ]
    names = resolve_names(
        pods=[Known("web-1", ("198.19.3.4",), "shop"), Known("host-agent", ("198.18.100.1",), "kube-system")],
        services=[Known("payments", ("198.18.7.1", "None"), "shop")],
        nodes=[Known("n1", ("198.18.100.1",))],
        facts=[facts(names=asked), Facts()],
    )
    assert names["198.19.3.4"] == Named("pod", "web-1", "shop")
    assert names["198.18.7.1"] == Named("service", "payments", "shop")
    assert names["198.18.100.1"] == Named("node", "n1")
    assert names["192.0.2.9"] == names["2001:db8::9"] == Named("dns", "api.example.com")
    assert "192.0.2.8" not in names
    assert "None" not in names
    assert "cdn.example.net" not in names


def test_an_address_has_its_former_owners_and_its_other_names() -> None:
    told = DnsFacts(addresses=tuple(DnsAddress("", "192.0.2.9", f"{n}.example.com", n) for n in (2, 1, 3, 2)))
    names = resolve_names(
        pods=[
            Known("report-28", ("198.19.3.4",), "shop", 10.0, 20.0),
            Known("web-1", ("198.19.3.4",), "shop", 60.0),
            Known("report-29", ("198.19.3.4", "198.19.3.5"), "shop", 30.0, 50.0),
        ],
        facts=[Facts(dns=told)],
    )
    before = Former("pod", "report-29", "shop", 30.0, 50.0), Former("pod", "report-28", "shop", 10.0, 20.0)
    assert names["198.19.3.4"] == Named("pod", "web-1", "shop", 60.0, former=before)
    assert names["198.19.3.5"] == Named("pod", "report-29", "shop", 30.0, 50.0)
    assert names["192.0.2.9"] == Named("dns", "3.example.com", also=("2.example.com", "1.example.com"))


def test_tls_and_http_name_what_dns_does_not() -> None:
    flows = [talk("192.0.2.9", 443), talk("192.0.2.8", 443)]
    hellos = [TlsHandshake(flow.id, sni=f"Name-{n}.example.com") for n, flow in enumerate(flows)]
    webs = [
        HttpGroup("192.0.2.9", 80, "host.example.com", "GET", "/"),
        HttpGroup("192.0.2.7", 80, "Host:80", "GET", "/"),
    ]
    told = DnsFacts(addresses=(DnsAddress("", "192.0.2.9", "dns.example.com", 1.0),))
    names = resolve_names(facts=[facts(flows, webs, hellos=hellos, dns=told), Facts(tls=TlsFacts(tuple(hellos)))])
    assert names["192.0.2.9"] == Named("dns", "dns.example.com")
    assert names["192.0.2.8"] == Named("sni", "name-1.example.com")
    assert names["192.0.2.7"] == Named("host", "host")
