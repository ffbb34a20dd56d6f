"""The JSONPath of printer columns: `.spec.a`, `.a[0]`, `.a['b.c']`, `.a[*].b`, `.a[?(@.b=="c")].d`. Pure.

Anything else finds nothing (k8s.io/client-go/util/jsonpath knows more).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

_STEP = re.compile(
    r"""\.?\[(?P<index>-?\d+)\]                                        # [0]
    |\.?\[\?\(@\.(?P<field>[\w.-]+)\s*==\s*['"](?P<value>[^'"]*)['"]\)\]    # [?(@.type=="Ready")]
    |\.?\[['"](?P<quoted>[^'"]+)['"]\]                                 # ['a.b']
    |\.?\[?(?P<every>\*)\]?                                            # [*]
    |\.(?P<name>(?:\\\.|[^.\[\]])+)                                    # .a, .a\.b""",
    re.VERBOSE,
)


def find(obj: Any, path: str) -> list[Any]:
    """Every value at the path; [] when there is none or the path is not understood."""
    path = path.strip().removeprefix("{").removesuffix("}")
    values, position = [obj], 0
    while position < len(path):
        step = _STEP.match(path, position)
        if step is None:
            return []
        values = [found for value in values for found in _stepped(value, step)]
        position = step.end()
    return values


def _stepped(value: Any, step: re.Match[str]) -> Iterator[Any]:
    if step["index"] is not None:
        if isinstance(value, list) and -len(value) <= int(step["index"]) < len(value):
            yield value[int(step["index"])]
    elif step["every"]:
        yield from value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    elif step["field"]:
        items = value if isinstance(value, list) else ()
        yield from (item for item in items if find(item, "." + step["field"]) == [step["value"]])
    else:
        key = step["quoted"] or step["name"].replace("\\.", ".")
        if isinstance(value, dict) and key in value:
            yield value[key]
