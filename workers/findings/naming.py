"""What addresses are called, for people: by the cluster, at the time in question; else as the traffic itself says.

An address may change its owner during a capture, and many names may share one (a CDN). So a conversation's server is
called by whom the cluster gave the address at that time; else by the name that this client asked DNS for last before it
connected, or the one it put into TLS (SNI) or HTTP (Host). Nothing in here raises, whatever the facts hold.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from functools import cached_property

from workers.contract.facts import Conversation, Facts
from workers.contract.facts_dns import DnsAddress
from workers.contract.report import Former, Named, TargetResult
from workers.findings.words import listing, safe

CLUSTERS = frozenset({"pod", "service", "node", "local"})
"""Kinds of names that the cluster vouches for; what traffic claims comes after them."""

SLACK = 1.0
"""Seconds an owner may seem younger than its first packets: clocks differ, and a pod starts before it is said to."""

_HOST = re.compile(r"([a-z0-9_][a-z0-9_.-]{0,252}?)\.?(?::\d{1,5})?")

Ends = tuple[str, int, str, int]
"""Client, its port, server, its port."""


def unported(host: str) -> str:
    """A Host header's name alone, without the port; "" for an address, and for what is no name."""
    found = _HOST.fullmatch(host.lower())
    return found.group(1) if found and not found.group(1).replace(".", "").isdecimal() else ""


class Naming:
    """Names for one case. `namespace` is the one asked about, which needs no saying."""

    def __init__(self, targets: tuple[TargetResult, ...], names: Mapping[str, Named], namespace: str | None) -> None:
        self._targets = targets
        self._names = names
        self._namespace = namespace
        self._known: dict[tuple[str, str], tuple[list[float], list[str]]] = {}
        """(client, address) -> times and names, in order, of those that were asked about."""

    def name(self, ip: str, at: float | None = None) -> str:
        """What people call an address: "checkout-7d9f", "service payments", "billing/ledger-0", or the address.

        `at` is the time it is about, epoch seconds; None when that does not matter.
        """
        ours = self._ours(ip, at)
        if ours is not None:
            return safe(ours.pod) or safe(ip)
        owner = self._owner(ip, at)
        return self._worded(owner) if owner is not None and owner.name else safe(ip)

    def called(self, flow: Conversation) -> str:
        """What the server of a conversation is called, at its time and by its client."""
        at = flow.first_at
        owner = self._owner(flow.server, at)
        if self._ours(flow.server, at) is not None or (owner is not None and owner.kind in CLUSTERS):
            return self.name(flow.server, at)
        said = (
            self._asked_before(flow.client, flow.server, at)
            or self._sni.get((flow.client, flow.client_port, flow.server, flow.server_port), "")
            or self._hosts.get((flow.server, flow.server_port), "")
        )
        return safe(said) or self.name(flow.server, at)

    def server(self, ip: str, port: int = 0, seen: Iterable[Conversation] = ()) -> str:
        """ "payments (198.19.3.4:8080)"; `seen` are the conversations it is about, whose clients have names for it."""
        end = f"[{safe(ip)}]:{port}" if port and ":" in ip else f"{safe(ip)}:{port}" if port else safe(ip)
        name = self.short(ip, seen)
        return f"{name} ({end})" if name != safe(ip) else end

    def short(self, ip: str, seen: Iterable[Conversation] = ()) -> str:
        """The name alone; several, where the clients' names for it differ."""
        names = [self.called(flow) for flow in seen if flow.server == ip]
        return listing(names) if names else self.name(ip)

    def _ours(self, ip: str, at: float | None) -> TargetResult | None:
        """The captured pod that had the address."""
        owners = self._pods.get(ip, [])
        if at is None or len(owners) < 2:
            return owners[-1] if owners else None
        begun = [one for one in owners if one.outcome.started_at <= at + SLACK]
        return max(begun, key=lambda one: one.outcome.started_at) if begun else owners[0]

    def _owner(self, ip: str, at: float | None) -> Named | Former | None:
        """Who had the address at that time; None when that is not known."""
        now = self._names.get(ip)
        if now is None or at is None:
            return now
        held: list[Named | Former] = [now, *now.former]
        return next((one for one in held if one.since <= at + SLACK and at <= (one.until or at) + SLACK), None)

    def _worded(self, owner: Named | Former) -> str:
        away = owner.namespace and self._namespace not in (None, owner.namespace) and owner.kind in ("pod", "service")
        name = safe(f"{owner.namespace}/{owner.name}" if away and "/" not in owner.name else owner.name)
        return f"{owner.kind} {name}" if owner.kind in ("service", "node") else name

    def _asked_before(self, client: str, ip: str, at: float) -> str:
        """The name the client was given this address for, last before `at`."""
        known = self._known.get((client, ip))
        if known is None:
            told = sorted((one.at, one.name) for one in self._asked.get((client, ip), ()))
            known = self._known[client, ip] = [one[0] for one in told], [one[1].rstrip(".") for one in told]
        times, names = known
        place = bisect_right(times, at)
        return names[place - 1] if place else ""

    @property
    def _facts(self) -> Iterable[Facts]:
        return (target.facts for target in self._targets if target.facts is not None)

    @cached_property
    def _pods(self) -> dict[str, list[TargetResult]]:
        found: dict[str, list[TargetResult]] = {}
        for target in self._targets:
            for ip in target.pod_ips:
                found.setdefault(ip, []).append(target)
        return found

    @cached_property
    def _asked(self) -> dict[tuple[str, str], list[DnsAddress]]:
        """What was told by (client, address) of servers; two captures may show one answer."""
        found: dict[tuple[str, str], list[DnsAddress]] = {}
        servers = {flow.server for facts in self._facts for flow in facts.conversations}
        for facts in self._facts:
            for one in facts.dns.addresses:
                if one.address in servers:
                    found.setdefault((one.client, one.address), []).append(one)
        return found

    @cached_property
    def _sni(self) -> dict[Ends, str]:
        found: dict[Ends, str] = {}
        for facts in self._facts:
            flows = {flow.id: flow for flow in facts.conversations}
            for hello in facts.tls.handshakes:
                flow = flows.get(hello.conversation)
                if flow is not None and hello.sni:
                    found[flow.client, flow.client_port, flow.server, flow.server_port] = hello.sni.lower().rstrip(".")
        return found

    @cached_property
    def _hosts(self) -> dict[tuple[str, int], str]:
        """Servers that are called by one name only in HTTP."""
        found: dict[tuple[str, int], set[str]] = {}
        for facts in self._facts:
            for group in facts.http.groups:
                found.setdefault((group.server, group.server_port), set()).add(unported(group.host))
        return {end: names.copy().pop() for end, names in found.items() if len(names) == 1}
