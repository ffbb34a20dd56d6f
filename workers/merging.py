"""Several captures of one job as one file, made by a child without credentials. One that fails costs nothing else."""

import json
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from workers.contract import codec
from workers.contract.report import Named, TargetResult

log = structlog.get_logger(__name__)

SECONDS_PER_BYTE = 1 / 10_000_000
LEAST_SECONDS = 30.0
_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,252}")
"""Names from traffic that hold anything else stay out of the file."""

MOST_BYTES = 1_000_000_000
"""More than that nobody opens in one piece, and Slack takes no larger file."""


@dataclass(frozen=True, slots=True)
class MergedCapture:
    """The merged file, what was done to it in sentences, and by node how far its clock is ahead (None: unknown)."""

    path: Path
    notes: tuple[str, ...] = ()
    clocks: Mapping[str, float | None] = field(default_factory=dict)


def merge(
    job_id: str, results: Sequence[TargetResult], files: Sequence[Path], out: Path, names: Mapping[str, Named]
) -> MergedCapture | None:
    """Merge what was captured of several targets into `out`; None when there is nothing to merge, or it failed.

    The file says what addresses are called, so that Wireshark shows them by name when asked to.
    """
    pairs = [(result, path) for result, path in zip(results, files, strict=True) if result.outcome.bytes]
    size = sum(result.outcome.bytes for result, _ in pairs)
    if len(pairs) < 2 or size > MOST_BYTES:
        return None
    sources = [_source(result, path) for result, path in pairs]
    request = {"sources": sources, "out": str(out), "names": called(results, names)}
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


def called(results: Sequence[TargetResult], names: Mapping[str, Named]) -> dict[str, str]:
    """Names of the addresses that talked, as DNS would have them; at most some hundred a target."""
    facts = [result.facts for result in results if result.facts is not None]
    flows = [flow for one in facts for flow in one.conversations]
    talked = dict.fromkeys(ip for flow in flows for ip in (flow.client, flow.server) if ip in names)
    found = {ip: _dotted(names[ip]) for ip in talked}
    return {ip: name for ip, name in found.items() if _PLAIN.fullmatch(name) and names[ip].kind != "local"}


def _dotted(named: Named) -> str:
    return f"{named.name}.{named.namespace}.svc" if named.kind == "service" else named.name


def _source(result: TargetResult, path: Path) -> dict[str, object]:
    return {
        "path": str(path),
        "name": "/".join(part for part in (result.namespace, result.pod, result.container) if part),
        "node": result.node,
        "method": result.method,
        "filter": result.filter,
        "outcome": codec.encode(result.outcome),
    }
