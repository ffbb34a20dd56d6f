"""Of any traffic of the model, each frame's marks equal tshark's; every difference is a row of `tshark_differences`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.support.examples import examples
from tests.support.traffic_model import Act, Frame, Plan, Truth, pcap, played
from tests.support.traffic_plans import captures, snaplens
from tests.unit.analysis.marked import ours, theirs
from tests.unit.analysis.test_traffic_model import most_in_flight
from tests.unit.analysis.tshark_differences import ANY, DIFFERENCES, Difference, flight_is_comparable

ONE_FOLDER = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]  # the file is written again each time
AS_FOUND = (Phase.explicit, Phase.reuse, Phase.generate)
"""Making a failing example smaller would run tshark for minutes: what is found names its plan."""
EXCEPTIONS = {
    "ack_lost_segment": Plan(acts=(Act("repeated_ack", "s"),), ending="missed"),
    "keep_alive": Plan(opening="middle", isn=(0, 2**32 - 1)),
    ANY: Plan(opening="unanswered", isn=(2**32 - 1, 0), tries=2),
}
"""The least traffic that shows each difference."""


@dataclass(frozen=True)
class Compared:
    """A capture seen by both."""

    differences: list[tuple[str, Frame, Truth]]
    """Marks that only one of us gives, with the frame."""
    flights: list[int]
    """tshark's bytes in flight of each frame."""

    @property
    def unexplained(self) -> list[tuple[str, int, Plan]]:
        """Differences that no row of the table excuses."""
        return [
            (name, frame.number, truth.plan)
            for name, frame, truth in self.differences
            if not any(row.name in (name, ANY) and row.excuses(truth, frame) for row in DIFFERENCES)
        ]


def both(truths: Sequence[Truth], path: Path, snaplen: int = 262_144) -> Compared:
    """Have the capture judged by both; ours must be the planted truth."""
    data = pcap(truths, snaplen)
    path.write_bytes(data)
    mine, other = ours(data), theirs(path)
    frames = {frame.number: (truth, frame) for truth in truths for frame in truth.frames}
    assert len(mine) == len(other) == len(frames)
    found = []
    for number, (here, (there, _)) in enumerate(zip(mine, other, strict=True), 1):
        truth, frame = frames[number]
        assert here == frame.marks, (number, truth.plan)
        found += [(name, frame, truth) for name in here ^ there]
    return Compared(found, [flight for _, flight in other])


def equal(plans: Sequence[Plan], snaplen: int, path: Path) -> None:
    """Marks of each frame, and the most bytes in flight of each sender."""
    truths = played(plans)
    if not truths:
        return
    seen = both(truths, path, snaplen)
    assert seen.unexplained == []
    for truth in truths:
        for side in "cs":
            if flight_is_comparable(truth, side):
                told = max((seen.flights[one.number - 1] for one in truth.frames if one.side == side), default=0)
                assert told == most_in_flight(truth, side), (side, truth.plan)


@settings(max_examples=examples(12), phases=AS_FOUND, suppress_health_check=ONE_FOLDER)
@given(captures, snaplens)
def test_of_any_traffic_marks_equal_those_of_tshark(tmp_path: Path, plans: list[Plan], snaplen: int) -> None:
    equal(plans, snaplen, tmp_path / "any.pcap")


@pytest.mark.long
@pytest.mark.timeout(3_600)
@settings(max_examples=1_500, phases=AS_FOUND, suppress_health_check=ONE_FOLDER)
@given(captures, snaplens)
def test_of_much_more_traffic_they_do_too(tmp_path: Path, plans: list[Plan], snaplen: int) -> None:
    equal(plans, snaplen, tmp_path / "more.pcap")


@pytest.mark.parametrize("row", DIFFERENCES, ids=lambda row: row.name)
def test_the_table_has_no_stale_rows(row: Difference, tmp_path: Path) -> None:
    truths = played([EXCEPTIONS[row.name]])
    seen = both(truths, tmp_path / "one.pcap")
    assert {name for name, _, _ in seen.differences} == {"retransmission" if row.name == ANY else row.name}
    assert seen.unexplained == []
