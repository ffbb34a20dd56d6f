"""What ends a capture early: findings by rule or by weight, and the words for what came and what did not."""

from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from tests.unit.findings.cases import facts, healthy, silent
from workers.capture.plans import Plan
from workers.capture.targets import PodInfo
from workers.contract.errors import BadFilter
from workers.contract.facts import Facts
from workers.contract.spec import CaptureSpec, TargetKind, TargetRef, Until, UntilKind
from workers.taken import Taken
from workers.until import FindingComes, check, unmet

SPEC = CaptureSpec(TargetRef(TargetKind.DEPLOYMENT, "web"), "shop")


@dataclass
class Seen:
    """As much of a Taken as is looked at."""

    facts: Facts | None = None
    plan: Plan = field(default_factory=lambda: Plan(PodInfo("shop", "web-0"), "app"))


def _taken(found: Any = None) -> list[Taken]:
    return cast(list[Taken], [Seen(found)])


def test_any_finding_is_one_that_tells_of_trouble() -> None:
    condition = FindingComes("any", SPEC)
    assert condition.met(_taken()) == ""
    assert condition.met(_taken(facts(healthy(1)))) == ""
    met = condition.met(_taken(facts(silent(5))))
    assert met.startswith("A finding came (syn-unanswered): ")


def test_a_rule_waits_for_its_own_finding() -> None:
    condition = FindingComes("dns-slow", SPEC)
    assert condition.met(_taken(facts(silent(5)))) == ""
    assert FindingComes("syn-unanswered", SPEC).met(_taken(facts(silent(5)))) != ""


def test_only_a_filter_that_compiles_is_waited_for() -> None:
    check(SPEC)
    check(CaptureSpec(SPEC.target, "shop", until=Until(UntilKind.PACKET, "tcp[tcpflags] & tcp-rst != 0")))
    check(CaptureSpec(SPEC.target, "shop", until=Until(UntilKind.EVENT, "port nowhere")))
    for expression in ("", "port nowhere", "host db.shop", "-w /tmp/x"):
        with pytest.raises(BadFilter):
            check(CaptureSpec(SPEC.target, "shop", until=Until(UntilKind.PACKET, expression)))


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        (UntilKind.PACKET, "port 53", "no packet matched `port 53`."),
        (UntilKind.FINDING, "any", "there was no finding."),
        (UntilKind.FINDING, "dns-slow", "there was no finding dns-slow."),
        (UntilKind.EVENT, "Unhealthy", "no captured pod had the event Unhealthy."),
    ],
)
def test_what_did_not_come_is_named(kind: UntilKind, value: str, said: str) -> None:
    assert unmet(Until(kind, value)) == f"The capture took its whole time: {said}"
