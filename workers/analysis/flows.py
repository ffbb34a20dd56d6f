"""Conversations: the bounded table of live ones, and the bounded keeper of those that ended.

A conversation is two `Half`s, one a direction, found by addresses and ports as on the wire. When the table is full, a
quarter is evicted into the keeper of the half that was idle longest (by frame number): first those that may be over, so
that floods and lookups do not push out connections that wait. What the keeper can't hold is only counted.
"""

from collections.abc import Callable

from workers.analysis.addresses import WITH_PORTS, address, endpoints, reverse
from workers.analysis.samples import NANO
from workers.analysis.tcp_state import TcpHalf, TcpState
from workers.contract.facts import Conversation, Tunnel
from workers.packets.packet import Packet
from workers.packets.stream import Direction
from workers.packets.tunnels import KINDS

MAX_LIVE = 8_192
"""Conversations followed at once (both directions together)."""
LASTING = 4
"""Packets of a lookup, or of a handshake: more are a conversation that may go on after a while."""
MAX_KEPT = 500
"""Conversations told in the facts: those with trouble first, then the largest."""
MAX_PORTS = 50
NAMES = {1: "icmp", 6: "tcp", 17: "udp", 58: "icmp6", 132: "sctp"}
Rank = tuple[bool, int, int]
"""Healthy, bytes below zero, id: less is told first."""
Ports = dict[tuple[int, int], int]
_REGISTERED = (1024).to_bytes(2, "big")


class Half(Direction):
    """One direction of a conversation."""

    flow: "Flow"
    peer: "Half"

    def __init__(self, flow: "Flow", key: bytes) -> None:
        self.flow = flow
        self.key = key
        self.peer = self
        self.packets = 0
        self.bytes = 0
        self.payload = 0
        self.tcp: TcpHalf = NO_TCP
        self.stream = None

    def speaks(self, application: str) -> None:
        """The conversation's application protocol is known."""
        self.flow.application = application

    def awaited(self) -> int:
        """The sequence number that its stream waits for, or begins with; -1 when that is unknown."""
        if self.stream is not None:
            return self.stream.next
        return (self.tcp.initial + 1) & 0xFFFFFFFF if self.tcp.initial >= 0 else -1


class Flow:
    """One conversation. `client` may change while only mid-stream packets were seen."""

    __slots__ = (
        "application",
        "client",
        "first",
        "first_frame",
        "id",
        "last",
        "last_frame",
        "protocol",
        "state",
        "tunnel",
    )

    def __init__(self, number: int, protocol: int, packet: Packet) -> None:
        self.id = number
        self.protocol = protocol
        self.first = self.last = packet.time
        self.first_frame = self.last_frame = packet.number
        self.application = ""
        self.tunnel = (packet.tunnel, packet.outer, packet.tunnel_id) if packet.tunnel else None
        self.state: TcpState | None = None
        there, back = Half(self, packet.key), Half(self, reverse(packet.key, protocol))
        there.peer, back.peer = back, there
        self.client = there


NO_TCP = TcpHalf()
"""Stands in the halves of conversations that are not TCP."""


