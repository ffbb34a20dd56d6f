"""Cron schedules: five fields or a macro -> the minutes it means, in UTC. Pure.

After github.com/robfig/cron/v3 as CronJobs use it: lists, ranges and steps of numbers. Left out: names of days and
months, @every, time zones.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

_MACROS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
_LONGEST = timedelta(days=1)


@dataclass(frozen=True)
class Schedule:
    """The numbers each field allows: minute, hour, day, month, weekday (0 is Sunday)."""

    fields: tuple[frozenset[int], ...]
    any_day: bool
    any_weekday: bool

    def matches(self, moment: datetime) -> bool:
        minute, hour, day, month, weekday = self.fields
        if moment.minute not in minute or moment.hour not in hour or moment.month not in month:
            return False
        days = (moment.day in day, moment.isoweekday() % 7 in weekday)
        return all(days) if self.any_day or self.any_weekday else any(days)

    def latest(self, after: datetime, until: datetime) -> datetime | None:
        """The last minute it means in (after, until], looking back a day at most; None when there is none."""
        moment = until.replace(second=0, microsecond=0)
        least = max(after, until - _LONGEST)
        while moment > least:
            if self.matches(moment):
                return moment
            moment -= timedelta(minutes=1)
        return None


def parse(text: str) -> Schedule:
    """ValueError in the parser's words."""
    words = _MACROS.get(text, text).split()
    if text.startswith("@") and text not in _MACROS:
        raise ValueError(f"unrecognized descriptor: {text}")
    if len(words) != len(_RANGES):
        raise ValueError(f"expected exactly 5 fields, found {len(words)}: [{' '.join(words)}]")
    fields = tuple(_field(word, *ends) for word, ends in zip(words, _RANGES, strict=True))
    return Schedule(fields, words[2][0] in "*?", words[4][0] in "*?")


def _field(word: str, least: int, most: int) -> frozenset[int]:
    found: set[int] = set()
    for part in word.split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        begin = least if span in ("*", "?") else _number(first)
        end = most if span in ("*", "?") or (step and not last) else _number(last or first)
        if begin < least:
            raise ValueError(f"beginning of range ({begin}) below minimum ({least}): {part}")
        if end > most:
            raise ValueError(f"end of range ({end}) above maximum ({most}): {part}")
        if begin > end:
            raise ValueError(f"beginning of range ({begin}) beyond end of range ({end}): {part}")
        found |= set(range(begin, end + 1, _number(step) if step else 1))
    return frozenset(found)


def _number(word: str) -> int:
    if not word.isdigit():
        raise ValueError(f'failed to parse int from {word}: strconv.Atoi: parsing "{word}": invalid syntax')
    return int(word)
