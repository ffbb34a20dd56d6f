"""The plain core: records -> packets -> conversations and TCP, in Python. The reference of the compiled one."""

from collections.abc import Sequence

from msgspec.structs import replace

from workers.analysis import icmp, quic_packets, tcp, tcp_facts
from workers.analysis.flows import Flow, FlowTable, Half, Ports, conversation
from workers.analysis.stages import UDP_PORTS, Stages
from workers.analysis.tcp_state import TcpState
from workers.analysis.timeline import Bins
from workers.packets import marks
from workers.packets.decode import Decoder
from workers.packets.packet import FIN, NOTHING, RST, SYN, Packet
from workers.packets.pcap import Record

_PROBLEMS = marks.RETRANSMISSION | marks.RST


class PlainCore:
    """batch(buffer, records) as they come, close() once, then the results. See also compiled.CompiledCore."""

    def __init__(self, stages: Stages) -> None:
        self._stages = stages
        self._decoder = Decoder()
        self._packet = Packet()
        self._table = FlowTable(self._ended)
        self._tcp_live = self._table.table(6)
        self._udp_live = self._table.table(17)
        self._masks: dict[int, int] = {}
        self.handshakes: dict[str, int] = {}
        """TCP conversations that ended, by how far their handshake came; "unjudged" ones on top."""
        self.frames = self.wire = self.captured = self.cut = self.cut_at = 0
        self.first = self.last = self.back = 0

    @property
    def counts(self) -> dict[str, int]:
        """Frames by mark."""
        late = marks.expand(self._stages.late)
        return {name: frames + late[name] for name, frames in marks.expand(self._masks).items()}

    @property
    def opened(self) -> int:
        """Conversations."""
        return self._table.opened

    @property
    def ended(self) -> int:
        """Conversations that are over."""
        return self._stages.keeper.seen

    @property
    def evicted(self) -> int:
        """Conversations closed early to bound memory."""
        return self._table.evicted

    @property
    def fragments(self) -> int:
        """Datagrams never put together."""
        return self._decoder.fragments.incomplete

    @property
    def ports(self) -> Ports:
        """Packets by protocol and server port."""
        return self._stages.keeper.ports

    @property
    def bins(self) -> Bins:
        """The timeline's."""
        return self._stages.timeline.bins

    def close(self) -> None:
        """The capture is over."""
        self._packet.mask = 0
        self._table.close_all()

    def batch(self, buffer: bytes, records: Sequence[Record]) -> None:
        """Records through every stage. The loop is the hot path: what it needs each time is local."""
        packet, masks = self._packet, self._masks
        decode, timeline, follow = self._decoder.decode, self._stages.timeline.update, self._tcp
        number, wires, bodies = self.frames, self.wire, self.captured
        if not number:
            self.first = records[0][3]
        for start, captured, wire, time, link_type in records:
            number += 1
            packet.number, packet.time = number, time
            size = wire if wire == captured else self._sizes(captured, wire)
            wires += size
            bodies += captured
            if time > self.last:
                self.last = time
            elif time < self.last:
                self._backwards(time)
            timeline(time, size)
            decode(packet, buffer, start, captured, wire, link_type)
            if packet.kind == 6:
                follow(packet)
            elif packet.kind == 17:
                self._udp(packet)
            elif packet.kind != NOTHING:
                self._other(packet, packet.kind)
            mask = packet.mask
            masks[mask] = masks.get(mask, 0) + 1
        self.frames, self.wire, self.captured = number, wires, bodies

    def _backwards(self, time: int) -> None:
        """A timestamp before the latest one so far."""
        self.back = max(self.back, self.last - time)
        self.first = min(self.first, time)

    def _sizes(self, captured: int, wire: int) -> int:
        """Count a cut packet; its true size, which is never less than what was captured."""
        if wire < captured:
            return captured
        self.cut += 1
        self.cut_at = max(self.cut_at, captured)
        return wire

    def _tcp(self, packet: Packet) -> None:
        half = self._tcp_live.get(packet.key)
        if half is None:
            half = self._open_tcp(packet)
        elif packet.flags & 0x12 == SYN and tcp.reuses_ports(packet, half):
            packet.mask |= marks.REUSED_PORTS
            before = half.flow
            self._table.close(before)
            half = self._open_tcp(packet)
            tcp.follows(half.flow, before)
        flow = half.flow
        if flow.state is not None and packet.time >= flow.state.bin_end:
            tcp.next_second(packet, flow)
        flow.last_frame = packet.number
        flow.last = packet.time
        half.packets += 1
        half.bytes += packet.ip_length
        half.payload += packet.payload_length
        acked = half.tcp.last_ack
        found = tcp.update(packet, half)
        self._stages.timeline.sent(half is flow.client)
        packet.mask |= found
        if half.peer.tcp.hole and half.tcp.last_ack != acked:
            self._acknowledge_hole(packet, half.peer)
        if packet.payload_length and not packet.flags & RST and not found & marks.KEEP_ALIVE:
            stream = half.stream
            if packet.flags & SYN:  # data behind the SYN's own number (TCP Fast Open, RFC 7413)
                packet.sequence = (packet.sequence + 1) & 0xFFFFFFFF
            if stream is None:
                stream = self._stages.open_stream(half)
                stream.next, half.stream = half.awaited(), stream
            stream.segment(packet, half.peer.tcp.last_ack)
        if packet.flags & FIN and half.stream is not None:
            half.stream.parser.fin(packet)
        if packet.mask & _PROBLEMS:
            self._stages.timeline.problem(packet.time)

    @staticmethod
    def _acknowledge_hole(packet: Packet, sender: Half) -> None:
        """A packet acknowledges more of what has a hole: for what it has of that the stream need not wait."""
        sender.tcp.hole = (packet.ack - sender.tcp.next) & 0xFFFFFFFF >= 0x80000000
        if sender.stream is not None:
            key, packet.key = packet.key, sender.key
            sender.stream.acknowledged(packet, sender.peer.tcp.last_ack)
            packet.key = key

    def _open_tcp(self, packet: Packet) -> Half:
        half = self._table.open(packet, 6)
        tcp.start(half)
        return half

    def _udp(self, packet: Packet) -> None:
        half = self._udp_live.get(packet.key)
        if half is None:
            half = self._table.open(packet, 17)
        self._count(packet, half)
        key = packet.key
        source, destination = key[-4] << 8 | key[-3], key[-2] << 8 | key[-1]
        if source in UDP_PORTS or destination in UDP_PORTS:
            half.flow.application = self._stages.datagram(packet, source, destination)
        elif quic_packets.may_begin(packet.buffer, packet.payload, packet.end):
            self._stages.long_header(packet, half)

    def _other(self, packet: Packet, kind: int) -> None:
        half = self._table.table(kind).get(packet.key)
        if half is None:
            half = self._table.open(packet, kind)
        self._count(packet, half)
        if packet.error_type >= 0:
            self._icmp_error(packet)

    def _count(self, packet: Packet, half: Half) -> None:
        self._stages.timeline.sent(half is half.flow.client)
        half.flow.last_frame = packet.number
        half.flow.last = packet.time
        half.packets += 1
        half.bytes += packet.ip_length
        half.payload += packet.payload_length

    def _icmp_error(self, packet: Packet) -> None:
        about = self._table.table(packet.quoted_kind).get(packet.quoted_key) if packet.quoted_kind >= 0 else None
        self._stages.icmp.update(packet, about.flow.client.key if about else packet.quoted_key)
        if about is None or packet.quoted_kind != 6:
            return
        if icmp.unreachable(packet):
            tcp.refused_by_icmp(about.flow)
        elif icmp.too_big(packet):
            tcp.too_big(packet, about)

    def _ended(self, flow: Flow) -> None:
        """A conversation leaves the table: hand its last bytes on, then keep its facts."""
        stages = self._stages
        if flow.state is None:
            stages.quic.end(flow, self.last)
            stages.keeper.add(flow, False, lambda: conversation(flow))
            return
        stages.over(flow.client, self._packet, self.last)
        self._tally(flow.state)
        stages.keeper.add(
            flow, tcp_facts.troubled(flow), lambda: replace(conversation(flow), tcp=tcp_facts.finish(flow, self.last))
        )

    def _tally(self, state: TcpState) -> None:
        stages, stage = self.handshakes, tcp_facts.handshake(state)
        stages[stage] = stages.get(stage, 0) + 1
        if stage == "unanswered" and tcp_facts.judged(state, self.last):
            self._stages.timeline.problem(state.first_syn_time)
        elif stage == "unanswered":
            stages["unjudged"] = stages.get("unjudged", 0) + 1
        if state.handshake_rtt >= 0:
            self._stages.latency(state.first_syn_time, state.handshake_rtt)
