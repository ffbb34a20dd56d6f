"""TCP conversations put together by server, so that the same trouble is said once with counts by pod."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from functools import partial

from msgspec import Struct
from msgspec.structs import replace

from workers.contract.report import Confidence, Finding, FrameRef, Severity
from workers.findings import filters
from workers.findings.case import Case, Talk, divided, links, one_sided, refs
from workers.findings.words import figures, listing, number, of, percent, plural, ratio

MOST = 4
"""Findings of one rule said in full; a scan of a thousand ports must not bury everything else."""

ONE_POD = (0.2, 0.8)
"""Shares that look like one bad pod among a few behind a service, not like a closed door."""

FEW = 3
"""Below this many cases a pattern may be chance: the confidence is lowered."""


class Trouble(Struct, frozen=True):
    """The talks with one server (or with one port of the captured pods) and those that show the trouble."""

    case: Case
    all: tuple[Talk, ...]
    bad: tuple[Talk, ...]

    @property
    def share(self) -> float:
        """Share of talks that show the trouble."""
        return ratio(len(self.bad), len(self.all))

    @property
    def may_be_gaps(self) -> bool:
        """Whether what seems missing may only be missing from the capture."""
        return self.case.may_be_gaps((t.target for t in self.bad), len(self.bad), len(self.all))

    @property
    def ends(self) -> list[tuple[str, int]]:
        """Servers with trouble as (address, port)."""
        return list(dict.fromkeys((t.flow.server, t.flow.server_port) for t in self.bad))

    @property
    def server(self) -> str:
        """ "payments (198.19.3.4:8080)", or "web-1 and web-2, port 8080"."""
        if len(self.ends) == 1:
            return self.case.server(*self.ends[0], (t.flow for t in self.bad))
        ports = {port for _, port in self.ends}
        names = listing(self.case.naming.called(t.flow) for t in self.bad)
        return f"{names}, port {ports.pop()}" if len(ports) == 1 else names

    def side(self, side: str) -> str:
        """What the troubled end of one side is called: "checkout-7d9f", "service payments"."""
        if side == "server":
            return listing((self.case.naming.called(t.flow) for t in self.bad), 2)
        return listing(self.clients, 2)

    @property
    def clients(self) -> list[str]:
        """Names of the clients with trouble, most of it first."""
        return [name for name, _ in _count(self.case, self.bad, by_server=False).most_common()]

    @property
    def who(self) -> str:
        """ "checkout-7d9f → payments (198.19.3.4:8080)"."""
        names = self.clients
        left = listing(names, 2) if len(names) <= 2 else plural(len(names), "client")
        return f"{left} → {self.server}"

    def of(self, noun: str) -> str:
        """ "14 of 14 connection attempts"."""
        return of(len(self.bad), len(self.all), noun)

    @property
    def service(self) -> str:
        """The name of the service the attempts went to, "" when it is no single service."""
        named = self.case.names.get(self.ends[0][0]) if len(self.ends) == 1 else None
        return self.case.name(self.ends[0][0]) if named is not None and named.kind == "service" else ""

    @property
    def one_pod(self) -> str:
        """A hint when some of a service's connections fail and the others don't."""
        if not self.service or not ONE_POD[0] <= self.share <= ONE_POD[1] or len(self.bad) < 2:
            return ""
        share = percent(len(self.bad), len(self.all))
        return f" That is {share} of the connections to {self.service}, so one of its pods may be at fault."

    @property
    def each(self) -> str:
        """ " (checkout-a 7 of 7, checkout-b 7 of 7)" when several pods share the trouble, else ""."""
        by_server = len(self.ends) > 1
        bad, every = (_count(self.case, talks, by_server) for talks in (self.bad, self.all))
        if len(bad) < 2:
            return ""
        parts = [f"{name} {number(n)} of {number(every[name])}" for name, n in bad.most_common(MOST)]
        more = [f"{number(len(bad) - MOST)} more"] if len(bad) > MOST else []
        return f" ({', '.join([*parts, *more])})"

    @property
    def servers(self) -> tuple[str, ...]:
        """The servers with trouble as evidence."""
        return tuple(filters.end(*one) for one in self.ends)

    def figures(self, **more: float | None) -> dict[str, float]:
        """How many of how many, and what else was measured."""
        return figures(cases=len(self.bad), of=len(self.all), share=self.share, **more)

    def links(self, *fields: str) -> tuple[str, ...]:
        """The conversations that show it, or `fields` of each."""
        return links(self.bad, *fields)

    def refs(self, frames: Callable[[Talk], Iterable[int]]) -> tuple[FrameRef, ...]:
        """References to the frames that show it."""
        return refs((t.target, frames(t)) for t in self.bad)

    def confidence(self, *doubts: bool) -> Confidence:
        """High, less a step for few cases, drops, conversations left out of the facts, one direction unseen, and each
        of `doubts`."""
        targets = {t.target for t in self.bad}
        half = bool(targets & self.case.one_way) or any(one_sided(t.flow) for t in self.bad)
        left_out = any(facts.more_conversations > 0 for i, facts in self.case.facts if i in targets)
        return self.case.confidence(targets, len(self.bad) < FEW, left_out, half, *doubts)

    def filter(self, condition: str) -> str:
        """A display filter: `condition` with these servers."""
        return filters.both(condition, filters.endpoints(self.ends))


def _count(case: Case, talks: Iterable[Talk], by_server: bool) -> Counter[str]:
    return Counter(
        case.naming.called(t.flow) if by_server else case.name(t.flow.client, t.flow.first_at) for t in talks
    )


def troubles(case: Case, talks: Collection[Talk], is_bad: Callable[[Talk], bool]) -> list[Trouble]:
    """Group `talks` by server and keep the groups with trouble, most of it first."""
    found = [Trouble(case, every, bad) for every, bad in divided(talks, partial(_place, case), is_bad)]
    return sorted(found, key=lambda t: -len(t.bad))


def _place(case: Case, talk: Talk) -> tuple[str, int]:
    """A conversation's server; all pods that are looked at are one."""
    return "" if talk.flow.server in case.pods else talk.flow.server, talk.flow.server_port


def severity(trouble: Trouble, critical_share: float) -> Severity:
    """How bad failed connection attempts are: a single one never is an outage, and among many it is no news."""
    if len(trouble.bad) == 1:
        return Severity.WARNING if trouble.share >= critical_share else Severity.NOTE
    return Severity.CRITICAL if trouble.share >= critical_share else Severity.WARNING


def fold(found: Iterable[Finding], most: int = MOST) -> list[Finding]:
    """Keep the worst `most` findings of a rule; the last of them says how many more there are."""
    ranked = sorted(found, key=lambda f: (SEVERITIES.index(f.severity), -f.count))
    if len(ranked) <= most:
        return ranked
    rest = ranked[most:]
    more = f" The same trouble in {number(len(rest))} more places, {number(sum(f.count for f in rest))} cases."
    return [*ranked[: most - 1], replace(ranked[most - 1], sentence=ranked[most - 1].sentence + more)]


SEVERITIES = list(Severity)
