"""TCP health: retransmission, order, loss, duplicate ACKs, windows, keep-alives, RTT, what is in flight and arrives.

Definitions are those of the Wireshark User's Guide, section "TCP Analysis". "Expected" is the sequence number after the
highest this side sent. Choices (every difference from tshark's marks that generated traffic shows is a row of
tests/unit/analysis/tshark_differences.py):
- `retransmission` counts fast and spurious ones too, as tshark's tcp.analysis.retransmission does.
- out of order: below expected, not fast, not spurious, within the initial RTT (last SYN to ACK; 3 ms when not seen) of
  the segment that moved expected last, and not ending exactly at expected.
- fast: at least two duplicate ACKs for exactly this sequence number, the latest less than 20 ms ago.
- spurious: all of its data was already acknowledged, wherever it starts. keep-alive: 0 or 1 byte just below expected.
- zero window excludes SYN, FIN and RST. A lost segment is one that this capture does not show.
- a SYN with another initial sequence number than the conversation's begins a new conversation (port reuse); a SYN-ACK
  with another one than before is marked as reuse too, and belongs to the conversation of the SYN it answers.
- a sender's first segment in the capture that was acknowledged before is spurious (the packets' order is not sure).
- ACKs of data that the capture lacks: each one beyond what was seen counts; tshark leaves out some.
- RTT samples: one outstanding segment at a time, none from retransmitted data (Karn). The side whose fastest sample is
  slower is told: the other side's answers come from the host that captured.
- window full: the payload ends exactly where the receiver's window does; nothing is said while the window's unit is
  unknown (RFC 7323), as when the capture lacks the handshake. No SYN, FIN or RST.
- window update: no payload, the ACK number and sequence expected, another window and not zero.
- zero window probe: one byte in order against a zero window; its answer repeats the ACK number and the zero window.
- bytes in flight: end of a segment, less the latest ACK number of the other side.
- what arrived (`largest_acknowledged`): one packet at a time, larger than those before, until it is acknowledged; if
  its bytes are sent again in a smaller packet, that one counts. Offload shows packets larger than those on the wire.
- idle and payload by second are looked at when the second of the conversation that the last packet began is over.
- TCP checksums are never looked at (offload makes them wrong in healthy captures).
"""

from workers.analysis.flows import Flow, Half
from workers.analysis.samples import Durations, Frames
from workers.analysis.tcp_control import control, room
from workers.analysis.tcp_options import has_sack
from workers.analysis.tcp_state import (
    ANSWERED,
    KEPT_ALIVE,
    OPENED,
    OPENING,
    ORDINARY,
    PROBED,
    SECOND,
    UNSET,
    TcpHalf,
    TcpState,
)
from workers.packets import marks
from workers.packets.packet import ACK, FIN, RST, SYN, Packet

_MASK, _HALF = 0xFFFFFFFF, 0x80000000
_FAST_WITHIN = 20_000_000
_DEFAULT_RTT = 3_000_000
_CONTROL = SYN | FIN | RST
_SPURIOUS = marks.RETRANSMISSION | marks.SPURIOUS_RETRANSMISSION
_MARKED = (
    marks.RETRANSMISSION | marks.OUT_OF_ORDER | marks.LOST_SEGMENT | marks.DUPLICATE_ACK | marks.ZERO_WINDOW
    | marks.KEEP_ALIVE | marks.ACK_LOST_SEGMENT | marks.WINDOW_FULL | marks.WINDOW_UPDATE | marks.ZERO_WINDOW_PROBE
    | marks.ZERO_WINDOW_PROBE_ACK | marks.SACK | marks.ECE | marks.CWR | marks.CE
)  # fmt: skip


def start(half: Half) -> None:
    """Give a new conversation its TCP state."""
    half.tcp, half.peer.tcp = TcpHalf(), TcpHalf()
    half.flow.state = TcpState(half.flow.first)


def reuses_ports(packet: Packet, half: Half) -> bool:
    """Whether a SYN begins another conversation on the same addresses and ports.

    Not when it repeats the known SYN, nor when it only arrived late: after its own ACK or the answer to it.
    """
    mine, sequence = half.tcp, packet.sequence
    if mine.initial != UNSET:
        return mine.initial != sequence
    if mine.next == UNSET:  # both sides open at once
        return False
    after = (sequence + 1) & _MASK
    return after not in (half.peer.tcp.last_ack, mine.next)


def follows(flow: Flow, before: Flow) -> None:
    """A conversation takes the addresses and ports of one before it."""
    assert flow.state is not None
    flow.state.reused_after = max(0, flow.first - before.last)


