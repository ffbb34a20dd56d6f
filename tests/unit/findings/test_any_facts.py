"""Whatever the facts hold, judging and reporting don't raise, and what is shown is safe and finite."""

import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.examples import examples
from workers.contract.codec import decode, encode
from workers.contract.facts import (
    Conversation,
    DnsFacts,
    DnsName,
    Facts,
    HttpFacts,
    HttpGroup,
    HttpPool,
    IcmpError,
    Reset,
    Spread,
    Tally,
    TcpFacts,
    TcpSide,
    Timeline,
    TlsAlert,
    TlsFacts,
    TlsHandshake,
)
from workers.contract.facts_dns import DnsAddress
from workers.contract.facts_http import Goaway, Http2Facts
from workers.contract.facts_quic import QuicEnd, QuicFacts
from workers.contract.facts_services import (
    DhcpClient,
    DhcpFacts,
    NtpFacts,
    NtpServer,
    ServiceFacts,
    ServiceGroup,
    ServicePool,
)
from workers.contract.pictures import ALWAYS
from workers.contract.report import CaptureOutcome, Former, Named, Report, TargetResult
from workers.contract.spec import CaptureSpec, TargetKind, TargetRef
from workers.export import filename, report_json
from workers.report import build
from workers.report.album import album
from workers.report.text import markdown, terminal

ips = st.sampled_from(["198.19.1.4", "198.18.7.1", "2001:db8::1", "", "not an address", "\u202eevil\x00"])
ports = st.sampled_from([0, 22, 53, 8080, 65_535, 70_000, -1])
words = st.one_of(
    st.sampled_from(["web", "NXDOMAIN", "fatal", "a.svc.cluster.local", "\u202e\x1b[31m|`*"]), st.text(max_size=30)
)
counts = st.one_of(st.integers(0, 50), st.integers(-5, 10**12))
times = st.floats(allow_nan=True, allow_infinity=True)
frames = st.lists(counts, max_size=3).map(tuple)
tallies = st.builds(Tally, counts, frames)
spreads = st.builds(Spread, counts, times, times, times, times)
tables = st.dictionaries(words, counts, max_size=3)


def tuples(items: st.SearchStrategy[object]) -> st.SearchStrategy[tuple[object, ...]]:
    return st.lists(items, max_size=3).map(tuple)


