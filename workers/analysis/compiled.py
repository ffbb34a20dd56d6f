"""The compiled core (workers.core) put to the protocol stages: the same results as `plain.PlainCore`, much sooner."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from workers.analysis import icmp
from workers.analysis.addresses import endpoints
from workers.analysis.application import SERVICE_PORTS
from workers.analysis.flows import NAMES, Ports, sides, tunnel
from workers.analysis.samples import EMPTY, NANO, Durations
from workers.analysis.stages import UDP_PORTS, Stages
from workers.analysis.timeline import Bins
from workers.contract.facts import Conversation, Reset, Spread, Tally, TcpFacts, TcpSide
from workers.core.core import Core
from workers.packets import marks
from workers.packets.decode import Decoder
from workers.packets.packet import Packet

_TALLIES = ("window_full", "zero_window_probes", "acked_unseen", "too_big", "undelivered")
UNKNOWN = Spread()


class CompiledCore:
    """See plain.PlainCore. What the core hands on goes to the stages."""

    def __init__(self, stages: Stages) -> None:
        self._stages = stages
        self._decoder = Decoder()
        self._core = Core(Packet(), self._decoder.decode, stages, self, UDP_PORTS, SERVICE_PORTS)
        self.batch = self._core.batch

    def __getattr__(self, name: str) -> int:
        """frames, wire, captured, cut, cut_at, first, last, back, opened, ended, evicted."""
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            return self._core.totals[name]
        except KeyError:
            raise AttributeError(name) from None

    @property
    def counts(self) -> dict[str, int]:
        """Frames by mark."""
        late, frames = marks.expand(self._stages.late), self._core.marks
        return {name: frames[place] + late[name] for place, name in enumerate(marks.MARKS)}

    @property
    def handshakes(self) -> dict[str, int]:
        """TCP conversations that ended, by how far their handshake came; "unjudged" ones on top."""
        return self._core.handshakes

    @property
    def fragments(self) -> int:
        """Datagrams never put together."""
        return self._decoder.fragments.incomplete

    @property
    def ports(self) -> Ports:
        """Packets by protocol and server port."""
        return self._core.ports

    @property
    def bins(self) -> Bins:
        """The timeline's."""
        return self._core.bins

    def close(self) -> None:
        """The capture is over: what the core kept of conversations goes to the keeper."""
        self._core.close()
        for rank, place in self._core.kept:
            self._stages.keeper.offer(rank, partial(self._conversation, place))

    def _conversation(self, place: int) -> Conversation:
        return _conversation(self._core.flow(place))

    # -- what the core asks for --------------------------------------------------------------------------------

    def icmp_error(self, packet: Packet) -> None:
        """An ICMP error, right after the packets before it."""
        about = self._core.lookup(packet.quoted_kind, packet.quoted_key) if packet.quoted_kind >= 0 else None
        key, place, side = about or (packet.quoted_key, -1, 0)
        self._stages.icmp.update(packet, key)
        if about is not None and icmp.unreachable(packet):
            self._core.refused_by_icmp(place)
        elif about is not None and icmp.too_big(packet):
            self._core.too_big(place, side, packet.number, packet.error_mtu)


def _conversation(flow: Mapping[str, Any]) -> Conversation:
    client, client_port, server, server_port = endpoints(flow["key"])
    protocol = flow["protocol"]
    return Conversation(
        id=flow["id"],
        protocol=NAMES.get(protocol, f"ip-{protocol}"),
        client=client,
        client_port=client_port,
        server=server,
        server_port=server_port,
        first_at=flow["first"] * NANO,
        last_at=flow["last"] * NANO,
        client_packets=flow["client"][0],
        client_bytes=flow["client"][1],
        client_payload=flow["client"][2],
        server_packets=flow["server"][0],
        server_bytes=flow["server"][1],
        server_payload=flow["server"][2],
        first_frame=flow["first_frame"],
        application=flow["application"],
        tcp=_tcp(flow["tcp"]) if "tcp" in flow else None,
        tunnel=tunnel(*flow["tunnel"]) if flow["tunnel"] else None,
        sides=sides(flow["client"][0], flow["server"][0]),
    )


def _tcp(tcp: Mapping[str, Any]) -> TcpFacts:
    client, server = tcp["sides"]
    rtts = _spread(client), _spread(server)
    rtt = rtts[_slower(client, server)]
    return TcpFacts(
        handshake=tcp["handshake"],
        judged=tcp["judged"],
        syns=_tally(tcp["syns"]),
        handshake_rtt=_seconds(tcp["handshake_rtt"]),
        server_rtt=_seconds(tcp["server_rtt"]),
        reused_after=_seconds(tcp["reused_after"]),
        refused_by=tcp["refused_by"],
        data_segments_client=tcp["data_segments"][0],
        data_segments_server=tcp["data_segments"][1],
        retransmissions_client=_tally(tcp["retransmissions"][0]),
        retransmissions_server=_tally(tcp["retransmissions"][1]),
        largest_resent_client=tcp["largest_resent"][0],
        largest_resent_server=tcp["largest_resent"][1],
        unacknowledged_client=tcp["unacknowledged"][0],
        unacknowledged_server=tcp["unacknowledged"][1],
        out_of_order=_tally(tcp["out_of_order"]),
        lost_segments=_tally(tcp["lost_segments"]),
        duplicate_acks=_tally(tcp["duplicate_acks"]),
        zero_windows_client=_tally(tcp["zero_windows"][0]),
        zero_windows_server=_tally(tcp["zero_windows"][1]),
        zero_window_seconds=tcp["zero_time"] * NANO,
        keep_alives=_tally(tcp["keep_alives"]),
        resets=tuple([_reset(*reset) for reset in tcp["resets"]]),
        fins=tcp["fins"],
        rtt=rtt,
        ecn=tcp["ecn"],
        idle_gaps=tcp["idle"][0],
        longest_idle=tcp["idle"][1] * NANO,
        longest_idle_frame=tcp["idle"][2],
        client=_side(client, rtts[0]),
        server=_side(server, rtts[1]),
    )


def _reset(
    frame: int, by_client: bool, stage: str, after: int, idle: int, waited: int, origin: tuple[int, int, int, int]
) -> Reset:
    by = "client" if by_client else "server"
    return Reset(frame, by, stage, after * NANO, idle * NANO, waited * NANO, *origin)


def _tally(seen: tuple[int, tuple[int, ...]]) -> Tally:
    """As a fact; most are of nothing, and then the same one."""
    return Tally(*seen) if seen[0] else EMPTY


def _side(told: dict[str, Any], rtt: Spread) -> TcpSide:
    """`told` is of no use then."""
    told["rtt"] = rtt
    if _TALLIES[0] in told:
        for name in _TALLIES:
            told[name] = _tally(told[name])
    return TcpSide(**told)


def _spread(told: Mapping[str, Any]) -> Spread:
    return Durations.of(*told["rtt"]).spread() if told["rtt"] is not None else UNKNOWN


def _seconds(nanoseconds: int) -> float | None:
    return None if nanoseconds < 0 else nanoseconds * NANO


def _slower(client: Mapping[str, Any], server: Mapping[str, Any]) -> bool:
    """Whether the server's fastest sample is slower than the client's, as in analysis.tcp: that is the connection's."""
    one, other = client["rtt"], server["rtt"]
    return one is None or (other is not None and other[1] > one[1])
