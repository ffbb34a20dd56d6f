"""The close-up in plain Python: the reference of `closeup.pxi` in workers.core, and its stand-in without a compiler."""

from collections.abc import Sequence

from workers.analysis import tcp
from workers.analysis.flows import Flow, FlowTable, Half
from workers.analysis.samples import Thinned
from workers.analysis.tcp_facts import handshake, judged
from workers.contract.closeup import MARKED_POINTS, SIDE_POINTS
from workers.packets import marks
from workers.packets.decode import Decoder
from workers.packets.packet import ACK, NOTHING, RST, SYN, Packet
from workers.packets.pcap import Record

HEAD = 512
"""Bytes of a payload that are looked at."""
Point = tuple[int, int, int, int, int, int, int | None, int, int, int, bytes]
"""frame, nth, time, side, length, sequence, ack, window, flags, mask, head"""
_PROBLEMS = marks.RETRANSMISSION | marks.RST | marks.ZERO_WINDOW
_TROUBLE = _PROBLEMS | marks.OUT_OF_ORDER | marks.LOST_SEGMENT
_TURNS = marks.SYN | marks.SYNACK | marks.FIN | marks.ZERO_WINDOW_PROBE
_LONG = 1 << 54


class Trail:
    """One conversation's packets as they are kept."""

    def __init__(self, flow: Flow, key: bytes) -> None:
        self.flow = flow
        self.key = key
        """Of the first packet's direction, side 0."""
        self.client = 0
        self.problems = self.silence = self.silent_at = 0
        self.trails: tuple[Thinned, ...] = (Thinned(SIDE_POINTS), Thinned(SIDE_POINTS), Thinned(MARKED_POINTS))
        self.last: Point | None = None
        self._highest = [0, 0]
        self._number: list[int | None] = [None, None]

    def take(self, packet: Packet, half: Half) -> None:
        """One more packet."""
        side, last = int(half.key != self.key), self.last
        if last is not None and packet.time - last[2] > self.silence:
            self.silence, self.silent_at = packet.time - last[2], last[2]
        self.client = side if half is half.flow.client else 1 - side
        ack, sequence, window, flags, head = None, 0, 0, 0, b""
        if packet.kind == 6:
            flags, window, moves = packet.flags, packet.window, not packet.flags & RST
            sequence = self._from_first(side, packet.sequence, moves)
            ack = self._from_first(1 - side, packet.ack, moves) if flags & ACK else None
        if packet.kind in (6, 17) and packet.payload_length:
            head = packet.buffer[packet.payload : min(packet.end, packet.payload + HEAD)]
        nth = last[1] + 1 if last is not None else 1
        length = packet.payload_length
        self.last = point = (
            packet.number, nth, packet.time, side, length, sequence, ack, window, flags, packet.mask, head,
        )  # fmt: skip
        troubled = packet.mask & _TROUBLE
        self.problems += bool(troubled)
        trail = self.trails[2 if troubled or packet.mask & _TURNS else side]
        if trail.takes():
            trail.items.append(point)

    def _from_first(self, side: int, number: int, moves: bool) -> int:
        """A sequence number counted from its side's first one seen. A RST may hold any numbers, so moves nothing."""
        known = self._number[side]
        if known is None:
            self._number[side] = number if moves else None
            return 0
        ahead = (number - known + 0x80000000 & 0xFFFFFFFF) - 0x80000000
        value = self._highest[side] + ahead
        if moves and ahead > 0:
            self._highest[side], self._number[side] = value, number
        return value


