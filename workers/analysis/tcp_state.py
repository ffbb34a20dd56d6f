"""What is remembered of a TCP conversation: per direction (`TcpHalf`) and together (`TcpState`)."""

from msgspec import Struct

from workers.analysis.samples import Durations, Frames
from workers.contract.facts import Reset

UNSEEN, OPENING, ANSWERED, COMPLETE = 0, 1, 2, 3
"""Stages of the handshake."""
UNSET = -1
ORDINARY, KEPT_ALIVE, PROBED, OPENED = 0, 1, 2, 4
"""Kinds of a latest packet: a keep-alive, a zero window probe, a SYN or SYN-ACK."""
SECOND = 1_000_000_000


class Offer(Struct, frozen=True):
    """What a SYN or SYN-ACK offers."""

    whole: bool = False
    """It was seen, with its options whole."""
    mss: int = 0
    scale: int | None = None
    sack: bool = False
    timestamps: bool = False
    ecn: bool = False


NO_OFFER = Offer()


class TcpHalf:
    """Sequence state of one sender. Sequence numbers are 32 bit, UNSET before the first packet; times nanoseconds."""

    __slots__ = (
        "acked_unseen",
        "bin_base",
        "congestion_answered",
        "congestion_echoed",
        "congestion_marked",
        "data_segments",
        "duplicates",
        "finished",
        "hole",
        "hops",
        "identification",
        "initial",
        "largest_acknowledged",
        "largest_resent",
        "last_ack",
        "last_ack_time",
        "latest",
        "most_in_flight",
        "most_per_second",
        "next",
        "next_time",
        "offer",
        "retransmissions",
        "room",
        "rtt",
        "sacks",
        "sample_end",
        "sample_time",
        "to_be_acked",
        "told_mtu",
        "too_big",
        "tried_end",
        "tried_size",
        "tried_start",
        "undelivered",
        "undelivered_end",
        "undelivered_size",
        "undelivered_start",
        "window",
        "window_full",
        "window_updates",
        "zero_since",
        "zero_window_probe_acks",
        "zero_window_probes",
        "zero_windows",
    )

    def __init__(self) -> None:
        self.initial = UNSET
        self.next = UNSET
        """Sequence number after the highest seen."""
        self.next_time = 0
        """When `next` last moved."""
        self.last_ack = UNSET
        self.last_ack_time = 0
        self.to_be_acked = UNSET
        """`next` without what followed a hole: an acknowledgment beyond it is of data that was never seen."""
        self.window = UNSET
        self.duplicates = 0
        self.data_segments = 0
        self.latest = ORDINARY
        """What the latest packet of this sender was, when that bears on how the next one of the other is judged."""
        self.offer = NO_OFFER
        """The options of its SYN or SYN-ACK."""
        self.finished = False
        self.hole = False
        """A segment did not begin where the one before ended, and not all was acknowledged since."""
        self.hops = self.identification = 0
        """TTL and IP identification of the latest SYN or SYN-ACK."""
        self.largest_resent = 0
        """IP length."""
        self.sample_end = UNSET
        """End of the segment whose ACK is awaited for an RTT sample (one at a time, never a retransmitted one)."""
        self.sample_time = 0
        self.rtt: Durations | None = None
        self.retransmissions: Frames | None = None
        self.zero_windows: Frames | None = None
        self.zero_since = UNSET
        self.room = UNSET
        """The advertised window in bytes, UNSET while its unit is not known."""
        self.window_full: Frames | None = None
        self.window_updates = 0
        self.zero_window_probes: Frames | None = None
        self.zero_window_probe_acks = 0
        self.sacks = self.congestion_marked = self.congestion_echoed = self.congestion_answered = 0
        self.most_in_flight = 0
        self.bin_base = self.most_per_second = 0
        """Payload before the second at hand began, and the most that one second had."""
        self.acked_unseen: Frames | None = None
        self.too_big: Frames | None = None
        self.told_mtu = 0
        self.tried_end = UNSET
        """End of the packet whose delivery is awaited: larger than any that was acknowledged. One at a time."""
        self.tried_start = self.tried_size = self.largest_acknowledged = 0
        """Sizes are IP lengths."""
        self.undelivered: Frames | None = None
        self.undelivered_start = self.undelivered_size = 0
        self.undelivered_end = UNSET
        """Of the largest; UNSET once its bytes were sent in a smaller packet, whose ACK would prove nothing."""


class TcpState:
    """What belongs to both directions."""

    __slots__ = (
        "bin_end",
        "duplicate_acks",
        "fins",
        "first_syn_time",
        "handshake_rtt",
        "idle_gaps",
        "initial_rtt",
        "keep_alives",
        "last_syn_time",
        "longest_idle",
        "longest_idle_frame",
        "lost_segments",
        "out_of_order",
        "refused_by",
        "resets",
        "reused_after",
        "server_rtt",
        "stage",
        "syns",
        "zero_time",
    )

    def __init__(self, first: int = 0) -> None:
        self.stage = UNSEEN
        self.syns: Frames | None = None
        self.first_syn_time = 0
        self.last_syn_time = 0
        self.handshake_rtt = UNSET
        """Nanoseconds, as `initial_rtt`, which counts from the last SYN."""
        self.initial_rtt = UNSET
        self.server_rtt = UNSET
        self.refused_by = ""
        self.reused_after = UNSET
        """Nanoseconds since the conversation before this one on the same ports."""
        self.out_of_order: Frames | None = None
        self.lost_segments: Frames | None = None
        self.duplicate_acks: Frames | None = None
        self.keep_alives: Frames | None = None
        self.resets: list[Reset] = []
        self.fins = 0
        self.zero_time = 0
        self.bin_end = first + SECOND
        """When the second at hand ends; seconds count from the first packet."""
        self.idle_gaps = self.longest_idle = self.longest_idle_frame = 0
