"""Who asks for what is being captured already may join it: what makes two captures the same."""

from typing import Any

import pytest
from msgspec.structs import replace

from workers.contract.spec import CaptureSpec, Mode, TargetKind, TargetRef, same_capture

WEB, DB = TargetRef(TargetKind.DEPLOYMENT, "web"), TargetRef(TargetKind.STATEFULSET, "db")
SPEC = CaptureSpec(WEB, "shop", filter="tcp port 443")


@pytest.mark.parametrize(
    "change",
    [
        {"duration": 5.0, "max_bytes": 1, "max_packets": 9, "snaplen": 96, "max_pods": 1},
        {"filter": " tcp  port 443"},
        {"target": TargetRef(TargetKind.DEPLOYMENT, "web", "shop")},
        {"target": TargetRef(TargetKind.DEPLOYMENT, "web", "shop"), "namespace": "bank"},
    ],
)
def test_the_same_packets_are_the_same_capture(change: dict[str, Any]) -> None:
    assert same_capture(SPEC, replace(SPEC, **change))


@pytest.mark.parametrize(
    "change",
    [
        {"target": DB},
        {"target": TargetRef(TargetKind.ANY, "web")},
        {"others": (DB,)},
        {"namespace": "bank"},
        {"container": "app"},
        {"filter": "tcp port 80"},
        {"interface": "eth0"},
        {"mode": Mode.RECORD},
        {"dry_run": True},
    ],
)
def test_anything_else_is_another(change: dict[str, Any]) -> None:
    assert not same_capture(SPEC, replace(SPEC, **change))
    assert not same_capture(replace(SPEC, **change), SPEC)


def test_targets_have_no_order() -> None:
    there = replace(SPEC, others=(DB,), mode=Mode.BETWEEN)
    assert same_capture(there, replace(there, target=DB, others=(WEB,)))


@pytest.mark.parametrize("change", [{"dry_run": True}, {"mode": Mode.GRAB, "recording": "reca2345"}])
def test_what_captures_nothing_is_not_joined(change: dict[str, Any]) -> None:
    assert not same_capture(replace(SPEC, **change), replace(SPEC, **change))
