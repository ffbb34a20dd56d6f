"""A connection pool with nothing left: every connection has a request under way all the time, further ones wait.

Of HTTP/1, databases and caches. Requests that wait by their nature (BLPOP, long fetches) are not in the facts' pools.
"""

from collections.abc import Iterator

from workers.contract.facts import Facts, HttpPool
from workers.contract.facts_services import ServicePool
from workers.contract.report import Finding, Severity
from workers.findings import filters
from workers.findings.case import Case, pointers, refs
from workers.findings.trouble import fold
from workers.findings.words import duration, figures, number, percent, ratio

RULE = "pool-exhausted"

Pool = HttpPool | ServicePool

BUSY = 0.9
"""Part of the time; by queueing theory waiting for a free connection takes over from here."""

REQUESTS = 5
"""Requests a connection at least: long polls and streams keep a connection busy with one."""

SECONDS = 2.0
SLOW = 0.05
"""Seconds a request takes: a client that fires request after request at a quick server is a load test."""


def check(case: Case) -> list[Finding]:
    """One finding for each client and server between which no connection is ever free."""
    found = [
        (index, path, pool)
        for index, facts in case.facts
        for path, pool in _pools(facts)
        if _full(pool) and not (pool.server in case.pods and case.pods[pool.server] != index)
    ]
    return fold(_finding(case, *one) for one in found)


def _pools(facts: Facts) -> Iterator[tuple[str, Pool]]:
    """Where the facts hold a pool, and the pool."""
    yield from ((f"http/pools/{nth}", pool) for nth, pool in enumerate(facts.http.pools))
    yield from ((f"services/pools/{nth}", pool) for nth, pool in enumerate(facts.services.pools))


def _use(pool: Pool) -> float:
    return ratio(pool.busy, pool.connections * (pool.last_at - pool.first_at))


def _full(pool: Pool) -> bool:
    many = pool.connections >= 2 and pool.requests >= REQUESTS * pool.connections
    lasting = SECONDS <= pool.last_at - pool.first_at < 1e9
    return many and lasting and BUSY <= _use(pool) < 2 and pool.busy >= SLOW * pool.requests


def _finding(case: Case, index: int, path: str, pool: Pool) -> Finding:
    each = ratio(pool.busy, pool.requests)
    ours = case.talks_by_end.get((pool.server, pool.server_port), [])
    return Finding(
        RULE,
        Severity.WARNING,
        case.confidence([index], True),
        f"{case.name(pool.client)} → {case.server(pool.server, pool.server_port)}: the client's pool is exhausted, all "
        f"{number(pool.connections)} connections were busy {percent(min(1.0, _use(pool)), 1)} of the time "
        f"({duration(each)} a request); further requests wait in the client.",
        pool.requests,
        refs((t.target, [t.flow.first_frame]) for t in ours if t.flow.client == pool.client),
        f"Find out why {case.name(pool.server)} takes {duration(each)}; then compare the pool's size with requests a "
        "second times seconds a request.",
        filters.both(
            "http" if isinstance(pool, HttpPool) else "tcp.len > 0", filters.endpoint(pool.server, pool.server_port)
        ),
        figures=figures(connections=pool.connections, requests=pool.requests, busy_share=_use(pool), each_s=each),
        servers=(filters.end(pool.server, pool.server_port),),
        facts=pointers([(index, path)]),
    )
