"""Names tried under one search domain after another, as `ndots:5` and a search list make a resolver do.

Seen from outside only the tries are there. Several names of one client that begin with the same labels and got
NXDOMAIN are such tries when the common beginning was asked for by itself as well and at least two tries failed, or
when at least three failed whose ends lie inside each other (a.svc.cluster.local, svc.cluster.local, cluster.local),
as search lists of Kubernetes do. The longest common beginning is the name.
"""

from collections.abc import Iterable

from msgspec import Struct, field

from workers.contract.facts import MAX_FRAMES
from workers.contract.facts_dns import DnsSearch

MAX_LABELS = 16
"""Longer names are not looked at."""
MAX_BASE = 8
"""Labels of the name asked for."""
MAX_DOMAINS = 8
_WITH_NAME, _NESTED = 2, 3


class Asked(Struct):
    """What one client asked one server for by one name, all types together."""

    nxdomain: int = 0
    found: bool = False
    frames: list[int] = field(default_factory=list)


Client = tuple[str, str]
"""Addresses of client and server."""


def searches(asked: dict[Client, dict[str, Asked]]) -> list[DnsSearch]:
    """Every search, those that cost most first. Names are lower case."""
    found = [search for client, names in asked.items() for search in _of(client, names)]
    return sorted(found, key=lambda search: (-search.nxdomain, search.name))


def _of(client: Client, names: dict[str, Asked]) -> Iterable[DnsSearch]:
    tries = _tries(name for name, seen in names.items() if seen.nxdomain and name.count(".") < MAX_LABELS)
    enough = [base for base, some in tries.items() if len(some) >= (_WITH_NAME if base in names else _NESTED)]
    claimed: set[str] = set()
    for base in sorted(enough, key=lambda base: -base.count(".")):
        mine = [name for name in tries[base] if name not in claimed]
        domains = sorted({name[len(base) + 1 :] for name in mine}, key=lambda domain: (-len(domain), domain))
        if not _searched(domains, known=base in names):
            continue
        claimed.update(mine)
        frames = sorted(frame for name in mine for frame in names[name].frames)
        yield DnsSearch(
            *client,
            name=base,
            domains=tuple(domains[:MAX_DOMAINS]),
            nxdomain=sum(names[name].nxdomain for name in mine),
            frames=tuple(frames[:MAX_FRAMES]),
            resolved=base in names and names[base].found,
        )


def _tries(names: Iterable[str]) -> dict[str, list[str]]:
    """Common beginnings of two names or more, of whole labels, and the names of each."""
    tries: dict[str, list[str]] = {}
    longer = [(name, end) for name in names if (end := name.find(".")) >= 0]
    for _ in range(MAX_BASE):
        found: dict[str, list[str]] = {}
        for name, end in longer:
            found.setdefault(name[:end], []).append(name)
        longer = []
        for base, some in found.items():
            if len(some) >= _WITH_NAME:
                tries[base] = some
                longer += [(name, end) for name in some if (end := name.find(".", len(base) + 1)) >= 0]
    return tries


def _searched(domains: list[str], *, known: bool) -> bool:
    if known:
        return len(domains) >= _WITH_NAME
    outer = {parent for domain in domains for parent in _parents(domain)}
    return len(outer.intersection(domains)) + 1 >= _NESTED


def _parents(domain: str) -> Iterable[str]:
    while "." in domain:
        domain = domain.partition(".")[2]
        yield domain
