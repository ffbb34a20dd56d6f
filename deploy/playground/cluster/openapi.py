"""The schemas of built-in kinds, as the official client's models describe them: for `kubectl explain`, and to find
fields that nobody knows. They are those of the client's release, which may know a field more than 1.34.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from .objects import Object
from .resources import Resource

_MODELS = {("", "Event"): "CoreV1Event", ("events.k8s.io", "Event"): "EventsV1Event"}
_DEFINITIONS = "#/$defs/"
_COMPONENTS = "#/components/schemas/"


@cache
def components(resource: Resource) -> dict[str, Object]:
    """Name -> schema of a stored built-in kind and of all that it is made of; the kind itself comes first."""
    # Late: the models take a third of a second, which the node's start hides.
    from kubernetes.client import models

    name = _MODELS.get((resource.group, resource.kind), f"V1{resource.kind}")
    whole = getattr(models, name).model_json_schema(by_alias=True)
    parts = whole.pop("$defs", {})
    whole["x-kubernetes-group-version-kind"] = [
        {"group": resource.group, "version": resource.version, "kind": resource.kind}
    ]
    return {_component(key): _plain(schema) for key, schema in {name: whole, **parts}.items()}


def _component(model: str) -> str:
    """V1PodSpec -> V1.PodSpec: kubectl shows what is after the last point."""
    return re.sub(r"(V\d(?:alpha\d|beta\d)?)(?=[A-Z])", r"\1.", model, count=1)


def _plain(schema: Any) -> Any:
    """A JSON schema as OpenAPI writes it: no nulls, no titles, references to components."""
    if isinstance(schema, list):
        return [_plain(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    choices = [choice for choice in schema.get("anyOf") or () if choice != {"type": "null"}]
    if len(choices) == 1:
        schema = {**schema, **choices[0]}
    kept = {
        key: value for key, value in schema.items() if key not in ("anyOf", "title", "default", "$ref", "properties")
    }
    plain: Object = {key: _plain(value) for key, value in kept.items()}
    if "$ref" in schema:
        plain["allOf"] = [{"$ref": _COMPONENTS + _component(schema["$ref"].removeprefix(_DEFINITIONS))}]
    if "properties" in schema:
        plain["properties"] = {name: _plain(value) for name, value in schema["properties"].items()}
    if "description" in plain:
        plain["description"] = plain["description"].partition("\n\nAttributes:")[0]
    return plain


def prune(resource: Resource, obj: Object) -> list[str]:
    """Take out, in place, what a built-in kind doesn't have; returns the paths."""
    parts = components(resource)
    return list(_pruned(next(iter(parts.values())), parts, obj, ""))


def _pruned(schema: Object, parts: dict[str, Object], value: Any, path: str) -> Iterator[str]:
    for reference in schema.get("allOf") or ():
        schema = parts[reference["$ref"].removeprefix(_COMPONENTS)]
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _pruned(schema.get("items") or {}, parts, item, f"{path}[{index}]")
    elif isinstance(value, dict):
        known, more = schema.get("properties"), schema.get("additionalProperties")
        for key, held in list(value.items()):
            where = f"{path}.{key}" if path else key
            if known is not None and key in known:
                yield from _pruned(known[key], parts, held, where)
            elif known is not None:
                del value[key]
                yield where
            elif isinstance(more, dict):
                yield from _pruned(more, parts, held, where)
