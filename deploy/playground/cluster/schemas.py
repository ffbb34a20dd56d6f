"""A custom object against its structural schema: pruned, completed, judged. Pure.

Messages as k8s.io/kube-openapi/pkg/validation words them. Left out: formats, allOf/anyOf/oneOf/not, list types, CEL.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from . import errors
from .errors import Cause
from .objects import Object

_ROOT = ("apiVersion", "kind", "metadata")
_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "integer,string": (int, str),
}


def prune(schema: Object, obj: Object) -> tuple[Object, list[str]]:
    """The object without fields that the schema doesn't know, and their paths."""
    dropped: list[str] = []
    body = {key: value for key, value in obj.items() if key not in _ROOT}
    pruned = _pruned(schema, body, "", dropped)
    return {**{key: obj[key] for key in _ROOT if key in obj}, **pruned}, dropped


def _pruned(schema: Object, value: Any, path: str, dropped: list[str]) -> Any:
    if isinstance(value, list):
        inner = schema.get("items") or {}
        return [_pruned(inner, item, f"{path}[{index}]", dropped) for index, item in enumerate(value)]
    if not isinstance(value, dict):
        return value
    if schema.get("x-kubernetes-embedded-resource"):
        return value
    kept: Object = {}
    properties, more = schema.get("properties") or {}, schema.get("additionalProperties")
    for key, held in value.items():
        where = f"{path}.{key}" if path else key
        if key in properties:
            kept[key] = _pruned(properties[key], held, where, dropped)
        elif more:
            kept[key] = _pruned(more if isinstance(more, dict) else {}, held, where, dropped) if more else held
        elif schema.get("x-kubernetes-preserve-unknown-fields"):
            kept[key] = held
        else:
            dropped.append(where)
    return kept


def complete(schema: Object, value: Any) -> None:
    """Fill in defaults, in place and deep, wherever the parent is there."""
    if isinstance(value, list):
        for item in value:
            complete(schema.get("items") or {}, item)
    if not isinstance(value, dict):
        return
    for key, inner in (schema.get("properties") or {}).items():
        if "default" in inner and (key not in value or (value[key] is None and not inner.get("nullable"))):
            value[key] = deepcopy(inner["default"])
        if key in value:
            complete(inner, value[key])
    if isinstance(more := schema.get("additionalProperties"), dict):
        for key in value.keys() - (schema.get("properties") or {}).keys():
            complete(more, value[key])


def causes(schema: Object, obj: Object) -> list[Cause]:
    """Everything in which the object (without its metadata) differs from the schema."""
    body = {key: value for key, value in obj.items() if key not in _ROOT}
    known = {key: inner for key, inner in (schema.get("properties") or {}).items() if key not in _ROOT}
    return list(_judge({**schema, "properties": known}, body, ""))


def _judge(schema: Object, value: Any, path: str) -> Iterator[Cause]:
    kind = schema.get("type")
    if value is None and schema.get("nullable"):
        return
    if schema.get("x-kubernetes-int-or-string"):
        kind = "integer,string"
    if kind and not _is(value, str(kind)):
        found = _type_name(value)
        yield Cause(path, f'Invalid value: "{found}": {path} in body must be of type {kind}: "{found}"')
        return
    yield from _limits(schema, value, path)
    if isinstance(value, dict):
        yield from _fields(schema, value, path)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _judge(schema.get("items") or {}, item, f"{path}[{index}]")


def _fields(schema: Object, value: Object, path: str) -> Iterator[Cause]:
    prefix = f"{path}." if path else ""
    for name in schema.get("required") or ():
        if name not in value and name not in _ROOT:
            yield errors.required(f"{prefix}{name}")
    properties, more = schema.get("properties") or {}, schema.get("additionalProperties")
    for key, held in value.items():
        inner = properties.get(key, more if isinstance(more, dict) else {})
        yield from _judge(inner, held, f"{prefix}{key}")


def _limits(schema: Object, value: Any, path: str) -> Iterator[Cause]:
    if "enum" in schema and value not in schema["enum"]:
        yield errors.unsupported(path, str(value), tuple(map(str, schema["enum"])))
    if isinstance(value, str) and "pattern" in schema and not re.search(schema["pattern"], value):
        yield errors.invalid_value(path, value, f"{path} in body should match '{schema['pattern']}'")
    if isinstance(value, list) and len(value) > schema.get("maxItems", len(value)):
        yield Cause(path, f"Too many: {len(value)}: must have at most {schema['maxItems']} items", "FieldValueTooMany")
    if isinstance(value, str) and len(value) > schema.get("maxLength", len(value)):
        yield Cause(path, f"Too long: may not be more than {schema['maxLength']} bytes", "FieldValueTooLong")
    for word, (size, text) in _least_and_most(value).items():
        limit = schema.get(word)
        if limit is not None and (size > limit if word == "maximum" else size < limit):
            yield errors.invalid_value(path, value, f"{path} in body {text.format(limit)}")


def _least_and_most(value: Any) -> dict[str, tuple[float, str]]:
    if isinstance(value, str):
        return {"minLength": (len(value), "should be at least {} chars long")}
    if isinstance(value, list):
        return {"minItems": (len(value), "should have at least {} items")}
    if isinstance(value, int | float) and not isinstance(value, bool):
        least, most = "should be greater than or equal to {}", "should be less than or equal to {}"
        return {"minimum": (value, least), "maximum": (value, most)}
    return {}


def _is(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    return isinstance(value, _TYPES.get(kind, (object,))) or (
        kind == "integer" and isinstance(value, float) and value.is_integer()
    )


def _type_name(value: Any) -> str:
    if value is None:
        return "null"
    return next(name for name in (*_TYPES,) if _is(value, name))
