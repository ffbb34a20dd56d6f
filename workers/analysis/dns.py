# cython: annotation_typing=False
"""DNS over UDP and TCP port 53 (RFC 1035): queries, answers, rcodes, latency, retries, silence.

A response answers the query with the same id, addresses and ports. A query sent again with the same id and ports is a
retry of it; latency counts from the latest try. A query is unanswered only if the capture went on for at least a
second after it; younger ones are counted as `dns_unjudged`. mDNS (5353) and LLMNR (5355) are counted as packets only:
nobody has to answer there.
"""

from workers.analysis.addresses import address
from workers.analysis.dns_addresses import DnsAddresses
from workers.analysis.dns_groups import Group, Groups, Names, Numbers
from workers.analysis.dns_message import Message, answers, rcode_name, read_into, type_name
from workers.analysis.dns_search import Asked as Tried
from workers.analysis.dns_search import Client, searches
from workers.analysis.dns_waiting import Asked, Waiting
from workers.analysis.flows import Half
from workers.analysis.samples import Durations, Frames, tally
from workers.analysis.timeline import TimelineStage
from workers.contract.facts import DnsFacts, DnsName, Spread
from workers.packets import marks
from workers.packets.packet import Packet
from workers.packets.scan import digest_both
from workers.packets.stream import Parser

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
_DNS = DNS
_QUERY, _RESP, _MALFORMED = marks.DNS_QUERY, marks.DNS_RESP, marks.MALFORMED


class DnsStage:
    """update with each message, finish into facts."""

    def __init__(self, timeline: TimelineStage) -> None:
        self._timeline = timeline
        self._message = Message()
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
        message = self._message
        read_into(message, buffer, at, end)
        if message.malformed and (not udp or packet.end == packet.wire_end):
            packet.mask |= _MALFORMED
        if udp:
            packet.mask |= _RESP if message.response else _QUERY
        if message.response:
            self._tcp_responses += not udp
            self._response(message, buffer, packet.key, len(packet.key), packet)
        else:
            self._tcp_queries += not udp
            self._query(message, buffer, packet.key, len(packet.key), packet, udp)

    def _query(self, message: Message, data: bytes, key: bytes, length: int, packet: Packet, udp: bool) -> None:
        self._queries += 1
        if message.edns >= 0:
            self._edns_queries += 1
            self._dnssec_ok += message.dnssec_ok
            self._edns_sizes.add(message.edns)
        waiting = self._waiting
        name = self._names.of(message, data)
        group = self._groups.of(name, message.qtype, key, length)
        self.beyond += group is None
        hashed = digest_both(key, length, message.id)
        known = waiting.find(key, length, message.id, hashed)
        if known is not None and (group is None or known.group is not group):
            self._judge(known, packet.time)
            waiting.drop(known)
            known = None
        asked = known if known is not None else waiting.add(key, length, message.id, hashed, name)
        if group is not None:
            self._again(group, known, packet)
            group.queries.add(packet.number)
            if known is None:
                group.tcp += not udp
            else:
                group.retried += 1
                self._retried += 1
            asked.group = group
            group.last = asked.place
        asked.time, asked.frame = packet.time, packet.number
        if waiting.count > MAX_WAITING:
            self.forgotten += 1
            oldest = waiting.oldest()
            self._judge(oldest, packet.time)
            waiting.drop(oldest)

    def _again(self, group: Group, same: Asked | None, packet: Packet) -> None:
        """Note a query whose forerunner still waits: the same one, or the latest one with another id or port."""
        asked = same if same is not None else self._waiting.latest(group)
        if asked is None:
            return
        waited = packet.time - asked.time
        if waited >= ASKED_AGAIN and (same is not None or waited <= GIVEN_UP):
            group.asked_again(packet.number, waited)

    def _response(self, message: Message, data: bytes, key: bytes, length: int, packet: Packet) -> None:
        self._responses += 1
        self._truncated += message.truncated
        self._rcodes.add(message.rcode)
        asked = self._waiting.answered(key, length, message.id)
        if asked is None:
            return
        group = asked.group
        if message.rcode == 0 and message.addresses:
            if group is not None:
                self.addresses.note(key, length, message, data, packet.time, group.name)
            else:
                name = asked.name
                if name is None or not name.is_of(message, data):
                    name = self._names.of(message, data)
                self.addresses.note(key, length, message, data, packet.time, name.text)
        took = max(0, packet.time - asked.time)
        self._latency.add(took)
        self._timeline.latency(packet.time, took, "dns")
        if group is not None:
            group.answer(message, data, took)
        self._waiting.drop(asked)

    def _judge(self, asked: Asked, now: int) -> None:
        """A query that nobody answered until now."""
        group = asked.group
        if now - asked.time < JUDGED_AFTER:
            self.unjudged += 1
            return
        self._unanswered.add(asked.frame)
        if group is not None:
            group.not_answered(asked.frame)

    def finish(self, capture_end: int) -> DnsFacts:
        """Names with trouble first, then the most asked for."""
        while self._waiting.count:
            asked = self._waiting.oldest()
            self._judge(asked, capture_end)
            self._waiting.drop(asked)
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
        tried: dict[bytes, dict[str, Tried]] = {}
        for group in self._groups.every:
            names = tried.get(group.ends)
            if names is None:
                names = tried[group.ends] = {}
            seen = names.get(group.key)
            if seen is None:
                seen = names[group.key] = Tried()
            seen.nxdomain += group.rcodes.count(3)
            seen.found = seen.found or group.has_found()
            seen.frames += group.queries.first
        return {_ends(ends): names for ends, names in tried.items()}


def _ends(ends: bytes) -> Client:
    """Addresses of client and server as text."""
    half = len(ends) // 2
    return address(ends[:half]), address(ends[half:])


def _rank(group: Group) -> tuple[int, int]:
    unanswered = group.unanswered.count if group.unanswered else 0
    failed = group.answered - group.rcodes.count(0)
    return -unanswered - failed, -group.queries.count


def _told(group: Group) -> DnsName:
    client, server = _ends(group.ends)
    return DnsName(
        name=group.name,
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
