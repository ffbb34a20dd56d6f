# cython: annotation_typing=False
"""DNS over UDP and TCP port 53 (RFC 1035): queries, answers, rcodes, latency, retries, silence.

A response answers the query with the same id, addresses and ports. A query sent again with the same id and ports is a
retry of it; latency counts from the latest try. A query is unanswered only if the capture went on for at least a
second after it; younger ones are counted as `dns_unjudged`. mDNS (5353) and LLMNR (5355) are counted as packets only:
nobody has to answer there.
"""

from workers.analysis.dns_addresses import DnsAddresses
from workers.analysis.dns_groups import Group, Groups, Numbers
from workers.analysis.dns_message import Message, answers, rcode_name, read, type_name
from workers.analysis.dns_names import Name, Names
from workers.analysis.dns_search import Asked as Tried
from workers.analysis.dns_search import Client, searches
from workers.analysis.dns_waiting import MAX_WAITING, Waiting
from workers.analysis.flows import Half
from workers.analysis.samples import Durations, Frames, tally
from workers.analysis.timeline import TimelineStage
from workers.contract.facts import DnsFacts, DnsName, Spread
from workers.packets import marks
from workers.packets.packet import Packet
from workers.packets.room import Room
from workers.packets.stream import OF_DNS, Parser

TOLD_NAMES = 200
TOLD_SEARCHES = 50
_FREE = 1
"""So few bytes of a message over TCP, which do not tell its length, may wait without room."""
JUDGED_AFTER = 1_000_000_000
ASKED_AGAIN = 900_000_000
"""Nanoseconds; two queries for one name within less come from two threads, not from one that waited in vain."""
GIVEN_UP = 6_000_000_000
"""Later, a query with another id belongs to another lookup: resolvers wait for 5 s at most unless told otherwise."""
DNS, MDNS, LLMNR = 53, 5353, 5355
PORTS = frozenset({DNS, MDNS, LLMNR})
_DNS, _MOST = DNS, MAX_WAITING
_QUERY, _RESP, _MALFORMED = marks.DNS_QUERY, marks.DNS_RESP, marks.MALFORMED


