"""What a kubelet ends a pod for by itself: more on disk than was granted, or more time.

Words are those of pkg/kubelet/eviction/helpers.go and pkg/kubelet/active_deadline.go. Bytes count as on disk.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from .process import Json
from .volumes import quantity

EVICTED, LATE = "Evicted", "DeadlineExceeded"
_LATE = "Pod was active on the node longer than the specified deadline"


@dataclass(frozen=True)
class Ending:
    """Why the node ends a pod, as the pod's status says it; no reason is none."""

    reason: str = ""
    message: str = ""


def maybe_ending(spec: Json, home: Path, started: str) -> Ending | None:
    """The first limit of a pod's spec that is exceeded, or None.

    home: the pod's, with `volumes/NAME` and `containers/NAME`; started: its status.startTime.
    """
    deadline = spec.get("activeDeadlineSeconds")
    if deadline is not None and _age(started) >= deadline:
        return Ending(LATE, _LATE)
    message = _full_volume(spec, home) or _full_container(spec, home)
    return Ending(EVICTED, message) if message else None


def _age(started: str) -> float:
    return (datetime.now(UTC) - datetime.fromisoformat(started)).total_seconds()


def _full_volume(spec: Json, home: Path) -> str:
    for name, volume in _on_disk(spec).items():
        limit = volume.get("sizeLimit")
        if limit and _used(home / "volumes" / name) > quantity(limit):
            return f'Usage of EmptyDir volume "{name}" exceeds the limit "{limit}". '
    return ""


def _full_container(spec: Json, home: Path) -> str:
    """The pod as a whole first, as a kubelet does."""
    limits = {c["name"]: _limit(c) for c in spec["containers"] if _limit(c)}
    if not limits:
        return ""
    total = sum(_used(home / "containers" / c["name"]) for c in spec["containers"])
    total += sum(_used(home / "volumes" / name) for name in _on_disk(spec))
    if total > sum(map(quantity, limits.values())):
        whole = next(iter(limits.values())) if len(limits) == 1 else f"{sum(map(quantity, limits.values())):.0f}"
        return f"Pod ephemeral local storage usage exceeds the total limit of containers {whole}. "
    for name, limit in limits.items():
        if _used(home / "containers" / name) > quantity(limit):
            return f'Container {name} exceeded its local ephemeral storage limit "{limit}". '
    return ""


def _on_disk(spec: Json) -> dict[str, Json]:
    """The emptyDirs someone has to watch: a tmpfs keeps its own limit."""
    dirs = {volume["name"]: volume.get("emptyDir") for volume in spec.get("volumes") or ()}
    return {name: d for name, d in dirs.items() if d is not None and d.get("medium") != "Memory"}


def _limit(container: Json) -> str:
    limits = (container.get("resources") or {}).get("limits") or {}
    return str(limits.get("ephemeral-storage", ""))


def _used(top: Path) -> int:
    """Bytes on disk below `top`: of a container's folder its writable layer and its logs."""
    total = 0
    for folder, inner, names in os.walk(top):
        inner[:] = [name for name in inner if Path(folder, name) != top / "rootfs"]
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                total += Path(folder, name).lstat().st_blocks * 512
    return total
