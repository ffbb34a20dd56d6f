"""TCP health: handshake, retransmission, order, loss, duplicate ACKs, windows, keep-alives, resets, RTT.

Definitions are those of the Wireshark User's Guide, section "TCP Analysis". "Expected" is the sequence number after the
highest this side sent. Differences and choices:
- `retransmission` counts fast and spurious ones too, as tshark's tcp.analysis.retransmission does.
- out of order: below expected, not fast, not spurious, within the initial RTT (last SYN to ACK; 3 ms when not seen) of
  the segment that moved expected last, and not ending exactly at expected.
- fast: at least two duplicate ACKs for exactly this sequence number, the latest less than 20 ms ago.
- spurious: all of its data was already acknowledged, wherever it starts. keep-alive: 0 or 1 byte just below expected.
- zero window excludes SYN, FIN and RST. A lost segment is one that this capture does not show.
- a SYN with another initial sequence number than the conversation's begins a new conversation (port reuse); a SYN-ACK
  with another one than before is marked as reuse too, and belongs to the conversation of the SYN it answers.
- a sender's first segment in the capture that was acknowledged before is spurious (the packets' order is not sure).
- ACKs of data that the capture lacks: each one beyond what was seen counts; tshark's tcp.analysis.ack_lost_segment
  leaves out some that follow each other, by the sequence number's size.
- RTT samples: one outstanding segment at a time, none from retransmitted data (Karn). The side whose fastest sample is
  slower is told: the other side's answers come from the host that captured.
- TCP checksums are never looked at (offload makes them wrong in healthy captures).
"""

from workers.analysis.flows import Flow, Half
from workers.analysis.samples import NANO, Durations, Frames, tally
from workers.analysis.tcp_state import ANSWERED, COMPLETE, OPENING, UNSEEN, UNSET, TcpHalf, TcpState
from workers.contract.facts import MAX_FRAMES, Reset, Spread, TcpFacts
from workers.packets import marks
from workers.packets.packet import ACK, FIN, RST, SYN, Packet

_MASK, _HALF = 0xFFFFFFFF, 0x80000000
_FAST_WITHIN = 20_000_000
_DEFAULT_RTT = 3_000_000
_SOON = 1_000_000_000
"""A single SYN in the capture's last second is too young to be called unanswered."""
_CONTROL = SYN | FIN | RST
_SPURIOUS = marks.RETRANSMISSION | marks.SPURIOUS_RETRANSMISSION
_MARKED = (
    marks.RETRANSMISSION | marks.OUT_OF_ORDER | marks.LOST_SEGMENT | marks.DUPLICATE_ACK | marks.ZERO_WINDOW
    | marks.KEEP_ALIVE
)  # fmt: skip


def start(half: Half) -> None:
    """Give a new conversation its TCP state."""
    half.tcp, half.peer.tcp = TcpHalf(), TcpHalf()
    half.flow.state = TcpState()


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
    if packet.window == 0 and not flags & _CONTROL:
        found |= marks.ZERO_WINDOW
    if flags & ACK and length and packet.ack == mine.last_ack:
        mine.last_ack_time = packet.time
    elif flags & ACK:
        found |= _acknowledge(packet, mine, theirs, half)
    mine.kept_alive = bool(found & marks.KEEP_ALIVE)
    if packet.window != mine.window:
        _window(packet, mine, half)
    if flags & _CONTROL or state.stage == ANSWERED:
        _control(packet, half)
    if found & _MARKED:
        _note(packet, half, found)
    return found


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
    if span == 0 and ahead == 0:
        return 0
    if ahead == 0 and packet.payload_length == 1 and theirs.window == 0:
        return marks.ZERO_WINDOW_PROBE
    found = marks.LOST_SEGMENT if ahead else 0
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
    return found


def _repeated(packet: Packet, mine: TcpHalf, theirs: TcpHalf) -> int:
    """The same acknowledgment number again, nothing else said: duplicate ACK, or the answer to a keep-alive."""
    plain = packet.payload_length == 0 and not packet.flags & (SYN | FIN | RST)
    if not plain or packet.window == 0 or packet.window != mine.window or packet.sequence != mine.next:
        return 0
    if theirs.kept_alive:
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


def _control(packet: Packet, half: Half) -> None:
    """SYN, FIN, RST, and the ACK that completes a handshake."""
    flow, flags = half.flow, packet.flags
    state = flow.state
    assert state is not None
    if flags & RST:
        _reset(packet, half, state)
    elif flags & SYN:
        _synchronize(packet, half, state)
    elif state.stage == ANSWERED and half is flow.client and flags & ACK:
        state.stage = COMPLETE
        if state.syns:
            state.handshake_rtt = max(0, packet.time - state.first_syn_time)
            state.initial_rtt = packet.time - state.last_syn_time
    if flags & FIN:
        state.fins += 1
        half.tcp.finished = True


def _synchronize(packet: Packet, half: Half, state: TcpState) -> None:
    if half.tcp.initial not in (UNSET, packet.sequence):
        packet.mask |= marks.REUSED_PORTS
    half.tcp.initial = packet.sequence
    half.tcp.hops, half.tcp.identification = packet.hops, packet.identification
    half.tcp.window = packet.window
    if packet.flags & ACK:
        half.flow.client = half.peer
        if state.stage <= OPENING:
            state.stage = ANSWERED
            if state.syns:
                state.server_rtt = max(0, packet.time - state.last_syn_time)
        return
    half.flow.client = half
    if state.syns is None:
        state.syns, state.first_syn_time = Frames(), packet.time
    state.syns.add(packet.number)
    state.last_syn_time = packet.time
    if state.stage == UNSEEN:
        state.stage = OPENING