def update(packet: Packet, half: Half) -> int:
    """Follow one segment; the marks it earns."""
    mine, theirs, state = half.tcp, half.peer.tcp, half.flow.state
    assert state is not None
    flags, length, sequence, found = packet.flags, packet.payload_length, packet.sequence, 0
    end = (sequence + length) & _MASK
    if length:
        mine.data_segments += 1
    if sequence != mine.next or flags & _CONTROL or length == 1 or (length and (theirs.last_ack - end) & _MASK < _HALF):
        found = _sequence(packet, mine, theirs, half)
    elif length:  # the common case: in order, not seen before
        mine.next = mine.to_be_acked = end
        mine.next_time = packet.time
        if mine.sample_end == UNSET:
            mine.sample_end, mine.sample_time = end, packet.time
    if length and theirs.last_ack != UNSET and not flags & RST:
        found |= _sent(packet, mine, theirs, end, found)
    if packet.window == 0 or packet.options:
        found |= _header(packet)
    if flags & ACK and length and packet.ack == mine.last_ack:
        mine.last_ack_time = packet.time
    elif flags & ACK:
        found |= _acknowledge(packet, mine, theirs, half)
    mine.latest = ORDINARY
    if packet.window != mine.window:
        _window(packet, mine, half)
    if flags & _CONTROL or state.stage == ANSWERED:
        control(packet, half)
    if (found | packet.mask) & _MARKED:
        _note(packet, half, found | packet.mask)
    return found


def _header(packet: Packet) -> int:
    """What the header says by itself."""
    found = marks.SACK if packet.options and has_sack(packet) else 0
    return found | marks.ZERO_WINDOW if packet.window == 0 and not packet.flags & _CONTROL else found


def _sent(packet: Packet, mine: TcpHalf, theirs: TcpHalf, end: int, found: int) -> int:
    """What is in flight with this segment, and whether it fills the window; also what size of packet is tried."""
    if packet.ip_length > mine.largest_acknowledged or mine.tried_end != UNSET:
        again = found & _SPURIOUS
        if again != _SPURIOUS:
            _try(packet, mine, end)
        if again == marks.RETRANSMISSION and packet.ip_length > mine.largest_acknowledged:
            _in_vain(packet, mine, end)
        elif again == marks.RETRANSMISSION and mine.undelivered is not None:
            _split(packet, mine, end)
    flight = (end - theirs.last_ack) & _MASK
    if mine.most_in_flight < flight < _HALF:
        mine.most_in_flight = flight
    limit = theirs.window if theirs.latest & OPENED else theirs.room  # a SYN's window is never scaled
    return marks.WINDOW_FULL if flight == limit and not packet.flags & _CONTROL else 0


def _try(packet: Packet, mine: TcpHalf, end: int) -> None:
    """Await this packet's delivery, if none is awaited or it holds bytes of the awaited one in less."""
    if mine.tried_end != UNSET and (
        packet.ip_length >= mine.tried_size or not _overlap(packet.sequence, end, mine.tried_start, mine.tried_end)
    ):
        return
    mine.tried_start, mine.tried_end, mine.tried_size = packet.sequence, end, packet.ip_length


def _overlap(start: int, end: int, other: int, other_end: int) -> bool:
    """Whether two ranges of sequence numbers share bytes."""
    return (other_end - start - 1) & _MASK < _HALF and (end - other - 1) & _MASK < _HALF


def _in_vain(packet: Packet, mine: TcpHalf, end: int) -> None:
    """A packet larger than any that was acknowledged is sent again."""
    mine.undelivered = _add(mine.undelivered, packet.number)
    if packet.ip_length >= mine.undelivered_size:
        mine.undelivered_start, mine.undelivered_end, mine.undelivered_size = packet.sequence, end, packet.ip_length
    else:
        _split(packet, mine, end)


def _split(packet: Packet, mine: TcpHalf, end: int) -> None:
    """Bytes of the largest packet sent in vain may be in this smaller one."""
    smaller = packet.ip_length < mine.undelivered_size and mine.undelivered_end != UNSET
    if smaller and _overlap(packet.sequence, end, mine.undelivered_start, mine.undelivered_end):
        mine.undelivered_end = UNSET


def _delivered(mine: TcpHalf, ack: int) -> None:
    """The awaited packet was acknowledged: the largest one sent in vain is awaited next, or arrived too."""
    mine.largest_acknowledged = max(mine.largest_acknowledged, mine.tried_size)
    mine.tried_end = UNSET
    if mine.undelivered is None:
        return
    if mine.undelivered_end != UNSET and (ack - mine.undelivered_end) & _MASK < _HALF:
        mine.largest_acknowledged = max(mine.largest_acknowledged, mine.undelivered_size)
    if mine.largest_acknowledged >= mine.undelivered_size:
        mine.undelivered, mine.undelivered_size, mine.undelivered_end = None, 0, UNSET
    elif mine.undelivered_end != UNSET:
        mine.tried_start, mine.tried_end = mine.undelivered_start, mine.undelivered_end
        mine.tried_size = mine.undelivered_size


