# cython: annotation_typing=False
"""DNS over UDP and TCP port 53 (RFC 1035): queries, answers, rcodes, latency, retries, silence.

A response answers the query with the same id, addresses and ports. A query sent again with the same id and ports is a
retry of it; latency counts from the latest try. A query is unanswered only if the capture went on for at least a
second after it; younger ones are counted as `dns_unjudged`. mDNS (5353) and LLMNR (5355) are counted as packets only:
nobody has to answer there.
"""

from workers.analysis.addresses import endpoints, reverse
from workers.analysis.dns_addresses import DnsAddresses
from workers.analysis.dns_message import Message, answers, rcode_name, read_message, type_name
from workers.analysis.dns_search import Asked, Client, searches
from workers.analysis.flows import Half
from workers.analysis.samples import Durations, Frames, count
from workers.analysis.timeline import TimelineStage
from workers.contract.facts import DnsFacts, DnsName
from workers.packets import marks
from workers.packets.packet import Packet
from workers.packets.stream import Parser

MAX_NAMES = 1024
TOLD_NAMES = 200
TOLD_SEARCHES = 50
MAX_WAITING = 4096
JUDGED_AFTER = 1_000_000_000
ASKED_AGAIN = 900_000_000
"""Nanoseconds; two queries for one name within less come from two threads, not from one that waited in vain."""
GIVEN_UP = 6_000_000_000
"""Later, a query with another id belongs to another lookup: resolvers wait for 5 s at most unless told otherwise."""
DNS, MDNS, LLMNR = 53, 5353, 5355
PORTS = frozenset({DNS, MDNS, LLMNR})
_QUERY, _RESP = marks.DNS_QUERY, marks.DNS_RESP


class _Name:
    """Queries for one name and type from one client to one server."""

    __slots__ = (
        "again", "again_after", "answered", "chain", "found", "last", "latency",
        "name", "queries", "rcodes", "retried", "tcp", "truncated", "unanswered",
    )  # fmt: skip

    def __init__(self, name: str) -> None:
        self.name = name
        self.queries = Frames()
        self.answered = 0
        self.unanswered = Frames()
        self.retried = 0
        self.again = Frames()
        self.again_after = Durations(64)
        self.last = b""
        """Key in the waiting list of the latest query."""
        self.rcodes: dict[str, int] = {}
        self.truncated = 0
        self.latency = Durations(64)
        self.found: list[bytes | str] = []
        """What the latest answer held."""
        self.chain = self.tcp = 0


class _Asked:
    """A query that waits for its answer."""

    __slots__ = ("frame", "name", "time")
    time: int
    frame: int
    name: _Name | None


def _begun(packet: Packet, name: _Name | None) -> _Asked:
    asked = _Asked.__new__(_Asked)
    asked.time, asked.frame, asked.name = packet.time, packet.number, name
    return asked


_Key = tuple[str, str, str, str]


