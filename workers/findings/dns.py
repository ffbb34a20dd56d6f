"""DNS name groups put together by server, and which names are only a resolver walking its search list."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Set

from msgspec import Struct

from workers.contract.report import Confidence
from workers.findings import filters
from workers.findings.case import Case, Query, links
from workers.findings.words import listing, plural

_SEARCH = re.compile(r"(\.[a-z0-9-]+)?\.svc(\.[a-z0-9-]+)+$|\.cluster\.local$")
"""What a pod's search list appends (Kubernetes DNS specification): namespace.svc.zone, svc.zone, zone."""


class Resolver(Struct, frozen=True):
    """One DNS server: every name group asked of it, and those that show a trouble."""

    case: Case
    server: str
    all: tuple[Query, ...]
    bad: tuple[Query, ...]

    @property
    def who(self) -> str:
        """ "checkout-7d9f → service kube-dns (198.18.0.10:53)"."""
        clients = list(dict.fromkeys(self.case.name(q.name.client) for q in self.bad))
        left = listing(clients, 2) if len(clients) <= 2 else plural(len(clients), "client")
        return f"{left} → {self.case.server(self.server, 53)}"

    @property
    def queries(self) -> int:
        """Queries to this server."""
        return sum(max(0, q.name.queries.count) for q in self.all)

    @property
    def servers(self) -> tuple[str, ...]:
        """The server as evidence."""
        return (filters.end(self.server, 53),)

    def links(self, *fields: str) -> tuple[str, ...]:
        """The names that show it, or `fields` of each."""
        return links(self.bad, *fields)

    def confidence(self, *doubts: bool) -> Confidence:
        """High, less a step for drops and each of `doubts`."""
        return self.case.confidence({q.target for q in self.bad}, *doubts)

    def filter(self, condition: str) -> str:
        """A display filter: `condition` with this server."""
        return filters.both(condition, filters.address(self.server))


def resolvers(case: Case, is_bad: Callable[[Query], bool]) -> list[Resolver]:
    """DNS queries by server; only servers where some name is bad, most queries first."""
    by_server: dict[str, list[Query]] = defaultdict(list)
    for query in case.queries:
        by_server[query.name.server].append(query)
    found = [
        Resolver(case, server, tuple(queries), tuple(q for q in queries if is_bad(q)))
        for server, queries in by_server.items()
    ]
    return sorted((r for r in found if r.bad), key=lambda r: -r.queries)


def plain(name: str) -> str:
    """A name for comparing: lower case, no final dot."""
    return name.lower().rstrip(".")


def base(name: str) -> str:
    """The name an application asked for, with what the search list appended removed."""
    return _SEARCH.sub("", plain(name)) or plain(name)


def root(name: str, asked: Set[str]) -> str:
    """The shortest of the names asked for that `name` extends: a resolver ends its search with the bare name."""
    labels = plain(name).split(".")
    return next(
        (".".join(labels[:n]) for n in range(1, min(len(labels), 20)) if ".".join(labels[:n]) in asked), plain(name)
    )


def found_names(queries: Iterable[Query]) -> set[str]:
    """Names, as asked and without search domains, that got a NOERROR answer."""
    good = [q.name.name for q in queries if q.name.rcodes.get("NOERROR", 0) > 0]
    return {plain(name) for name in good} | {base(name) for name in good}


def is_search(name: str, found: set[str]) -> bool:
    """Whether a missing name is one step of a search that found its goal."""
    labels = plain(name).split(".")
    return base(name) in found or any(".".join(labels[:n]) in found for n in range(1, min(len(labels), 20)))


def nxdomains(query: Query) -> int:
    """Answers that say there is no such name."""
    return max(0, query.name.rcodes.get("NXDOMAIN", 0))