resets = st.builds(
    Reset,
    counts,
    st.sampled_from(["client", "server", ""]),
    st.sampled_from(["refused", "after-data", "before-response"]),
    times,
    idle=times,
    waited=times,
    ttl=counts,
    handshake_ttl=counts,
    ip_id=counts,
    handshake_ip_id=counts,
)
senders = st.builds(
    TcpSide,
    offered=st.booleans(),
    mss=counts,
    window_scale=st.none() | st.integers(0, 14),
    sacks=counts,
    window_full=tallies,
    zero_window_probes=tallies,
    zero_window_probe_acks=counts,
    most_in_flight=counts,
    most_per_second=counts,
    rtt=spreads,
    too_big=tallies,
    told_mtu=counts,
    largest_acknowledged=counts,
    undelivered=tallies,
    undelivered_size=counts,
)
handshakes = st.sampled_from(["complete", "unanswered", "refused", "half-open", "unseen", "?"])
tcps = st.builds(
    TcpFacts,
    handshake=handshakes,
    syns=tallies,
    retransmissions_client=tallies,
    retransmissions_server=tallies,
    largest_resent_client=counts,
    largest_resent_server=counts,
    unacknowledged_client=counts,
    unacknowledged_server=counts,
    lost_segments=tallies,
    duplicate_acks=tallies,
    keep_alives=tallies,
    reused_after=st.none() | times,
    zero_windows_client=tallies,
    zero_window_seconds=times,
    server_rtt=st.none() | times,
    handshake_rtt=st.none() | times,
    data_segments_server=counts,
    resets=tuples(resets),
    fins=counts,
    rtt=spreads,
    refused_by=st.sampled_from(["", "reset", "icmp"]),
    client=senders,
    server=senders,
)
flows = st.builds(
    Conversation,
    st.integers(0, 3),
    st.sampled_from(["tcp", "udp"]),
    ips,
    ports,
    ips,
    ports,
    times,
    times,
    client_packets=counts,
    server_packets=counts,
    client_payload=counts,
    server_payload=counts,
    application=st.sampled_from(["", "http", "tls", "quic", "postgresql"]) | words,
    tcp=st.none() | tcps,
    sides=st.sampled_from(["both", "client", "server", ""]),
)
groups = st.builds(
    HttpGroup, ips, ports, words, words, words | st.just("/healthz"), tallies, tables | st.just({"502": 4}), tallies,
    tallies, spreads, slowest_frame=counts, upload=spreads, download=spreads, repeats=tallies,
    protocol=st.sampled_from(["http/1", "h2", "grpc"]) | words, grpc_errors=tallies,
    grpc_statuses=st.dictionaries(st.sampled_from(["OK", "UNAVAILABLE"]) | words, counts, max_size=3),
    resets=st.dictionaries(st.sampled_from(["CANCEL", "REFUSED_STREAM"]) | words, tallies, max_size=2),
)  # fmt: skip
pools = st.builds(HttpPool, ips, ips, ports, counts, counts, times, times, times)
names = st.builds(
    DnsName, words, st.sampled_from(["A", "AAAA", "SRV"]), ips, ips, tallies, counts, tallies, counts, tables, counts,
    spreads, tuples(words), asked_again=tallies, asked_again_after=spreads,
)  # fmt: skip
served = st.builds(
    ServiceGroup, st.sampled_from(["redis", "postgresql", "mysql", "kafka", "mongodb"]) | words, ips, ports,
    st.sampled_from(["GET", "SELECT", "", "Fetch"]) | words, tallies, counts,
    st.dictionaries(st.sampled_from(["53300", "1040", "MAXCLIENTS", "READONLY", "23505", "40P01"]) | words, counts),
    tallies, tallies, spreads, counts, st.booleans(),
)  # fmt: skip
service_pools = st.builds(ServicePool, words, ips, ips, ports, counts, counts, times, times, times)
services = st.builds(ServiceFacts, counts, counts, tables, tuples(served), pools=tuples(service_pools))
clocks = st.builds(
    NtpServer, ips, ips, tallies, counts, tallies, st.none() | st.sampled_from([0, 2, 16]), counts,
    st.dictionaries(st.sampled_from(["RATE", "DENY"]) | words, counts), tallies, st.none() | times, counts, spreads,
)  # fmt: skip
leases = st.builds(
    DhcpClient, words, st.dictionaries(st.sampled_from(["DISCOVER", "OFFER", "ACK", "NAK"]), counts), ips,
    naks=tallies, declines=tallies, retried=counts, unanswered=tallies,
)  # fmt: skip
goaways = st.builds(
    Goaway, st.integers(0, 3), counts, st.sampled_from(["client", "server"]) | words,
    st.sampled_from(["NO_ERROR", "ENHANCE_YOUR_CALM"]) | words, counts, counts,
)  # fmt: skip
hellos = st.builds(
    TlsHandshake,
    st.integers(0, 3),
    client_hello_frame=counts,
    server_hello_frame=counts,
    sni=words,
    version=words,
    alerts=tuples(st.builds(TlsAlert, counts, words, words, words)),
    not_before=st.none() | times,
    not_after=st.none() | times,
    subject_names=tuples(words),
    expired=st.booleans(),
    chain=frames,
    sni_match=st.sampled_from(["", "san", "common-name", "mismatch"]) | words,
    self_signed=st.booleans(),
    transport=st.sampled_from(["tcp", "quic"]) | words,
)
timelines = st.builds(
    Timeline,
    times,
    times,
    tuples(counts),
    tuples(counts),
    tuples(counts),
    tuples(st.tuples(times, times, st.sampled_from(["http", "dns", "tcp", "redis", "?"]))),
)
all_facts = st.builds(
    Facts,
    packets=counts,
    cut_packets=counts,
    first_at=times,
    last_at=times,
    backwards=times,
    counts=st.dictionaries(
        st.sampled_from(["retransmission", "tcp_half_open", "tcp_unanswered", "tcp_connections", "tcp", "syn"]), counts
    ),
    error=st.none() | words,
    conversations=tuples(flows),
    more_conversations=counts,
    dns=st.builds(
        DnsFacts,
        counts,
        counts,
        tallies,
        tables,
        spreads,
        tuples(names),
        addresses=tuples(st.builds(DnsAddress, ips, ips, words, times)),
    ),
    http=st.builds(
        HttpFacts,
        counts,
        counts,
        tables,
        spreads,
        tuples(groups),
        pools=tuples(pools),
        h2=st.builds(Http2Facts, goaways=tuples(goaways)),
    ),
    services=services,
    quic=st.builds(QuicFacts, silent=tuples(st.builds(QuicEnd, ips, ips, ports, counts, tallies))),
    ntp=st.builds(NtpFacts, servers=tuples(clocks)),
    dhcp=st.builds(DhcpFacts, clients=tuples(leases)),
    tls=st.builds(TlsFacts, tuples(hellos), counts),
    icmp_errors=tuples(st.builds(IcmpError, words, ips, words, ips, ips, ports, tallies, counts)),
    timeline=timelines,
    approximations=tuples(words),
)
outcomes = st.builds(
    CaptureOutcome,
    complete=st.booleans(),
    reason=words,
    bytes=counts,
    packets=counts,
    received=st.none() | counts,
    kernel_dropped=st.none() | counts,
    started_at=times,
    ended_at=times,
    clock_offset=st.none() | times,
)
targets = st.builds(
    TargetResult,
    words,
    words,
    words,
    words,
    tuples(ips),
    words,
    outcomes,
    st.none() | all_facts,
    words,
    other_ports=tables,
)
specs = st.builds(CaptureSpec, st.builds(TargetRef, st.sampled_from(TargetKind), words), words, filter=words)
named = st.dictionaries(
    ips,
    st.builds(
        Named,
        st.sampled_from(["pod", "service", "dns"]) | words,
        words,
        words,
        times,
        times,
        tuples(words),
        tuples(st.builds(Former, words, words, words, times, times)),
    ),
    max_size=4,
)


