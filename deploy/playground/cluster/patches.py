"""The patch dialects: JSON patch (RFC 6902), merge patch (RFC 7386), strategic merge. Pure: no input is changed.

Strategic merge follows k8s.io/apimachinery/pkg/util/strategicpatch for the lists that matter here: lists of
objects merge by the key below, lists of plain values are replaced except finalizers.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from .errors import bad_request, rejected
from .objects import Object

# Field name -> merge keys, tried in order (containers know ports by containerPort, services by port).
MERGE_KEYS: dict[str, tuple[str, ...]] = {
    "containers": ("name",),
    "initContainers": ("name",),
    "ephemeralContainers": ("name",),
    "volumes": ("name",),
    "env": ("name",),
    "imagePullSecrets": ("name",),
    "secrets": ("name",),
    "ports": ("containerPort", "port"),
    "volumeMounts": ("mountPath",),
    "volumeDevices": ("devicePath",),
    "conditions": ("type",),
    "addresses": ("type",),
    "ownerReferences": ("uid",),
    "hostAliases": ("ip",),
    "topologySpreadConstraints": ("topologyKey",),
    "resourceClaims": ("name",),
}
_MERGED_VALUES = ("finalizers",)


def merge(target: Any, patch: Any) -> Any:
    """RFC 7386."""
    if not isinstance(patch, dict):
        return deepcopy(patch)
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge(result.get(key), value)
    return result


def strategic(target: Any, patch: Object) -> Object:
    """Strategic merge with $patch, $retainKeys, $setElementOrder and $deleteFromPrimitiveList."""
    directive = patch.get("$patch")
    if directive == "delete":
        return {}
    plain = {key: value for key, value in patch.items() if not key.startswith("$")}
    if directive == "replace":
        return deepcopy(plain)
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if key.startswith("$deleteFromPrimitiveList/"):
            field = key.split("/", 1)[1]
            result[field] = [item for item in result.get(field) or () if item not in value]
    for key, value in plain.items():
        _merge_field(result, key, value)
    if "$retainKeys" in patch:
        result = {key: value for key, value in result.items() if key in patch["$retainKeys"]}
    _restore_order(result, patch)
    return result


def _merge_field(result: Object, key: str, value: Any) -> None:
    if value is None:
        result.pop(key, None)
    elif isinstance(value, dict):
        merged = strategic(result.get(key), value)
        if value.get("$patch") == "delete":
            result.pop(key, None)
        else:
            result[key] = merged
    elif isinstance(value, list) and key in MERGE_KEYS:
        result[key] = _merge_list(result.get(key) or [], value, MERGE_KEYS[key])
    elif isinstance(value, list) and key in _MERGED_VALUES:
        held = result.get(key) or []
        result[key] = held + [item for item in value if item not in held]
    else:
        result[key] = deepcopy(value)


def _merge_list(target: list[Any], patch: list[Any], keys: tuple[str, ...]) -> list[Any]:
    if any(item.get("$patch") == "replace" and len(item) == 1 for item in patch):
        return [deepcopy(item) for item in patch if item.get("$patch") != "replace"]
    result = list(target)
    for item in patch:
        key = next((name for name in keys if name in item), None)
        if key is None:
            raise bad_request(f"map: {item} does not contain declared merge key: {keys[0]}")
        index = next((i for i, held in enumerate(result) if held.get(key) == item[key]), None)
        if item.get("$patch") == "delete":
            if index is not None:
                del result[index]
        elif index is None:
            result.append(strategic({}, item))
        else:
            result[index] = strategic(result[index], item)
    return result


def _restore_order(result: Object, patch: Object) -> None:
    """Sort lists as $setElementOrder asks; entries it does not name keep their place at the end."""
    for directive, order in patch.items():
        if not directive.startswith("$setElementOrder/"):
            continue
        field = directive.split("/", 1)[1]
        keys = MERGE_KEYS.get(field, ())
        wanted = [_identity(item, keys) for item in order]
        places = {value: place for place, value in enumerate(wanted)}
        if held := result.get(field):
            # A copy: the list may still be the one of the object before.
            result[field] = sorted(held, key=lambda item: places.get(_identity(item, keys), len(places)))


def _identity(item: Any, keys: tuple[str, ...]) -> Any:
    if not isinstance(item, dict):
        return item
    return next((item[key] for key in keys if key in item), None)


def json_patch(target: Object, operations: list[Object]) -> Object:
    """RFC 6902. Raises Refusal(422) when an operation does not apply."""
    result: Any = deepcopy(target)
    for operation in operations:
        try:
            result = _apply(result, operation)
        except (KeyError, IndexError, ValueError, TypeError) as error:
            raise rejected() from error
    if not isinstance(result, dict):
        raise bad_request("the patched document is not an object")
    return result


def _apply(document: Any, operation: Object) -> Any:
    kind, path = operation["op"], _pointer(operation["path"])
    if kind == "test":
        if _resolve(document, path) != operation.get("value"):
            raise rejected()
        return document
    if kind in ("move", "copy"):
        value = deepcopy(_resolve(document, _pointer(operation["from"])))
        if kind == "move":
            _remove(document, _pointer(operation["from"]))
        return _add(document, path, value)
    if kind == "remove":
        _remove(document, path)
        return document
    if kind == "replace" and path:
        _resolve(document, path)
        _set(document, path, deepcopy(operation["value"]))
        return document
    if kind in ("add", "replace"):
        return _add(document, path, deepcopy(operation["value"]))
    raise rejected()


def _pointer(text: str) -> list[str]:
    if text and not text.startswith("/"):
        raise ValueError(text)
    return [part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:]]


def _resolve(document: Any, path: list[str]) -> Any:
    for part in path:
        document = document[int(part)] if isinstance(document, list) else document[part]
    return document


def _set(document: Any, path: list[str], value: Any) -> None:
    parent = _resolve(document, path[:-1])
    parent[int(path[-1]) if isinstance(parent, list) else path[-1]] = value


def _add(document: Any, path: list[str], value: Any) -> Any:
    if not path:
        return value
    parent = _resolve(document, path[:-1])
    if isinstance(parent, list):
        place = len(parent) if path[-1] == "-" else int(path[-1])
        if place > len(parent):
            raise IndexError(place)
        parent.insert(place, value)
    else:
        parent[path[-1]] = value
    return document


def _remove(document: Any, path: list[str]) -> None:
    parent = _resolve(document, path[:-1])
    del parent[int(path[-1]) if isinstance(parent, list) else path[-1]]
