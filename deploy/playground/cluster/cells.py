"""What table cells are read with: ages, dotted paths, counts, pairs. Pure.

Shapes follow k8s.io/kubernetes/pkg/printers/internalversion.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from .objects import Object, name_of, now, parse_timestamp

Cell = Callable[[Object], Any]
Column = tuple[str, str, int, Cell]
NONE = "<none>"


def age(moment: str | None, at: datetime | None = None) -> str:
    """duration.HumanDuration: 5s, 3m12s, 47m, 5h3m, 2d."""
    if not moment:
        return "<unknown>"
    seconds = int(((at or now()) - parse_timestamp(moment)).total_seconds())
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if seconds < 120:
        return f"{max(seconds, 0)}s"
    if minutes < 10:
        return f"{minutes}m{seconds % 60}s" if seconds % 60 else f"{minutes}m"
    if minutes < 180:
        return f"{minutes}m"
    if hours < 8:
        return f"{hours}h{minutes % 60}m" if minutes % 60 else f"{hours}h"
    if hours < 48:
        return f"{hours}h"
    if hours < 192:
        return f"{days}d{hours % 24}h" if hours % 24 else f"{days}d"
    if days < 730:
        return f"{days}d"
    return f"{days // 365}y{days % 365}d" if days < 8 * 365 else f"{days // 365}y"


def path(dotted: str, default: Any = "") -> Cell:
    """A cell that reads a dotted path."""

    def cell(obj: Object) -> Any:
        value: Any = obj
        for part in dotted.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        return default if value is None else value

    return cell


def fraction(part: str, whole: str) -> Cell:
    return lambda obj: f"{path(part, 0)(obj)}/{path(whole, 0)(obj)}"


def count(dotted: str) -> Cell:
    return lambda obj: len(path(dotted, ())(obj) or ())


def pairs(dotted: str) -> Cell:
    def cell(obj: Object) -> str:
        held = path(dotted, {})(obj) or {}
        return ",".join(f"{key}={held[key]}" for key in sorted(held)) or NONE

    return cell


def containers(field: str) -> Cell:
    return lambda obj: ",".join(str(c.get(field, "")) for c in obj["spec"]["template"]["spec"].get("containers") or ())


NAME: Column = ("Name", "string", 0, name_of)
AGE: Column = ("Age", "string", 0, lambda obj: age(obj["metadata"].get("creationTimestamp")))
