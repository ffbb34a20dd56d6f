"""What a kubelet ends a pod for by itself, and in which words."""

from pathlib import Path
from typing import Any

import pytest

from deploy.playground.cluster.node.limits import EVICTED, LATE, Ending, maybe_ending
from deploy.playground.cluster.node.process import now

LONG_AGO = "2020-01-01T00:00:00Z"


def _spec(*limits: str, **spec: Any) -> dict[str, Any]:
    """A pod's spec with a container for each limit of ephemeral storage ("": none)."""
    resources = [{"limits": {"ephemeral-storage": limit}} if limit else {} for limit in limits]
    return {"containers": [{"name": f"c{n}", "resources": each} for n, each in enumerate(resources)], **spec}


def _fill(path: Path, size: int = 70_000) -> None:
    path.parent.mkdir(parents=True)
    path.write_bytes(bytes(size))


def test_a_volume_over_its_limit_is_named(tmp_path: Path) -> None:
    _fill(tmp_path / "volumes" / "big" / "deep" / "file")
    (tmp_path / "volumes" / "small").mkdir()
    volumes = [{"name": name, "emptyDir": {"sizeLimit": "64Ki"}} for name in ("small", "big")]
    words = 'Usage of EmptyDir volume "big" exceeds the limit "64Ki". '
    assert maybe_ending(_spec("", volumes=volumes), tmp_path, now()) == Ending(EVICTED, words)


@pytest.mark.parametrize(
    "volume",
    [
        {"name": "big", "emptyDir": {"sizeLimit": "128Ki"}},
        {"name": "big", "emptyDir": {"sizeLimit": "64Ki", "medium": "Memory"}},
        {"name": "big", "emptyDir": {}},
        {"name": "big", "configMap": {"name": "x"}},
    ],
)
def test_other_volumes_are_let_be(tmp_path: Path, volume: dict[str, Any]) -> None:
    _fill(tmp_path / "volumes" / "big" / "file")
    assert maybe_ending(_spec("", volumes=[volume]), tmp_path, now()) is None


def test_a_volume_counts_for_the_limits_of_the_whole_pod(tmp_path: Path) -> None:
    _fill(tmp_path / "volumes" / "spool" / "file")
    volumes = [{"name": "spool", "emptyDir": {}}]
    words = "Pod ephemeral local storage usage exceeds the total limit of containers 64Ki. "
    assert maybe_ending(_spec("64Ki", volumes=volumes), tmp_path, now()) == Ending(EVICTED, words)
    assert maybe_ending(_spec("128Ki", volumes=volumes), tmp_path, now()) is None


def test_what_a_container_wrote_is_held_against_its_own_limit(tmp_path: Path) -> None:
    _fill(tmp_path / "containers" / "c1" / "upper" / "file")
    _fill(tmp_path / "containers" / "c1" / "rootfs" / "the same file in its merged view")
    words = 'Container c1 exceeded its local ephemeral storage limit "64Ki". '
    assert maybe_ending(_spec("64Ki", "64Ki"), tmp_path, now()) == Ending(EVICTED, words)
    assert maybe_ending(_spec("64Ki", "128Ki"), tmp_path, now()) is None


def test_a_pod_that_is_active_for_too_long_is_late(tmp_path: Path) -> None:
    words = "Pod was active on the node longer than the specified deadline"
    assert maybe_ending(_spec("", activeDeadlineSeconds=60), tmp_path, LONG_AGO) == Ending(LATE, words)
    assert maybe_ending(_spec("", activeDeadlineSeconds=60), tmp_path, now()) is None
    assert maybe_ending(_spec(""), tmp_path, LONG_AGO) is None
