"""A server as rules see it: the groups of requests to it, and what its connections tell."""

from collections import Counter
from typing import Generic, TypeVar

from msgspec import Struct

from workers.contract.report import Confidence
from workers.findings import filters
from workers.findings.case import Case, Served, Talk, Web, finite, links, median, one_sided
from workers.findings.words import listing, plural

Seen = TypeVar("Seen", Web, Served)


class Server(Struct, Generic[Seen], frozen=True):
    """One server: every group of requests to it, and those that show a trouble."""

    case: Case
    all: tuple[Seen, ...]
    bad: tuple[Seen, ...]

    @property
    def end(self) -> tuple[str, int]:
        """(address, port)."""
        return self.all[0].group.server, self.all[0].group.server_port

    @property
    def who(self) -> str:
        """ "checkout-7d9f → payments (198.19.3.4:8080)"; the server alone when nobody's conversation was kept."""
        seen = Counter(self.case.name(t.flow.client, t.flow.first_at) for t in self.talks)
        clients = [name for name, _ in seen.most_common()]
        left = listing(clients, 2) if len(clients) <= 2 else plural(len(clients), "client")
        return f"{left} → {self.server}" if clients else self.server

    @property
    def server(self) -> str:
        """ "payments (198.19.3.4:8080)"."""
        return self.case.server(*self.end, (t.flow for t in self.talks))

    @property
    def name(self) -> str:
        """What its clients call the server."""
        return self.case.naming.short(self.end[0], (t.flow for t in self.talks))

    @property
    def requests(self) -> int:
        """Requests to this server."""
        return sum(max(0, one.group.requests.count) for one in self.all)

    @property
    def talks(self) -> list[Talk]:
        """The TCP conversations with this server."""
        return self.case.talks_by_end.get(self.end, [])

    @property
    def rtt(self) -> float | None:
        """The network's own round trip to this server, seconds: the median handshake, else the quickest of each
        connection's ACKs of data, since most wait for something to go with (RFC 9293 section 3.8.6.3)."""
        shakes = finite(t.tcp.server_rtt for t in self.talks)
        return median(shakes or finite(t.tcp.rtt.min for t in self.talks if t.tcp.rtt.count > 0))

    @property
    def servers(self) -> tuple[str, ...]:
        """The server as evidence."""
        return (filters.end(*self.end),)

    def links(self, *fields: str) -> tuple[str, ...]:
        """The groups that show it, or `fields` of each."""
        return links(self.bad, *fields)

    def confidence(self, *doubts: bool) -> Confidence:
        """High, less a step for drops, for connections with one direction unseen, and each of `doubts`."""
        half = any(one_sided(t.flow) for t in self.talks)
        return self.case.confidence({one.target for one in self.bad}, half, *doubts)
