"""The offset between two clocks, planted in made-up traffic, lies within what is stated, or nothing is stated."""

import dataclasses
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.two_ends import START, Seen, TwoEnds, frame, pcap
from workers.analysis.clock import ClockOffset, estimate
from workers.analysis.directions import bounds
from workers.analysis.sightings import Sightings, pairs
from workers.packets.capture import CaptureReader

DAY = 86_400_000_000_000
CLOSE = 2
"""Nanoseconds of arithmetic in floating point."""


def sightings(
    seen: list[Seen], *, limit: int = 16_384, nano: bool = False, snaplen: int = 262_144, link_type: int = 1
) -> Sightings:
    found = Sightings(limit)
    reader = CaptureReader()
    for buffer, records in reader.feed(pcap(seen, nano=nano, snaplen=snaplen, link_type=link_type)):
        found.add(buffer, records)
    return found


def measured(ends: TwoEnds, *, limit: int = 16_384) -> ClockOffset:
    near, far = (sightings(seen, limit=limit, nano=ends.nano) for seen in ends.seen())
    return estimate(bounds(pairs(near, far)), "node-a", "node-b")


def error(ends: TwoEnds, offset: ClockOffset) -> float:
    """The largest distance from the truth, in seconds, from the first pair to the last by the far clock."""
    near, far = (sightings(seen, nano=ends.nano) for seen in ends.seen())
    paired = [other.time for _, other in pairs(near, far)]
    times = [time for time, _ in ends.seen()[0] if min(paired) <= ends.far_time(time) <= max(paired)]
    return max((abs(offset.corrected(ends.far_time(time)) - time) for time in times), default=0) / 1e9


conversations = st.builds(
    TwoEnds,
    seed=st.integers(0, 1 << 32),
    count=st.integers(1, 120),
    seconds=st.sampled_from([0.2, 3.0, 60.0, 1_800.0]),
    offset=st.integers(-DAY, DAY),
    drift=st.sampled_from([0.0, 0.0, 1e-6, -2e-5, 1e-4]),
    up=st.integers(30_000, 50_000_000),
    down=st.integers(30_000, 50_000_000),
    jitter=st.sampled_from([0, 1_000, 3_000_000, 400_000_000]),
    loss=st.sampled_from([0.0, 0.05, 0.3]),
    copies=st.sampled_from([0.0, 0.1]),
    routed=st.booleans(),
    translated=st.booleans(),
    nano=st.booleans(),
)


@given(conversations)
def test_planted_offset_lies_within_the_stated_uncertainty(ends: TwoEnds) -> None:
    offset = measured(ends)
    if offset.seconds is None:
        assert "unsynchronised" in offset.words
        assert ends.loss or ends.copies or not ends.routed  # else every packet bounds the offset
    else:
        assert error(ends, offset) <= offset.uncertainty + CLOSE / 1e9


@given(conversations)
def test_unidentified_duplicates_pair_with_nothing_wrong(ends: TwoEnds) -> None:
    ends = dataclasses.replace(ends, identified=False, copies=0.4, loss=0.0)
    offset = measured(ends)
    if offset.seconds is not None:
        assert error(ends, offset) <= offset.uncertainty + CLOSE / 1e9


def test_uncertainty_is_half_the_fastest_round_trip() -> None:
    offset = measured(TwoEnds(offset=1_204_000_000, count=500, seconds=2.0, jitter=1_000_000))
    assert offset.seconds == pytest.approx(1.204, abs=0.00013)
    assert 0.00012 <= offset.uncertainty <= 0.0002
    assert offset.pairs == 1_000
    assert offset.words.startswith("node-b's clock is 1.204")
    assert "s ahead of node-a's (± 0.0001" in offset.words
    assert offset.words.endswith("from 1,000 packet pairs)")


