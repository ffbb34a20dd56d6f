"""Of any traffic of the model: planted truth equals our facts, by both cores."""

from itertools import pairwise

from hypothesis import given

from tests.support.traffic_model import SYN, Plan, Truth, pcap, played
from tests.support.traffic_plans import captures, snaplens
from tests.unit.analysis.captures import analyse
from workers.contract.facts import Conversation, Facts, Tally, TcpFacts, TcpSide
from workers.core import BUILT
from workers.packets import marks

SECOND = 1_000_000
PLANTED = (
    "retransmission fast_retransmission spurious_retransmission out_of_order lost_segment ack_lost_segment"
    " duplicate_ack zero_window zero_window_probe zero_window_probe_ack keep_alive keep_alive_ack window_full"
    " window_update reused_ports"
).split(" ")
LAST_SECOND = 1.0


@given(captures, snaplens)
def test_of_any_traffic_the_planted_truth_is_told(plans: list[Plan], snaplen: int) -> None:
    truths = played(plans)
    if not truths:
        return
    assert BUILT, "the compiled core was not built: run deploy/setup.sh test"
    data = pcap(truths, snaplen)
    facts = analyse(data, compiled=False)
    assert analyse(data, compiled=True) == facts
    assert {name: facts.counts[name] for name in PLANTED} == {
        name: sum(len(truth.having(name)) for truth in truths) for name in PLANTED
    }
    told = {one.first_frame: one for one in facts.conversations}
    assert sorted(told) == sorted(truth.frames[0].number for truth in truths)
    for truth in truths:
        of_conversation(truth, told[truth.frames[0].number], facts)


def of_conversation(truth: Truth, told: Conversation, facts: Facts) -> None:
    """Compare everything that is planted in one conversation."""
    tcp, plan = told.tcp, truth.plan
    assert tcp is not None
    seen = {frame.side for frame in truth.frames}
    assert told.sides == ("both" if len(seen) == 2 else {"c": "client", "s": "server"}[seen.pop()])
    assert (tcp.handshake, tcp.syns.count) == (truth.handshake, truth.syns)
    if truth.handshake == "unanswered":
        last = max(frame.time for frame in truth.frames if frame.flags & SYN)
        assert tcp.judged == (truth.syns > 1 or facts.last_at - last / SECOND >= LAST_SECOND)
    assert [(reset.by, reset.stage) for reset in tcp.resets] == truth.resets
    assert frames(tcp.out_of_order) == truth.having("out_of_order")
    assert frames(tcp.lost_segments) == truth.having("lost_segment")
    assert frames(tcp.duplicate_acks) == truth.having("duplicate_ack")
    assert frames(tcp.keep_alives) == truth.having("keep_alive")
    assert round(tcp.zero_window_seconds * SECOND) == truth.zero_time
    gaps = [(b.time - a.time, b.number) for a, b in pairwise(truth.frames) if b.time - a.time > SECOND]
    assert tcp.idle_gaps == len(gaps)
    longest = max(gaps, key=lambda gap: (gap[0], -gap[1]), default=(0, 0))
    assert (round(tcp.longest_idle * SECOND), tcp.longest_idle_frame) == longest
    whole = plan.opening != "middle"
    assert tcp.ecn == (plan.ecn and whole and tcp.client.offered and tcp.server.offered)
    for side, sender in (("c", tcp.client), ("s", tcp.server)):
        of_sender(truth, side, sender, tcp)


def frames(tally: Tally) -> list[int]:
    """The frames of a tally, none of them left out."""
    assert len(tally.frames) == tally.count
    return list(tally.frames)


def of_sender(truth: Truth, side: str, told: TcpSide, tcp: TcpFacts) -> None:
    """Compare what is planted of one sender."""
    other = "s" if side == "c" else "c"
    retransmissions = tcp.retransmissions_client if side == "c" else tcp.retransmissions_server
    zero_windows = tcp.zero_windows_client if side == "c" else tcp.zero_windows_server
    assert frames(retransmissions) == truth.having("retransmission", side)
    assert frames(zero_windows) == truth.having("zero_window", side)
    assert frames(told.window_full) == truth.having("window_full", side)
    assert frames(told.zero_window_probes) == truth.having("zero_window_probe", side)
    assert frames(told.acked_unseen) == truth.having("ack_lost_segment", other)
    assert told.zero_window_probe_acks == len(truth.having("zero_window_probe_ack", side))
    assert told.window_updates == len(truth.having("window_update", side))
    assert told.sacks == truth.sacks[side]
    assert told.congestion_marked == truth.marked[side]
    assert told.congestion_echoed == truth.echoed[side]
    assert told.congestion_answered == truth.answered[side]
    assert told.undelivered.count == (truth.undelivered if side == "s" else 0)
    assert told.most_per_second == busiest_second(truth, side)
    assert told.most_in_flight == most_in_flight(truth, side)
    if told.offered:
        plan = truth.plan
        assert (told.mss, told.window_scale) == (1_200, plan.scales["cs".index(side)])
        assert (told.sack_permitted, told.timestamps) == (plan.sack, plan.stamps)


def busiest_second(truth: Truth, side: str) -> int:
    """Most payload of a second, counted from the first frame."""
    seconds: dict[int, int] = {}
    for frame in truth.frames:
        if frame.side == side:
            second = (frame.time - truth.frames[0].time) // SECOND
            seconds[second] = seconds.get(second, 0) + frame.payload
    return max(seconds.values(), default=0)


def most_in_flight(truth: Truth, side: str) -> int:
    """Most bytes between a segment's end and the latest ACK of the other side before it."""
    most, acked = 0, None
    for frame in truth.frames:
        if frame.side != side:
            acked = acked if frame.ack is None else frame.ack
        elif frame.payload and acked is not None:
            flight = (frame.end - acked) % 2**32
            most = max(most, flight if flight < 2**31 else 0)
    return most


def test_every_planted_mark_exists() -> None:
    assert set(PLANTED) <= set(marks.MARKS)
