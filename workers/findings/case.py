"""The case a rule judges: every target's facts side by side, duplicates removed, addresses named."""

import math
import re
from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import TypeVar

from msgspec import Struct, field

from workers.contract.facts import Conversation as Flow
from workers.contract.facts import DnsName, Facts, HttpGroup, Tally, TcpFacts, TcpSide, TlsHandshake
from workers.contract.facts_services import ServiceGroup
from workers.contract.report import Confidence, FrameRef, Named, TargetResult
from workers.contract.spec import CaptureSpec
from workers.findings.naming import Naming
from workers.findings.words import ratio, safe

Seen = TypeVar("Seen")
End = TypeVar("End", bound=Hashable)

ANSWER_WAIT = 1.5
"""Seconds the capture must go on after a question before its silence means anything: a first SYN is repeated
after 1 s (RFC 6298), and what was asked in the last moments may have been answered after the capture."""

MANY_DROPS = 0.001
"""Share of packets the kernel may drop before "not seen" stops meaning "not sent"."""

GAP_FACTOR = 3
"""Missing answers up to this many times the capture's own loss prove nothing: an answer is several packets, and the
kernel drops in bursts."""

_ONE_WAY = re.compile(r"\b(src|dst|inbound|outbound|less|greater|len)\b|\w\[")
"""Filter words that may let one direction through and not the other."""


class Talk(Struct, frozen=True):
    """One TCP conversation and the target that saw it."""

    target: int
    flow: Flow
    tcp: TcpFacts
    index: int = 0

    @property
    def path(self) -> str:
        """Where the facts hold it."""
        return f"conversations/{self.index}"

    def ends(self, sender: str) -> tuple[TcpSide, TcpSide]:
        """Facts of a sender ("client" or "server"), and of the side it sends to."""
        return (self.tcp.server, self.tcp.client) if sender == "server" else (self.tcp.client, self.tcp.server)


class Web(Struct, frozen=True):
    """One HTTP group and the target that saw it."""

    target: int
    group: HttpGroup
    index: int = 0

    @property
    def path(self) -> str:
        """Where the facts hold it."""
        return f"http/groups/{self.index}"


class Query(Struct, frozen=True):
    """One DNS name group and the target that saw it."""

    target: int
    name: DnsName
    index: int = 0

    @property
    def path(self) -> str:
        """Where the facts hold it."""
        return f"dns/names/{self.index}"


class Served(Struct, frozen=True):
    """One group of requests to a database, cache or broker and the target that saw it."""

    target: int
    group: ServiceGroup
    index: int = 0

    @property
    def path(self) -> str:
        """Where the facts hold it."""
        return f"services/groups/{self.index}"


class Hello(Struct, frozen=True):
    """One TLS handshake, the target that saw it and its conversation when that was kept."""

    target: int
    tls: TlsHandshake
    flow: Flow | None
    index: int = 0

    @property
    def path(self) -> str:
        """Where the facts hold it."""
        return f"tls/handshakes/{self.index}"


