"""What the benchmarks found, as numbers beside their printed tables: `make bench` writes them to build/bench.json."""

import json
import os
import platform
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

_found: dict[str, dict[str, float]] = {}
_where: dict[str, str | int | None] = {}


def begin() -> None:
    """Remember what is measured, and where: files may change while it runs."""
    _where.update(commit=_commit(), cpus=os.cpu_count(), machine=_machine())


def note(bench: str, **numbers: float) -> None:
    """Keep figures of one benchmark; units are in their names (`_s`, `_mb`, `_ratio`)."""
    _found.setdefault(bench, {}).update({name: round(value, 4) for name, value in numbers.items()})


def found() -> Mapping[str, Mapping[str, float]]:
    """Everything kept so far."""
    return _found


def quantile(values: list[float], share: float) -> float:
    """The value that `share` of the values do not exceed."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def write(path: Path) -> None:
    """Write everything found since `begin`, with where, when and of which commit."""
    told = {"at": time.time(), **_where, "load": os.getloadavg()[0], "found": _found}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(told, indent=1) + "\n")


def _commit() -> str:
    """The checkout's, with a + behind it when files have changed since; empty outside of one."""
    argv = ["git", "-c", "safe.directory=*", "describe", "--always", "--dirty=+"]
    return subprocess.run(argv, capture_output=True, text=True, check=False).stdout.strip()


def _machine() -> str:
    """The processor's name, or its architecture."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(": ")[2]
    return platform.machine()