@settings(
    max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(specs, st.lists(targets, max_size=3), named)
def test_any_facts_give_a_report_that_can_be_shown(
    spec: CaptureSpec, found: list[TargetResult], who: dict[str, Named]
) -> None:
    report = build("abcdefgh", spec, found, who, 1_795_300_000.0)
    assert 0 < len(report.verdict) <= 143
    shown = [report.verdict, *report.notes, *(f.sentence + f.next_step + f.display_filter for f in report.findings)]
    for text in [*shown, terminal(report), markdown(report)]:
        assert all(char == "\n" or " " <= char <= "~" or char in "→µ" for char in text), text
    assert all(0 <= ref.target < len(found) for f in report.findings for ref in f.frames)
    assert set(ALWAYS) <= set(album(report, lambda looks: {}, every=True).names)
    json.loads(b"".join(report_json(report)))
    assert decode(Report, json.loads(json.dumps(encode(report)))).verdict == report.verdict


@given(st.text(), st.text(), times)
def test_file_names_are_safe_for_any_name(namespace: str, pod: str, at: float) -> None:
    name = filename(namespace, pod, at)
    assert name.endswith(".pcap")
    assert len(name.encode()) < 255
    assert all(char.isascii() and (char.isalnum() or char in "._-") for char in name)
    assert not name.startswith((".", "-"))