class Case(Struct, frozen=True, dict=True):
    """Everything a rule may look at. Nothing in here raises, whatever the facts hold."""

    targets: tuple[TargetResult, ...]
    names: Mapping[str, Named] = field(default_factory=dict)
    spec: CaptureSpec | None = None

    @cached_property
    def facts(self) -> tuple[tuple[int, Facts], ...]:
        """(target index, facts) of every target that was analysed."""
        return tuple((i, target.facts) for i, target in enumerate(self.targets) if target.facts is not None)

    @cached_property
    def pods(self) -> dict[str, int]:
        """IP address -> index of the captured target that owns it."""
        return {ip: i for i, target in enumerate(self.targets) for ip in target.pod_ips}

    @cached_property
    def talks(self) -> tuple[Talk, ...]:
        """TCP conversations, each once though both of its ends may have been captured."""
        seen: dict[tuple[object, ...], Talk] = {}
        for index, facts in self.facts:
            reused: Counter[tuple[object, ...]] = Counter()  # one pair of ports may serve several times
            for nth, flow in enumerate(facts.conversations):
                if flow.tcp is not None:
                    ends = (flow.client, flow.client_port, flow.server, flow.server_port)
                    seen.setdefault((*ends, reused[ends]), Talk(index, flow, flow.tcp, nth))
                    reused[ends] += 1
        return tuple(seen.values())

    @cached_property
    def talks_by_end(self) -> dict[tuple[str, int], list[Talk]]:
        """TCP conversations by (server address, port)."""
        found: dict[tuple[str, int], list[Talk]] = {}
        for talk in self.talks:
            found.setdefault((talk.flow.server, talk.flow.server_port), []).append(talk)
        return found

    @cached_property
    def webs(self) -> tuple[Web, ...]:
        """HTTP groups; where the server itself was captured, its own view only."""
        found = [Web(i, group, nth) for i, facts in self.facts for nth, group in enumerate(facts.http.groups)]
        own = {web.group.server for web in found if self.pods.get(web.group.server) == web.target}
        return tuple(w for w in found if w.group.server not in own or self.pods[w.group.server] == w.target)

    @cached_property
    def served(self) -> tuple[Served, ...]:
        """Groups of requests to services; where the server itself was captured, its own view only."""
        found = [Served(i, group, nth) for i, facts in self.facts for nth, group in enumerate(facts.services.groups)]
        own = {one.group.server for one in found if self.pods.get(one.group.server) == one.target}
        return tuple(s for s in found if s.group.server not in own or self.pods[s.group.server] == s.target)

    @cached_property
    def queries(self) -> tuple[Query, ...]:
        """DNS name groups; where the server itself was captured, its own view only."""
        found = [Query(i, name, nth) for i, facts in self.facts for nth, name in enumerate(facts.dns.names)]
        own = {query.name.server for query in found if self.pods.get(query.name.server) == query.target}
        return tuple(q for q in found if q.name.server not in own or self.pods[q.name.server] == q.target)

    @cached_property
    def hellos(self) -> tuple[Hello, ...]:
        """TLS handshakes with their conversations, each once though both of its ends may have been captured."""
        seen: dict[tuple[object, ...], Hello] = {}
        for index, facts in self.facts:
            flows = {flow.id: flow for flow in facts.conversations}
            for nth, tls in enumerate(facts.tls.handshakes):
                flow = flows.get(tls.conversation)
                key = (flow.client, flow.client_port, flow.server, flow.server_port) if flow else (index, nth)
                seen.setdefault(key, Hello(index, tls, flow, nth))
        return tuple(seen.values())

    # -- can it be judged? ---------------------------------------------------------------------------------------

    def waited(self, target: int, since: float) -> bool:
        """Whether the target's capture went on long enough after `since` for a missing answer to mean something."""
        facts = self.targets[target].facts
        return facts is not None and facts.last_at - since >= ANSWER_WAIT

    @cached_property
    def one_way(self) -> frozenset[int]:
        """Targets whose capture shows one direction only, by filter or routing: silence proves nothing there."""
        return frozenset(i for i, facts in self.facts if _one_way(facts, self.selective))

    @cached_property
    def one_way_dns(self) -> frozenset[int]:
        """Targets that show DNS queries and not a single answer, with a filter that may hide them."""
        return frozenset(i for i, facts in self.facts if self.selective and facts.dns.responses <= 0)

    @property
    def selective(self) -> bool:
        """Whether the filter may let one direction through and not the other."""
        return bool(self.spec and _ONE_WAY.search(self.spec.filter))

    def dropped(self, target: int) -> bool:
        """Whether packets were lost while capturing, so that "not seen" is not "not sent"."""
        outcome = self.targets[target].outcome
        drops = (outcome.kernel_dropped or 0) + (outcome.interface_dropped or 0)
        return drops > MANY_DROPS * max(outcome.received or 0, outcome.packets, 1)

    def gaps(self, target: int) -> float:
        """Share of packets the capture itself misses: what tcpdump counted, or what later ACKs prove was there."""
        result = self.targets[target]
        facts = result.facts or Facts()
        drops = max(0, result.outcome.kernel_dropped or 0) + max(0, result.outcome.interface_dropped or 0)
        unseen = max(0, facts.counts.get("ack_lost_segment", 0))
        return min(1.0, max(ratio(drops, drops + facts.packets), ratio(unseen, facts.packets)))

    def may_be_gaps(self, targets: Iterable[int], silent: int, asked: int) -> bool:
        """Whether so many missing answers may be answers the capture missed. A majority never is."""
        loss = max((self.gaps(i) for i in set(targets)), default=0.0)
        expected = GAP_FACTOR * loss * max(0, asked)
        return silent <= min(expected + 3 * math.sqrt(expected), 0.5 * asked)  # few cases scatter widely

    def confidence(self, targets: Iterable[int], *doubts: bool) -> Confidence:
        """High, less one step for drops while capturing and for each of `doubts` that holds."""
        steps = sum(doubts) + any(self.dropped(i) for i in set(targets))
        return (Confidence.HIGH, Confidence.MEDIUM, Confidence.LOW)[min(steps, 2)]

    # -- names ---------------------------------------------------------------------------------------------------

    @cached_property
    def naming(self) -> Naming:
        """What addresses are called."""
        return Naming(self.targets, self.names, self.spec.namespace if self.spec else None)

    def name(self, ip: str, at: float | None = None) -> str:
        """What people call an address, at a time if that matters: see Naming.name."""
        return self.naming.name(ip, at)

    def server(self, ip: str, port: int = 0, seen: Iterable[Flow] = ()) -> str:
        """ "payments (198.19.3.4:8080)", as the clients of `seen` call it: see Naming.server."""
        return self.naming.server(ip, port, seen)

    def pod(self, target: int) -> str:
        """The name of a captured pod."""
        return safe(self.targets[target].pod) or f"target {target + 1}"