class DnsStage:
    """update with each message, finish into facts."""

    def __init__(self, timeline: TimelineStage) -> None:
        self.room = Room()
        """For beginnings of messages over TCP."""
        self._answers = timeline.answers()
        self._read = Message()
        self._names = Names()
        self._waiting = Waiting()
        self._groups = Groups(self._waiting.ends)
        self._queries = self._responses = self._retried = self._truncated = 0
        self._tcp_queries = self._tcp_responses = self._edns_queries = self._dnssec_ok = 0
        self._edns_sizes = Numbers(16)
        self._unanswered = Frames()
        self._rcodes = Numbers(32)
        self._latency = Durations(1024)
        self.addresses = DnsAddresses(self._waiting.ends, self._read)
        self.beyond = 0
        """Queries for names that were not kept."""
        self.unjudged = 0
        self.forgotten = 0
        """Queries no longer waited for because too many were open."""

    def datagram(self, packet: Packet, source: int, destination: int) -> str:
        """One UDP payload from or to a DNS port; the application it belongs to."""
        if source != _DNS and destination != _DNS:
            return _elsewhere(packet, source, destination)
        if packet.end - packet.payload >= 12:
            self.message(packet.buffer, packet.payload, packet.end, packet, True)
        elif packet.payload_length < 12:
            packet.mask |= _MALFORMED
        return "dns"

    def message(self, buffer: bytes, at: int, end: int, packet: Packet, udp: bool) -> None:
        """One message of at least 12 bytes."""
        if at < 0 or end - at < 12 or end > len(buffer):
            _refuse()
        elif buffer[at + 2] & 0x80:
            self._response(buffer, at, end, packet, udp)
        else:
            self._query(buffer, at, end, packet, udp)

    def _query(self, data: bytes, at: int, end: int, packet: Packet, udp: bool) -> None:
        """A query: a new one, or one that waits for its answer and is sent again."""
        message, name = self._read, self._names.known(data, at + 12, end)
        place = self._waiting.find(packet.key, False, data[at] << 8 | data[at + 1])
        read(message, data, at, end, 0 if name is None else at + 12 + name.size)
        if name is None or not message.asked:
            name = self._names.of(message, data)
        self._queries += 1
        self._mark(packet, udp, _QUERY)
        self._tcp_queries += not udp
        if message.edns >= 0:
            self._edns_queries += 1
            self._dnssec_ok += message.dnssec_ok
            self._edns_sizes.add(message.edns)
        kept = self._groups.of(name, message.qtype)
        if place and not self._asks_again(place, kept, name):
            self._judge(place, packet.time)
            self._waiting.drop(place)
            place = 0
        known = place
        if not known:
            place = self._waiting.add(name, kept, packet.time, packet.number)
        if kept:
            self._keep(kept, known, place, packet, udp)
        else:
            self.beyond += 1
        if known:
            self._retried += 1
            self._waiting.again(place, packet.time, packet.number)
        elif self._waiting.count > _MOST:
            self._forget(packet.time)

    def _response(self, data: bytes, at: int, end: int, packet: Packet, udp: bool) -> None:
        """A response, to the query that waits at some place, or to none that is known."""
        message, behind = self._read, 0
        place = self._waiting.find(packet.key, True, data[at] << 8 | data[at + 1])
        if place:
            behind = self._waiting.behind(place, data, at + 12, end)
        read(message, data, at, end, behind)
        self._responses += 1
        self._mark(packet, udp, _RESP)
        self._tcp_responses += not udp
        self._truncated += message.truncated
        self._rcodes.add(message.rcode)
        if place:
            took, kept = max(0, packet.time - self._waiting.rows[8 * place + 5]), self._waiting.rows[8 * place + 7]
            self._latency.add(took)
            if self._answers.count < self._answers.due:
                self._answers.count += 1  # nothing is kept of most
            else:
                self._answers.add(packet.time, took, "dns")
            if kept:
                group = self._groups.every[kept - 1]
                group.answer(message, data, took)
            if message.rcode == 0 and message.addresses:
                if kept:
                    name = group.name
                elif behind:
                    name = self._waiting.names[place]
                else:
                    name = self._names.of(message, data)
                self.addresses.note(data, packet.time, name)
            self._waiting.drop(place)

    def _mark(self, packet: Packet, udp: bool, mark: int) -> None:
        """Mark the frame of the message just read."""
        if udp:
            packet.mask |= mark
        if self._read.malformed and (not udp or packet.end == packet.wire_end):
            packet.mask |= _MALFORMED

    def _keep(self, kept: int, known: int, place: int, packet: Packet, udp: bool) -> None:
        """Count a query with its group; `known` is its place when it waited already."""
        group = self._groups.every[kept - 1]
        self._again(group, known, packet)
        group.queries.add(packet.number)
        group.last = place
        if known:
            group.retried += 1
        else:
            group.tcp += not udp

    def _forget(self, now: int) -> None:
        """Too many wait: the oldest is given up."""
        self.forgotten += 1
        self._judge(self._waiting.oldest, now)
        self._waiting.drop(self._waiting.oldest)

    def _asks_again(self, place: int, kept: int, name: Name) -> bool:
        """Whether the query of the same ends and id asks for the same; of those that aren't kept, by their names."""
        if self._waiting.rows[8 * place + 7] != kept:
            return False
        before = self._waiting.names[place]
        return kept != 0 or name.same(before)

    def _again(self, group: Group, same: int, packet: Packet) -> None:
        """Note a query whose forerunner still waits: the same one, or the latest one with another id or port."""
        row = 8 * (same or group.last)
        waited = packet.time - self._waiting.rows[row + 5]
        if self._waiting.rows[row + 7] == group.place and waited >= ASKED_AGAIN and (same or waited <= GIVEN_UP):
            group.asked_again(packet.number, waited)

    def _judge(self, place: int, now: int) -> None:
        """A query that nobody answered until now."""
        waiting, row = self._waiting, 8 * place
        if now - waiting.rows[row + 5] < JUDGED_AFTER:
            self.unjudged += 1
            return
        frame, kept = waiting.rows[row + 6], waiting.rows[row + 7]
        self._unanswered.add(frame)
        if kept:
            group = self._groups.every[kept - 1]
            group.not_answered(frame)

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


def _elsewhere(packet: Packet, source: int, destination: int) -> str:
    """A datagram of mDNS or LLMNR."""
    mdns = MDNS in (source, destination)
    packet.mask |= marks.MDNS if mdns else marks.LLMNR
    return "mdns" if mdns else "llmnr"


def _refuse() -> None:
    raise ValueError("no message is that short, or lies there")


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
        """The next bytes; the rest of a message for which there is no room is not needed."""
        if self._lost:
            return 0
        size = 0
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
        if (at < end or self._held) and not self._keep(buffer[at:end]):
            return 2 + size - (end - at)
        return 0

    def _keep(self, begun: bytes) -> bool:
        """Have the beginning of a message wait for its rest, instead of another one; False when there is no room."""
        before, now = max(0, len(self._held) - _FREE), max(0, len(begun) - _FREE)
        self._held = begun
        fits = before == now or self._stage.room.hold(before, now)
        if not fits:
            self._held = b""
        return fits

    def skipped(self, packet: Packet, whole: bool) -> None:
        """A message for which there was no room is over."""

    def gap(self, size: int, packet: Packet) -> None:
        """Framing is lost for good behind a gap."""
        self._lost = True
        self._keep(b"")

    def close(self, now: int) -> None:
        """What was begun does not end any more."""
        self._keep(b"")
