"""A SYN flood: many handshakes begun and none finished, by senders that don't try again (RFC 4987)."""

from collections import Counter

from workers.contract.facts import Facts
from workers.contract.report import Finding, Severity
from workers.findings import filters
from workers.findings.case import Case, Talk, links, one_sided, pointers, refs
from workers.findings.words import figures, number, percent, plural, ratio

RULE = "syn-flood"

LEAST = 200
"""Unfinished handshakes; a client that lost its way back leaves fewer."""

SHARE = 0.5
RATE = 20.0
"""Unfinished handshakes a second; the default backlog of 4,096 fills at 60 a second (63 s each)."""

CRITICAL_RATE = 100.0

ONCE = 0.9
"""Part that sent one SYN only: real clients repeat it after 1 s, forged addresses can't."""


def check(case: Case) -> list[Finding]:
    """One finding for each target where one server is flooded."""
    return [finding for target, facts in case.facts if (finding := _target(case, target, facts)) is not None]


def _target(case: Case, target: int, facts: Facts) -> Finding | None:
    counts = facts.counts
    unfinished = max(0, counts.get("tcp_half_open", 0)) + max(0, counts.get("tcp_unanswered", 0))
    opened, seconds = max(unfinished, counts.get("tcp_connections", 0)), max(facts.duration, 1.0)
    seen = [t for t in case.talks if t.target == target and t.tcp.handshake in ("half-open", "unanswered")]
    unseen = ratio(sum(1 for t in seen if one_sided(t.flow)), len(seen))  # their answers take another way
    unfinished -= round(unseen * unfinished)
    seen = [t for t in seen if case.pods.get(t.flow.client) != target and not one_sided(t.flow)]
    if unfinished < LEAST or unfinished < SHARE * opened or unfinished / seconds < RATE or target in case.one_way:
        return None
    ends = Counter((t.flow.server, t.flow.server_port) for t in seen)
    if not ends:
        return None
    end, most = ends.most_common(1)[0]
    mine = [t for t in seen if (t.flow.server, t.flow.server_port) == end]
    once = sum(1 for t in mine if t.tcp.syns.count == 1)
    if most < 0.8 * len(seen) or once < ONCE * len(mine) or len(seen) < min(LEAST, 100):
        return None
    return _finding(case, target, mine, (unfinished, opened, unfinished / seconds))


def _finding(case: Case, target: int, mine: list[Talk], told: tuple[int, int, float]) -> Finding:
    unfinished, opened, rate = told
    flow = mine[0].flow
    sources = len({t.flow.client for t in mine})
    return Finding(
        RULE,
        Severity.CRITICAL if rate >= CRITICAL_RATE else Severity.WARNING,
        case.confidence([target], sources < 10),
        f"{case.server(flow.server, flow.server_port)} gets a SYN flood: {number(unfinished)} of {number(opened)} "
        f"handshakes ({percent(unfinished, opened)}) never finished, {rate:,.0f} a second, from at least "
        f"{plural(sources, 'address', 'addresses')} that never tried again.",
        unfinished,
        refs((t.target, t.tcp.syns.frames[:1]) for t in mine),
        "Check `ss -s` and nstat (TcpExtListenDrops, TcpExtSyncookiesSent) there; keep SYN cookies on and filter or "
        "rate-limit upstream.",
        filters.both("tcp.flags.syn == 1", filters.endpoint(flow.server, flow.server_port)),
        figures=figures(
            unfinished=unfinished, opened=opened, share=ratio(unfinished, opened), rate=rate, sources=sources
        ),
        servers=(filters.end(flow.server, flow.server_port),),
        facts=(*pointers([(target, "counts/tcp_half_open"), (target, "counts/tcp_unanswered")]), *links(mine)[:10]),
    )
