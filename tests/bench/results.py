"""What the benchmarks found, as numbers beside their printed tables: `make bench` writes them to build/bench.json."""

import json
import os
import platform
import time
from pathlib import Path

_found: dict[str, dict[str, float]] = {}


def note(bench: str, **numbers: float) -> None:
    """Keep figures of one benchmark; units are in their names (`_s`, `_mb`, `_ratio`)."""
    _found.setdefault(bench, {}).update({name: round(value, 4) for name, value in numbers.items()})


def quantile(values: list[float], share: float) -> float:
    """The value that `share` of the values do not exceed."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def write(path: Path) -> None:
    """Write everything found so far, with where and when."""
    where = {"cpus": os.cpu_count(), "machine": platform.machine(), "load": os.getloadavg()[0]}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"at": time.time(), **where, "found": _found}, indent=1) + "\n")
