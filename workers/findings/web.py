"""HTTP groups put together by server."""

from collections import Counter
from collections.abc import Callable

from workers.contract.facts import HttpGroup
from workers.findings import filters
from workers.findings.case import Case, Talk, Web, divided
from workers.findings.server import Server
from workers.findings.words import join, plural, safe


class Site(Server[Web], frozen=True):
    """One HTTP server."""

    @property
    def talks(self) -> list[Talk]:
        """The TCP conversations with this server, of HTTP where that was recognised."""
        ours = self.case.talks_by_end.get(self.end, [])
        return [t for t in ours if t.flow.application == "http"] or ours

    def filter(self, condition: str) -> str:
        """A display filter: `condition`, which is HTTP/1's, with this server; of HTTP/2 all that is said.

        Wireshark takes HTTP/2 in the clear for nothing known until told so ("Decode As").
        """
        if all(web.group.protocol != "http/1" for web in self.bad):
            condition = "tcp.len > 0"
        return filters.both(condition, filters.endpoint(*self.end))


def sites(case: Case, is_bad: Callable[[HttpGroup], bool]) -> list[Site]:
    """HTTP groups by server; only servers where some group is bad, most requests first."""
    found = [
        Site(case, every, bad)
        for every, bad in divided(case.webs, lambda w: (w.group.server, w.group.server_port), lambda w: is_bad(w.group))
    ]
    return sorted(found, key=lambda s: -s.requests)


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
