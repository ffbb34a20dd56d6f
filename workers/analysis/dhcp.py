"""DHCP for IPv4 on UDP ports 67 and 68 (RFC 2131, options of RFC 2132): who asked, what was offered, refused, silence.

Messages belong together by transaction id and client hardware address, whichever way a relay took them; a copy a relay
made counts as another try. A client waits about 4 s before it asks again (RFC 2131 section 4.1), so younger questions
are not called unanswered but counted as `dhcp_unjudged`.
"""

from workers.analysis.addresses import address
from workers.analysis.samples import Durations, Frames
from workers.contract.facts_services import DhcpClient, DhcpFacts
from workers.packets.packet import Packet

PORTS = frozenset({67, 68})
MAX_CLIENTS = 1024
TOLD_CLIENTS = 200
MAX_WAITING = 2048
JUDGED_AFTER = 4_000_000_000
_OPTIONS = 240
"""Bytes before the options: BOOTP's fields and the magic cookie."""
_COOKIE = b"\x63\x82\x53\x63"
_TYPES = {
    1: "DISCOVER", 2: "OFFER", 3: "REQUEST", 4: "DECLINE", 5: "ACK", 6: "NAK", 7: "RELEASE", 8: "INFORM",
    9: "FORCERENEW", 10: "LEASEQUERY", 11: "LEASEUNASSIGNED", 12: "LEASEUNKNOWN", 13: "LEASEACTIVE",
}  # fmt: skip
"""Option 53 (RFC 2132 section 9.6, RFC 3203, RFC 4388)."""
_ANSWERED_BY = {"OFFER": ("DISCOVER",), "ACK": ("REQUEST", "INFORM", "DISCOVER"), "NAK": ("REQUEST",)}
"""An ACK straight after a DISCOVER is a rapid commit (RFC 4039)."""
_ASKS = frozenset({"DISCOVER", "REQUEST", "INFORM"})
_LEASE, _TYPE, _SERVER = 51, 53, 54
_WANTED = {_LEASE: 4, _TYPE: 1, _SERVER: 4}
_Waiting = tuple[int, int, "_Client | None"]


class _Client:
    """One hardware address."""

    __slots__ = (
        "address", "declines", "latency", "lease", "messages", "naks", "retried", "server", "unanswered",
    )  # fmt: skip

    def __init__(self) -> None:
        self.messages: dict[str, int] = {}
        self.server = ""
        self.address = ""
        self.lease: int | None = None
        self.naks = Frames()
        self.declines = Frames()
        self.retried = 0
        self.unanswered = Frames()
        self.latency = Durations(64)


class DhcpStage:
    """update with each datagram, finish into facts."""

    def __init__(self) -> None:
        self._messages: dict[str, int] = {}
        self._clients: dict[bytes, _Client] = {}
        self._waiting: dict[tuple[bytes, str], _Waiting] = {}
        self.beyond = 0
        """Messages of clients that were not kept."""
        self.forgotten = 0
        self.unjudged = 0

    def datagram(self, packet: Packet) -> str:
        """One UDP payload from or to ports 67 and 68; the application it belongs to, "" for what is no DHCP."""
        buffer, at, end = packet.buffer, packet.payload, packet.end
        if end - at < _OPTIONS or buffer[at] not in (1, 2) or buffer[at + 236 : at + 240] != _COOKIE:
            return ""
        options = _options(buffer, at + _OPTIONS, end)
        kind = _TYPES.get(options[_TYPE][0], "other") if _TYPE in options else "BOOTP"
        self._messages[kind] = self._messages.get(kind, 0) + 1
        hardware = buffer[at + 28 : at + 28 + min(buffer[at + 2], 16)]
        client = self._client(hardware)
        if client is not None:
            client.messages[kind] = client.messages.get(kind, 0) + 1
        transaction = buffer[at + 4 : at + 8] + hardware
        if kind in _ASKS:
            self._ask((transaction, kind), client, packet)
        elif kind in _ANSWERED_BY:
            self._answer(kind, transaction, client, packet)
            if client is not None:
                _note(client, kind, options, packet)
        elif kind == "DECLINE" and client is not None:
            client.declines.add(packet.number)
        return "dhcp"

    def _client(self, hardware: bytes) -> _Client | None:
        client = self._clients.get(hardware)
        if client is None:
            if len(self._clients) >= MAX_CLIENTS:
                self.beyond += 1
                return None
            client = self._clients[hardware] = _Client()
        return client

    def _ask(self, key: tuple[bytes, str], client: _Client | None, packet: Packet) -> None:
        before = self._waiting.pop(key, None)
        if before is not None and client is not None:
            client.retried += 1
        self._waiting[key] = (packet.time, packet.number, client)
        if len(self._waiting) > MAX_WAITING:
            self.forgotten += 1
            self._judge(self._waiting.pop(next(iter(self._waiting))), packet.time)

    def _answer(self, kind: str, transaction: bytes, client: _Client | None, packet: Packet) -> None:
        """The question this message answers; what another server offers later answers nothing."""
        for question in _ANSWERED_BY[kind]:
            asked = self._waiting.pop((transaction, question), None)
            if asked is not None:
                if client is not None:
                    client.latency.add(packet.time - asked[0])
                return

    def _judge(self, asked: _Waiting, now: int) -> None:
        """A question that nobody answered until now."""
        time, frame, client = asked
        if now - time < JUDGED_AFTER:
            self.unjudged += 1
        elif client is not None:
            client.unanswered.add(frame)

    def finish(self, capture_end: int) -> DhcpFacts:
        """Clients with trouble first, then those that said the most."""
        for asked in self._waiting.values():
            self._judge(asked, capture_end)
        self._waiting.clear()
        ranked = sorted(self._clients.items(), key=lambda item: (-_trouble(item[1]), -sum(item[1].messages.values())))
        return DhcpFacts(
            messages=dict(sorted(self._messages.items())),
            clients=tuple(_told(hardware, client) for hardware, client in ranked[:TOLD_CLIENTS]),
            more_clients=max(0, len(ranked) - TOLD_CLIENTS),
        )


def _options(buffer: bytes, at: int, end: int) -> dict[int, bytes]:
    """The options that are needed, the first of each, as far as they are here (RFC 2132 section 2)."""
    found: dict[int, bytes] = {}
    while at < end and buffer[at] != 255:
        code = buffer[at]
        if code == 0:
            at += 1
            continue
        size = buffer[at + 1] if at + 1 < end else 0
        if _WANTED.get(code) == size and at + 2 + size <= end:
            found.setdefault(code, buffer[at + 2 : at + 2 + size])
        at += 2 + size
    return found


def _note(client: _Client, kind: str, options: dict[int, bytes], packet: Packet) -> None:
    """What a server said."""
    at = packet.payload
    if _SERVER in options:
        client.server = address(options[_SERVER])
    if kind == "NAK":
        client.naks.add(packet.number)
    elif kind == "ACK":
        given = packet.buffer[at + 16 : at + 20]
        client.address = address(given) if any(given) else client.address
        client.lease = int.from_bytes(options[_LEASE], "big") if _LEASE in options else client.lease


def _trouble(client: _Client) -> int:
    return client.naks.count + client.declines.count + client.unanswered.count


def _told(hardware: bytes, client: _Client) -> DhcpClient:
    return DhcpClient(
        client=hardware.hex(":"),
        messages=dict(sorted(client.messages.items())),
        server=client.server,
        address=client.address,
        lease=client.lease,
        naks=client.naks.tally(),
        declines=client.declines.tally(),
        retried=client.retried,
        unanswered=client.unanswered.tally(),
        latency=client.latency.spread(),
    )
