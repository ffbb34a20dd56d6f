"""kubectl's columns: ages, pod states and the generic shape."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from deploy.playground.cluster.cells import age
from deploy.playground.cluster.resources import PODS, Resource
from deploy.playground.cluster.tables import pod_status, table

START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (119, "119s"),
        (120, "2m"),
        (192, "3m12s"),
        (10 * 60 + 5, "10m"),
        (179 * 60, "179m"),
        (3 * 3600, "3h"),
        (5 * 3600 + 180, "5h3m"),
        (9 * 3600 + 60, "9h"),
        (47 * 3600, "47h"),
        (49 * 3600, "2d1h"),
        (9 * 86400, "9d"),
        (800 * 86400, "2y70d"),
    ],
)
def test_age(seconds: int, text: str) -> None:
    assert age("2026-01-01T00:00:00Z", START + timedelta(seconds=seconds)) == text


def pod(*states: dict[str, Any], phase: str = "Running", **metadata: Any) -> dict[str, Any]:
    statuses = [{"name": str(i), "ready": "running" in state, "state": state} for i, state in enumerate(states)]
    spec = {"containers": [{"name": str(i)} for i in range(len(states))]}
    metadata = {"name": "x", "creationTimestamp": "2026-01-01T00:00:00Z", **metadata}
    return {"metadata": metadata, "spec": spec, "status": {"phase": phase, "containerStatuses": statuses}}


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (pod({"running": {}}), "Running"),
        (pod({"waiting": {"reason": "ImagePullBackOff"}}, phase="Pending"), "ImagePullBackOff"),
        (pod({"terminated": {"exitCode": 0, "reason": "Completed"}}, phase="Succeeded"), "Completed"),
        (pod({"terminated": {"exitCode": 2}}, phase="Failed"), "ExitCode:2"),
        (pod({"running": {}}, deletionTimestamp="2026-01-01T00:00:00Z"), "Terminating"),
        (pod(phase="Pending"), "Pending"),
    ],
)
def test_pod_status(found: dict[str, Any], text: str) -> None:
    assert pod_status(found) == text


def test_rows_hold_a_cell_for_each_column() -> None:
    shown = table(PODS, [pod({"running": {}}, {"waiting": {"reason": "CrashLoopBackOff"}})], {})
    assert len(shown["rows"][0]["cells"]) == len(shown["columnDefinitions"])
    assert shown["rows"][0]["cells"][:3] == ["x", "1/2", "CrashLoopBackOff"]
    assert shown["rows"][0]["object"]["kind"] == "PartialObjectMetadata"
    assert "object" not in table(PODS, [pod()], {}, "None")["rows"][0]
    assert [
        c["name"] for c in table(Resource("example.com", "v1", "gadgets", "Gadget"), [pod()], {})["columnDefinitions"]
    ] == ["Name", "Age"]
