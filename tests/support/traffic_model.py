"""TCP conversations with planted trouble, and what a capture of them must show: the truth is written as it is planted.

`Plan`s (drawn by `traffic_plans`) become frames, each with the marks that it must earn, and a `Truth` for each
conversation. Nothing here reads packets: a mark is known because the model did what the mark stands for. The capture
sits between client and server; `near` and `far` are the round trips from there. Times are whole microseconds.
"""

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address

FIN, SYN, RST, PSH, ACK, ECE, CWR = 1, 2, 4, 8, 16, 64, 128
START = 1_700_000_000_000_000
RTO = 250_000
"""A retransmission timeout; more than any round trip here."""
RAW = 40_000
"""The window field of both sides, in whatever unit they agreed on."""
MSS = 1_200
BIG = 1_400
"""Larger than anything that arrives."""
BOTH = frozenset("cs")
NEED_BOTH = frozenset({
    "fast_retransmission", "spurious_retransmission", "ack_lost_segment", "zero_window_probe", "zero_window_probe_ack",
    "window_full",
})  # fmt: skip
"""Marks that compare what both sides said: a one-sided view can't show them."""


@dataclass(frozen=True)
class Act:
    """Something that happens in an open conversation. `side` sends the data it is about; `count` is its size."""

    kind: str
    side: str = "c"
    count: int = 1
    size: int = 100


@dataclass(frozen=True)
class Plan:
    """One conversation."""

    opening: str = "complete"
    acts: tuple[Act, ...] = ()
    ending: str = "fin"
    near: int = 2_000
    far: int = 3_000
    scales: tuple[int | None, int | None] = (None, None)
    sack: bool = False
    stamps: bool = False
    ecn: bool = False
    view: str = "cs"
    """Whose packets the capture shows."""
    version: int = 4
    isn: tuple[int, int] = (1_000, 5_000)
    offset: int = 0
    tries: int = 1
    again: bool = False
    """It is followed by another one on the same ports."""


@dataclass
class Frame:
    """One packet in the capture."""

    time: int
    side: str
    data: bytes
    end: int
    ack: int | None
    payload: int
    flags: int
    marks: set[str]
    number: int = 0


@dataclass
class Truth:
    """What must be told of one conversation. Frames are in the order captured."""

    plan: Plan
    frames: list[Frame] = field(default_factory=list)
    handshake: str = "unseen"
    syns: int = 0
    resets: list[tuple[str, str]] = field(default_factory=list)
    undelivered: int = 0
    sacks: dict[str, int] = field(default_factory=lambda: {"c": 0, "s": 0})
    marked: dict[str, int] = field(default_factory=lambda: {"c": 0, "s": 0})
    echoed: dict[str, int] = field(default_factory=lambda: {"c": 0, "s": 0})
    answered: dict[str, int] = field(default_factory=lambda: {"c": 0, "s": 0})
    zero_time: int = 0

    def having(self, mark: str, side: str = "cs") -> list[int]:
        """Numbers of the frames with a mark, sent by `side`."""
        return [frame.number for frame in self.frames if mark in frame.marks and frame.side in side]


