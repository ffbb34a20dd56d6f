"""The node's cgroups: they outlive every namespace, so someone has to remove them."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")


def directories(relative: str) -> list[Path]:
    """Where the cgroup `relative` exists now: one a v1 hierarchy, or the one of v2."""
    return [path for base in (ROOT, *sorted(ROOT.iterdir())) if (path := base / relative).is_dir()]


def remove(relative: str, seconds: float = 3.0) -> list[Path]:
    """Remove a cgroup with all below it, waiting for dying tasks; returns what could not be removed."""
    deadline = time.monotonic() + seconds
    while True:
        for top in directories(relative):
            _remove_tree(top)
        left = directories(relative)
        if not left or time.monotonic() > deadline:
            _remove_empty_parents(relative)
            return left
        time.sleep(0.02)


def kill(relative: str) -> None:
    """SIGKILL to every process of a cgroup."""
    for top in directories(relative):
        with contextlib.suppress(OSError):
            for word in (top / "cgroup.procs").read_text().split():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(word), signal.SIGKILL)


def oom_kills(relative: str) -> int:
    """How often the kernel's OOM killer struck in this cgroup (v1 memory.oom_control, v2 memory.events)."""
    for path in (ROOT / "memory" / relative / "memory.oom_control", ROOT / relative / "memory.events"):
        with contextlib.suppress(OSError):
            words = dict(line.split() for line in path.read_text().splitlines())
            return int(words.get("oom_kill", 0))
    return 0


def _remove_tree(top: Path) -> None:
    for child in [entry for entry in _entries(top) if entry.is_dir()]:
        _remove_tree(child)
    with contextlib.suppress(OSError):  # busy while tasks die: remove() comes again
        top.rmdir()


def _entries(path: Path) -> list[Path]:
    try:
        return list(path.iterdir())
    except FileNotFoundError:
        return []


def _remove_empty_parents(relative: str) -> None:
    parent = Path(relative).parent
    while str(parent) not in (".", "/"):
        for path in directories(str(parent)):
            with contextlib.suppress(OSError):  # another node or instance still lives there
                path.rmdir()
        parent = parent.parent