class PlainCloseUp:
    """batch(buffer, records) as they come, close() at the end; then `rows`, `traces`, `located`. See CoreCloseUp."""

    def __init__(
        self,
        start: int,
        span: int,
        columns: int,
        rows: int,
        pairs: Sequence[tuple[int, bytes, int]],
        flows: Sequence[int],
        frames: Sequence[int],
    ) -> None:
        self._start, self._span, self._columns = start, span, columns
        self.rows: list[tuple[list[int], list[int]]] = [([0] * columns, [0] * columns) for _ in range(rows)]
        self._pairs: dict[tuple[int, bytes], int] = {}
        for kind, key, row in pairs:
            self._pairs.setdefault((kind, key), row)
        self._flows = list(flows)
        self._frames = list(frames)
        """Those not reached yet, in order."""
        self._trails: dict[int, Trail] = {}
        self.located: list[tuple[int, int, int, bytes]] = []
        self._decoder = Decoder()
        self._packet = Packet()
        self._table = FlowTable(self._ended)
        self._number = self._last = 0

    def batch(self, buffer: bytes, records: Sequence[Record]) -> None:
        """Take the records of a buffer."""
        packet, decode = self._packet, self._decoder.decode
        for start, captured, wire, time, link_type in records:
            self._number += 1
            self._last = max(self._last, time)
            packet.number, packet.time = self._number, time
            decode(packet, buffer, start, captured, wire, link_type)
            wanted = packet.kind != NOTHING and self._row(packet.kind, packet.key) is not None
            if wanted or (packet.kind != NOTHING and self._frames):
                self._look(packet)

    def close(self) -> None:
        """The capture is over."""
        self._table.close_all()

    @property
    def traces(self) -> list[tuple[int, int, bytes, int, int, int, int, int, list[Point]]]:
        """As CoreCloseUp.traces."""
        told = []
        for frame in self._flows:
            one = self._trails.get(frame)
            if one is None or one.last is None:
                continue
            points = [one.last, *(point for trail in one.trails for point in trail.items)]
            ends, side, last = (one.flow.protocol, one.flow.client.key), one.client, one.last
            told.append((frame, *ends, side, last[1], one.problems, one.silence, one.silent_at, points))
        return told

    def _look(self, packet: Packet) -> None:
        half = self._half(packet)
        flow = half.flow
        flow.last_frame, flow.last = packet.number, packet.time
        half.packets += 1
        half.bytes += packet.ip_length
        half.payload += packet.payload_length
        if packet.kind == 6:
            packet.mask |= tcp.update(packet, half)
        row = self._row(packet.kind, flow.client.key)
        if row is not None and row >= 0:
            sizes, problems = self.rows[row]
            column = self._column(packet.time)
            sizes[column] += packet.ip_length
            problems[column] += bool(packet.kind == 6 and packet.mask & _PROBLEMS)
        if flow.first_frame in self._flows:
            if packet.number == flow.first_frame:
                self._trails[flow.first_frame] = Trail(flow, packet.key)
            self._trails[flow.first_frame].take(packet, half)
        while self._frames and self._frames[0] <= packet.number:
            if self._frames.pop(0) == packet.number:
                self.located.append((packet.number, flow.first_frame, packet.kind, flow.client.key))

    def _half(self, packet: Packet) -> Half:
        half = self._table.table(packet.kind).get(packet.key)
        opens = packet.kind == 6 and packet.flags & (SYN | ACK) == SYN
        if half is not None and opens and tcp.reuses_ports(packet, half):
            self._table.close(half.flow)
            half = None
        if half is None:
            half = self._table.open(packet, packet.kind)
            if packet.kind == 6:
                tcp.start(half)
        return half

    def _ended(self, flow: Flow) -> None:
        """An unanswered SYN is a problem where it was sent."""
        if flow.state is None or handshake(flow.state) != "unanswered" or not judged(flow.state, self._last):
            return
        row = self._row(6, flow.client.key)
        if row is not None and row >= 0:
            self.rows[row][1][self._column(flow.state.first_syn_time)] += 1

    def _row(self, kind: int, key: bytes) -> int | None:
        """The row of a key from client to server, or else of its reverse; None when its pair is not looked at."""
        size = 4 if len(key) < 16 else 16
        source, destination, ports = key[:size], key[size : 2 * size], key[2 * size :] or bytes(4)
        found = self._pairs.get((kind, source + destination + ports[2:]))
        return found if found is not None else self._pairs.get((kind, destination + source + ports[:2]))

    def _column(self, time: int) -> int:
        at, span = time - self._start, self._span
        if at <= 0:
            return 0
        if at >= span:
            return self._columns - 1
        if span >= _LONG:  # as the compiled one, to whom the product would be too large
            at, span = at >> 10, span >> 10
        return min(self._columns - 1, at * self._columns // span)