def _reset(packet: Packet, half: Half, state: TcpState) -> None:
    flow = half.flow
    client, server = flow.client, flow.client.peer
    if state.stage == OPENING:
        stage = "refused" if half is server else "handshake"
        if half is server and not state.refused_by:
            state.refused_by = "reset"
    elif state.stage == ANSWERED:
        stage = "handshake"
    elif state.fins:
        stage = "after-fin"
    elif client.payload and not server.payload:
        stage = "before-response"
    else:
        stage = "after-data"
    if len(state.resets) < MAX_FRAMES:
        by = "client" if half is client else "server"
        after = max(0, packet.time - flow.first) * NANO
        state.resets.append(Reset(packet.number, by, stage, after, *_quiet(packet, half), *_origin(packet, half.tcp)))


def _quiet(packet: Packet, half: Half) -> tuple[float, float]:
    """`idle` and `waited` of a RST. A side that acknowledged the data was there when it came, so was not idle."""
    mine, theirs = half.tcp, half.peer.tcp
    if theirs.next == UNSET:
        return 0.0, 0.0
    known = mine.next != UNSET and not theirs.finished
    idle = theirs.next_time - max(mine.next_time, mine.last_ack_time) if known else 0
    return max(0, idle) * NANO, max(0, packet.time - theirs.next_time) * NANO


def _origin(packet: Packet, mine: TcpHalf) -> tuple[int, int, int, int]:
    """What tells whether a RST came from the host that answered the handshake."""
    return packet.hops, mine.hops, packet.identification, mine.identification


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


def _add(frames: Frames | None, number: int) -> Frames:
    frames = frames or Frames()
    frames.add(number)
    return frames


def refused_by_icmp(flow: Flow) -> None:
    """An ICMP error says that the server or its port can't be reached."""
    state = flow.state
    if state is not None and state.stage == OPENING and not state.refused_by:
        state.refused_by = "icmp"


def finish(flow: Flow, capture_end: int) -> TcpFacts:
    """The conversation's facts; `capture_end` is the latest packet time so far."""
    state = flow.state
    assert state is not None
    client, server = flow.client.tcp, flow.client.peer.tcp
    for half in (client, server):
        if half.zero_since != UNSET:
            state.zero_time += max(0, flow.last - half.zero_since)
    return TcpFacts(
        handshake=handshake(state),
        judged=judged(state, capture_end),
        syns=tally(state.syns),
        handshake_rtt=None if state.handshake_rtt == UNSET else state.handshake_rtt * NANO,
        server_rtt=None if state.server_rtt == UNSET else state.server_rtt * NANO,
        reused_after=None if state.reused_after == UNSET else state.reused_after * NANO,
        refused_by=state.refused_by,
        data_segments_client=client.data_segments,
        data_segments_server=server.data_segments,
        retransmissions_client=tally(client.retransmissions),
        retransmissions_server=tally(server.retransmissions),
        largest_resent_client=client.largest_resent,
        largest_resent_server=server.largest_resent,
        unacknowledged_client=_unacknowledged(client, server),
        unacknowledged_server=_unacknowledged(server, client),
        out_of_order=tally(state.out_of_order),
        lost_segments=tally(state.lost_segments),
        duplicate_acks=tally(state.duplicate_acks),
        zero_windows_client=tally(client.zero_windows),
        zero_windows_server=tally(server.zero_windows),
        zero_window_seconds=state.zero_time * NANO,
        keep_alives=tally(state.keep_alives),
        resets=tuple(state.resets),
        fins=state.fins,
        rtt=_rtt(client, server),
    )


def handshake(state: TcpState) -> str:
    """How far the handshake came, as in `TcpFacts`."""
    if state.stage == OPENING:
        return "refused" if state.refused_by else "unanswered"
    return {UNSEEN: "unseen", ANSWERED: "half-open", COMPLETE: "complete"}[state.stage]


def _unacknowledged(mine: TcpHalf, theirs: TcpHalf) -> int:
    """Bytes in flight at the end; a FIN takes one number and is no data."""
    if UNSET in (mine.next, theirs.last_ack):
        return 0
    flying = (mine.next - theirs.last_ack) & _MASK
    return max(0, flying - mine.finished) if flying < _HALF else 0


def _rtt(client: TcpHalf, server: TcpHalf) -> Spread:
    sides = [half.rtt for half in (client, server) if half.rtt is not None]
    return max(sides, key=lambda side: side.least).spread() if sides else Spread()


def judged(state: TcpState, capture_end: int) -> bool:
    """False when the only SYN is too young to be called unanswered."""
    single = state.syns is not None and state.syns.count == 1
    return not (state.stage == OPENING and single and capture_end - state.last_syn_time < _SOON)


def troubled(flow: Flow) -> bool:
    """Whether the conversation shows anything but health."""
    state, client, server = flow.state, flow.client.tcp, flow.client.peer.tcp
    assert state is not None
    shown = (
        state.resets,
        client.retransmissions,
        server.retransmissions,
        client.zero_windows,
        server.zero_windows,
        state.out_of_order,
        state.lost_segments,
    )
    return state.stage in (OPENING, ANSWERED) or any(shown)
