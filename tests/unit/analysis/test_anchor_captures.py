"""Names, codes, versions, dates and times of the anchor captures equal tshark's answers."""

import json
from collections import Counter
from datetime import datetime

import pytest

from tests.unit.analysis.captures import PCAPS, needs_pcaps, shared_facts
from workers.analysis import tls_names

ANCHORS = PCAPS / "anchors"
ANSWERS = json.loads((ANCHORS / "anchors.json").read_text()) if PCAPS.exists() else {}
COUNTS = (
    "ip4 ip6 tcp udp icmp syn synack fin rst dns_query dns_resp http_req tls_ch tls_sh tls_alert tls_cert"
    " retransmission fast_retransmission out_of_order lost_segment ack_lost_segment duplicate_ack keep_alive"
).split(" ")
SPLIT_REQUEST = {"example.pcap": {"http_req"}, "raw_packets.pcap": {"http_req"}}
"""Two requests that tshark shows in one frame, as it waits for a segment that came late; SSDP, left out of these
answers and counted in those of `tshark.json`."""
_anchors = pytest.mark.parametrize("name", sorted(ANSWERS))
pytestmark = needs_pcaps


@_anchors
def test_counts(name: str) -> None:
    facts, answer = shared_facts(f"anchors/{name}"), ANSWERS[name]
    assert facts.packets == int(answer["packets"])
    assert facts.error is None
    if answer["counts"] is not None:
        ours = {field: facts.counts[field] for field in COUNTS}
        theirs = {field: answer["counts"].get(field, 0) for field in COUNTS}
        different = {field for field in COUNTS if ours[field] != theirs[field]}
        assert different <= SPLIT_REQUEST.get(name, set()), (ours, theirs)


@_anchors
def test_dns_names_rcodes_and_latency(name: str) -> None:
    facts, answer = shared_facts(f"anchors/{name}").dns, ANSWERS[name]
    if name == "wikipedia.pcap":  # its answers count mDNS and NetBIOS as well
        assert facts.rcodes == {"NOERROR": 10, "NXDOMAIN": 4}
    else:
        rcodes = {"NOERROR": answer["dns_rcode"].get("0", 0), "NXDOMAIN": answer["dns_rcode"].get("3", 0)}
        assert facts.rcodes == {rcode: seen for rcode, seen in rcodes.items() if seen}
        names: Counter[str] = Counter()
        for group in facts.names:
            names[group.name] += group.queries.count
        for queried, times in answer["dns_names"]:
            assert names[queried] == times
    if answer["dns_time"]:
        assert facts.latency.min == pytest.approx(min(answer["dns_time"]), abs=1e-6)
        assert facts.latency.max == pytest.approx(max(answer["dns_time"]), abs=1e-6)


@_anchors
def test_http_statuses_methods_and_transactions(name: str) -> None:
    facts, answer = shared_facts(f"anchors/{name}").http, ANSWERS[name]
    methods: Counter[str] = Counter()
    for group in facts.groups:
        methods[group.method] += group.requests.count
    if name == "raw_packets.pcap":  # SSDP over UDP
        assert not methods
        return
    assert methods == answer["http_method"]
    if name == "example.pcap":  # two bodies are incomplete: tshark does not show their heads
        assert facts.statuses == {"200": 336, "301": 1, "302": 1}
        return
    assert facts.statuses == answer["http_status"]
    assert facts.latency.count == answer["http_time_n"]
    assert facts.latency.p50 * answer["http_time_n"] <= answer["http_time_sum"] * 1.5 or name.startswith("1000-")


@_anchors
def test_tls_versions_suites_names_and_certificates(name: str) -> None:
    facts, answer = shared_facts(f"anchors/{name}").tls, ANSWERS[name]
    chosen = [handshake for handshake in facts.handshakes if handshake.version]
    versions: Counter[str] = Counter()
    for codes, times in answer["tls_ver"].items():
        legacy, _, supported = codes.partition("/")
        versions[tls_names.version(int(supported or legacy, 16))] += times
    assert Counter(handshake.version for handshake in chosen) == versions
    suites = Counter({tls_names.suite(int(code, 16)): times for code, times in answer["cipher"].items()})
    assert Counter(handshake.cipher for handshake in chosen) == suites
    assert Counter(handshake.sni for handshake in facts.handshakes if handshake.sni) == answer["sni"]
    leaves = [entry for entry in answer.get("certs", {}).values() if entry[1] == 0]
    ends = sorted(datetime.fromisoformat(entry[0]).timestamp() for entry in leaves)
    assert sorted(h.not_after for h in facts.handshakes if h.not_after is not None) == ends


def test_alert_and_expired_certificate() -> None:
    (failed,) = shared_facts("anchors/tls-1.2-handshake-failure.pcap").tls.handshakes
    assert [(alert.level, alert.description, alert.by) for alert in failed.alerts] == [
        ("fatal", "handshake_failure", "server")
    ]
    expired = shared_facts("anchors/tls-expired-cert.pcap").tls.handshakes
    assert [(handshake.expired, handshake.certificates) for handshake in expired] == [(True, 2), (False, 3)]


@_anchors
def test_tcp_conversations_and_round_trips(name: str) -> None:
    facts, answer = shared_facts(f"anchors/{name}"), ANSWERS[name]
    if answer["counts"] is None:
        return
    health = [c.tcp for c in facts.conversations if c.tcp is not None]
    assert len(health) == answer["tcp_conversations"]
    answered = [tcp.server_rtt for tcp in health if tcp.server_rtt is not None]
    assert len(answered) == answer["synack_rtt_n"]
    if answered:
        assert max(answered) == pytest.approx(answer["synack_rtt_max"], abs=1e-6)


def test_conversation_totals_count_ip_bytes_both_ways() -> None:
    facts = shared_facts("anchors/retransmit-fast009.pcap")
    (conversation,) = facts.conversations
    assert {conversation.client_packets, conversation.server_packets} == {17, 22}
    assert conversation.client_bytes + conversation.server_bytes == facts.wire_bytes - 14 * facts.packets
    assert "cut short at" in facts.approximations[0]
