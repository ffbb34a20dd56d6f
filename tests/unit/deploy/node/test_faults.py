"""Pure parts of the node: which faults make sense and what they ask for."""

from typing import Any

import pytest

from deploy.playground.cluster.node.faults import FaultError, Impairment, check, impairment, ruleset


@pytest.mark.parametrize(
    ("fault", "wanted"),
    [
        ({"kind": "loss", "percent": 40, "delayMs": 800}, Impairment(loss=0.4)),
        ({"kind": "loss", "percent": 0.5}, Impairment(loss=0.005)),
        ({"kind": "latency", "delayMs": 150, "percent": 30}, Impairment(delay=0.15)),
        ({"kind": "reorder", "delayMs": 20, "percent": 25}, Impairment(delay=0.02, share=0.25)),
        ({"kind": "delay", "delayMs": 800, "percent": 30}, Impairment()),
        ({"kind": "drop", "port": 80, "percent": 30}, Impairment()),
        ({"kind": "none"}, Impairment()),
    ],
)
def test_what_an_interface_is_asked_to_do(fault: dict[str, Any], wanted: Impairment) -> None:
    assert impairment(check(fault)) == wanted


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "explode"},
        {"kind": "drop"},
        {"kind": "reset", "port": 70_000},
        {"kind": "blackhole"},
        {"kind": "loss"},
        {"kind": "loss", "percent": 101},
        {"kind": "loss", "percent": "nan"},
        {"kind": "latency"},
        {"kind": "latency", "delayMs": 3_600_000},
        {"kind": "reorder", "delayMs": 20},
        {"kind": "reorder", "percent": 20},
        {"kind": "loss", "percent": "much"},
    ],
)
def test_what_makes_no_sense_is_refused(fault: dict[str, Any]) -> None:
    with pytest.raises(FaultError):
        check(fault)


def test_a_pods_rules_are_replaced_by_every_fault() -> None:
    for fault in ({"kind": "loss", "percent": 1}, {"kind": "none"}):
        assert ruleset(check(fault)) == "table inet threadcap_fault\ndelete table inet threadcap_fault\n"
    assert "reject with tcp reset" in ruleset(check({"kind": "refuse", "port": 80}))
    assert "tcp dport 80 meta length > 1280 drop" in ruleset(check({"kind": "blackhole", "port": 80}))
