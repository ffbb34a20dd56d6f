"""What is told of a TCP conversation once it is over."""

from workers.analysis.flows import Flow, Half
from workers.analysis.samples import NANO, tally
from workers.analysis.tcp_state import ANSWERED, COMPLETE, OPENING, SECOND, UNSEEN, UNSET, TcpHalf, TcpState
from workers.contract.facts import Spread, TcpFacts, TcpSide


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
        ecn=client.offer.ecn and server.offer.ecn,
        idle_gaps=state.idle_gaps,
        longest_idle=state.longest_idle * NANO,
        longest_idle_frame=state.longest_idle_frame,
        client=_side(flow.client),
        server=_side(flow.client.peer),
    )


def _side(half: Half) -> TcpSide:
    mine = half.tcp
    return TcpSide(
        offered=mine.offer.whole,
        mss=mine.offer.mss,
        window_scale=mine.offer.scale,
        sack_permitted=mine.offer.sack,
        timestamps=mine.offer.timestamps,
        sacks=mine.sacks,
        window_full=tally(mine.window_full),
        zero_window_probes=tally(mine.zero_window_probes),
        zero_window_probe_acks=mine.zero_window_probe_acks,
        window_updates=mine.window_updates,
        most_in_flight=mine.most_in_flight,
        most_per_second=max(mine.most_per_second, half.payload - mine.bin_base),
        rtt=mine.rtt.spread() if mine.rtt is not None else Spread(),
        congestion_marked=mine.congestion_marked,
        congestion_echoed=mine.congestion_echoed,
        congestion_answered=mine.congestion_answered,
        acked_unseen=tally(mine.acked_unseen),
        too_big=tally(mine.too_big),
        told_mtu=mine.told_mtu,
        largest_acknowledged=mine.largest_acknowledged,
        undelivered=tally(mine.undelivered),
        undelivered_size=mine.undelivered_size,
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
    flying = (mine.next - theirs.last_ack) & 0xFFFFFFFF
    return max(0, flying - mine.finished) if flying < 0x80000000 else 0


def _rtt(client: TcpHalf, server: TcpHalf) -> Spread:
    sides = [half.rtt for half in (client, server) if half.rtt is not None]
    return max(sides, key=lambda side: side.least).spread() if sides else Spread()


def judged(state: TcpState, capture_end: int) -> bool:
    """False when the only SYN came in the capture's last second: too young to be called unanswered."""
    single = state.syns is not None and state.syns.count == 1
    return not (state.stage == OPENING and single and capture_end - state.last_syn_time < SECOND)


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