def _one_way(facts: Facts, selective: bool) -> bool:
    """Every conversation has packets of one side only, and the filter or the packets say that this is no silence.

    Without a selective filter it takes a side that goes on talking, new data each time, to one never seen.
    """
    flows = [flow for flow in facts.conversations if flow.tcp is not None]
    if not flows or not (all(f.server_packets <= 0 for f in flows) or all(f.client_packets <= 0 for f in flows)):
        return False
    return selective or any(goes_on(flow) for flow in flows)


def goes_on(flow: Flow) -> bool:
    """Whether the only side seen must have been answered: it sends new data all the time, or data after its SYN, or
    only the server shows."""
    tcp = flow.tcp or TcpFacts()
    fresh = flow.client_packets - tcp.syns.count - tcp.retransmissions_client.count
    enough = fresh > (0 if tcp.syns.count > 0 else 2)
    return flow.client_packets <= 0 or (flow.client_payload > 0 and enough)


def one_sided(flow: Flow) -> bool:
    """Whether one side's packets surely took another way past the capture: its silence proves nothing. RSTs don't
    count: what stands on the way sends them in a side's name."""
    resets = sum(1 for reset in (flow.tcp.resets if flow.tcp else ()) if reset.by == "server")
    return min(flow.client_packets, flow.server_packets - resets) <= 0 and goes_on(flow)


def divided(
    seen: Collection[Seen], by: Callable[[Seen], End], is_bad: Callable[[Seen], bool]
) -> list[tuple[tuple[Seen, ...], tuple[Seen, ...]]]:
    """(all, bad ones) of each end that has bad ones, as they come. Mostly nothing is bad, and no more is looked at."""
    bad: dict[End, list[Seen]] = {}
    for one in seen:
        if is_bad(one):
            bad.setdefault(by(one), []).append(one)
    if not bad:
        return []
    every: dict[End, list[Seen]] = {}
    for one in seen:
        if (end := by(one)) in bad:
            every.setdefault(end, []).append(one)
    return [(tuple(ones), tuple(bad[end])) for end, ones in every.items()]


def refs(seen: Iterable[tuple[int, Iterable[int]]], most: int = 20) -> tuple[FrameRef, ...]:
    """Turn (target, frames) into references, the first frames of every target before the later ones."""
    columns = [(target, list(frames)) for target, frames in seen]
    found: dict[FrameRef, None] = {}
    for row in range(max((len(frames) for _, frames in columns), default=0)):
        for target, frames in columns:
            if row < len(frames) and len(found) < most:
                found[FrameRef(target, frames[row])] = None
    return tuple(found)


def links(seen: Iterable[Talk | Web | Query | Served | Hello], *fields: str) -> tuple[str, ...]:
    """Pointers to facts, or to `fields` of each, such as "tcp/syns"."""
    return pointers(
        (one.target, f"{one.path}/{name}" if name else one.path) for one in seen for name in fields or ("",)
    )


def pointers(seen: Iterable[tuple[int, str]], most: int = 20) -> tuple[str, ...]:
    """(target, path in its facts) as JSON pointers (RFC 6901) into the report."""
    return tuple(dict.fromkeys(f"/targets/{target}/facts/{path}" for target, path in seen))[:most]


def tally(tallies: Iterable[Tally]) -> int:
    """The sum of exact counts."""
    return sum(max(0, one.count) for one in tallies)


def finite(values: Iterable[float | None]) -> list[float]:
    """The values that are durations, sorted."""
    return sorted(v for v in values if v is not None and math.isfinite(v) and v >= 0)


def median(values: Sequence[float]) -> float | None:
    """The middle of sorted values, None of none."""
    return values[len(values) // 2] if values else None


def share_over(part: int, whole: int, limit: float) -> bool:
    """Whether part of whole reaches `limit` (a share)."""
    return part > 0 and ratio(part, whole) >= limit
