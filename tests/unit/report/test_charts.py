"""Pictures for any capture: empty, one packet, microseconds, days, many pods, hostile names. What they say is true."""

import math
import struct
from typing import Any

import numpy as np
import pytest
from matplotlib.patches import StepPatch

from tests.unit.findings.cases import SPEC, facts, target
from tests.unit.report.looks import overlaps, words
from workers.contract.facts import Timeline
from workers.contract.pictures import DIRECTIONS, EVERY, LATENCY, PERCENTILES, TRAFFIC, Album
from workers.contract.report import Report, TargetResult
from workers.report import build
from workers.report.charts import charts, drawings
from workers.report.latency import KINDS
from workers.report.trend import trend

START = 1_795_300_000.25


def timeline(bins: int = 60, width: float = 0.5, **about: object) -> Timeline:
    samples = tuple((START + i * width, 0.01 * (i + 1), ("http", "dns", "tcp")[i % 3]) for i in range(bins))
    values = {"packets": (3,) * bins, "bytes": (900,) * bins, "problems": (0, 2) * (bins // 2), "latency": samples}
    sides = {"client_packets": (2,) * bins, "client_bytes": (150,) * bins, "server_packets": (1,) * bins}
    return Timeline(START, width, **(values | sides | {"server_bytes": (750,) * bins} | about))  # type: ignore[arg-type]


def report(*lines: Timeline, pod: str = "checkout-7d9f-x2z") -> Report:
    targets: list[TargetResult] = [
        target(facts(timeline=line, packets=sum(line.packets)), f"{pod}{i}", f"198.19.1.{i}")
        for i, line in enumerate(lines)
    ]
    return build("abcdefgh", SPEC, targets, {}, START)


def album(*lines: Timeline, **about: Any) -> Album:
    """What is drawn of targets with these timelines alone."""
    trips = about.pop("trips", ())
    return Album(report(*lines, **about), EVERY, round_trips=trips)


def dimensions(png: bytes) -> tuple[int, int]:
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", png[16:24])
    return width, height


def test_traffic_and_latency_at_phone_size() -> None:
    drawn = {name: (alt, dimensions(png)) for name, alt, png in charts(album(timeline()))}
    assert list(drawn) == [TRAFFIC, LATENCY, PERCENTILES]
    assert drawn[TRAFFIC] == (
        (
            "Traffic of checkout-7d9f-x2z0 over 30 s, peak 14 kbit/s both ways; client to server 9.0 kB in 120 "
            "packets, server to client 45.0 kB in 60 packets; 60 problems marked."
        ),
        (1200, 900),
    )
    assert drawn[LATENCY][0].startswith("Latency over time: HTTP response p50")
    assert drawn[LATENCY][1] == (1200, 675)


def test_directions_point_away_from_zero_and_have_units() -> None:
    (_, _, figure), *_ = drawings(album(timeline()))
    above, below = figure.axes
    assert (above.get_ylabel(), below.get_ylabel()) == ("kbit/s", "packets/s")
    assert "UTC" in below.get_xlabel()
    up, down = (patch for patch in above.patches if isinstance(patch, StepPatch))
    assert set(up.get_data()[0]) == {150 * 8 / 0.5 / 1e3}
    assert set(down.get_data()[0]) == {-750 * 8 / 0.5 / 1e3}
    for axes in (above, below):
        least, most = axes.get_ylim()
        assert least < 0 < most
    assert not any(text.startswith(("-", "\N{MINUS SIGN}")) for text in words(figure))


def test_what_has_no_direction_is_drawn_where_it_is_much() -> None:
    told = {few: drawings(album(timeline(client_packets=(few,) * 60)))[0][1] for few in (1, 2)}
    assert "neither (ARP and such)" in told[1]
    assert "neither" not in told[2]


def test_figures_of_older_reports_without_directions_are_drawn() -> None:
    bare = timeline(client_packets=(), client_bytes=(), server_packets=(), server_bytes=())
    assert "neither (ARP and such) 54.0 kB" in charts(album(bare))[0][1]


def test_percentiles_name_the_slowest_where_few_are_known() -> None:
    named = {name: (alt, figure) for name, alt, figure in drawings(album(timeline(), trips=(0.002, 0.004, 0.03)))}
    alt, figure = named[PERCENTILES]
    assert "HTTP responses: p50 280 ms, p90 520 ms, slowest 580 ms of 20 values" in alt
    assert "the median of each connection: p50 4.0 ms, p90 30 ms, slowest 30 ms of 3 values" in alt
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert "p50 4.0 ms, p90 30 ms, slowest 30 ms" in texts
    samples = tuple((START + i * 0.01, 0.001 * (i + 1), "http") for i in range(200))
    many = {name: alt for name, alt, _ in drawings(album(timeline(latency=samples)))}
    assert "p50 100 ms, p90 180 ms, p99 198 ms of 200 values" in many[PERCENTILES]


def course(every: float, count: int, slow: range, kind: str = "http") -> tuple[tuple[float, float, str], ...]:
    """A sample `every` so many seconds, of 10 ms, in `slow` of 200 ms."""
    return tuple((START + n * every, 0.2 if n in slow else 0.01, kind) for n in range(count))


def test_percentiles_over_time_show_when_it_was_slow() -> None:
    samples = course(0.1, 300, range(100, 160))
    ((_, alt, figure),) = (one for one in drawings(album(timeline(latency=samples))) if one[0] == LATENCY)
    assert "(p95 of each 2 s 10 ms to 200 ms)" in alt
    (axes,) = figure.axes
    assert axes.get_xlabel().endswith("lines: p50, and dashed p95, of each 2 s")
    p50, p95 = axes.lines
    for line in (p50, p95):
        points: list[tuple[float, float]] = np.asarray(line.get_xydata(), float).tolist()
        slow = {at for at, value in points if value > 0.1}
        assert slow == {11.0, 13.0, 15.0}
    assert p50.get_linestyle() != p95.get_linestyle()
    assert overlaps(figure) == []


def test_percentiles_over_time_need_values_enough() -> None:
    for samples in (course(0.5, 30, range(5)), course(0.0, 300, range(5))):
        ((_, alt, figure),) = (one for one in drawings(album(timeline(latency=samples))) if one[0] == LATENCY)
        assert "of each" not in alt
        assert figure.axes[0].get_xlabel().endswith("dashed: p90")


def test_a_kind_that_comes_in_part_of_the_capture_has_a_line_there_alone() -> None:
    early = course(0.1, 60, range(0), "dns")
    pieces = trend([(at, seconds) for at, seconds, _ in early], START, 30.0, 2.0)
    assert pieces is not None
    assert [math.isnan(value) for value in pieces.p95] == [False] * 3 + [True] * 12
    assert trend([(START, 0.1)] * 4, START, 30.0, 2.0) is None
    samples = course(0.1, 300, range(0)) + early
    (one,) = (one for one in drawings(album(timeline(latency=samples))) if one[0] == LATENCY)
    assert len(one[2].axes[0].lines) == 4


def test_every_kind_of_answer_has_its_line_and_row() -> None:
    samples = tuple((START + i, 0.001 * (i + 1), kind) for i, kind in enumerate([*KINDS, *KINDS]))
    named = {name: figure for name, _, figure in drawings(album(timeline(latency=samples)))}
    for name in (LATENCY, PERCENTILES):
        assert overlaps(named[name]) == []
        said = " ".join(words(named[name]))
        assert all(label in said for label, _, _ in KINDS.values())


@pytest.mark.parametrize(
    "line",
    [
        Timeline(START, 1.0, (1,), (60,), (1,)),
        timeline(40, 1e-5),
        timeline(300, 1_200.0),
        timeline(60, 180.0),
        Timeline(START, 1.0, (0, 5, 0), (0, 0, 0), (0, 0, 0), ((START, 1e-6, "tcp"),)),
        timeline(10, latency=((START, float("nan"), "http"), (START, -1.0, "dns"), (START, 900.0, "dns"))),
    ],
    ids=["one packet", "microseconds", "days", "hours", "no bytes", "odd samples"],
)
def test_sensible_for_odd_captures(line: Timeline) -> None:
    drawn = drawings(album(line, trips=(float("nan"), -1.0, 1e-7)))
    assert drawn
    for _, _, figure in drawn:
        assert overlaps(figure) == []
    assert all(dimensions(png)[0] == 1200 for _, _, png in charts(album(line)))


@pytest.mark.parametrize(
    "line",
    [
        Timeline(),
        Timeline(START, 0.0, (1,), (60,), (0,)),
        Timeline(float("nan"), 1.0, (1,), (60,), (0,)),
        Timeline(-9e9, 1.0, (1,), (1,)),
    ],
)
def test_no_picture_of_nothing(line: Timeline) -> None:
    assert charts(album(line)) == []


def test_many_pods_show_the_busiest_and_all_together_by_direction() -> None:
    made = album(*(timeline(bytes=(900 * n,) * 60) for n in range(1, 9)))
    alts = {name: alt for name, alt, _ in charts(made)}
    assert alts[TRAFFIC].startswith("Traffic of checkout-7d9f-x2z7, ")
    assert "client to server 72.0 kB in 960 packets" in alts[DIRECTIONS]


def test_timelines_of_other_widths_add_up() -> None:
    made = album(timeline(), timeline(15, 2.0))
    alt = next(alt for name, alt, _ in charts(made) if name == DIRECTIONS)
    assert "client to server 11.2 kB in 150 packets, server to client 56.2 kB in 75 packets" in alt


def test_hostile_names_are_drawn_as_text() -> None:
    assert len(charts(album(timeline(), timeline(), pod="$\\frac{\u202e_^"))) == 4


def test_long_names_stay_inside_of_the_picture() -> None:
    for _, _, figure in drawings(album(timeline(), pod="a-very-long-name-of-a-deployment-with-a-hash-" * 3)):
        assert overlaps(figure) == []
