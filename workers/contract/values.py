"""`dataclass` and `field` for classes that are loaded at every start: methods are made when one is first called.

The standard library's compile six methods for each class and load `inspect`: a third of what it takes to start. What
is made here has slots, is compared, hashed, shown, copied and pickled as theirs, and is one to `dataclasses.fields`.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

_Made = Callable[[type], type]


class _Factory:
    """A default that is made anew for each object."""

    __slots__ = ("make",)

    def __init__(self, make: Callable[[], Any]) -> None:
        self.make = make


def _field(*, default_factory: Callable[[], Any]) -> Any:
    return _Factory(default_factory)


class _Fields:
    """`__dataclass_fields__`, as the standard library has it, once it is asked for."""

    def __get__(self, one: object, kind: Any) -> Any:
        import dataclasses

        space: dict[str, Any] = {"__annotations__": kind.__annotations__, "__module__": kind.__module__}
        for name, value in kind.__defaults.items():
            space[name] = dataclasses.field(default_factory=value.make) if isinstance(value, _Factory) else value
        twin: Any = dataclasses.dataclass(type(kind.__name__, (), space))
        kind.__dataclass_fields__ = twin.__dataclass_fields__
        return kind.__dataclass_fields__


def _dataclass(*, frozen: bool = False, slots: bool) -> _Made:
    assert slots, "classes without slots are the standard library's matter"

    def make(kind: type) -> type:
        names = tuple(kind.__annotations__)
        space = {name: value for name, value in vars(kind).items() if name not in ("__dict__", "__weakref__")}
        defaults = {name: space.pop(name) for name in names if name in space}
        space |= _FROZEN if frozen else _METHODS
        space |= {"__slots__": names, "__match_args__": names, "_Fields__defaults": defaults}
        return type(kind)(kind.__name__, kind.__bases__, space)

    return make


def _first(one: Any, *values: Any, **named: Any) -> None:
    """Stands as `__init__` until the first object of its class."""
    kind = type(one)
    names: dict[str, Any] = {"_factory": _Factory}
    words, lines = ["self"], []
    for name in kind.__match_args__:
        value = name
        if name in kind._Fields__defaults:
            default = names[f"default_{name}"] = kind._Fields__defaults[name]
            words.append(f"{name}=default_{name}")
            if isinstance(default, _Factory):
                names[f"make_{name}"] = default.make
                value = f"make_{name}() if {name} is default_{name} else {name}"
        else:
            words.append(name)
        names[f"set_{name}"] = getattr(kind, name).__set__
        lines.append(f"set_{name}(self, {value})")
    if hasattr(kind, "__post_init__"):
        lines.append("self.__post_init__()")
    exec(f"def __init__({', '.join(words)}):\n " + "\n ".join(lines), names)  # noqa: S102 - names of the class's own
    kind.__init__ = names["__init__"]
    kind.__init__(one, *values, **named)


def _values(one: Any) -> tuple[Any, ...]:
    return tuple([getattr(one, name) for name in one.__match_args__])


def _equal(one: object, other: object) -> bool:
    return _values(one) == _values(other) if one.__class__ is other.__class__ else NotImplemented


def _hashed(one: object) -> int:
    return hash(_values(one))


def _shown(one: Any) -> str:
    return f"{type(one).__qualname__}({', '.join(f'{name}={getattr(one, name)!r}' for name in one.__match_args__)})"


def _copied(one: object) -> tuple[type, tuple[Any, ...]]:
    return one.__class__, _values(one)


def _refuse(one: object, name: str, *_: object) -> None:
    from dataclasses import FrozenInstanceError

    raise FrozenInstanceError(f"cannot change field {name!r}")


def _replace(one: Any, /, **changes: Any) -> Any:
    for name in one.__match_args__:
        if name not in changes:
            changes[name] = getattr(one, name)
    return type(one)(**changes)


_METHODS = {
    "__init__": _first, "__eq__": _equal, "__hash__": None, "__repr__": _shown, "__reduce__": _copied,
    "__dataclass_fields__": _Fields(),
}  # fmt: skip
_FROZEN = {**_METHODS, "__hash__": _hashed, "__setattr__": _refuse, "__delattr__": _refuse}

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
    from dataclasses import field as field
    from dataclasses import replace as replace
else:
    dataclass, field, replace = _dataclass, _field, _replace