@pytest.mark.parametrize("seed", range(5))
def test_ends_without_a_router_tell_the_direction_by_their_differences(seed: int) -> None:
    ends = TwoEnds(seed=seed, routed=False, offset=-40_000_000, drift=5e-5, seconds=30.0, loss=0.1)
    offset = measured(ends)
    assert offset.seconds is not None
    assert error(ends, offset) <= offset.uncertainty < 0.01


def test_clock_behind_is_said_so() -> None:
    assert "s behind node-a's (±" in measured(TwoEnds(offset=-2_000_000_000)).words


def test_drift_is_followed_and_said() -> None:
    ends = TwoEnds(count=3_000, seconds=600.0, offset=5_000_000, drift=2e-5, jitter=500_000)
    offset = measured(ends)
    assert offset.drift == pytest.approx(2e-5, abs=2e-6)
    assert "gaining +" in offset.words
    assert error(ends, offset) <= offset.uncertainty <= 0.0005


def test_clock_that_was_set_in_between_is_unsynchronised() -> None:
    offset = measured(TwoEnds(count=400, step=1_000_000_000))
    assert offset.seconds is None
    assert "a clock was set during the capture" in offset.words


def test_small_wander_widens_the_uncertainty() -> None:
    ends = TwoEnds(count=2_000, step=1_000_000, jitter=200_000)
    offset = measured(ends)
    assert offset.seconds is not None
    assert error(ends, offset) <= offset.uncertainty <= 0.005


def test_one_direction_gives_a_bound_and_no_offset() -> None:
    ends = TwoEnds(offset=3_000_000_000, jitter=0)
    near, far = ends.seen()
    upward = [(time, data) for time, data in far if data[22] == 62]
    offset = estimate(bounds(pairs(sightings(near), sightings(upward))), "node-a", "node-b")
    assert offset.seconds is None
    assert offset.words == (
        "unsynchronised: packets between node-a and node-b were seen in one direction only;"
        " node-b's clock is at most 3.000150 s ahead of node-a's"
    )
    back = estimate(bounds(pairs(sightings(upward), sightings(near))), "node-b", "node-a")
    assert "node-a's clock is at most 3.000150 s behind node-b's" in back.words


def test_one_direction_between_ends_without_a_router_says_nothing() -> None:
    near, far = TwoEnds(routed=False, translated=False).seen()
    upward = [(time, data) for time, data in far if data[36:38] == b"\x1f\x90"]
    offset = estimate(bounds(pairs(sightings(near), sightings(upward))), "a", "b")
    assert offset.words == "unsynchronised: nothing tells which way packets between a and b went"


def test_no_packet_in_common_is_unsynchronised() -> None:
    near, _ = TwoEnds(seed=1).seen()
    other = [(time, frame(True, (bytes(6), bytes(6)), 10_000 + n, 64, n)) for n, (time, _) in enumerate(near)]
    offset = estimate(bounds(pairs(sightings(near), sightings(other))), "a", "b")
    assert offset == ClockOffset(words="unsynchronised: no packet was seen on both a and b")
    assert offset.corrected(123) == 123


@pytest.mark.parametrize("limit", [64, 500])
def test_bounded_memory_keeps_the_same_packets_at_both_ends(limit: int) -> None:
    ends = TwoEnds(count=2_000, offset=-77_000_000)
    near, far = (sightings(seen, limit=limit) for seen in ends.seen())
    assert len(near.seen) <= limit
    assert len(pairs(near, far)) > limit / 8
    offset = measured(ends, limit=limit)
    assert offset.seconds is not None
    assert error(ends, offset) <= offset.uncertainty + CLOSE / 1e9


def test_crafted_packets_neither_fill_memory_nor_time() -> None:
    found = Sightings(8)
    found.mask = 0xFFFF
    found.add(*_records([(START + n, frame(True, (bytes(6), bytes(6)), n, 64, 1)) for n in range(60_000)]))
    assert len(found.seen) <= 8


def _records(seen: list[Seen]) -> tuple[bytes, list[tuple[int, int, int, int, int]]]:
    data, records, at = b"".join(data for _, data in seen), [], 0
    for time, one in seen:
        records.append((at, len(one), len(one), time, 1))
        at += len(one)
    return data, records


