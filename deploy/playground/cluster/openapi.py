"""The schemas of built-in kinds, as the official client's models describe them: for `kubectl explain`, and to read
what clients send. They are those of the client's release, which may know a field more than 1.34.
"""

from __future__ import annotations

import re
import threading
from typing import Any

from .errors import bad_request
from .objects import Object
from .resources import PODS, Resource

_MODELS = {("", "Event"): "CoreV1Event", ("events.k8s.io", "Event"): "EventsV1Event"}
_DEFINITIONS = "#/$defs/"
_COMPONENTS = "#/components/schemas/"
_TYPES: dict[str, type] = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool}
_GO_NAMES = (("bool", bool), ("number", (int, float)), ("string", str), ("array", list), ("object", dict))
_QUANTITY = re.compile(r"\b(?:limits|requests|capacity|allocatable)\.[^.]+$|\bsizeLimit$|\bdivisor$")


_known: dict[Resource, dict[str, Object]] = {}
_learning = threading.Lock()


def components(resource: Resource) -> dict[str, Object]:
    """Name -> schema of a stored built-in kind and of all that it is made of; the kind itself comes first."""
    if resource not in _known:
        # Several requests may be the first of their kind at the same time: the work is done once.
        with _learning:
            if resource not in _known:
                _known[resource] = _learned(resource)
    return _known[resource]


def _learned(resource: Resource) -> dict[str, Object]:
    # Late: importing the models and describing a pod takes half a second.
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


def read(resource: Resource, obj: Object) -> tuple[Object, list[str]]:
    """(a body of a built-in kind without nulls and unknown fields, the paths of these fields).

    Raises Refusal(400) in the wording of a failed decoding when something has the wrong type.
    """
    parts, dropped = components(resource), list[str]()
    try:
        found: Object = _read(next(iter(parts.values())), parts, obj, "", dropped)
    except _OddError as odd:
        head = f'{resource.kind} in version "{resource.version}" cannot be handled as a {resource.kind}'
        raise bad_request(f"{head}: {odd}") from None
    return found, dropped


def read_metadata(metadata: Any) -> Object:
    """The metadata of a custom object, read like any other."""
    body, _ = read(PODS, {"metadata": metadata})
    return dict(body.get("metadata") or {})


class _OddError(Exception):
    def __init__(self, value: Any, path: str, wanted: str) -> None:
        found = next(name for name, kinds in _GO_NAMES if isinstance(value, kinds))
        field = re.sub(r"\[\d+\]", "", path)
        super().__init__(f"json: cannot unmarshal {found} into Go struct field .{field} of type {wanted}")


def _read(schema: Object, parts: dict[str, Object], value: Any, path: str, dropped: list[str]) -> Any:
    for reference in schema.get("allOf") or ():
        schema = parts[reference["$ref"].removeprefix(_COMPONENTS)]
    if (kind := schema.get("type")) and not _fits(value, kind, path):
        raise _OddError(value, path, kind)
    if isinstance(value, list):
        inner = schema.get("items") or {}
        return [_read(inner, parts, item, f"{path}[{index}]", dropped) for index, item in enumerate(value)]
    known, more = schema.get("properties"), schema.get("additionalProperties")
    if not isinstance(value, dict) or (known is None and not isinstance(more, dict)):
        return value
    kept: Object = {}
    for key, held in value.items():
        where = f"{path}.{key}" if path else key
        field = (known or {}).get(key, more if isinstance(more, dict) else None)
        if field is None:
            dropped.append(where)
        elif held is not None:
            kept[key] = _read(field, parts, held, where, dropped)
    return kept


def _fits(value: Any, kind: str, path: str) -> bool:
    if kind == "string" and isinstance(value, int | float) and not isinstance(value, bool):
        # A quantity may be written as a number.
        return bool(_QUANTITY.search(path))
    return isinstance(value, bool) == (kind == "boolean") and isinstance(value, _TYPES[kind])
