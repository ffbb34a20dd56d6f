"""PodStatus from container records: phases, conditions, restart decisions."""

from __future__ import annotations

from typing import Any

import pytest

from deploy.playground.cluster.node.limits import Ending
from deploy.playground.cluster.node.status import ContainerRecord, PodFacts, pod_status, should_restart

RUNNING = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}


def record(state: dict[str, Any] | None = None, **more: Any) -> ContainerRecord:
    made = ContainerRecord("app", "busybox:1", more.pop("kind", "app"), **more)
    made.state = state or made.state
    return made


def ended(code: int) -> dict[str, Any]:
    return {"terminated": {"exitCode": code, "reason": "Completed" if code == 0 else "Error"}}


def status(*records: ContainerRecord, policy: str = "Always", before: Any = None, now: str = "t1") -> dict[str, Any]:
    facts = PodFacts(list(records), ("198.18.1.2",), "198.18.1.1", "t0", policy, Ending())
    return pod_status(facts, before or {}, now)


def condition(found: dict[str, Any], kind: str) -> dict[str, Any]:
    return next(c for c in found["conditions"] if c["type"] == kind)


@pytest.mark.parametrize(
    ("state", "policy", "phase"),
    [
        (None, "Always", "Pending"),
        (RUNNING, "Always", "Running"),
        (ended(0), "Always", "Running"),
        (ended(0), "OnFailure", "Succeeded"),
        (ended(1), "OnFailure", "Running"),
        (ended(1), "Never", "Failed"),
    ],
)
def test_phase(state: dict[str, Any] | None, policy: str, phase: str) -> None:
    assert status(record(state), policy=policy)["phase"] == phase


def test_failed_init_without_restart_fails_the_pod() -> None:
    assert status(record(ended(2), kind="init"), record(), policy="Never")["phase"] == "Failed"


def test_backoff_after_a_run_is_still_running() -> None:
    waiting = record({"waiting": {"reason": "CrashLoopBackOff"}}, last_state=ended(1))
    found = status(waiting)
    assert found["phase"] == "Running"
    assert condition(found, "Ready")["status"] == "False"
    assert condition(found, "Ready")["message"] == "containers with unready status: [app]"


def test_transition_times_move_only_with_the_value() -> None:
    first = status(record(), now="t1")
    second = status(record(RUNNING, passed=True), before=first, now="t2")
    third = status(record(RUNNING, passed=True), before=second, now="t3")
    assert condition(second, "Ready") | {"lastTransitionTime": ""} != condition(first, "Ready")
    assert condition(third, "Ready")["lastTransitionTime"] == "t2"
    assert condition(third, "PodScheduled")["lastTransitionTime"] == "t1"
    assert third == second


def test_ephemeral_containers_never_count_for_readiness() -> None:
    found = status(record(RUNNING, passed=True), record(ended(1), kind="ephemeral"))
    assert condition(found, "Ready")["status"] == "True"
    assert len(found["ephemeralContainerStatuses"]) == 1


@pytest.mark.parametrize(
    ("kind", "policy", "code", "again"),
    [
        ("app", "Always", 0, True),
        ("app", "OnFailure", 0, False),
        ("app", "OnFailure", 1, True),
        ("app", "Never", 1, False),
        ("init", "Always", 0, False),
        ("init", "Always", 1, True),
        ("init", "Never", 1, False),
        ("ephemeral", "Always", 1, False),
    ],
)
def test_restart_decision(kind: Any, policy: str, code: int, again: bool) -> None:
    assert should_restart(kind, policy, code) is again
