"""HTTP groups put together by server."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from workers.contract.facts import HttpGroup
from workers.contract.report import Confidence
from workers.findings import filters
from workers.findings.case import Case, Talk, Web, finite, links, median
from workers.findings.words import join, listing, plural, safe


@dataclass(frozen=True, slots=True)
class Site:
    """One HTTP server: every group of it, and those that show a trouble."""

    case: Case
    all: tuple[Web, ...]
    bad: tuple[Web, ...]

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
        return sum(max(0, w.group.requests.count) for w in self.all)

    @property
    def talks(self) -> list[Talk]:
        """The TCP conversations with this server, of HTTP where that was recognised."""
        ours = self.case.talks_by_end.get(self.end, [])
        return [t for t in ours if t.flow.application == "http"] or ours

    @property
    def rtt(self) -> float | None:
        """The network's own round trip to this server, seconds: the median handshake, else data to ACK."""
        shakes = finite(t.tcp.server_rtt for t in self.talks)
        return median(shakes or finite(t.tcp.rtt.p50 for t in self.talks if t.tcp.rtt.count > 0))

    @property
    def servers(self) -> tuple[str, ...]:
        """The server as evidence."""
        return (filters.end(*self.end),)

    def links(self, *fields: str) -> tuple[str, ...]:
        """The groups that show it, or `fields` of each."""
        return links(self.bad, *fields)

    def confidence(self, *doubts: bool) -> Confidence:
        """High, less a step for drops and each of `doubts`."""
        return self.case.confidence({w.target for w in self.bad}, *doubts)

    def filter(self, condition: str) -> str:
        """A display filter: `condition`, which is HTTP/1's, with this server; of HTTP/2 all that is said.

        Wireshark takes HTTP/2 in the clear for nothing known until told so ("Decode As").
        """
        if all(web.group.protocol != "http/1" for web in self.bad):
            condition = "tcp.len > 0"
        return filters.both(condition, filters.endpoint(*self.end))


def sites(case: Case, is_bad: Callable[[HttpGroup], bool]) -> list[Site]:
    """HTTP groups by server; only servers where some group is bad, most requests first."""
    by_end: dict[tuple[str, int], list[Web]] = {}
    for web in case.webs:
        by_end.setdefault((web.group.server, web.group.server_port), []).append(web)
    found = [Site(case, tuple(webs), tuple(w for w in webs if is_bad(w.group))) for webs in by_end.values()]
    return sorted((site for site in found if site.bad), key=lambda s: -s.requests)


def request(group: HttpGroup) -> str:
    """ "GET /charge"."""
    return safe(f"{group.method} {group.path}", 60)


def mostly(groups: tuple[Web, ...], worst: HttpGroup) -> str:
    """Name the worst request: " (GET /charge)", or "; most of them GET /charge" among several."""
    return (
        f" ({request(worst)})" if len({request(w.group) for w in groups}) == 1 else f"; most of them {request(worst)}"
    )


def by_status(groups: tuple[Web, ...], least: int = 500) -> str:
    """ "503 31 times and 500 twice", the codes from `least` on, most frequent first."""
    total: Counter[str] = Counter()
    for web in groups:
        for status, count in web.group.statuses.items():
            if status.isdecimal() and len(status) == 3 and int(status) >= least:
                total[safe(status, 3)] += max(0, count)
    return join([f"{status} {plural(count, 'time')}" for status, count in total.most_common(3)])
