"""Nothing wrong: said with the figures that show it."""

from collections.abc import Iterator

from workers.contract.report import Finding, Severity
from workers.findings.backends import called
from workers.findings.case import Case, Served, finite, median, one_sided, pointers
from workers.findings.words import duration, join, number, plural, ratio

RULE = "healthy"

HALF = 0.2
"""Connections with one direction unseen; single ones end, or begin, outside the capture."""

FEW = 20
"""Packets below which "no trouble" would promise more than anyone saw."""


def check(case: Case) -> list[Finding]:
    """One OK finding when there was traffic to judge."""
    packets = sum(max(0, facts.packets) for _, facts in case.facts)
    if packets == 0:
        return []
    figures = [*_tcp(case), *_http(case), *_services(case), *_dns(case), *_tls(case)]
    shown = join(figures) if figures else plural(packets, "packet")
    few = packets < FEW
    return [
        Finding(
            RULE,
            Severity.OK,
            case.confidence((i for i, _ in case.facts), few, _half(case)),
            f"Too little traffic to judge: {shown}, nothing wrong seen." if few else f"No trouble found: {shown}.",
            packets,
            (),
            "If people still see errors, capture closer to them or while it happens.",
            figures={"packets": packets},
            facts=pointers((i, "packets") for i, _ in case.facts),
        )
    ]


def _half(case: Case) -> bool:
    """Whether much of the traffic shows one direction only."""
    return bool(case.one_way) or ratio(sum(one_sided(t.flow) for t in case.talks), len(case.talks)) >= HALF


def _tcp(case: Case) -> Iterator[str]:
    count = len(case.talks) + sum(max(0, facts.more_conversations) for _, facts in case.facts)
    if case.talks:
        rtt = median(finite(t.tcp.server_rtt for t in case.talks))
        about = "over " if any(facts.more_conversations > 0 for _, facts in case.facts) else ""
        yield about + plural(count, "connection") + (f" (RTT {duration(rtt)})" if rtt is not None else "")


def _http(case: Case) -> Iterator[str]:
    requests = sum(max(0, facts.http.requests) for _, facts in case.facts)
    responses = sum(max(0, facts.http.responses) for _, facts in case.facts)
    if requests:
        slowest = max(facts.http.latency.p95 for _, facts in case.facts)
        text = plural(requests, "HTTP request")
        if responses >= requests:
            text += " all answered" if requests > 1 else " answered"
        else:
            text += f", {number(responses)} answered"
        yield text + (f" (p95 {duration(slowest)})" if responses else "")


def _services(case: Case) -> Iterator[str]:
    requests: dict[str, int] = {}
    for one in case.served:
        requests[one.group.protocol] = requests.get(one.group.protocol, 0) + max(0, one.group.requests.count)
    for protocol, count in requests.items():
        slowest = max((s.group.latency.p95 for s in case.served if _timed(s, protocol)), default=None)
        if count > 0:
            text = plural(count, f"{called(protocol)} request")
            yield text + (f" (p95 {duration(slowest)})" if slowest is not None else "")


def _timed(served: Served, protocol: str) -> bool:
    return served.group.protocol == protocol and served.group.latency.count > 0 and not served.group.waits


def _dns(case: Case) -> Iterator[str]:
    queries = sum(max(0, facts.dns.queries) for _, facts in case.facts)
    responses = sum(max(0, facts.dns.responses) for _, facts in case.facts)
    if queries:
        slowest = max(facts.dns.latency.p95 for _, facts in case.facts)
        text = plural(queries, "DNS query", "DNS queries")
        yield text + (f" (p95 {duration(slowest)})" if responses else ", none answered")


def _tls(case: Case) -> Iterator[str]:
    done = sum(1 for h in case.hellos if h.tls.server_hello_frame)
    if done:
        yield plural(done, "TLS handshake")
