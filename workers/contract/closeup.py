"""A second, closer look at a finished capture, for its pictures: what to look at, and what was seen.

Bounded however large the capture is: ROWS x COLUMNS cells, and at most POINTS packets of each of FLOWS conversations.
Frame numbers count from 1 as Wireshark's; a conversation is named by its first frame, as in `Conversation`.
"""

from msgspec import Struct

ROWS, COLUMNS, PAIRS, FLOWS, FRAMES = 40, 240, 1_000, 4, 8
SIDE_POINTS, MARKED_POINTS = 1_000, 2_000
"""Packets kept of each side of a conversation, and of those that open, end or trouble it."""


class Pair(Struct, frozen=True):
    """Conversations of one client with one server, on any of the client's ports. `protocol` as in `Conversation`."""

    client: str
    server: str
    server_port: int = 0
    protocol: str = "tcp"
    row: int = -1
    """The row its packets count in, -1 for none."""


class Look(Struct, frozen=True):
    """What to look at in one capture. Raises ValueError beyond the bounds above."""

    start: int = 0
    """Epoch nanoseconds of the first column's left edge."""
    span: int = 1
    """Nanoseconds of all columns together, at least 1."""
    columns: int = 1
    rows: int = 0
    pairs: tuple[Pair, ...] = ()
    """What is looked at; packets of other conversations are passed over."""
    flows: tuple[int, ...] = ()
    """First frames of the conversations whose packets are told; they belong to `pairs`."""
    frames: tuple[int, ...] = ()
    """Frames whose conversations are asked for. Up to the last of them `pairs` limits nothing."""

    def __post_init__(self) -> None:
        sizes = (self.rows, self.columns, len(self.pairs), len(self.flows), len(self.frames))
        if any(size > most for size, most in zip(sizes, (ROWS, COLUMNS, PAIRS, FLOWS, FRAMES), strict=True)):
            raise ValueError(f"too much to look at: {sizes}")
        if self.span < 1 or self.columns < 1 or any(not -1 <= pair.row < self.rows for pair in self.pairs):
            raise ValueError("columns without width, or a row that is none")


class Row(Struct, frozen=True):
    """One row's cells, column by column. Times outside of the columns count in the nearest one."""

    bytes: tuple[int, ...]
    """IP lengths, as `Conversation` has them."""
    problems: tuple[int, ...]
    """Retransmissions, resets, zero windows and unanswered SYNs (at their first)."""


class Segment(Struct, frozen=True):
    """One packet of a conversation. Sequence numbers count from the sender's first one seen (its SYN is 0)."""

    frame: int
    nth: int
    """Which of the conversation's packets it is, from 1."""
    at: float
    """Epoch seconds."""
    by: str
    """client | server"""
    length: int
    """Bytes of payload."""
    sequence: int = 0
    ack: int | None = None
    """Acknowledged of the other side's sequence numbers; None when the packet acknowledges nothing, or is not TCP."""
    window: int = 0
    """As in the header, not scaled."""
    flags: int = 0
    """TCP flags (RFC 9293 section 3.1), 0 for other protocols."""
    marks: tuple[str, ...] = ()
    """What the packet shows, by names of `Facts.counts` (retransmission, zero_window, rst, ...)."""
    says: str = ""
    """What its payload begins, such as "GET /cart", "HTTP 503", "TLS ClientHello shop.example"; "" when not clear."""


class Trace(Struct, frozen=True):
    """One conversation's packets: the first and the last, those that open, end or trouble it, the others thinned evenly
    a side. `packets` and `problems` are exact."""

    first_frame: int
    protocol: str
    client: str
    client_port: int
    server: str
    server_port: int
    packets: int
    problems: int
    """Packets sent again, out of order, after a hole, with a zero window, or with RST."""
    silence: float
    """Seconds of the longest time without any packet, and when it began (epoch seconds)."""
    silent_at: float
    kept_all: bool
    """Whether `segments` has every packet."""
    segments: tuple[Segment, ...]


class CloseUp(Struct, frozen=True):
    """What was seen. A conversation that the capture has not, or has no more, is missing in `traces` or `located`."""

    rows: tuple[Row, ...] = ()
    traces: tuple[Trace, ...] = ()
    located: tuple[tuple[int, Pair, int], ...] = ()
    """(frame, its conversation's client and server, that conversation's first frame)"""
