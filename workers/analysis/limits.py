"""What the facts leave out, in sentences: bounds that were met, and what the snaplen or missing packets hide."""

from collections.abc import Mapping

from workers.contract.facts import Facts

_SENTENCES = {
    "evicted": "idle conversations closed early to bound memory (if they went on, they count as new ones): {n}",
    "fragments": "fragmented datagrams not complete in the capture (their ports are not visible): {n}",
    "dns": "DNS queries beyond the names kept (counted, but not by name): {n}",
    "dns_forgotten": "DNS queries no longer waited for because too many were open: {n}",
    "dns_addresses": "names of addresses forgotten because too many were asked for: {n}",
    "http": "HTTP requests beyond the groups kept (counted, but not by path): {n}",
    "http_not_captured": "HTTP responses in gaps of the capture (status and latency not visible): {n}",
    "http_unkept": "HTTP requests not waited for because too many were open (their answers are not told by path): {n}",
    "http2": "HTTP/2 connections whose headers were not read because too many were open at once: {n}",
    "http2_heavy": "HTTP/2 connections whose further headers were not read because their tables took too much: {n}",
    "http2_unread": "HTTP/2 connections whose further headers were not read because there were too many: {n}",
    "http2_hidden": "HTTP/2 header blocks that refer to what the capture does not hold (not visible in part): {n}",
    "http2_forgotten": "HTTP/2 streams no longer waited for because too many were open: {n}",
    "services": "requests to services beyond the groups kept (counted, but not by operation): {n}",
    "services_forgotten": "requests to services no longer waited for because too many were open: {n}",
    "services_not_captured": "responses of services in gaps of the capture (latency and errors not visible): {n}",
    "ntp": "NTP queries to servers beyond those kept: {n}",
    "dhcp": "DHCP messages of clients beyond those kept: {n}",
    "udp_forgotten": "NTP and DHCP questions no longer waited for because too many were open: {n}",
    "icmp": "ICMP errors beyond the kinds kept: {n}",
    "quic": "QUIC connections whose hellos were not read because too many were open or too many packets held them: {n}",
    "certificates": "certificates that could not be read: {n}",
    "held": "messages and segments let go because too many waited for their rest (told in part): {n}",
    "untimed": "packets without a time in the file (each got the time of the packet before it): {n}",
}


def approximations(facts: Facts, left_out: Mapping[str, int]) -> tuple[str, ...]:
    """Sentences, the most important first."""
    sentences = []
    if facts.cut_packets:
        sentences.append(
            f"packets cut short at {left_out['cut_at']:,} bytes: {facts.cut_packets:,} of {facts.packets:,}; sizes and"
            " TCP health are whole, but HTTP, TLS and DNS beyond the cut are not visible"
        )
    missing = facts.counts.get("ack_lost_segment", 0) + facts.counts.get("lost_segment", 0)
    if missing:
        sentences.append(f"places where packets are missing (what they carried is not visible): {missing:,}")
    sentences += [text.format(n=f"{left_out[name]:,}") for name, text in _SENTENCES.items() if left_out.get(name)]
    return tuple(sentences)
