"""Frozen dataclasses to plain JSON values and back, strict about shapes, lenient about unknown keys.

Unknown keys are ignored so that an older process can read a newer record of the same schema version.
"""

import dataclasses
import enum
import functools
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

T = TypeVar("T")


def encode(value: Any) -> Any:
    """Return `value` as JSON-ready dicts, lists and scalars."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: encode(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(key): encode(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [encode(item) for item in value]
    return value


def decode(kind: type[T], data: Any) -> T:
    """Build a `kind` from JSON values. Raises ValueError naming the place that does not fit."""
    return typing.cast(T, _decode(kind, data, kind.__name__))


@functools.cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _decode(kind: Any, data: Any, place: str) -> Any:
    origin = typing.get_origin(kind)
    if kind is Any:
        return data
    if origin in (typing.Union, types.UnionType):
        return _decode_union(kind, data, place)
    if origin in (tuple, list):
        return _decode_sequence(kind, origin, data, place)
    if origin in (dict, Mapping):
        key_kind, item_kind = typing.get_args(kind)
        _expect(isinstance(data, dict), place, "an object", data)
        return {key_kind(k): _decode(item_kind, v, f"{place}.{k}") for k, v in data.items()}
    if dataclasses.is_dataclass(kind):
        return _decode_dataclass(typing.cast(type, kind), data, place)
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return kind(data)
    if kind is float and isinstance(data, int) and not isinstance(data, bool):
        return float(data)
    _expect(isinstance(data, kind) and not (kind is int and isinstance(data, bool)), place, kind.__name__, data)
    return data


def _decode_union(kind: Any, data: Any, place: str) -> Any:
    arms = typing.get_args(kind)
    if data is None and type(None) in arms:
        return None
    return _decode(next(arm for arm in arms if arm is not type(None)), data, place)


def _decode_sequence(kind: Any, origin: Any, data: Any, place: str) -> Any:
    _expect(isinstance(data, list), place, "a list", data)
    args = typing.get_args(kind)
    if origin is tuple and args[-1] is not Ellipsis:
        _expect(len(data) == len(args), place, f"{len(args)} items", data)
        return tuple(_decode(a, item, f"{place}[{i}]") for i, (a, item) in enumerate(zip(args, data, strict=True)))
    return origin(_decode(args[0], item, f"{place}[{i}]") for i, item in enumerate(data))


def _decode_dataclass(kind: type, data: Any, place: str) -> Any:
    _expect(isinstance(data, dict), place, "an object", data)
    hints = _hints(kind)
    known = {f.name for f in dataclasses.fields(kind) if f.init}
    values = {name: _decode(hints[name], item, f"{place}.{name}") for name, item in data.items() if name in known}
    try:
        return kind(**values)
    except TypeError as error:
        raise ValueError(f"{place}: {error}") from error


def _expect(fits: bool, place: str, wanted: str, data: Any) -> None:
    if not fits:
        raise ValueError(f"{place}: expected {wanted}, got {type(data).__name__}")
