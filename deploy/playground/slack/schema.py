"""A tiny schema language for Block Kit: checks are functions that add problems in Slack's wording.

`Check(value, pointer, problems)` appends lines such as `must be less than 151 characters
[json-pointer:/blocks/0/text/text]`. Wording follows the `errors` that Slack returns with invalid_blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Check = Callable[[Any, str, list[str]], None]


def problem(problems: list[str], text: str, pointer: str) -> None:
    problems.append(f"{text} [json-pointer:{pointer}]")


def string(maximum: int, minimum: int = 1) -> Check:
    """Text of `minimum` to `maximum` characters."""

    def check(value: Any, pointer: str, problems: list[str]) -> None:
        if not isinstance(value, str):
            problem(problems, "must be a string", pointer)
        elif len(value) > maximum:
            problem(problems, f"must be less than {maximum + 1} characters", pointer)
        elif len(value) < minimum:
            problem(problems, f"must be more than {minimum - 1} characters", pointer)

    return check


def number(minimum: float | None = None, maximum: float | None = None, *, whole: bool = False) -> Check:
    def check(value: Any, pointer: str, problems: list[str]) -> None:
        kinds = int if whole else (int, float)
        if isinstance(value, bool) or not isinstance(value, kinds):
            problem(problems, "must be an integer" if whole else "must be a number", pointer)
        elif minimum is not None and value < minimum:
            problem(problems, f"must be at least {minimum}", pointer)
        elif maximum is not None and value > maximum:
            problem(problems, f"must be at most {maximum}", pointer)

    return check


def boolean(value: Any, pointer: str, problems: list[str]) -> None:
    if not isinstance(value, bool):
        problem(problems, "must be a boolean", pointer)


def anything(value: Any, pointer: str, problems: list[str]) -> None:
    """For parts whose inside we do not judge."""


def one_of(*allowed: str) -> Check:
    def check(value: Any, pointer: str, problems: list[str]) -> None:
        if value not in allowed:
            problem(problems, f"must be a valid enum value ({', '.join(allowed)})", pointer)

    return check


def array(item: Check, minimum: int, maximum: int) -> Check:
    def check(value: Any, pointer: str, problems: list[str]) -> None:
        if not isinstance(value, list):
            problem(problems, "must be an array", pointer)
            return
        if len(value) > maximum:
            problem(problems, f"no more than {maximum} items allowed", pointer)
        if len(value) < minimum:
            problem(problems, f"no less than {minimum} items allowed", pointer)
        for index, element in enumerate(value[: maximum + 1]):
            item(element, f"{pointer}/{index}", problems)

    return check


def record(required: Mapping[str, Check], optional: Mapping[str, Check] | None = None) -> Check:
    """An object with these fields and no others."""
    fields = {**required, **(optional or {})}

    def check(value: Any, pointer: str, problems: list[str]) -> None:
        if not isinstance(value, dict):
            problem(problems, "must provide an object", pointer)
            return
        for name in required:
            if value.get(name) is None:
                problem(problems, f"missing required field: {name}", pointer)
        for name, inner in value.items():
            if name not in fields:
                problem(problems, f"invalid additional property: {name}", pointer)
            elif inner is not None:
                fields[name](inner, f"{pointer}/{name}", problems)

    return check


def typed(variants: Mapping[str, Check]) -> Check:
    """An object whose `type` picks its check among `variants` (looked up late, so they may recurse)."""

    def check(value: Any, pointer: str, problems: list[str]) -> None:
        if not isinstance(value, dict):
            problem(problems, "must provide an object", pointer)
        elif (kind := value.get("type")) is None:
            problem(problems, "missing required field: type", pointer)
        elif kind not in variants:
            problem(problems, f"unsupported type: {kind}", f"{pointer}/type")
        else:
            variants[kind](value, pointer, problems)

    return check


def kind(name: str, required: Mapping[str, Check], optional: Mapping[str, Check] | None = None) -> Check:
    """A record that also carries `type: name`."""
    return record({"type": one_of(name), **required}, optional)


def exactly_one(*names: str) -> Check:
    """Just one of the named fields is there."""

    def check(value: Any, pointer: str, problems: list[str]) -> None:
        if isinstance(value, dict) and sum(value.get(name) is not None for name in names) != 1:
            problem(problems, f"must provide exactly one of: {', '.join(names)}", pointer)

    return check


def both(*checks: Check) -> Check:
    def check(value: Any, pointer: str, problems: list[str]) -> None:
        for one in checks:
            one(value, pointer, problems)

    return check
