# cython: annotation_typing=False
"""DNS over UDP and TCP port 53 (RFC 1035): queries, answers, rcodes, latency, retries, silence.

A response answers the query with the same id, addresses and ports. A query sent again with the same id and ports is a
retry of it; latency counts from the latest try. A query is unanswered only if the capture went on for at least a
second after it; younger ones are counted as `dns_unjudged`. mDNS (5353) and LLMNR (5355) are counted as packets only:
nobody has to answer there.
"""

from workers.analysis.dns_addresses import DnsAddresses
from workers.analysis.dns_groups import Group, Groups, Name, Names, Numbers
from workers.analysis.dns_message import Message, answers, rcode_name, read, type_name
from workers.analysis.dns_search import Asked as Tried
from workers.analysis.dns_search import Client, searches
from workers.analysis.dns_waiting import Waiting
from workers.analysis.flows import Half
from workers.analysis.samples import Durations, Frames, tally
from workers.analysis.timeline import TimelineStage
from workers.contract.facts import DnsFacts, DnsName, Spread
from workers.packets import marks
from workers.packets.packet import Packet
from workers.packets.stream import OF_DNS, Parser

TOLD_NAMES = 200
TOLD_SEARCHES = 50
JUDGED_AFTER = 1_000_000_000
ASKED_AGAIN = 900_000_000
"""Nanoseconds; two queries for one name within less come from two threads, not from one that waited in vain."""
GIVEN_UP = 6_000_000_000
"""Later, a query with another id belongs to another lookup: resolvers wait for 5 s at most unless told otherwise."""
DNS, MDNS, LLMNR = 53, 5353, 5355
PORTS = frozenset({DNS, MDNS, LLMNR})
_DNS = DNS
_QUERY, _RESP, _MALFORMED = marks.DNS_QUERY, marks.DNS_RESP, marks.MALFORMED


class DnsStage:
    """update with each message, finish into facts."""

    def __init__(self, timeline: TimelineStage) -> None:
        self._answers = timeline.answers()
        self._read = Message()
        self._groups = Groups()
        self._names = Names()
        self._waiting = Waiting()
        self._queries = self._responses = self._retried = self._truncated = 0
        self._tcp_queries = self._tcp_responses = self._edns_queries = self._dnssec_ok = 0
        self._edns_sizes = Numbers(16)
        self._unanswered = Frames()
        self._rcodes = Numbers(32)
        self._latency = Durations(1024)
        self.addresses = DnsAddresses()
        self.beyond = 0
        """Queries for names that were not kept."""
        self.unjudged = 0
        self.forgotten = 0
        """Queries no longer waited for because too many were open."""

    def datagram(self, packet: Packet, source: int, destination: int) -> str:
        """One UDP payload from or to a DNS port; the application it belongs to."""
        if source != _DNS and destination != _DNS:
            mdns = MDNS in (source, destination)
            packet.mask |= marks.MDNS if mdns else marks.LLMNR
            return "mdns" if mdns else "llmnr"
        if packet.end - packet.payload >= 12:
            self.message(packet.buffer, packet.payload, packet.end, packet, True)
        elif packet.payload_length < 12:
            packet.mask |= _MALFORMED
        return "dns"

    def message(self, buffer: bytes, at: int, end: int, packet: Packet, udp: bool) -> None:
        """One message of at least 12 bytes."""
        key = packet.key
        length = len(key)
        if at < 0 or end - at < 12 or end > len(buffer) or (length != 12 and length != 36):
            raise ValueError("no message is that short, or lies there, or has such ends")
        data, message = buffer, self._read
        response = data[at + 2] & 0x80 != 0
        place = self._waiting.find(key, (length - 4) >> 1, response, data[at] << 8 | data[at + 1])
        name = None
        if not response:
            name = self._names.known(data, at + 12, end)
        elif place:
            name = self._waiting.names[place]
            if not name.begins(data, at + 12, end):
                name = None
        read(message, data, at, end, at + 12 + name.size if name is not None else 0)
        if message.malformed and (not udp or packet.end == packet.wire_end):
            packet.mask |= _MALFORMED
        if udp:
            packet.mask |= _RESP if response else _QUERY
        if response:
            self._tcp_responses += not udp
            self._responses += 1
            self._truncated += message.truncated
            self._rcodes.add(message.rcode)
            if place:
                self._answer(message, data, place, name, packet)
        else:
            self._tcp_queries += not udp
            if name is None or not message.asked:
                name = self._names.of(message, data)
            self._query(message, place, name, packet, udp)

    def _query(self, message: Message, place: int, name: Name, packet: Packet, udp: bool) -> None:
        """A query; `place` is where one of the same ends and id waits, 0 for nowhere."""
        waiting = self._waiting
        self._queries += 1
        if message.edns >= 0:
            self._edns_queries += 1
            self._dnssec_ok += message.dnssec_ok
            self._edns_sizes.add(message.edns)
        group = self._groups.of(name, message.qtype, waiting.ends)
        if place and not self._asks_again(place, group, name):
            self._judge(place, packet.time)
            waiting.drop(place)
            place = 0
        known = place
        if not known:
            place = waiting.add(name)
        self._retried += known != 0
        if group is None:
            self.beyond += 1
        else:
            self._again(group, known, packet)
            group.queries.add(packet.number)
            if known:
                group.retried += 1
            else:
                group.tcp += not udp
            waiting.groups[place] = group.place
            group.last = place
        waiting.times[place], waiting.frames[place] = packet.time, packet.number
        if waiting.full():
            self.forgotten += 1
            self._judge(waiting.oldest, packet.time)
            waiting.drop(waiting.oldest)

    def _asks_again(self, place: int, group: Group | None, name: Name) -> bool:
        """Whether the query of the same ends and id asks for the same; of those that aren't kept, by their names."""
        if group is not None:
            return self._waiting.groups[place] == group.place
        before = self._waiting.names[place]
        return not self._waiting.groups[place] and name.same(before)

    def _again(self, group: Group, same: int, packet: Packet) -> None:
        """Note a query whose forerunner still waits: the same one, or the latest one with another id or port."""
        place = same or group.last
        if self._waiting.groups[place] != group.place:
            return
        waited = packet.time - self._waiting.times[place]
        if waited >= ASKED_AGAIN and (same or waited <= GIVEN_UP):
            group.asked_again(packet.number, waited)

    def _answer(self, message: Message, data: bytes, place: int, name: Name | None, packet: Packet) -> None:
        """An answer to the query that waits at a place; `name` is the query's when it was repeated."""
        waiting = self._waiting
        took = max(0, packet.time - waiting.times[place])
        self._latency.add(took)
        if self._answers.count < self._answers.due:
            self._answers.count += 1  # nothing is kept of most
        else:
            self._answers.add(packet.time, took, "dns")
        if waiting.groups[place]:
            group = self._groups.every[waiting.groups[place] - 1]
            name = group.name
            group.answer(message, data, took)
        if message.rcode == 0 and message.addresses:
            if name is None:
                name = self._names.of(message, data)
            self.addresses.note(waiting.ends, message, data, packet.time, name)
        waiting.drop(place)

    def _judge(self, place: int, now: int) -> None:
        """A query that nobody answered until now."""
        waiting = self._waiting
        if now - waiting.times[place] < JUDGED_AFTER:
            self.unjudged += 1
            return
        self._unanswered.add(waiting.frames[place])
        if waiting.groups[place]:
            group = self._groups.every[waiting.groups[place] - 1]
            group.not_answered(waiting.frames[place])

    def finish(self, capture_end: int) -> DnsFacts:
        """Names with trouble first, then the most asked for."""
        waiting = self._waiting
        while waiting.count:
            self._judge(waiting.oldest, capture_end)
            waiting.drop(waiting.oldest)
        found = searches(self._tried())
        ranked = sorted(self._groups.every, key=_rank)
        return DnsFacts(
            queries=self._queries,
            responses=self._responses,
            unanswered=self._unanswered.tally(),
            rcodes=self._rcodes.told(rcode_name),
            latency=self._latency.spread(),
            names=tuple(_told(group) for group in ranked[:TOLD_NAMES]),
            more_names=max(0, len(ranked) - TOLD_NAMES),
            retried=self._retried,
            truncated=self._truncated,
            tcp_queries=self._tcp_queries,
            tcp_responses=self._tcp_responses,
            edns_queries=self._edns_queries,
            edns_sizes=self._edns_sizes.told(str),
            dnssec_ok=self._dnssec_ok,
            searches=tuple(found[:TOLD_SEARCHES]),
            more_searches=max(0, len(found) - TOLD_SEARCHES),
            addresses=self.addresses.told(),
        )

    def _tried(self) -> dict[Client, dict[str, Tried]]:
        """Names by client and server, their types put together."""
        tried: dict[Client, dict[str, Tried]] = {}
        for group in self._groups.every:
            ends = group.ends()
            names = tried.get(ends)
            if names is None:
                names = tried[ends] = {}
            seen = names.get(group.name.key)
            if seen is None:
                seen = names[group.name.key] = Tried()
            seen.nxdomain += group.rcodes.count(3)
            seen.found = seen.found or group.has_found()
            seen.frames += group.queries.first
        return tried


