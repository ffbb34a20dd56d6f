"""Counts equal tshark's, over every shared capture; every difference is listed here with its reason."""

import json

import pytest

from tests.unit.analysis.captures import PCAPS, needs_pcaps, shared_facts

FIELDS = (
    "ip4 ip6 tcp udp icmp syn synack fin rst dns_query dns_resp http_req http_resp tls_ch tls_sh tls_alert tls_cert"
    " retransmission out_of_order lost_segment duplicate_ack zero_window keep_alive spurious_retransmission"
    " reused_ports zero_window_probe keep_alive_ack"
).split(" ")

_BODY = "segments came out of order, which tshark does not put in order by default: it misses the message"
_PORT = "HTTP on a port that tshark gives to another protocol"
_FRAMES = "the answer was made without reading the gzip file; tshark itself reads as many frames as we do"
DIFFERENT: dict[str, tuple[str, str]] = {
    "ptcpdump/testdata__format__tcp.pcapng": ("http_resp", _BODY),
    "zeek/testing__btest__Traces__http__concurrent-range-requests.pcap": ("http_resp", _BODY),
    "zeek/testing__btest__Traces__http__content-range-gap-skip.pcap": ("http_resp", _BODY),
    "zeek/testing__btest__Traces__http__http-single-conn-22.pcap": ("http_req http_resp", _PORT),
    "zeek/testing__btest__Traces__http__http-to-ssh.pcap": ("http_req", _PORT),
    "zeek/testing__btest__Traces__http__query-method-non-standard-port.pcap": ("http_req", _PORT),
    "zeek/testing__btest__Traces__http__zeek-image-post-1080-8000-x.pcap": ("http_req http_resp", _PORT),
    "zeek/testing__btest__Traces__quic__quicdoq.pcap": ("tls_ch tls_sh", "QUIC on a port that tshark does not look at"),
    "zeek/testing__btest__Traces__redis__oss-fuzz-473580107.pcap": ("http_resp", "its version is HTTP/5"),
    "tcpdump/tests__nhrp-trace.pcap": ("icmp", "quoted inside NHRP, which we do not read"),
    "zeek/testing__btest__Traces__cisco-fabric-path.pcap": (
        "retransmission",
        "each SYN is there twice; tshark finds the second malformed as it takes 4 bytes for an FCS",
    ),
    "zeek/testing__btest__Traces__rdp__rdp-no-cookie-mstshash.pcap": (
        "tls_ch tls_sh tls_cert",
        "tshark stays with RDP when TLS begins inside it",
    ),
    "zeek/testing__btest__Traces__rdp__rdpeudp2-handshake-success.pcap": ("tls_ch", "DTLS is not read"),
    "zeek/testing__btest__Traces__postgresql__psql-aws-ssl-require.pcap": (
        "tls_cert",
        "the server's chain came out of order, which tshark does not put in order by default",
    ),
    "zeek/testing__btest__Traces__contentline__nvt-line-limit-crlf-heap-buffer-overflow.pcap.gz": ("frames", _FRAMES),
    "zeek/testing__btest__Traces__contentline__rsh-long-client-user-no-nul.pcapng.gz": ("frames", _FRAMES),
    "zeek/testing__btest__Traces__contentline__telnet-long-line-no-eol.pcapng.gz": ("frames", _FRAMES),
    "zeek/testing__btest__Traces__contentline__telnet-unclosed-suboption.pcapng.gz": ("frames", _FRAMES),
}
ANSWERS = json.loads((PCAPS / "tshark.json").read_text()) if PCAPS.exists() else {}


def _allowed(name: str) -> set[str]:
    return set(DIFFERENT.get(name, ("", ""))[0].split())


@needs_pcaps
@pytest.mark.parametrize("name", sorted(ANSWERS))
def test_counts_equal_those_of_tshark(name: str) -> None:
    facts, answer = shared_facts(name), ANSWERS[name]
    ours = {field: facts.counts[field] for field in FIELDS} | {"frames": facts.packets}
    theirs = {field: answer[field] for field in (*FIELDS, "frames")}
    differences = {field: (ours[field], theirs[field]) for field in ours if ours[field] != theirs[field]}
    assert set(differences) <= _allowed(name), differences
    assert (facts.error is None) == (answer["error"] is None), facts.error
    assert facts.link_types[0] == answer["link_type"]


@needs_pcaps
def test_the_list_of_differences_has_no_stale_entries() -> None:
    for name, (fields, _reason) in DIFFERENT.items():
        facts, answer = shared_facts(name), ANSWERS[name]
        for field in fields.split():
            ours = facts.packets if field == "frames" else facts.counts[field]
            assert ours != answer[field], (name, field)