class FlowTable:
    """find or open conversations; `ended` is told of each one that leaves."""

    def __init__(self, ended: Callable[[Flow], None]) -> None:
        self._tables: dict[int, dict[bytes, Half]] = {6: {}, 17: {}}
        self._ended = ended
        self._live = 0
        self.opened = 0
        self.evicted = 0

    def table(self, protocol: int) -> dict[bytes, Half]:
        """Live halves of one protocol by key."""
        return self._tables.setdefault(protocol, {})

    def open(self, packet: Packet, protocol: int) -> Half:
        """A new conversation, which begins with this packet. The conversation with the same key must be gone."""
        if self._live >= MAX_LIVE:
            self._evict()
        self.opened += 1
        self._live += 1
        flow = Flow(self.opened, protocol, packet)
        table = self.table(protocol)
        half = flow.client
        table[half.peer.key] = half.peer
        table[half.key] = half
        flow.client = _client(half)
        return half

    def close(self, flow: Flow) -> None:
        """Take a conversation out and hand it over."""
        table = self._tables[flow.protocol]
        table.pop(flow.client.key, None)
        table.pop(flow.client.peer.key, None)
        self._live -= 1
        self._ended(flow)

    def close_all(self) -> None:
        """The capture is over."""
        for flow in self._flows():
            self.close(flow)

    def _flows(self) -> list[Flow]:
        halves = (half for table in self._tables.values() for half in table.values())
        return sorted({half.flow.id: half.flow for half in halves}.values(), key=lambda flow: flow.id)

    def _evict(self) -> None:
        idle_first = sorted(self._flows(), key=lambda flow: flow.last_frame)[: MAX_LIVE // 2]
        for flow in sorted(idle_first, key=lambda flow: (lasting(flow), flow.last_frame))[: MAX_LIVE // 4]:
            self.evicted += 1
            self.close(flow)


def lasting(flow: Flow) -> bool:
    """Whether more may come of a conversation that is idle."""
    one, other, state = flow.client, flow.client.peer, flow.state
    if one.packets + other.packets <= LASTING or one.payload + other.payload == 0:
        return False
    return state is None or not (state.fins or state.resets)


def _client(first: Half) -> Half:
    """Sender of the first packet, unless its port says it is the server (no SYN seen: the lower port serves)."""
    flow, key = first.flow, first.key
    source, destination = key[-4:-2], key[-2:]
    if flow.protocol == 6 and source != destination:
        return first if source > destination else first.peer
    if flow.protocol == 17 and source < _REGISTERED <= destination:
        return first.peer
    return first


class Keeper:
    """The conversations worth telling, at most MAX_KEPT, and packets by server port."""

    def __init__(self) -> None:
        self._kept: list[tuple[bool, int, int, Conversation]] = []
        self._worst: Rank | None = None
        self.seen = 0
        self._ports: Ports = {}

    def add(self, flow: Flow, trouble: bool, told: Callable[[], Conversation]) -> None:
        """Count a conversation, and keep what `told` makes of it if it ranks among the best so far."""
        self.seen += 1
        client, server = flow.client, flow.client.peer
        if flow.protocol in WITH_PORTS and len(client.key) in (12, 36):
            port = (flow.protocol, client.key[-2] << 8 | client.key[-1])
            self._ports[port] = self._ports.get(port, 0) + client.packets + server.packets
        self.offer((not trouble, -(client.bytes + server.bytes), flow.id), told)

    def offer(self, rank: Rank, told: Callable[[], Conversation]) -> Rank | None:
        """Keep what `told` makes of a conversation if it ranks among the best; the worst place of a full list."""
        if self._worst is None or rank <= self._worst:
            self._kept.append((*rank, told()))
            if len(self._kept) >= 2 * MAX_KEPT:
                self._shrink()
        return self._worst

    def _shrink(self) -> None:
        self._kept.sort(key=lambda entry: entry[:3])
        del self._kept[MAX_KEPT:]
        if len(self._kept) == MAX_KEPT:
            self._worst = self._kept[-1][:3]

    def conversations(self) -> tuple[Conversation, ...]:
        """Those with trouble first, then the largest."""
        self._shrink()
        return tuple(entry[3] for entry in self._kept)

    @property
    def ports(self) -> Ports:
        """Packets by protocol and server port."""
        return self._ports


def busiest(ports: Ports) -> dict[str, int]:
    """The busiest server ports, such as "tcp/443", with their packets."""
    ranked = sorted(ports.items(), key=lambda item: (-item[1], item[0]))[:MAX_PORTS]
    return {f"{NAMES[protocol]}/{port}": packets for (protocol, port), packets in ranked}


def conversation(flow: Flow) -> Conversation:
    """The fact without its TCP part."""
    client, server = flow.client, flow.client.peer
    source, source_port, destination, destination_port = endpoints(client.key)
    return Conversation(
        id=flow.id,
        protocol=NAMES.get(flow.protocol, f"ip-{flow.protocol}"),
        client=source,
        client_port=source_port,
        server=destination,
        server_port=destination_port,
        first_at=flow.first * NANO,
        last_at=flow.last * NANO,
        client_packets=client.packets,
        client_bytes=client.bytes,
        client_payload=client.payload,
        server_packets=server.packets,
        server_bytes=server.bytes,
        server_payload=server.payload,
        first_frame=flow.first_frame,
        application=flow.application,
        tunnel=tunnel(*flow.tunnel) if flow.tunnel else None,
        sides=sides(client.packets, server.packets),
    )


def sides(client: int, server: int) -> str:
    """Whose packets were seen, from how many; as in `Conversation`."""
    if client and server:
        return "both"
    return "client" if client else "server"


def tunnel(kind: int, ends: bytes, identifier: int) -> Tunnel:
    """The fact of a packet's outermost tunnel; `ends` is source and destination address, or empty."""
    size = len(ends) // 2
    source, destination = (address(ends[:size]), address(ends[size:])) if ends else ("", "")
    return Tunnel(KINDS[kind], source, destination, identifier)
