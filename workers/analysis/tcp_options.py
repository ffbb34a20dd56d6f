"""TCP options: what a SYN offers, and whether a segment has SACK blocks (RFC 9293 section 3.1).

Options end where the payload begins. What the snaplen cut off is not looked at.
"""

from collections.abc import Iterator

from workers.analysis.tcp_state import Offer
from workers.packets.packet import ACK, CWR, ECE, Packet

_END, _NOTHING, _MSS, _SCALE, _SACK_PERMITTED, _SACK, _TIMESTAMPS = 0, 1, 2, 3, 4, 5, 8
_MOST = 14
"""Larger window scales count as this one (RFC 7323 section 2.3)."""
_ONLY_TIMESTAMPS = b"\1\1\x08\x0a"
"""What nearly every segment with options has: two fillers and timestamps (RFC 7323 appendix A)."""


def has_sack(packet: Packet) -> bool:
    """Whether there are SACK blocks (RFC 2018 section 3)."""
    at = packet.payload - packet.options
    if packet.options == 12 and packet.buffer[at : at + 4] == _ONLY_TIMESTAMPS:
        return False
    return any(kind == _SACK and size >= 10 for kind, _, size in _options(packet))


def offer(packet: Packet) -> Offer:
    """What a SYN or SYN-ACK says: segment size, window scale, SACK, timestamps, ECN (RFC 3168 section 6.1.1)."""
    mss, scale, sack, timestamps, buffer = 0, None, False, False, packet.buffer
    for kind, at, size in _options(packet):
        if kind == _MSS and size == 4:
            mss = buffer[at + 2] << 8 | buffer[at + 3]
        elif kind == _SCALE and size == 3:
            scale = min(buffer[at + 2], _MOST)
        elif kind == _SACK_PERMITTED:
            sack = True
        elif kind == _TIMESTAMPS:
            timestamps = True
    wanted = ECE if packet.flags & ACK else ECE | CWR
    whole = packet.payload <= packet.end
    return Offer(whole, mss, scale, sack, timestamps, packet.flags & (ECE | CWR) == wanted)


def _options(packet: Packet) -> Iterator[tuple[int, int, int]]:
    """Kind, offset and size of each option; ends at one that does not fit."""
    buffer, at, end = packet.buffer, packet.payload - packet.options, min(packet.payload, packet.end)
    while at < end and buffer[at] != _END:
        if buffer[at] == _NOTHING:
            at += 1
            continue
        size = buffer[at + 1] if at + 1 < end else 0
        if size < 2 or at + size > end:
            return
        yield buffer[at], at, size
        at += size