def _sequence(packet: Packet, mine: TcpHalf, theirs: TcpHalf, half: Half) -> int:
    """Judge the sequence number against what was expected, and move that on."""
    flags, sequence, expected = packet.flags, packet.sequence, mine.next
    span = packet.payload_length + (flags & FIN) + (flags >> 1 & 1)
    if flags & RST:
        return 0
    if expected == UNSET:
        mine.next = mine.to_be_acked = (sequence + span) & _MASK
        mine.next_time = packet.time
        return _SPURIOUS if _acknowledged(packet, theirs, mine.next) else 0
    ahead = (sequence - expected) & _MASK
    if ahead > _HALF:
        return _below(packet, mine, theirs, half, span, ahead)
    if ahead == 0 and packet.payload_length == 1 and theirs.window == 0:
        return marks.ZERO_WINDOW_PROBE
    found = marks.LOST_SEGMENT if ahead else 0
    mine.hole = mine.hole or ahead != 0
    if _acknowledged(packet, theirs, (sequence + span) & _MASK):
        found |= _SPURIOUS
    _advance(packet, mine, span)
    if not ahead:
        mine.to_be_acked = mine.next
    return found


def _advance(packet: Packet, mine: TcpHalf, span: int) -> None:
    mine.next, mine.next_time = (packet.sequence + span) & _MASK, packet.time
    if mine.sample_end == UNSET and packet.payload_length:
        mine.sample_end, mine.sample_time = mine.next, packet.time


def _below(packet: Packet, mine: TcpHalf, theirs: TcpHalf, half: Half, span: int, ahead: int) -> int:
    """A segment that starts below what was expected."""
    if ahead == _MASK and packet.payload_length <= 1 and not packet.flags & (SYN | FIN):
        return marks.KEEP_ALIVE
    if span == 0:
        return 0
    mine.sample_end = UNSET
    end = (packet.sequence + span) & _MASK
    found = _resent(packet, mine, theirs, half, end)
    if 0 < (end - mine.next) & _MASK < _HALF:
        mine.next, mine.next_time = end, packet.time
    if 0 < (end - mine.to_be_acked) & _MASK < _HALF:
        mine.to_be_acked = mine.next
    return found


def _acknowledged(packet: Packet, theirs: TcpHalf, end: int) -> bool:
    """Whether the receiver had all of this data before."""
    acked = theirs.last_ack
    return bool(packet.payload_length) and acked != UNSET and (acked - end) & _MASK < _HALF


def _resent(packet: Packet, mine: TcpHalf, theirs: TcpHalf, half: Half, end: int) -> int:
    """Spurious, fast, out of order or plain retransmission, in this order."""
    if _acknowledged(packet, theirs, end):
        return _SPURIOUS
    if (
        theirs.duplicates >= 2
        and theirs.last_ack == packet.sequence
        and packet.time - theirs.last_ack_time < _FAST_WITHIN
    ):
        return marks.RETRANSMISSION | marks.FAST_RETRANSMISSION
    state = half.flow.state
    threshold = state.initial_rtt if state and state.initial_rtt > 0 else _DEFAULT_RTT
    if packet.time - mine.next_time < threshold and end != mine.next:
        return marks.OUT_OF_ORDER
    return marks.RETRANSMISSION


def _acknowledge(packet: Packet, mine: TcpHalf, theirs: TcpHalf, half: Half) -> int:
    """What the acknowledgment number says."""
    ack, found = packet.ack, 0
    if theirs.next != UNSET and 0 < (ack - theirs.to_be_acked) & _MASK < _HALF:
        theirs.to_be_acked = theirs.next
        found = marks.ACK_LOST_SEGMENT
    if ack == mine.last_ack:
        found |= _repeated(packet, mine, theirs)
    else:
        mine.last_ack, mine.duplicates = ack, 0
    if not packet.flags & RST:  # a RST takes nothing in, whatever it acknowledges
        mine.last_ack_time = packet.time
    if theirs.sample_end != UNSET and (ack - theirs.sample_end) & _MASK < _HALF:
        if theirs.rtt is None:
            theirs.rtt = Durations(64)
        theirs.rtt.add(packet.time - theirs.sample_time)
        theirs.sample_end = UNSET
    if theirs.tried_end != UNSET and (ack - theirs.tried_end) & _MASK < _HALF:
        _delivered(theirs, ack)
    return found


