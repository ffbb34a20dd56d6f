"""Pictures for any capture: empty, one packet, microseconds, days, many pods, hostile names."""

import struct

import pytest

from tests.unit.findings.cases import SPEC, facts, target
from workers.contract.facts import Timeline
from workers.contract.report import Report, TargetResult
from workers.report import build
from workers.report.charts import charts

START = 1_795_300_000.25


def timeline(bins: int = 60, width: float = 0.5, **about: object) -> Timeline:
    samples = tuple((START + i * width, 0.01 * (i + 1), ("http", "dns", "tcp")[i % 3]) for i in range(bins))
    values = {"packets": (3,) * bins, "bytes": (900,) * bins, "problems": (0, 2) * (bins // 2), "latency": samples}
    return Timeline(START, width, **(values | about))  # type: ignore[arg-type]


def report(*lines: Timeline, pod: str = "checkout-7d9f-x2z") -> Report:
    targets: list[TargetResult] = [
        target(facts(timeline=line, packets=sum(line.packets)), f"{pod}{i}", f"198.19.1.{i}")
        for i, line in enumerate(lines)
    ]
    return build("abcdefgh", SPEC, targets, {}, START)


def dimensions(png: bytes) -> tuple[int, int]:
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", png[16:24])
    return width, height


def test_throughput_and_latency_at_phone_size() -> None:
    drawn = charts(report(timeline()))
    assert [name for name, _, _ in drawn] == ["traffic.png", "latency.png"]
    assert {dimensions(png) for _, _, png in drawn} == {(1200, 675)}
    assert drawn[0][1] == "Traffic of checkout-7d9f-x2z0 over 30 s, peak 14 kbit/s; 60 problems marked."
    assert drawn[1][1].startswith("Latency over time: HTTP response median")


@pytest.mark.parametrize(
    "line",
    [
        Timeline(START, 1.0, (1,), (60,), (1,)),
        timeline(40, 1e-5),
        timeline(300, 1_200.0),
        Timeline(START, 1.0, (0, 5, 0), (0, 0, 0), (0, 0, 0), ((START, 1e-6, "tcp"),)),
        timeline(10, latency=((START, float("nan"), "http"), (START, -1.0, "dns"), (START, 900.0, "dns"))),
    ],
    ids=["one packet", "microseconds", "days", "no bytes", "odd samples"],
)
def test_sensible_for_odd_captures(line: Timeline) -> None:
    drawn = charts(report(line))
    assert drawn
    assert all(dimensions(png) == (1200, 675) for _, _, png in drawn)


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
    assert charts(report(line)) == []


def test_many_pods_show_the_busiest() -> None:
    alt = charts(report(*(timeline(bytes=(900 * n,) * 60) for n in range(1, 9))))[0][1]
    assert alt.startswith("Traffic of checkout-7d9f-x2z7, ")


def test_hostile_names_are_drawn_as_text() -> None:
    assert len(charts(report(timeline(), timeline(), pod="$\\frac{\u202e_^"))) == 2
