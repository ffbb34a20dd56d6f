"""Beginning and end of a TCP conversation: handshake, FIN, and RST with what tells who sent it and why."""

from workers.analysis import tcp_options
from workers.analysis.flows import Half
from workers.analysis.samples import NANO, Frames
from workers.analysis.tcp_state import ANSWERED, COMPLETE, OPENED, OPENING, UNSEEN, UNSET, TcpHalf, TcpState
from workers.contract.facts import MAX_FRAMES, Reset
from workers.packets import marks
from workers.packets.packet import ACK, FIN, RST, SYN, Packet


def control(packet: Packet, half: Half) -> None:
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
    half.tcp.latest = OPENED
    half.tcp.window, half.tcp.offer = packet.window, tcp_options.offer(packet)
    for one in (half, half.peer):
        one.tcp.room = room(one.tcp, one.peer.tcp)
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


def room(mine: TcpHalf, theirs: TcpHalf) -> int:
    """The advertised window in bytes; UNSET when the SYN that gives its unit was not seen (RFC 7323 section 2.2)."""
    offer, answer = mine.offer, theirs.offer
    if not offer.whole:
        return UNSET
    scaled = offer.scale is not None and not (answer.whole and answer.scale is None)
    return mine.window << (offer.scale or 0) if scaled else mine.window


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
