"""NTP on UDP port 123 (RFC 5905): queries and answers (modes 3 and 4), silence, strata, kisses, clock offset.

An answer repeats the transmit timestamp of its query (section 8), whatever that holds: clients may fill it at random.
So the offset is by the capture's own times of query and answer, not by the client's: the server's clock against that
of the capturing host. A query is unanswered only if the capture went on for at least a second after it.
"""

from struct import Struct

from workers.analysis.addresses import endpoints, reverse
from workers.analysis.samples import NANO, Durations, Frames, count
from workers.contract.facts_services import NtpFacts, NtpServer
from workers.packets.packet import Packet

PORT = 123
MAX_SERVERS = 512
TOLD_SERVERS = 100
MAX_WAITING = 2048
JUDGED_AFTER = 1_000_000_000
_SIZE = 48
_MODES = ("reserved", "symmetric", "symmetric", "client", "server", "broadcast", "control", "private")
_CLIENT, _SERVER = 3, 4
_STAMPS = Struct(">QQ").unpack_from
_1900, _ERA = 2_208_988_800, 1 << 32
"""Seconds from 1900 to 1970, and after which NTP's seconds begin again (section 6)."""
_SECOND = 1_000_000_000
_KISSES = frozenset("ACST AUTH AUTO BCST CRYP DENY DROP RSTR INIT MCST NKEY NTSN RATE RMOT STEP".split())
"""Section 7.4, figure 13; NTSN is of RFC 8915."""
_ALARM = 3
_Waiting = tuple[int, int, "_Server | None"]


class _Server:
    """What one client asked one server."""

    __slots__ = (
        "answered", "best", "kissed", "kisses", "latency", "offset", "offset_frame", "queries", "stratum",
        "unanswered", "unsynchronised",
    )  # fmt: skip

    def __init__(self) -> None:
        self.queries = Frames()
        self.answered = 0
        self.unanswered = Frames()
        self.stratum: int | None = None
        self.unsynchronised = 0
        self.kisses: dict[str, int] = {}
        self.kissed = Frames()
        self.best = -1
        """Nanoseconds of the shortest round trip."""
        self.offset: int | None = None
        self.offset_frame = 0
        self.latency = Durations(64)


class NtpStage:
    """update with each datagram, finish into facts."""

    def __init__(self) -> None:
        self._packets: dict[str, int] = {}
        self._servers: dict[tuple[str, str], _Server] = {}
        self._waiting: dict[bytes, _Waiting] = {}
        self.beyond = 0
        """Queries to servers that were not kept."""
        self.forgotten = 0
        self.unjudged = 0

    def datagram(self, packet: Packet) -> str:
        """One UDP payload from or to port 123; the application it belongs to, "" for what is no NTP."""
        buffer, at = packet.buffer, packet.payload
        if packet.payload_length < 4 or packet.end <= at or not buffer[at] & 0x38:
            return ""
        mode = buffer[at] & 7
        name = _MODES[mode]
        self._packets[name] = self._packets.get(name, 0) + 1
        if packet.end - at >= _SIZE:
            if mode == _CLIENT:
                self._query(packet)
            elif mode == _SERVER:
                self._answer(packet)
        return "ntp"

    def _query(self, packet: Packet) -> None:
        client, _, server, _ = endpoints(packet.key)
        group = self._servers.get((server, client))
        if group is None and len(self._servers) < MAX_SERVERS:
            group = self._servers[server, client] = _Server()
        if group is None:
            self.beyond += 1
        else:
            group.queries.add(packet.number)
        key = packet.key + packet.buffer[packet.payload + 40 : packet.payload + 48]
        if key in self._waiting:  # the same datagram again: a copy, or random bits that repeat
            self._judge(self._waiting.pop(key), packet.time)
        self._waiting[key] = (packet.time, packet.number, group)
        if len(self._waiting) > MAX_WAITING:
            self.forgotten += 1
            self._judge(self._waiting.pop(next(iter(self._waiting))), packet.time)

    def _answer(self, packet: Packet) -> None:
        buffer, at = packet.buffer, packet.payload
        asked = self._waiting.pop(reverse(packet.key, 17) + buffer[at + 24 : at + 32], None)
        time, _, group = asked or (0, 0, None)
        if group is None:
            return
        took = max(0, packet.time - time)
        group.answered += 1
        group.latency.add(took)
        group.stratum = buffer[at + 1]
        if buffer[at + 1] == 0:
            kiss = buffer[at + 12 : at + 16].decode("latin-1").rstrip("\0")
            count(group.kisses, kiss if kiss in _KISSES else "other")
            group.kissed.add(packet.number)
            return
        group.unsynchronised += buffer[at] >> 6 == _ALARM
        received, sent = (_nanoseconds(stamp, packet.time) for stamp in _STAMPS(buffer, at + 32))
        if group.best < 0 or took < group.best:
            group.best, group.offset_frame = took, packet.number
            group.offset = (received + sent - time - packet.time) // 2

    def _judge(self, asked: _Waiting, now: int) -> None:
        """A query that nobody answered until now."""
        time, frame, group = asked
        if now - time < JUDGED_AFTER:
            self.unjudged += 1
        elif group is not None:
            group.unanswered.add(frame)

    def finish(self, capture_end: int) -> NtpFacts:
        """Servers with trouble first, then the most asked."""
        for asked in self._waiting.values():
            self._judge(asked, capture_end)
        self._waiting.clear()
        ranked = sorted(
            self._servers.items(),
            key=lambda item: (-(item[1].unanswered.count + item[1].kissed.count), -item[1].queries.count),
        )
        return NtpFacts(
            packets=dict(sorted(self._packets.items())),
            servers=tuple(_told(key, server) for key, server in ranked[:TOLD_SERVERS]),
            more_servers=max(0, len(ranked) - TOLD_SERVERS),
        )


def _nanoseconds(stamp: int, near: int) -> int:
    """An NTP timestamp as epoch nanoseconds, in the era that is closest to `near`."""
    seconds = (stamp >> 32) - _1900
    seconds += round((near // _SECOND - seconds) / _ERA) * _ERA
    return seconds * _SECOND + ((stamp & 0xFFFF_FFFF) * _SECOND >> 32)


def _told(key: tuple[str, str], server: _Server) -> NtpServer:
    return NtpServer(
        server=key[0],
        client=key[1],
        queries=server.queries.tally(),
        answered=server.answered,
        unanswered=server.unanswered.tally(),
        stratum=server.stratum,
        unsynchronised=server.unsynchronised,
        kisses=dict(sorted(server.kisses.items())),
        kissed=server.kissed.tally(),
        offset=None if server.offset is None else server.offset * NANO,
        offset_frame=server.offset_frame,
        latency=server.latency.spread(),
    )
