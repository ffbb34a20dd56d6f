"""Figures and names as words for people. The one place where text from traffic is made safe to show."""

import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

MAX_NAME = 80
"""Longest name shown; a DNS name may have 253 characters, a phone line holds about 45."""


def safe(text: str, limit: int = MAX_NAME) -> str:
    """Return `text` as printable ASCII: anything else is shown as \\uXXXX, and what is over `limit` is cut.

    Names come from traffic. Right-to-left marks, look-alike letters and control characters would let a host on
    the network rewrite what a person reads; an internationalised name is ASCII (punycode) on the wire anyway.
    """
    if len(text) <= limit and text.isascii() and text.isprintable():
        return text
    shown: list[str] = []
    room = limit
    for char in text[: limit + 1]:
        piece = char if " " <= char <= "~" else f"\\u{ord(char):04x}"
        room -= len(piece)
        if room < 0:
            return "".join(shown).rstrip() + "..."
        shown.append(piece)
    return "".join(shown)


def number(count: int) -> str:
    """1234567 -> "1,234,567"."""
    return f"{count:,}"


def plural(count: int, noun: str, many: str = "") -> str:
    """(2, "query", "queries") -> "2 queries"."""
    return f"{number(count)} {noun if count == 1 else many or noun + 's'}"


def of(part: int, whole: int, noun: str, many: str = "") -> str:
    """(14, 20, "request") -> "14 of 20 requests"; (1, 1, "request") -> "the only request"."""
    return f"the only {noun}" if part == whole == 1 else f"{number(part)} of {plural(whole, noun, many)}"


def duration(seconds: float | None) -> str:
    """Seconds -> "0.4 ms", "35 ms", "1.8 s", "2 min 5 s"; "?" for what is not a duration."""
    if seconds is None or not math.isfinite(seconds) or seconds < 0:
        return "?"
    if seconds < 0.9995:
        milli = seconds * 1000
        return f"{milli:.0f} ms" if milli >= 10 else f"{milli:.1f} ms" if milli >= 0.05 else "under 0.1 ms"
    if seconds < 99.95:
        return f"{seconds:.1f}".removesuffix(".0") + " s"
    days, rest = divmod(round(seconds), 86_400)
    if days:
        return plural(days, "day")
    minutes, left = divmod(rest, 60)
    return f"{minutes} min {left} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def ratio(part: float, whole: float) -> float:
    """part / whole, 0.0 when there is no whole."""
    return part / whole if whole > 0 else 0.0


def percent(part: float, whole: float) -> str:
    """(1, 8) -> "12 %"; small shares keep a digit so that they don't read as nothing."""
    share = 100 * ratio(part, whole)
    return f"{share:.1f} %" if 0 < share < 10 else f"{share:.0f} %"


def figures(**values: float | None) -> dict[str, float]:
    """Evidence as numbers; what is no finite number is left out."""
    return {name: value for name, value in values.items() if value is not None and math.isfinite(value)}


def size(count: float) -> str:
    """Bytes -> "1.2 MB" (powers of 1000, as tcpdump and interfaces count)."""
    amount = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if abs(amount) < 999.5:
            return f"{amount:.0f} {unit}" if unit == "B" or amount >= 99.5 else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:,.1f} TB"


def listing(items: Iterable[str], most: int = 3) -> str:
    """["a", "b", "c", "d"] -> "a, b, c and 1 more"."""
    unique = list(dict.fromkeys(items))
    if len(unique) > most:
        return f"{', '.join(unique[:most])} and {number(len(unique) - most)} more"
    return join(unique)


def join(items: Sequence[str]) -> str:
    """["a", "b", "c"] -> "a, b and c"."""
    return " and ".join(filter(None, (", ".join(items[:-1]), *items[-1:])))


def day(epoch: float | None) -> str:
    """Epoch seconds -> "2026-11-23 22:34 UTC"; "?" for what no calendar holds."""
    try:
        return datetime.fromtimestamp(epoch or 0.0, UTC).strftime("%Y-%m-%d %H:%M UTC")
    except (ValueError, OverflowError, OSError):
        return "?"
