"""What is remembered of a TCP conversation: per direction (`TcpHalf`) and together (`TcpState`)."""

from workers.analysis.samples import Durations, Frames
from workers.contract.facts import Reset

UNSEEN, OPENING, ANSWERED, COMPLETE = 0, 1, 2, 3
"""Stages of the handshake."""
UNSET = -1


class TcpHalf:
    """Sequence state of one sender. Sequence numbers are 32 bit, UNSET before the first packet; times nanoseconds."""

    __slots__ = (
        "data_segments",
        "duplicates",
        "finished",
        "hops",
        "identification",
        "initial",
        "kept_alive",
        "largest_resent",
        "last_ack",
        "last_ack_time",
        "next",
        "next_time",
        "retransmissions",
        "rtt",
        "sample_end",
        "sample_time",
        "to_be_acked",
        "window",
        "zero_since",
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
        self.kept_alive = False
        """The latest packet of this sender was a keep-alive."""
        self.finished = False
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


class TcpState:
    """What belongs to both directions."""

    __slots__ = (
        "duplicate_acks",
        "fins",
        "first_syn_time",
        "handshake_rtt",
        "initial_rtt",
        "keep_alives",
        "last_syn_time",
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

    def __init__(self) -> None:
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