class DnsStage:
    """update with each message, finish into facts."""

    def __init__(self, timeline: TimelineStage) -> None:
        self._timeline = timeline
        self._names: dict[_Key, _Name] = {}
        self._by_wire: dict[bytes, _Name | None] = {}
        """The same ones by addresses and question as on the wire: what most queries are found by."""
        self._waiting: dict[bytes, _Asked] = {}
        self._queries = self._responses = self._retried = self._truncated = 0
        self._tcp_queries = self._tcp_responses = self._edns_queries = self._dnssec_ok = 0
        self._edns_sizes: dict[str, int] = {}
        self._unanswered = Frames()
        self._rcodes: dict[str, int] = {}
        self._latency = Durations(1024)
        self.addresses = DnsAddresses()
        self.beyond = 0
        """Queries for names that were not kept."""
        self.unjudged = 0
        self.forgotten = 0
        """Queries no longer waited for because too many were open."""

    def datagram(self, packet: Packet, source: int, destination: int) -> str:
        """One UDP payload from or to a DNS port; the application it belongs to."""
        if DNS not in (source, destination):
            mdns = MDNS in (source, destination)
            packet.mask |= marks.MDNS if mdns else marks.LLMNR
            return "mdns" if mdns else "llmnr"
        if packet.end - packet.payload >= 12:
            self.message(packet.buffer, packet.payload, packet.end, packet, True)
        elif packet.payload_length < 12:
            packet.mask |= marks.MALFORMED
        return "dns"

    def message(self, buffer: bytes, at: int, end: int, packet: Packet, udp: bool) -> None:
        """One message of at least 12 bytes."""
        message = read_message(buffer, at, end)
        if message.malformed and (not udp or packet.end == packet.wire_end):
            packet.mask |= marks.MALFORMED
        if udp:
            packet.mask |= _RESP if message.response else _QUERY
        if message.response:
            self._tcp_responses += not udp
            self._response(message, packet)
        else:
            self._tcp_queries += not udp
            self._query(message, packet, udp)

    def _again(self, name: _Name, key: bytes, packet: Packet) -> None:
        """Note a query whose forerunner still waits: the same one, or the latest one with another id or port."""
        same = self._waiting.get(key)
        asked = same if same is not None else self._waiting.get(name.last)
        name.last = key
        if asked is None or asked.name is not name:
            return
        waited = packet.time - asked.time
        if waited >= ASKED_AGAIN and (same is not None or waited <= GIVEN_UP):
            name.again.add(packet.number)
            name.again_after.add(waited)

    def _query(self, message: Message, packet: Packet, udp: bool) -> None:
        self._queries += 1
        if message.edns >= 0:
            self._edns_queries += 1
            self._dnssec_ok += message.dnssec_ok
            count(self._edns_sizes, str(message.edns), 16)
        key = packet.key + message.id
        group = self._name(message, packet.key)
        known = self._waiting.get(key)
        if known is not None:
            if group is not None and known.name is group:
                self._again(group, key, packet)
                group.queries.add(packet.number)
                group.retried += 1
                self._retried += 1
                self._waiting[key] = _begun(packet, group)
                return
            self._judge(self._waiting.pop(key), packet.time)
        if group is not None:
            self._again(group, key, packet)
            group.queries.add(packet.number)
            group.tcp += not udp
        self._waiting[key] = _begun(packet, group)
        if len(self._waiting) > MAX_WAITING:
            self.forgotten += 1
            self._judge(self._waiting.pop(next(iter(self._waiting))), packet.time)

    def _name(self, message: Message, ends: bytes) -> _Name | None:
        """The group of a query between these ends; None when it isn't kept."""
        wire = ends[: len(ends) - 4] + message.question
        if wire in self._by_wire:
            group = self._by_wire[wire]
        else:
            client, _, server, _ = endpoints(ends)
            name = message.name
            key = (name.lower(), type_name(message.qtype), server, client)
            group = self._names.get(key)
            if group is None and len(self._names) < MAX_NAMES:
                group = self._names[key] = _Name(name)
            if len(self._by_wire) >= 4 * MAX_NAMES:
                self._by_wire.clear()
            self._by_wire[wire] = group
        self.beyond += group is None
        return group

    def _response(self, message: Message, packet: Packet) -> None:
        self._responses += 1
        self._truncated += message.truncated
        rcode = rcode_name(message.rcode)
        count(self._rcodes, rcode, 32)
        asked = self._waiting.pop(reverse(packet.key, 17) + message.id, None)
        if asked is None:
            return
        time, group = asked.time, asked.name
        if message.rcode == 0 and message.found:
            self.addresses.note(packet, message.name if group is None else group.name, message.found)
        took = max(0, packet.time - time)
        self._latency.add(took)
        self._timeline.latency(packet.time, took, "dns")
        if group is not None:
            group.answered += 1
            group.chain = max(group.chain, message.cname_chain)
            group.truncated += message.truncated
            count(group.rcodes, rcode, 32)
            group.latency.add(took)
            if message.rcode == 0:
                group.found = message.found

    def _judge(self, asked: _Asked, now: int) -> None:
        """A query that nobody answered until now."""
        group = asked.name
        if now - asked.time < JUDGED_AFTER:
            self.unjudged += 1
            return
        self._unanswered.add(asked.frame)
        if group is not None:
            group.unanswered.add(asked.frame)

    def finish(self, capture_end: int) -> DnsFacts:
        """Names with trouble first, then the most asked for."""
        for asked in self._waiting.values():
            self._judge(asked, capture_end)
        self._waiting.clear()
        found = searches(self._asked())
        ranked = sorted(self._names.items(), key=lambda item: (-_trouble(item[1]), -item[1].queries.count))
        return DnsFacts(
            queries=self._queries,
            responses=self._responses,
            unanswered=self._unanswered.tally(),
            rcodes=dict(sorted(self._rcodes.items())),
            latency=self._latency.spread(),
            names=tuple(_told(key, name) for key, name in ranked[:TOLD_NAMES]),
            more_names=max(0, len(ranked) - TOLD_NAMES),
            retried=self._retried,
            truncated=self._truncated,
            tcp_queries=self._tcp_queries,
            tcp_responses=self._tcp_responses,
            edns_queries=self._edns_queries,
            edns_sizes=dict(sorted(self._edns_sizes.items())),
            dnssec_ok=self._dnssec_ok,
            searches=tuple(found[:TOLD_SEARCHES]),
            more_searches=max(0, len(found) - TOLD_SEARCHES),
            addresses=self.addresses.told(),
        )

    def _asked(self) -> dict[Client, dict[str, Asked]]:
        """Names by client and server, their types put together."""
        asked: dict[Client, dict[str, Asked]] = {}
        for (name, _, server, client), group in self._names.items():
            seen = asked.setdefault((client, server), {}).setdefault(name, Asked())
            seen.nxdomain += group.rcodes.get("NXDOMAIN", 0)
            seen.found = seen.found or bool(group.found)
            seen.frames += group.queries.first
        return asked


