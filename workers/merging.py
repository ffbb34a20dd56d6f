"""Several captures of one job as one file, made by a child without credentials. One that fails costs nothing else."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from workers.contract import codec
from workers.contract.report import TargetResult

log = structlog.get_logger(__name__)

SECONDS_PER_BYTE = 1 / 10_000_000
LEAST_SECONDS = 30.0
MOST_BYTES = 1_000_000_000
"""More than that nobody opens in one piece, and Slack takes no larger file."""


@dataclass(frozen=True, slots=True)
class MergedCapture:
    """The merged file, what was done to it in sentences, and by node how far its clock is ahead (None: unknown)."""

    path: Path
    notes: tuple[str, ...] = ()
    clocks: Mapping[str, float | None] = field(default_factory=dict)


def merge(job_id: str, results: Sequence[TargetResult], files: Sequence[Path], out: Path) -> MergedCapture | None:
    """Merge what was captured of several targets into `out`; None when there is nothing to merge, or it failed."""
    pairs = [(result, path) for result, path in zip(results, files, strict=True) if result.outcome.bytes]
    size = sum(result.outcome.bytes for result, _ in pairs)
    if len(pairs) < 2 or size > MOST_BYTES:
        return None
    request = {"sources": [_source(result, path) for result, path in pairs], "out": str(out)}
    seconds = LEAST_SECONDS + size * SECONDS_PER_BYTE
    argv = [sys.executable, "-I", "-m", "workers.export"]
    try:
        done = subprocess.run(
            argv, input=json.dumps(request), capture_output=True, text=True, timeout=seconds, check=True, env={}
        )
        answer = json.loads(done.stdout)
        return MergedCapture(out, tuple(map(str, answer["notes"])), dict(answer["clocks"]))
    except (subprocess.SubprocessError, OSError, ValueError, KeyError) as error:
        log.warning("not merged", job=job_id, error=type(error).__name__, said=str(getattr(error, "stderr", ""))[:200])
        out.unlink(missing_ok=True)
        return None


def _source(result: TargetResult, path: Path) -> dict[str, object]:
    return {
        "path": str(path),
        "name": "/".join(part for part in (result.namespace, result.pod, result.container) if part),
        "node": result.node,
        "method": result.method,
        "filter": result.filter,
        "outcome": codec.encode(result.outcome),
    }