def _rank(group: Group) -> tuple[int, int]:
    unanswered = group.unanswered.count if group.unanswered else 0
    failed = group.answered - group.rcodes.count(0)
    return -unanswered - failed, -group.queries.count


def _told(group: Group) -> DnsName:
    client, server = group.ends()
    return DnsName(
        name=group.name.text,
        qtype=type_name(group.qtype),
        server=server,
        client=client,
        queries=group.queries.tally(),
        answered=group.answered,
        unanswered=tally(group.unanswered),
        retried=group.retried,
        asked_again=tally(group.again),
        asked_again_after=group.again_after.spread() if group.again_after else Spread(),
        rcodes=group.rcodes.told(rcode_name),
        truncated=group.truncated,
        latency=group.latency.spread(),
        answers=answers(group.found()),
        cname_chain=group.chain,
        tcp=group.tcp,
    )


class DnsTcpParser(Parser):
    """Messages with a two-byte length before each (RFC 7766 section 8), of one direction."""

    __slots__ = ("_half", "_held", "_lost", "_stage")

    def __init__(self, stage: DnsStage, half: Half) -> None:
        self._stage = stage
        self._half = half
        self._held = b""
        self._lost = False

    def group(self) -> int:
        """Of which group it is."""
        return OF_DNS

    def data(self, buffer: bytes, at: int, end: int, packet: Packet) -> int:
        """The next bytes."""
        if self._lost:
            return 0
        if self._held:
            buffer = self._held + buffer[at:end]
            at, end = 0, len(buffer)
        while end - at >= 2:
            size = buffer[at] << 8 | buffer[at + 1]
            if size < 12:
                self.gap(0, packet)
                return 0
            if end - at < 2 + size:
                break
            self._stage.message(buffer, at + 2, at + 2 + size, packet, False)
            at += 2 + size
        self._held = buffer[at:end]
        return 0

    def skipped(self, packet: Packet, whole: bool) -> None:
        """Nothing is ever skipped."""

    def gap(self, size: int, packet: Packet) -> None:
        """Framing is lost for good behind a gap."""
        self._lost = True
        self._held = b""
