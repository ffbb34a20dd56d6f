"""The outline of a body: fields every module relies on are objects, lists or text. Pure.

A real server decodes into Go types; here a short table stands in for them, so that a body of an odd shape is
refused with 400 before anything reads it. Nulls mean absent, as in Go.
"""

from __future__ import annotations

import base64
import re
from typing import Any

from .errors import bad_request
from .objects import Object

_OBJECTS = (
    *("metadata", "labels", "annotations", "spec", "template", "selector", "matchLabels", "strategy"),
    *("securityContext", "resources", "limits", "requests", "data", "stringData", "roleRef", "nodeSelector"),
    *("readinessProbe", "livenessProbe", "startupProbe", "httpGet"),
)
_OF_OBJECTS = (
    *("containers", "initContainers", "ephemeralContainers", "volumes", "volumeMounts", "ports", "env"),
    *("rules", "subjects", "ownerReferences"),
)
_LISTS = (
    *_OF_OBJECTS,
    *("finalizers", "tolerations", "command", "args", "verbs", "resourceNames", "nonResourceURLs", "apiGroups"),
    *("imagePullSecrets", "matchExpressions"),
)
_TEXTS = (
    *("apiVersion", "kind", "name", "generateName", "namespace", "image", "nodeName", "serviceAccountName"),
    "clusterIP",
)
_NUMBERS = ("replicas", "containerPort", "terminationGracePeriodSeconds", "activeDeadlineSeconds")
_EXPECTED: dict[str, tuple[type, str]] = (
    dict.fromkeys(_OBJECTS, (dict, "object"))
    | dict.fromkeys(_LISTS, (list, "array"))
    | dict.fromkeys(_TEXTS, (str, "string"))
    | dict.fromkeys(_NUMBERS, (int, "number"))
)
# Their keys are people's own words, not fields.
_FREE = ("labels", "annotations", "matchLabels", "data", "stringData", "nodeSelector", "limits", "requests")


def cleaned(kind: str, version: str, obj: Object) -> Object:
    """The object without nulls. Raises Refusal(400) in the wording of a failed decoding."""
    head = f'{kind} in version "{version}" cannot be handled as a {kind}'
    try:
        result = _walk(obj, "")
    except _OddError as odd:
        raise bad_request(f"{head}: {odd}") from None
    assert isinstance(result, dict)
    for text in (result.get("data") or {}).values() if kind == "Secret" else ():
        if (place := _not_base64(text)) >= 0:
            raise bad_request(f"{head}: illegal base64 data at input byte {place}")
    return result


def _not_base64(text: Any) -> int:
    """Where Go's decoder would stop; -1 when it would not."""
    try:
        base64.b64decode(text, validate=True)
    except ValueError:
        odd = re.search(r"[^A-Za-z0-9+/=]", text)
        return odd.start() if odd else len(text) - len(text) % 4
    return -1


class _OddError(Exception):
    def __init__(self, value: Any, path: str, wanted: str) -> None:
        names = {dict: "object", list: "array", str: "string", bool: "bool", int: "number", float: "number"}
        found = names.get(type(value), "value")
        super().__init__(f"json: cannot unmarshal {found} into Go struct field {path} of type {wanted}")


def _walk(value: Any, path: str) -> Any:
    if isinstance(value, list):
        return [_walk(item, path) for item in value]
    if not isinstance(value, dict):
        return value
    return {key: _field(key, held, f"{path}.{key}") for key, held in value.items() if held is not None}


def _field(key: str, value: Any, path: str) -> Any:
    # A rule's resources are a list; an image volume's image is an object.
    twofold = (key, type(value)) in (("resources", list), ("image", dict))
    if key in _EXPECTED and not twofold:
        kind, name = _EXPECTED[key]
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise _OddError(value, path, name)
    if key in _FREE and isinstance(value, dict):
        return _words(value, path, text=key in ("labels", "annotations"))
    if key in _OF_OBJECTS:
        for item in value:
            if not isinstance(item, dict):
                raise _OddError(item, path, "object")
    return _walk(value, path)


def _words(values: Object, path: str, *, text: bool) -> Object:
    """A map of people's own words; numbers pass where quantities may stand."""
    kept = {name: held for name, held in values.items() if held is not None}
    for held in kept.values():
        if isinstance(held, bool) or not isinstance(held, str if text else str | int | float):
            raise _OddError(held, path, "string")
    return kept