class Talk:
    """Plays a plan."""

    def __init__(self, plan: Plan, port: int, at: int, *, reused: bool = False) -> None:
        self.plan = plan
        self.truth = Truth(plan)
        self.now = at
        self._port = port
        self._reused = reused
        self._next = dict(zip("cs", plan.isn, strict=True))
        self._sent = {"c": 0, "s": 0}
        self._cwr = ""
        self._one_sided = len(plan.view) == 1
        scaled = None not in plan.scales and plan.opening != "middle"
        self._shift = {side: scale or 0 if scaled else 0 for side, scale in zip("cs", plan.scales, strict=True)}

    # -- packets -----------------------------------------------------------------------------------------------

    def packet(
        self,
        side: str,
        *marks: str,
        flags: int = ACK,
        size: int = 0,
        back: int = 0,
        ack: int | None = None,
        window: int = RAW,
        options: bytes = b"",
        seen: bool = True,
        ce: bool = False,
    ) -> None:
        """One packet at this moment, `back` bytes below the sender's next sequence number."""
        other = "s" if side == "c" else "c"
        sequence = (self._next[side] - back) % 2**32
        span = size + bool(flags & SYN) + bool(flags & FIN)
        if not flags & RST:
            self._next[side] = (self._next[side] + max(0, span - back)) % 2**32
        if ack is None:
            ack = self._next[other]
        stamps = b"\1\1\x08\x0a" + bytes(8) if self.plan.stamps and not flags & SYN else b""
        if size and side == self._cwr and not back:
            flags, self._cwr = flags | CWR, ""
            self.truth.answered[side] += seen and side in self.plan.view
        if side in self.plan.view and seen:
            shown = {mark for mark in marks if not (self._one_sided and mark in NEED_BOTH)}
            if not flags & ACK:
                ack = None
            data = self._bytes(side, flags, sequence, ack, window, stamps + options, size, ce)
            self.truth.frames.append(Frame(self.now, side, data, (sequence + size) % 2**32, ack, size, flags, shown))
            self._sent[side] += size
        self.now += 20

    def _bytes(
        self, side: str, flags: int, seq: int, ack: int | None, window: int, options: bytes, size: int, ce: bool
    ) -> bytes:
        ports = (self._port, 8_080) if side == "c" else (8_080, self._port)
        length = 5 + len(options) // 4
        head = struct.pack("!HHIIHHHH", *ports, seq, ack or 0, length << 12 | flags, window, 0, 0) + options
        ends = ("198.18.0.1", "198.18.0.2") if self.plan.version == 4 else ("2001:db8::1", "2001:db8::2")
        packed = b"".join(ip_address(end).packed for end in (ends if side == "c" else ends[::-1]))
        segment, congestion = head + b"\xee" * size, 3 if ce else 0
        if self.plan.version == 6:
            first = 0x60000000 | congestion << 20
            return bytes(12) + b"\x86\xdd" + struct.pack("!IHBB", first, len(segment), 6, 64) + packed + segment
        head4 = struct.pack("!BBHHHBBH", 0x45, congestion, 20 + len(segment), 1, 0, 64, 6, 0)
        return bytes(12) + b"\x08\0" + head4 + packed + segment

    def _turn(self, side: str) -> str:
        """Until the other side's answer to a packet of `side` passes the capture; who answers."""
        self.now += self.plan.far if side == "c" else self.plan.near
        return "s" if side == "c" else "c"

    def _ack(self, side: str, *marks: str, flags: int = ACK, ack: int | None = None, window: int = RAW) -> None:
        """The other side takes in all that `side` sent."""
        self.packet(self._turn(side), *marks, flags=flags, ack=ack, window=window)

    # -- opening -------------------------------------------------------------------------------------------------

    def play(self) -> Truth:
        """The whole plan."""
        getattr(self, f"_open_{self.plan.opening.replace('-', '_')}")()
        if self.plan.opening in ("complete", "middle"):
            for act in self.plan.acts:
                self.now += 30_000
                getattr(self, f"_{act.kind}")(act)
            self.now += 30_000
            getattr(self, f"_end_{self.plan.ending}")()
        return self.truth

    def _options(self, side: str) -> bytes:
        scale = self.plan.scales["cs".index(side)]
        options = b"\2\4" + struct.pack("!H", MSS)
        options += b"" if scale is None else bytes((1, 3, 3, scale))
        options += b"\1\1\4\2" if self.plan.sack else b""
        return options + (b"\1\1\x08\x0a" + bytes(8) if self.plan.stamps else b"")

    def _syn(self, *marks: str) -> None:
        self.truth.syns += "c" in self.plan.view
        flags = SYN | (ECE | CWR if self.plan.ecn else 0)
        self.packet("c", *marks, flags=flags, back=int("retransmission" in marks), options=self._options("c"))

    def _syns(self) -> None:
        """SYNs, after one second, two, four."""
        self._syn(*(("reused_ports",) if self._reused else ()))
        for nth in range(self.plan.tries - 1):
            self.now += 1_000_000 << nth
            self._syn("retransmission")

    def _syn_ack(self) -> None:
        self.now += self.plan.far
        self.packet("s", flags=SYN | ACK | (ECE if self.plan.ecn else 0), options=self._options("s"))

    def _open_complete(self) -> None:
        self._syns()
        self._syn_ack()
        self.now += self.plan.near
        self.packet("c")
        self.truth.handshake = {"cs": "complete", "c": "unanswered", "s": "half-open"}[self.plan.view]

    def _open_unanswered(self) -> None:
        self._syns()
        self.truth.handshake = "unanswered"

    def _open_refused(self) -> None:
        self._syns()
        self.now += self.plan.far
        self.packet("s", flags=RST | ACK)
        self.truth.handshake = {"cs": "refused", "c": "unanswered", "s": "unseen"}[self.plan.view]
        self._reset_by("s", "after-data" if self._one_sided else "refused")

    def _open_half_open(self) -> None:
        self._syns()
        self._syn_ack()
        self.truth.handshake = "unanswered" if self.plan.view == "c" else "half-open"

    def _open_given_up(self) -> None:
        """The client resets what the server answered."""
        self._open_half_open()
        self.now += self.plan.near
        self.packet("c", flags=RST)
        self._reset_by("c", "handshake")

    def _open_middle(self) -> None:
        """The capture begins in a conversation that goes on."""
        for side in "cs":
            self.packet(side, size=50)
            self._ack(side)

    def _reset_by(self, side: str, stage: str) -> None:
        if side in self.plan.view:
            self.truth.resets.append(("client" if side == "c" else "server", stage))

    # -- acts ----------------------------------------------------------------------------------------------------

    def _data(self, act: Act) -> None:
        """Segments in order, every second one acknowledged."""
        for nth in range(act.count):
            self.packet(act.side, size=act.size)
            if nth % 2 or nth == act.count - 1:
                self._ack(act.side)

    def _lost_after(self, act: Act) -> None:
        """Lost behind the capture, sent again after a timeout, maybe in vain at first."""
        self.packet(act.side, size=act.size)
        for nth in range(act.count):
            self.now += RTO << nth
            self.packet(act.side, "retransmission", size=act.size, back=act.size)
        self._ack(act.side)

    def _lost_before(self, act: Act) -> None:
        """Lost before the capture; the next segment shows the gap, the timeout fills it."""
        self.packet(act.side, size=act.size, seen=False)
        self.packet(act.side, "lost_segment", size=act.size)
        self._ack(act.side, "duplicate_ack", ack=self._hole(act, 2))
        self.now += RTO
        self.packet(act.side, "retransmission", size=act.size, back=2 * act.size)
        self._ack(act.side)

    def _fast(self, act: Act) -> None:
        """Lost on either side of the capture (`count` odd: before it), sent again upon three duplicate ACKs."""
        before = bool(act.count % 2)
        self.packet(act.side, size=act.size, seen=not before)
        times = []
        for nth in range(3):
            self.packet(act.side, *(["lost_segment"] if before and not nth else []), size=act.size)
            times.append(self.now)
        other, turn = ("s", self.plan.far) if act.side == "c" else ("c", self.plan.near)
        hole = self._hole(act, 4)
        for time in times:
            self.now = time + turn
            self.packet(other, "duplicate_ack", ack=hole, options=self._sack(act.side, other, hole + act.size))
        self.now += 30 + (self.plan.near if act.side == "c" else self.plan.far)
        self.packet(act.side, "retransmission", "fast_retransmission", size=act.size, back=4 * act.size)
        self._ack(act.side)

    def _hole(self, act: Act, segments: int) -> int:
        """Where a hole so many segments back begins."""
        return (self._next[act.side] - segments * act.size) % 2**32

    def _sack(self, side: str, other: str, start: int) -> bytes:
        if not self.plan.sack or self.plan.opening == "middle":
            return b""
        self.truth.sacks[other] += other in self.plan.view
        return b"\1\1\5\x0a" + struct.pack("!II", start % 2**32, self._next[side])

    def _not_captured(self, act: Act) -> None:
        """It arrived, but the capture lacks it: an ACK proves that it was there."""
        self.packet(act.side, size=act.size, seen=False)
        self.packet(act.side, "lost_segment", size=act.size)
        self._ack(act.side, "ack_lost_segment")

    def _reordered(self, act: Act) -> None:
        """Two segments change places on the way."""
        self._next[act.side] = (self._next[act.side] + act.size) % 2**32
        self.packet(act.side, "lost_segment", size=act.size)
        self.now += 100
        self.packet(act.side, "out_of_order", size=act.size, back=2 * act.size)
        self._ack(act.side, "duplicate_ack", ack=self._hole(act, 2))
        self._ack_again(act.side)

    def _ack_again(self, side: str, *marks: str) -> None:
        self.packet("s" if side == "c" else "c", *marks)

    def _duplicated(self, act: Act) -> None:
        """The network delivers a segment twice."""
        self.packet(act.side, size=act.size)
        self.packet(act.side, "retransmission", size=act.size, back=act.size)
        self._ack(act.side)
        self._ack_again(act.side, "duplicate_ack")

    def _spurious(self, act: Act) -> None:
        """The ACK is lost behind the capture, so the data is sent again."""
        self.packet(act.side, size=act.size)
        self._ack(act.side)
        self.now += RTO
        self.packet(act.side, "retransmission", "spurious_retransmission", size=act.size, back=act.size)
        self._ack(act.side, "duplicate_ack")

    def _kept_alive(self, act: Act) -> None:
        """Silence, then keep-alives with a byte or none."""
        other = "s" if act.side == "c" else "c"
        alone = self.plan.view == other
        for nth in range(act.count):
            self.now += 5_000_000 + nth
            self.packet(act.side, "keep_alive", size=act.size % 2, back=1)
            self._ack(act.side, "duplicate_ack" if alone else "keep_alive_ack")

    def _closed(self, act: Act) -> None:
        """The receiver's window closes; the sender probes with one byte; then it opens."""
        other = "s" if act.side == "c" else "c"
        self.packet(act.side, size=act.size)
        self._ack(act.side, "zero_window", window=0)
        begin = self.now - 20
        for nth in range(0 if self._one_sided else act.count):
            self.now += RTO << nth
            self.packet(act.side, "zero_window_probe", size=1)
            self._next[act.side] = (self._next[act.side] - 1) % 2**32
            self._ack(act.side, "zero_window", "zero_window_probe_ack", window=0)
        self.now += RTO
        if other in self.plan.view:
            self.truth.zero_time += self.now - begin
        self.packet(other, "window_update")

    def _filled(self, act: Act) -> None:
        """The sender fills a small window to its last byte."""
        other = "s" if act.side == "c" else "c"
        raw = max(2, 1_900 >> self._shift[other])
        left = raw << self._shift[other]
        self.packet(other, "window_update", window=raw)
        self.now += 1_000
        while left:
            size = min(left, act.size)
            left -= size
            full = not left and self.plan.opening != "middle"
            self.packet(act.side, *(["window_full"] if full else []), size=size)
        self._ack(act.side)

    def _repeated_ack(self, act: Act) -> None:
        """The network delivers an ACK twice."""
        self.packet(act.side, size=act.size)
        self._ack(act.side)
        self._ack_again(act.side, "duplicate_ack")

    def _idle(self, act: Act) -> None:
        """Nobody says anything."""
        self.now += 400_000 * act.count

    def _congested(self, act: Act) -> None:
        """A router marks a segment, the receiver says so, the sender slows down with its next data."""
        if not self.plan.ecn or self.plan.opening == "middle":
            return self._data(act)
        other = "s" if act.side == "c" else "c"
        self.packet(act.side, size=act.size, ce=True)
        self.truth.marked[act.side] += act.side in self.plan.view
        self._ack(act.side, flags=ACK | ECE)
        self.truth.echoed[other] += other in self.plan.view
        self.now += 1_000
        self._cwr = act.side
        self.packet(act.side, size=act.size)
        return self._ack(act.side)

    # -- ending --------------------------------------------------------------------------------------------------

    def _end_open(self) -> None:
        """The capture ends first."""

    def _end_fin(self) -> None:
        self.packet("c", flags=FIN | ACK)
        self._ack("c")
        self.packet("s", flags=FIN | ACK)
        self._ack("s")

    def _end_fin_reset(self) -> None:
        self.packet("c", flags=FIN | ACK)
        self._ack("c")
        self.packet("s", flags=RST | ACK)
        self._reset_by("s", self._stage("c" in self.plan.view))

    def _end_reset_client(self) -> None:
        self.packet("c", flags=RST | ACK)
        self._reset_by("c", self._stage(False))

    def _end_reset_server(self) -> None:
        self.packet("s", flags=RST | ACK)
        self._reset_by("s", self._stage(False))

    def _stage(self, finished: bool) -> str:
        """When a reset of an open conversation comes, as far as the capture shows."""
        if self.truth.handshake in ("half-open", "unanswered"):
            return "handshake"
        if finished:
            return "after-fin"
        return "before-response" if self._sent["c"] and not self._sent["s"] else "after-data"

    def _end_vanish(self) -> None:
        """A large segment never arrives, however often it is sent."""
        self.packet("s", size=BIG)
        for nth in range(3):
            self.now += RTO << nth
            self.packet("s", "retransmission", size=BIG, back=BIG)
        self.truth.undelivered = 0 if self._one_sided else 3

    def _end_missed(self) -> None:
        """The capture lacks the last segment; its ACK proves that it was there."""
        self.packet("c", size=200)
        self.packet("c", size=200, seen=False)
        self._ack("c", "ack_lost_segment")


