"""Transfers that the receive window limits: a window's worth of bytes a round trip is all that TCP lets through."""

from msgspec import Struct

from workers.contract.facts import TcpSide
from workers.findings.case import Talk
from workers.findings.words import ratio

UNSCALED = 65_535
"""Bytes of the largest window without window scaling (RFC 7323 section 2.2)."""

FAR = 0.02
"""Seconds of round trip from which on 64 kB of window cost: 26 Mbit/s."""

FULL = 5
"""Times the window must be filled: that happens now and then while buffers grow."""

FAST = 12_500_000
"""Bytes a second that nobody calls slow (100 Mbit/s)."""

LOSS = 0.01
"""Part of the data sent again, from which on loss limits the rate as well."""

STOPPED = 0.2
"""Seconds of zero window in all: a process that does not read is another rule's matter."""

LEAST, MOST = 0.5, 1.2
"""The rate as a multiple of the window over the round trip. Far below it something else takes the time, such as a queue
that makes round trips longer than the handshake's."""

NEAR, STEADY = 0.8, 0.5
"""The same, and the whole transfer's rate over its best second's, where no window was seen to be filled: bursts and
pauses of a program could come to the same figure by chance."""

CLOSE = 0.5
"""Round trip of a side's data over the handshake's, up to which the capture is near the receiver."""

SECONDS = 1.0
"""What the transfer takes at least."""


class Limit(Struct, frozen=True):
    """What holds a sender back."""

    window: int
    """Bytes under way at most."""
    rtt: float
    rate: float
    """Bytes a second at best."""
    seconds: float
    """What all the data takes at that rate."""
    scaled: bool
    filled: int
    """Segments that filled the window to the last byte; 0 where the capture, near the receiver, can't show that."""


def limited(talk: Talk, side: str) -> Limit | None:
    """The limit of what a side ("client" or "server") sends; None when the window is none."""
    tcp, flow = talk.tcp, talk.flow
    mine, other = talk.ends(side)
    rtt = tcp.handshake_rtt or 0.0
    opened = tcp.handshake == "complete" and tcp.syns.count == 1 and mine.offered and other.offered
    if not opened or not FAR <= rtt < 1e6 or not _undisturbed(talk, side):
        return None
    scaled = mine.window_scale is not None and other.window_scale is not None
    filled = mine.window_full.count if mine.window_full.count >= FULL else 0
    window, rate = mine.most_in_flight if filled else UNSCALED, mine.most_per_second
    payload = flow.server_payload if side == "server" else flow.client_payload
    if window <= 0 or not 0 < rate < FAST or (scaled and not filled) or payload < SECONDS * rate:
        return None
    sure = filled or (_steady(talk, payload, rate) and _may_be_full(mine, other, rtt))
    fits = (LEAST if filled else NEAR) <= rate * rtt / window <= MOST and sure
    return Limit(window, rtt, rate, payload / rate, scaled, filled) if fits else None


def _steady(talk: Talk, payload: int, rate: float) -> bool:
    """Whether all of the conversation goes nearly as fast as its best second."""
    return payload >= STEADY * rate * (talk.flow.last_at - talk.flow.first_at)


def _may_be_full(mine: TcpSide, other: TcpSide, rtt: float) -> bool:
    """Whether the window may have been full unseen: the capture is near the receiver, where little is under way at any
    time, or there was no room for one more segment."""
    near = mine.rtt.count > 0 and mine.rtt.p50 <= CLOSE * rtt
    return near or mine.most_in_flight + other.mss > UNSCALED


def _undisturbed(talk: Talk, side: str) -> bool:
    """Whether neither loss nor a process that does not read explains a slow transfer."""
    tcp = talk.tcp
    again, sent, full = tcp.retransmissions_client, tcp.data_segments_client, tcp.zero_windows_server
    if side == "server":
        again, sent, full = tcp.retransmissions_server, tcp.data_segments_server, tcp.zero_windows_client
    return ratio(again.count, sent) < LOSS and (full.count <= 0 or tcp.zero_window_seconds < STOPPED)
