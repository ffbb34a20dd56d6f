"""What one frame shows, one bit each; the counts of a capture are sums over frames of these bits.

A bit is set at most once a frame, so tunnelled and quoted headers count a frame once under each name, as a Wireshark
display filter does ("frames in which the field is present").
"""

_NAMES = (
    "ip4", "ip6", "arp", "tcp", "udp", "icmp", "sctp", "syn", "synack", "fin", "rst", "dns_query", "dns_resp",
    "mdns", "llmnr", "http_req", "http_resp", "tls_ch", "tls_sh", "tls_alert", "tls_cert", "retransmission",
    "fast_retransmission", "spurious_retransmission", "out_of_order", "lost_segment", "ack_lost_segment",
    "duplicate_ack", "zero_window", "zero_window_probe", "keep_alive", "keep_alive_ack", "reused_ports",
    "malformed", "fragments", "tunnelled", "quoted", "not_ip", "window_full", "zero_window_probe_ack", "window_update",
    "sack", "ece", "cwr", "ce",
)  # fmt: skip

MARKS = {name: 1 << index for index, name in enumerate(_NAMES)}
"""Name as in `Facts.counts` -> bit."""

IP4, IP6, ARP, TCP, UDP, ICMP, SCTP = (MARKS[n] for n in ["ip4", "ip6", "arp", "tcp", "udp", "icmp", "sctp"])
SYN, SYNACK, FIN, RST = (MARKS[n] for n in ["syn", "synack", "fin", "rst"])
DNS_QUERY, DNS_RESP, MDNS, LLMNR = (MARKS[n] for n in ["dns_query", "dns_resp", "mdns", "llmnr"])
HTTP_REQ, HTTP_RESP = MARKS["http_req"], MARKS["http_resp"]
TLS_CH, TLS_SH, TLS_ALERT, TLS_CERT = (MARKS[n] for n in ["tls_ch", "tls_sh", "tls_alert", "tls_cert"])
RETRANSMISSION = MARKS["retransmission"]
FAST_RETRANSMISSION = MARKS["fast_retransmission"]
SPURIOUS_RETRANSMISSION = MARKS["spurious_retransmission"]
OUT_OF_ORDER = MARKS["out_of_order"]
LOST_SEGMENT = MARKS["lost_segment"]
ACK_LOST_SEGMENT = MARKS["ack_lost_segment"]
DUPLICATE_ACK = MARKS["duplicate_ack"]
ZERO_WINDOW = MARKS["zero_window"]
ZERO_WINDOW_PROBE = MARKS["zero_window_probe"]
KEEP_ALIVE = MARKS["keep_alive"]
KEEP_ALIVE_ACK = MARKS["keep_alive_ack"]
REUSED_PORTS = MARKS["reused_ports"]
MALFORMED = MARKS["malformed"]
FRAGMENTS = MARKS["fragments"]
TUNNELLED = MARKS["tunnelled"]
QUOTED = MARKS["quoted"]
NOT_IP = MARKS["not_ip"]
WINDOW_FULL = MARKS["window_full"]
ZERO_WINDOW_PROBE_ACK = MARKS["zero_window_probe_ack"]
WINDOW_UPDATE = MARKS["window_update"]
SACK = MARKS["sack"]
ECE, CWR, CE = (MARKS[n] for n in ["ece", "cwr", "ce"])
"""Congestion (RFC 3168): the TCP flags outside of SYNs, which only offer it, and CE in an IP header."""


def expand(masks: dict[int, int]) -> dict[str, int]:
    """Frames by name, from frames by mask; names never seen are 0."""
    counts = dict.fromkeys(MARKS, 0)
    for mask, frames in masks.items():
        for name, bit in MARKS.items():
            if mask & bit:
                counts[name] += frames
    return counts
