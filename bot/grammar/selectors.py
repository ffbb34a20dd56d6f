"""Label selectors, as `kubectl -l` takes them (Kubernetes: "Labels and Selectors")."""

import re

from bot.grammar.values import shown
from bot.grammar.wrong import Unfit

_NAME = r"[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
_KEY = rf"(?:[a-z0-9](?:[-a-z0-9.]{{0,251}}[a-z0-9])?/)?{_NAME}"
_VALUE = rf"(?:{_NAME})?"
_EXISTS = re.compile(rf"(!?)\s*({_KEY})")
_EQUALS = re.compile(rf"({_KEY})\s*(==|=|!=)\s*({_VALUE})")
_SET = re.compile(rf"({_KEY})\s+(in|notin)\s*\(\s*([^()]*)\)")
_VALUE_ONLY = re.compile(_VALUE)


def selector(text: str) -> str:
    """Return the selector in one canonical spelling. Raises Unfit naming the requirement that is wrong."""
    parts = _parts(text)
    if not parts:
        raise Unfit(f"{shown(text)} is not a label selector. Write it as app=web or 'app in (web,api)'.")
    return ",".join(_requirement(part.strip()) for part in parts)


def _parts(text: str) -> list[str]:
    """Split at commas outside parentheses; [] when a part is empty or the parentheses don't match."""
    parts, start, inside = [], 0, False
    for index, char in enumerate(text):
        if char in "()" and inside == (char == "("):
            return []
        if char in "()":
            inside = not inside
        elif char == "," and not inside:
            parts.append(text[start:index])
            start = index + 1
    parts.append(text[start:])
    return [] if inside or not all(part.strip() for part in parts) else parts


def _requirement(text: str) -> str:
    if match := _EQUALS.fullmatch(text):
        return f"{match[1]}{match[2].replace('==', '=')}{match[3]}"
    if match := _SET.fullmatch(text):
        values = [value.strip() for value in match[3].split(",")]
        if all(_VALUE_ONLY.fullmatch(value) for value in values):
            return f"{match[1]} {match[2]} ({','.join(values)})"
    if match := _EXISTS.fullmatch(text):
        return f"{match[1]}{match[2]}"
    reason = f"{shown(text)} is not a label requirement. Write key=value, key!=value, key, !key or 'key in (a,b)'."
    raise Unfit(reason)
