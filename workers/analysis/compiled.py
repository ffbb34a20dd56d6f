"""The compiled core (workers.core) put to the protocol stages: the same results as `plain.PlainCore`, much sooner."""

from functools import partial

from workers.analysis import icmp
from workers.analysis.addresses import endpoints
from workers.analysis.application import SERVICE_PORTS
from workers.analysis.flows import NAMES, Ports, sides, tunnel
from workers.analysis.samples import NANO
from workers.analysis.stages import UDP_PORTS, Stages
from workers.analysis.timeline import Bins
from workers.contract.facts import Conversation, TcpFacts
from workers.core.core import Core
from workers.packets import marks
from workers.packets.decode import Decoder
from workers.packets.packet import Packet

Counted = tuple[int, int, int]
"""Packets, bytes and payload of one side."""


class CompiledCore:
    """See plain.PlainCore. What the core hands on goes to the stages."""

    def __init__(self, stages: Stages) -> None:
        self._stages = stages
        self._decoder = Decoder()
        self._core = Core(Packet(), self._decoder.decode, stages, IcmpErrors(stages), UDP_PORTS, SERVICE_PORTS)
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
        return _conversation(*self._core.flow(place))


class IcmpErrors:
    """What the core asks for. It knows no core, so that an analysis that is over leaves no circle of objects."""

    def __init__(self, stages: Stages) -> None:
        self._stages = stages

    def icmp_error(self, core: Core, packet: Packet) -> None:
        """An ICMP error, right after the packets before it."""
        about = core.lookup(packet.quoted_kind, packet.quoted_key) if packet.quoted_kind >= 0 else None
        key, place, side = about or (packet.quoted_key, -1, 0)
        self._stages.icmp.update(packet, key)
        if about is not None and icmp.unreachable(packet):
            core.refused_by_icmp(place)
        elif about is not None and icmp.too_big(packet):
            core.too_big(place, side, packet.number, packet.error_mtu)


def _conversation(
    number: int,
    protocol: int,
    key: bytes,
    first: int,
    last: int,
    first_frame: int,
    application: str,
    asked: Counted,
    answered: Counted,
    carrier: tuple[int, bytes, int] | None,
    tcp: TcpFacts | None,
) -> Conversation:
    client, client_port, server, server_port = endpoints(key)
    return Conversation(
        number,
        NAMES.get(protocol) or f"ip-{protocol}",
        client,
        client_port,
        server,
        server_port,
        first * NANO,
        last * NANO,
        *asked,
        *answered,
        first_frame,
        application,
        tcp,
        tunnel(*carrier) if carrier else None,
        sides(asked[0], answered[0]),
    )
