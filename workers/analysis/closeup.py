"""A finished capture looked at once more for its pictures: feed(chunk) as for `Analyser`, then finish().

In: what to look at (contract.closeup.Look) and the same bytes. Out: a CloseUp. Memory is bounded by the Look's own
bounds; nothing a capture holds raises.
"""

from ipaddress import ip_address

from workers.analysis.addresses import endpoints
from workers.analysis.closeup_plain import PlainCloseUp, Point
from workers.analysis.closeup_words import says
from workers.analysis.flows import NAMES
from workers.analysis.samples import NANO
from workers.contract.closeup import CloseUp, Look, Pair, Row, Segment, Trace
from workers.core import BUILT
from workers.packets import marks
from workers.packets.capture import CaptureReader
from workers.packets.decode import Decoder
from workers.packets.packet import Packet

if BUILT:
    from workers.core.core import CoreCloseUp

_TOLD = (
    "syn", "synack", "fin", "rst", "retransmission", "fast_retransmission", "spurious_retransmission", "out_of_order",
    "lost_segment", "duplicate_ack", "zero_window", "zero_window_probe", "keep_alive", "keep_alive_ack",
)  # fmt: skip
_BITS = tuple((name, marks.MARKS[name]) for name in _TOLD)
_NUMBERS = {name: number for number, name in NAMES.items()}


_LATEST = 1 << 62
"""Nanoseconds: the year 2116. A mutilated file may name later times, which the core can't tell from one another."""


class CloserLook:
    """feed(chunk) any number of times, finish() once. Any chunking of the same bytes gives the same close-up."""

    def __init__(self, look: Look, *, compiled: bool = BUILT) -> None:
        self._reader = CaptureReader()
        pairs = [(_protocol(pair.protocol), _key(pair), pair.row) for pair in look.pairs]
        start, span = min(look.start, _LATEST), min(look.span, _LATEST)
        order = (start, span, look.columns, look.rows, pairs, look.flows, sorted(look.frames))
        self._eye = CoreCloseUp(Packet(), Decoder().decode, *order) if compiled else PlainCloseUp(*order)

    def feed(self, chunk: bytes) -> None:
        """The next bytes of the capture file."""
        for buffer, records in self._reader.feed(chunk):
            self._eye.batch(buffer, records)

    def finish(self) -> CloseUp:
        """What was seen, also of a capture that is cut off."""
        eye = self._eye
        eye.close()
        return CloseUp(
            tuple(Row(tuple(sizes), tuple(problems)) for sizes, problems in eye.rows),
            tuple(_trace(*told) for told in eye.traces),
            tuple((frame, _pair(kind, key), first) for frame, first, kind, key in eye.located),
        )


def _key(pair: Pair) -> bytes:
    ends = ip_address(pair.client).packed + ip_address(pair.server).packed
    return ends + pair.server_port.to_bytes(2, "big")


def _protocol(name: str) -> int:
    """The IP protocol number of a name as in `Conversation`."""
    return _NUMBERS[name] if name in _NUMBERS else int(name.removeprefix("ip-"))


def _pair(kind: int, key: bytes) -> Pair:
    client, _, server, port = endpoints(key)
    return Pair(client, server, port, NAMES.get(kind, f"ip-{kind}"))


def _trace(
    first: int, kind: int, key: bytes, client: int, packets: int, problems: int, silence: int, since: int,
    points: list[Point],
) -> Trace:  # fmt: skip
    """Points as segments, in the order of their frames and each once: the last packet may be among the others."""
    ends = endpoints(key)
    every = sorted({point[0]: point for point in points}.values())
    return Trace(
        first,
        NAMES.get(kind, f"ip-{kind}"),
        *ends,
        packets=packets,
        problems=problems,
        silence=silence * NANO,
        silent_at=since * NANO,
        kept_all=len(every) == packets,
        segments=tuple(_segment(point, kind, client, (ends[1], ends[3])) for point in every),
    )


def _segment(point: Point, kind: int, client: int, ports: tuple[int, int]) -> Segment:
    frame, nth, time, side, length, sequence, ack, window, flags, mask, head = point
    shown = tuple(name for name, bit in _BITS if mask & bit)
    by = "client" if side == client else "server"
    told = says(head, length, kind, ports) if head else ""
    return Segment(frame, nth, time * NANO, by, length, sequence, ack, window, flags, shown, told)