def _udp(identification: int, data: bytes, wire: int | None = None) -> bytes:
    udp = struct.pack("!HHHH", 5_353, 53, 8 + len(data), 0) + data
    ip = struct.pack("!BBHHHBBH8s", 0x45, 0, wire or 20 + len(udp), identification, 0, 64, 17, 0, bytes(8))
    return bytes(12) + b"\x08\0" + ip + udp


def test_copies_on_several_interfaces_are_one_packet_and_repeats_are_none() -> None:
    found = sightings([(START, _udp(7, b"query")), (START + 20_000, _udp(7, b"query")), (START, _udp(0, b"beat"))])
    assert [seen.unique for seen in found.seen.values()] == [True, True]
    found = sightings([(START, _udp(7, b"query")), (START + 10**9, _udp(7, b"query"))])
    assert [seen.unique for seen in found.seen.values()] == [False]
    found = sightings([(START, _udp(0, b"beat")), (START + 1, _udp(0, b"beat"))])
    assert [seen.unique for seen in found.seen.values()] == [False]


def test_captures_of_different_snaplens_meet() -> None:
    data = bytes(range(250))
    long, short = (sightings([(START, _udp(9, data))], snaplen=snaplen) for snaplen in (262_144, 96))
    assert len(pairs(long, short)) == 1


def test_ipv6_packets_meet_with_other_hop_limits() -> None:
    def six(hops: int) -> bytes:
        udp = struct.pack("!HHHH", 5_353, 53, 13, 0) + b"query"
        return bytes(12) + b"\x86\xdd" + struct.pack("!IHBB32s", 6 << 28, len(udp), 17, hops, bytes(32)) + udp

    ((one, other),) = pairs(sightings([(START, six(64))]), sightings([(START, six(62))]))
    assert (one.hops, other.hops) == (64, 62)


def test_only_whole_packets_with_ports_are_compared() -> None:
    def ip(protocol: int, data: bytes, claimed: int = 0) -> bytes:
        head = struct.pack("!BBHHHBBH8s", 0x45, 0, (claimed or len(data)) + 20, 7, 0, 64, protocol, 0, bytes(8))
        return bytes(12) + b"\x08\0" + head + data

    six = bytes(12) + b"\x86\xdd" + struct.pack("!IHBB32s", 6 << 28, 0, 17, 64, bytes(32)) + bytes(30)
    short = struct.pack("!HHHH", 5_353, 53, 8, 0)
    assert not sightings([(START, ip(1, bytes(30))), (START, ip(17, short)), (START, six)]).seen
    assert len(sightings([(START, ip(17, short + b"query"))]).seen) == 1


@given(st.lists(st.binary(max_size=90), max_size=30), st.sampled_from([0, 1, 12, 113, 276, 999]))
def test_any_bytes_are_read_without_an_error(frames: list[bytes], link_type: int) -> None:
    sightings([(START, data) for data in frames], link_type=link_type)


@given(st.binary(min_size=1, max_size=70), st.integers(34, 60))
def test_broken_headers_are_read_without_an_error(noise: bytes, cut: int) -> None:
    whole = frame(True, (bytes(6), bytes(6)), 1, 64, 1)
    sightings([(START, whole[:cut] + noise), (START, whole[:14] + noise), (START, whole[:cut])])


def test_offsets_add_up_over_a_node_between() -> None:
    far = ClockOffset(2.0, 0.001, 10, "", 1e-5, START)
    near = ClockOffset(-0.5, 0.002, 4, "", 0.0, START)
    both = far.after(near)
    assert both.seconds == pytest.approx(1.5)
    assert both.uncertainty == pytest.approx(0.003)
    assert both.pairs == 4
    assert both.corrected(START) == near.corrected(far.corrected(START))
    assert far.after(ClockOffset()).seconds is None
