"""What the facts leave out, in sentences: bounds that were met, and what the snaplen or missing packets hide."""

from collections.abc import Mapping

from workers.contract.facts import Facts

_SENTENCES = {
    "evicted": "{n} idle conversations were closed early to bound memory; if they went on, they count as new ones",
    "fragments": "{n} fragmented datagrams are not complete in the capture: their ports are unknown",
    "dns": "{n} DNS queries are beyond the names kept: counted, but not by name",
    "dns_forgotten": "{n} DNS queries were no longer waited for because too many were open",
    "http": "{n} HTTP requests are beyond the groups kept: counted, but not by path",
    "http_not_captured": "{n} HTTP responses fell into gaps of the capture: their latency is unknown",
    "icmp": "{n} ICMP errors are beyond the kinds kept",
    "certificates": "{n} certificates could not be read",
    "untimed": "{n} packets carry no time: each got the time of the packet before it",
}


def approximations(facts: Facts, left_out: Mapping[str, int]) -> tuple[str, ...]:
    """Sentences, the most important first."""
    sentences = []
    if facts.cut_packets:
        sentences.append(_cut(facts))
    lost = facts.counts.get("ack_lost_segment", 0) + facts.counts.get("lost_segment", 0)
    if lost:
        sentences.append(
            f"{lost:,} packets show that others are missing from the capture: what those carried is not visible"
        )
    sentences += [text.format(n=f"{left_out[name]:,}") for name, text in _SENTENCES.items() if left_out.get(name)]
    return tuple(sentences)


def _cut(facts: Facts) -> str:
    snaplen = f"snaplen {facts.snaplen:,}: " if facts.snaplen else ""
    return (
        f"{snaplen}{facts.cut_packets:,} packets are cut short: sizes and TCP health are whole, but HTTP, TLS names and"
        " DNS answers beyond the cut are not visible"
    )
