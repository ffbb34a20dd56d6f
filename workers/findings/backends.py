"""Requests to databases, caches and brokers put together by server: what the rules about services share."""

from collections import Counter
from collections.abc import Callable, Iterable

from workers.findings import filters
from workers.findings.case import Case, Served, divided
from workers.findings.server import Server
from workers.findings.words import listing, plural, safe

PROTOCOLS = {"redis": "Redis", "postgresql": "PostgreSQL", "mysql": "MySQL", "kafka": "Kafka", "mongodb": "MongoDB"}

FULL = {
    "postgresql": ("53300",),
    "mysql": ("1040", "1203", "1226"),
    "redis": ("MAXCLIENTS",),
}
"""Codes by which a server says that it takes no more connections: too_many_connections (PostgreSQL appendix A, also
"remaining connection slots are reserved"), ER_CON_COUNT_ERROR, ER_TOO_MANY_USER_CONNECTIONS, ER_USER_LIMIT_REACHED
(MySQL error reference), "max number of clients reached" (Redis)."""


class Backend(Server[Served], frozen=True):
    """One server, in one protocol."""

    @property
    def protocol(self) -> str:
        """ "PostgreSQL"."""
        return called(self.all[0].group.protocol)

    def filter(self) -> str:
        """A display filter: what is said with this server. Wireshark knows these protocols on their own ports only."""
        return filters.both("tcp.len > 0", filters.endpoint(*self.end))


def backends(case: Case, is_bad: Callable[[Served], bool]) -> list[Backend]:
    """Groups by server and protocol; only servers where some group is bad, most requests first."""
    found = [
        Backend(case, every, bad)
        for every, bad in divided(
            case.served, lambda one: (one.group.protocol, one.group.server, one.group.server_port), is_bad
        )
    ]
    return sorted(found, key=lambda b: -b.requests)


def called(protocol: str) -> str:
    """What people call a protocol."""
    return PROTOCOLS.get(protocol) or safe(protocol, 20)


def named(operation: str) -> str:
    """An operation as people call it; responses to what was not captured have none."""
    return safe(operation or "requests from before the capture", 40)


def by_code(codes: Iterable[tuple[str, int]], meaning: dict[str, str], most: int = 3) -> str:
    """ "deadlock (40P01) 3 times and lock wait timeout (1205) 1 time": bare codes by what they mean."""
    return _most(codes, most, lambda code: f"{meaning[code]} ({safe(code, 40)})" if code in meaning else safe(code, 40))


def by_name(codes: Iterable[tuple[str, int]], meaning: dict[str, str], most: int = 3) -> str:
    """ "UNAVAILABLE 6 times (the server is not ready or gone)": codes that are names, and what they mean."""
    found = dict(codes)
    told = _most(found.items(), most, lambda code: safe(code, 40))
    only = next(iter(found), "") if len(found) == 1 else ""
    return f"{told} ({meaning[only]})" if only in meaning else told


def _most(codes: Iterable[tuple[str, int]], most: int, worded: Callable[[str], str]) -> str:
    """The most frequent first."""
    return listing((f"{worded(code)} {plural(n, 'time')}" for code, n in Counter(dict(codes)).most_common(most)), most)