def _trouble(name: _Name) -> int:
    return name.unanswered.count + sum(n for rcode, n in name.rcodes.items() if rcode != "NOERROR")


def _told(key: _Key, name: _Name) -> DnsName:
    _, qtype, server, client = key
    return DnsName(
        name=name.name,
        qtype=qtype,
        server=server,
        client=client,
        queries=name.queries.tally(),
        answered=name.answered,
        unanswered=name.unanswered.tally(),
        retried=name.retried,
        asked_again=name.again.tally(),
        asked_again_after=name.again_after.spread(),
        rcodes=dict(sorted(name.rcodes.items())),
        truncated=name.truncated,
        latency=name.latency.spread(),
        answers=answers(name.found),
        cname_chain=name.chain,
        tcp=name.tcp,
    )


class DnsTcpParser(Parser):
    """Messages with a two-byte length before each (RFC 7766 section 8), of one direction."""

    __slots__ = ("_half", "_held", "_lost", "_stage")

    def __init__(self, stage: DnsStage, half: Half) -> None:
        self._stage = stage
        self._half = half
        self._held = b""
        self._lost = False

    def data(self, buffer: bytes, at: int, end: int, packet: Packet) -> int:
        """The next bytes."""
        if self._lost:
            return 0
        held = self._held + buffer[at:end]
        while len(held) >= 2:
            size = held[0] << 8 | held[1]
            if size < 12:
                self.gap(0, packet)
                return 0
            if len(held) < 2 + size:
                break
            self._stage.message(held[2 : 2 + size], 0, size, packet, False)
            held = held[2 + size :]
        self._held = held
        return 0

    def skipped(self, packet: Packet, whole: bool) -> None:
        """Nothing is ever skipped."""

    def gap(self, size: int, packet: Packet) -> None:
        """Framing is lost for good behind a gap."""
        self._lost = True
        self._held = b""