def _repeated(packet: Packet, mine: TcpHalf, theirs: TcpHalf) -> int:
    """The same acknowledgment number again: duplicate ACK, another window, or the answer to a keep-alive or probe."""
    plain = packet.payload_length == 0 and not packet.flags & (SYN | FIN | RST)
    if not plain or packet.sequence != mine.next:
        return 0
    if packet.window == 0:
        return marks.ZERO_WINDOW_PROBE_ACK if mine.window == 0 and theirs.latest == PROBED else 0
    if packet.window != mine.window:
        return marks.WINDOW_UPDATE
    if theirs.latest == KEPT_ALIVE:
        return marks.KEEP_ALIVE_ACK
    mine.duplicates += 1
    return marks.DUPLICATE_ACK


def _window(packet: Packet, mine: TcpHalf, half: Half) -> None:
    """The advertised window changed: measure how long it stood at zero."""
    if packet.flags & (SYN | RST):
        return
    if packet.window == 0 and mine.zero_since == UNSET and not packet.flags & FIN:
        mine.zero_since = packet.time
    elif packet.window and mine.zero_since != UNSET:
        assert half.flow.state is not None
        half.flow.state.zero_time += max(0, packet.time - mine.zero_since)
        mine.zero_since = UNSET
    mine.window = packet.window
    mine.room = room(mine, half.peer.tcp)


def _note(packet: Packet, half: Half, found: int) -> None:
    """Keep the frames of what was found."""
    state, mine, number = half.flow.state, half.tcp, packet.number
    assert state is not None
    if found & marks.RETRANSMISSION:
        mine.retransmissions = _add(mine.retransmissions, number)
        mine.largest_resent = max(mine.largest_resent, packet.ip_length)
    if found & marks.ZERO_WINDOW:
        mine.zero_windows = _add(mine.zero_windows, number)
    if found & marks.OUT_OF_ORDER:
        state.out_of_order = _add(state.out_of_order, number)
    if found & marks.LOST_SEGMENT:
        state.lost_segments = _add(state.lost_segments, number)
    if found & marks.DUPLICATE_ACK:
        state.duplicate_acks = _add(state.duplicate_acks, number)
    if found & marks.KEEP_ALIVE:
        state.keep_alives = _add(state.keep_alives, number)
        mine.latest = KEPT_ALIVE
    _note_side(packet, half, found)


def _note_side(packet: Packet, half: Half, found: int) -> None:
    """Count what a sender's facts have beside."""
    mine, number = half.tcp, packet.number
    if found & marks.ACK_LOST_SEGMENT:
        half.peer.tcp.acked_unseen = _add(half.peer.tcp.acked_unseen, number)
    if found & marks.WINDOW_FULL:
        mine.window_full = _add(mine.window_full, number)
    if found & marks.ZERO_WINDOW_PROBE:
        mine.zero_window_probes = _add(mine.zero_window_probes, number)
        mine.latest = PROBED
    mine.zero_window_probe_acks += bool(found & marks.ZERO_WINDOW_PROBE_ACK)
    mine.window_updates += bool(found & marks.WINDOW_UPDATE)
    mine.sacks += bool(found & marks.SACK)
    mine.congestion_marked += bool(found & marks.CE)
    mine.congestion_echoed += bool(found & marks.ECE)
    mine.congestion_answered += bool(found & marks.CWR)


def next_second(packet: Packet, flow: Flow) -> None:
    """A second of the conversation is over when this packet comes, and maybe many more: count payload and silence."""
    state, idle = flow.state, packet.time - flow.last
    assert state is not None
    for half in (flow.client, flow.client.peer):
        mine = half.tcp
        mine.most_per_second = max(mine.most_per_second, half.payload - mine.bin_base)
        mine.bin_base = half.payload
    if idle > SECOND:
        state.idle_gaps += 1
        if idle > state.longest_idle:
            state.longest_idle, state.longest_idle_frame = idle, packet.number
    state.bin_end = packet.time - (packet.time - flow.first) % SECOND + SECOND


def _add(frames: Frames | None, number: int) -> Frames:
    frames = frames or Frames()
    frames.add(number)
    return frames


def refused_by_icmp(flow: Flow) -> None:
    """An ICMP error says that the server or its port can't be reached."""
    state = flow.state
    if state is not None and state.stage == OPENING and not state.refused_by:
        state.refused_by = "icmp"


def too_big(packet: Packet, half: Half) -> None:
    """An ICMP error says that a packet of this sender does not fit the path."""
    half.tcp.too_big = _add(half.tcp.too_big, packet.number)
    if packet.error_mtu:
        half.tcp.told_mtu = min(half.tcp.told_mtu or packet.error_mtu, packet.error_mtu)
