"""Where our TCP analysis differs from tshark 4.0's by intent, with generated traffic: the whole list.

Each row has the name of a mark (ours, and tshark's field under tcp.analysis), what tshark does, what we do and why, and
`excuses`, which tells from the model's truth whether a frame may differ. What no row excuses must be equal. Differences
of whole public captures, most of them of applications, are listed in test_against_tshark.py.
"""

from collections.abc import Callable
from dataclasses import dataclass

from tests.support.traffic_model import FIN, SYN, Frame, Truth

ANY = "any mark"


@dataclass(frozen=True)
class Difference:
    """One row."""

    name: str
    theirs: str
    ours: str
    why: str
    excuses: Callable[[Truth, Frame], bool]


def _repeats_its_ack(truth: Truth, frame: Frame) -> bool:
    """The sender of the data that this frame acknowledges sent its latest ACK number twice or more."""
    before = [one for one in truth.frames if one.number < frame.number and one.side != frame.side]
    return bool(before) and any("duplicate_ack" in one.marks and one.ack == before[-1].ack for one in before)


def _meets_zero(truth: Truth, frame: Frame) -> bool:
    """Up to this frame the conversation had a next sequence number or an ACK number of exactly 0."""
    so_far = [one for one in truth.frames if one.number <= frame.number]
    return any(one.ack == 0 or (one.end + bool(one.flags & (SYN | FIN))) % 2**32 == 0 for one in so_far)


def _begins_below_zero(truth: Truth, frame: Frame) -> bool:
    """It is its sender's first, of at most a byte, just below sequence number 0."""
    first = next(one for one in truth.frames if one.side == frame.side)
    return frame is first and frame.payload <= 1 and (frame.end - frame.payload) % 2**32 == 2**32 - 1


DIFFERENCES = (
    Difference(
        name="ack_lost_segment",
        theirs="not said while the sender of the data has sent its own latest ACK number more than once",
        ours="every ACK of data that the capture lacks is marked",
        why="a duplicate ACK of the one direction says nothing about what the capture lacks of the other",
        excuses=_repeats_its_ack,
    ),
    Difference(
        name="keep_alive",
        theirs="said of a sender's first segment at 2^32 - 1: it is one below the 0 that stands for a number not known",
        ours="not said before it is known what the sender was to send next",
        why="a keep-alive is one below the next expected sequence number, and none is expected of the first segment",
        excuses=_begins_below_zero,
    ),
    Difference(
        name=ANY,
        theirs="a sequence or ACK number of 0 stands for one not known, so what follows it may go unjudged",
        ours="0 is a number like every other",
        why="it is one (RFC 9293 section 3.4); one conversation in a billion meets it",
        excuses=_meets_zero,
    ),
)


def flight_is_comparable(truth: Truth, side: str) -> bool:
    """Whether tcp.analysis.bytes_in_flight means the same as our bytes in flight, in the frames of one sender.

    tshark adds up the segments it saw and saw no ACK of, those before the first ACK too; ours is the distance from the
    latest ACK to the segment's end, so it has what the capture lacks, and is not told without an ACK. A keep-alive's
    byte, long acknowledged, is in flight for tshark: seen where its sender sends nothing else.
    """
    whole = truth.plan.view == "cs" and truth.plan.opening == "complete"
    return (
        whole
        and not truth.having("lost_segment", side)
        and not truth.having("ack_lost_segment")
        and (not truth.having("keep_alive", side) or any(one.side == side and one.payload > 1 for one in truth.frames))
    )
