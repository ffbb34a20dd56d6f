"""Pure: the product's JSON log lines -> plain sentences for people."""

import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

TAIL_BYTES = 131_072
_SILENT = {"event", "level", "logger", "timestamp", "process", "epoch", "exception", "stack_info"}
_SAYING = ("error", "detail", "reason", "why")
_LONGEST = 400
_TASK = re.compile(r"\[[0-9a-f-]{36}\]|(?<=\.\d\d)\d+(?=s:)|: None$")
"""Celery's ids of its own, its digits and the result of tasks that have none: nothing to people."""


@dataclass(frozen=True)
class LogLine:
    """`at` is ISO 8601 or empty, `level` one of debug, info, warning, error, critical."""

    at: str
    level: str
    text: str

    def to_json(self) -> dict[str, str]:
        return asdict(self)


def tail(path: Path, lines: int = 200) -> list[LogLine]:
    """The newest lines of a log, oldest first; a line that is still being written is left for the next time."""
    with path.open("rb") as log:
        size = log.seek(0, 2)
        start = log.seek(max(0, size - TAIL_BYTES))
        whole = log.read().decode(errors="replace").split("\n")[:-1]
    return [read_line(line) for line in whole[1 if start else 0 :][-lines:] if line.strip()]


def read_line(line: str) -> LogLine:
    """One line; what is no JSON object (a crash, a library's print) is shown as it is."""
    try:
        entry = json.loads(line)
    except ValueError:
        entry = None
    if not isinstance(entry, dict):
        return LogLine("", "info", line)
    return LogLine(str(entry.get("timestamp", "")), str(entry.get("level", "info")), sentence(entry))


def sentence(entry: dict[str, Any]) -> str:
    """`{"event": "job failed", "job": "a1", "error": "No."}` -> `Job failed (job a1): No.`"""
    event = _TASK.sub("", " ".join(str(entry.get("event", "")).split())).rstrip(".")[:_LONGEST]
    event = event if " " in event else event.replace("_", " ")
    details = ", ".join(_details(entry))
    causes = [str(entry[key]) for key in _SAYING if entry.get(key)]
    if entry.get("exception"):
        causes.append(str(entry["exception"]).strip().splitlines()[-1])
    said = event[:1].upper() + event[1:] + (f" ({details})" if details else "")
    return f"{said}: {'; '.join(causes)}" if causes else f"{said}."


def _details(entry: dict[str, Any]) -> Iterator[str]:
    for key, value in entry.items():
        if key in _SILENT or key in _SAYING or value in (None, "", [], "None"):
            continue
        shown = ", ".join(map(str, value)) if isinstance(value, list) else value
        yield f"{key.replace('_', ' ')} {shown}"