def played(plans: Sequence[Plan]) -> list[Truth]:
    """Every conversation of the plans; their frames are numbered as in the capture."""
    truths = []
    for nth, plan in enumerate(plans):
        talk = Talk(plan, 40_000 + nth, START + plan.offset)
        truths.append(talk.play())
        if plan.again and plan.view == "cs" and plan.opening != "middle":
            later = Plan(isn=_moved(plan.isn), version=plan.version)
            truths.append(Talk(later, 40_000 + nth, talk.now + 2_000_000, reused=True).play())
    for number, frame in enumerate(in_order(truths), 1):
        frame.number = number
    return [truth for truth in truths if truth.frames]


def _moved(isn: tuple[int, int]) -> tuple[int, int]:
    """Other initial sequence numbers."""
    return (isn[0] + 77_777_777) % 2**32, (isn[1] + 77_777_777) % 2**32


def in_order(truths: Iterable[Truth]) -> list[Frame]:
    """Frames as captured."""
    return sorted((frame for truth in truths for frame in truth.frames), key=lambda frame: frame.time)


def pcap(truths: Iterable[Truth], snaplen: int = 262_144) -> bytes:
    """The capture file: Ethernet, microseconds."""
    records = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, snaplen, 1)]
    for frame in in_order(truths):
        kept = frame.data[:snaplen]
        records.append(struct.pack("<IIII", *divmod(frame.time, 10**6), len(kept), len(frame.data)) + kept)
    return b"".join(records)
