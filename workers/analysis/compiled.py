"""The compiled core (workers.core) put to the protocol stages: the same results as `plain.PlainCore`, much sooner."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from workers.analysis import icmp
from workers.analysis.addresses import endpoints
from workers.analysis.application import SERVICE_PORTS
from workers.analysis.flows import NAMES, Ports, sides, tunnel
from workers.analysis.samples import NANO, Durations
from workers.analysis.stages import UDP_PORTS, Stages
from workers.analysis.timeline import Bins
from workers.contract.facts import Conversation, Reset, Spread, Tally, TcpFacts, TcpSide
from workers.core.core import Core
from workers.packets import marks
from workers.packets.decode import Decoder
from workers.packets.packet import Packet

_TALLIES = ("window_full", "zero_window_probes", "acked_unseen", "too_big", "undelivered")


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
    return TcpFacts(
        handshake=tcp["handshake"],
        judged=tcp["judged"],
        syns=Tally(*tcp["syns"]),
        handshake_rtt=_seconds(tcp["handshake_rtt"]),
        server_rtt=_seconds(tcp["server_rtt"]),
        reused_after=_seconds(tcp["reused_after"]),
        refused_by=tcp["refused_by"],
        data_segments_client=tcp["data_segments"][0],
        data_segments_server=tcp["data_segments"][1],
        retransmissions_client=Tally(*tcp["retransmissions"][0]),
        retransmissions_server=Tally(*tcp["retransmissions"][1]),
        largest_resent_client=tcp["largest_resent"][0],
        largest_resent_server=tcp["largest_resent"][1],
        unacknowledged_client=tcp["unacknowledged"][0],
        unacknowledged_server=tcp["unacknowledged"][1],
        out_of_order=Tally(*tcp["out_of_order"]),
        lost_segments=Tally(*tcp["lost_segments"]),
        duplicate_acks=Tally(*tcp["duplicate_acks"]),
        zero_windows_client=Tally(*tcp["zero_windows"][0]),
        zero_windows_server=Tally(*tcp["zero_windows"][1]),
        zero_window_seconds=tcp["zero_time"] * NANO,
        keep_alives=Tally(*tcp["keep_alives"]),
        resets=tuple(
            Reset(frame, "client" if by_client else "server", stage, after * NANO, idle * NANO, waited * NANO, *origin)
            for frame, by_client, stage, after, idle, waited, origin in tcp["resets"]
        ),
        fins=tcp["fins"],
        rtt=_rtt([side["rtt"] for side in tcp["sides"]]),
        ecn=tcp["ecn"],
        idle_gaps=tcp["idle"][0],
        longest_idle=tcp["idle"][1] * NANO,
        longest_idle_frame=tcp["idle"][2],
        client=_side(tcp["sides"][0]),
        server=_side(tcp["sides"][1]),
    )


def _side(told: Mapping[str, Any]) -> TcpSide:
    tallies = {name: Tally(*told[name]) for name in _TALLIES if name in told}
    rtt = Durations.of(*told["rtt"]).spread() if told["rtt"] is not None else Spread()
    return TcpSide(**{**told, **tallies, "rtt": rtt})


def _seconds(nanoseconds: int) -> float | None:
    return None if nanoseconds < 0 else nanoseconds * NANO


def _rtt(sides: Sequence[tuple[int, int, int, list[int]] | None]) -> Spread:
    """The side whose fastest sample is slower, as in analysis.tcp."""
    known = [Durations.of(*side) for side in sides if side is not None]
    return max(known, key=lambda side: side.least).spread() if known else Spread()
