"""Single values: durations, sizes, counts, names. Each returns the value or raises Unfit with the reason."""

import re
from collections.abc import Sequence
from decimal import Decimal
from difflib import get_close_matches

from bot.grammar.line import Token
from bot.grammar.wrong import Unfit
from workers.contract.limits import Limits
from workers.contract.spec import METHODS

_AMOUNT = re.compile(r"(\d+(?:\.\d+)?|\.\d+)([a-z]*)")
_UNITS = {
    "ms": Decimal("0.001"),
    **dict.fromkeys(("", "s", "sec", "secs", "second", "seconds"), Decimal(1)),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), Decimal(60)),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), Decimal(3600)),
}
DURATION_UNITS = frozenset(unit for unit in _UNITS if unit)
_FACTORS = {
    **dict.fromkeys(("", "b", "byte", "bytes"), 1),
    **dict.fromkeys(("k", "kb"), 1000),
    **dict.fromkeys(("m", "mb"), 1000**2),
    **dict.fromkeys(("g", "gb"), 1000**3),
    "kib": 1024,
    "mib": 1024**2,
    "gib": 1024**3,
}
_LABEL = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*")
_INTERFACE = re.compile(r"[A-Za-z0-9._@][A-Za-z0-9._@-]{0,14}")
_JOB = re.compile(r"[a-z0-9][a-z0-9-]{2,39}")

MIN_DURATION = 1.0
USUAL_WAIT = 300.0
"""Seconds that `--wait` means, where the installation allows so many."""
MIN_BYTES = 1000
MIN_SNAPLEN = 64
"""The longest link header we write (SLL2, 20 bytes) and the smallest IP and TCP headers, rounded up."""
MAX_SNAPLEN = 262_144
"""tcpdump's own maximum."""


def duration(text: str, limits: Limits) -> float:
    """Return how long a capture lasts, in seconds rounded to milliseconds. `30s`, `2m`, `1m30s`, `90`, `1.5h`."""
    return span(text, limits.duration, limits.max_duration, "A capture can't last")


def recording(text: str, limits: Limits) -> float:
    """Return how long a recording goes on, in seconds."""
    return span(text, limits.record, limits.max_record, "A recording can't last")


def keep(text: str, limits: Limits) -> float:
    """Return the seconds that a recording keeps."""
    return span(text, limits.keep, limits.max_keep, "A recording can't keep")


def wait(text: str, limits: Limits) -> float:
    """Return the seconds to wait for a pod."""
    return span(text, usual_wait(limits), limits.max_wait, "Nothing can wait")


def usual_wait(limits: Limits) -> float:
    """Return how long `--wait` waits when nothing is said."""
    return min(USUAL_WAIT, limits.max_wait)


def last(text: str, limits: Limits) -> float:
    """Return how much of a recording to deliver, in seconds."""
    return span(text, limits.keep, limits.max_keep, "Nothing can be grabbed for")


def extension(text: str, limits: Limits) -> float:
    """Return by how much a job is extended, in seconds."""
    most = max(limits.max_duration, limits.max_record)
    return span(text.removeprefix("+"), limits.duration, most, "A capture can't be extended by")


def span(text: str, usual: float, most: float, impossible: str) -> float:
    """Return a time in seconds, rounded to milliseconds, of at least MIN_DURATION and at most `most`."""
    seconds, usually = seconds_of(text), seconds_text(min(usual, most))
    if seconds is None:
        if text.startswith("-"):
            raise Unfit(f"{impossible} {shown(text)}; {seconds_text(MIN_DURATION)} is the least.", "1s")
        raise Unfit(f"{shown(text)} is not a duration. Write it as 30s, 2m or 1m30s.", usually)
    if seconds < Decimal(str(MIN_DURATION)):
        raise Unfit(f"{shown(text)} is too short; {seconds_text(MIN_DURATION)} is the least.", usually)
    if seconds > Decimal(str(most)):
        raise Unfit(f"{shown(text)} is too long; {seconds_text(most)} is the most.", seconds_text(most))
    return float(round(seconds, 3))


def seconds_of(text: str) -> Decimal | None:
    """Return the seconds that a word means, None when it is no duration."""
    return _seconds(text.lower())


def _seconds(text: str) -> Decimal | None:
    total, place, last = Decimal(0), 0, Decimal("Infinity")
    for match in _AMOUNT.finditer(text):
        unit = _UNITS.get(match[2])
        # units come largest first, and a bare number stands alone
        if match.start() != place or unit is None or unit >= last or (not match[2] and match.group() != text):
            return None
        total, place, last = total + Decimal(match[1]) * unit, match.end(), unit
    return total if text and place == len(text) else None


def with_unit(tokens: Sequence[Token], index: int) -> tuple[Token, int]:
    """Return the word at `index`, joined with a unit that follows it (`30 seconds`), and where to go on."""
    value, after = tokens[index], index + 1
    unit = tokens[after].text.lower() if after < len(tokens) else ""
    if value.text.removeprefix("+").isdigit() and unit in DURATION_UNITS:
        return Token(value.text + unit, value.start, tokens[after].end), after + 1
    return value, after


def seconds_text(seconds: float) -> str:
    """Return a duration as it is written in a command: `30s`, `1m30s`, `2h`, `1.5s`."""
    if seconds != int(seconds):
        return f"{seconds:.3f}".rstrip("0") + "s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "h"), (minutes, "m"), (rest, "s"))
    return "".join(f"{value}{unit}" for value, unit in parts if value) or "0s"


def size(text: str, limits: Limits) -> int:
    """Return bytes. `10MB` and `10m` are millions, `64KiB` is binary."""
    match = _AMOUNT.fullmatch(text.lower())
    if match is None or match[2] not in _FACTORS:
        reason = f"{shown(text)} is not a size. Write it as 500kB, 10MB or 64MiB."
        raise Unfit(reason, size_text(limits.max_bytes))
    amount = Decimal(match[1]) * _FACTORS[match[2]]
    if amount < MIN_BYTES:
        raise Unfit(f"{shown(text)} is too little; {size_text(MIN_BYTES)} is the least.", size_text(limits.max_bytes))
    if amount > limits.max_max_bytes:
        most = size_text(limits.max_max_bytes)
        raise Unfit(f"{shown(text)} is too much; {most} a pod is the most.", most)
    return int(amount)


def size_text(size: int) -> str:
    """Return a size as it is written in a command, exact."""
    for unit in ("GB", "GiB", "MB", "MiB", "kB", "KiB"):
        number, rest = divmod(size, _FACTORS[unit.lower()])
        if number and not rest:
            return f"{number}{unit}"
    return str(size)


def packets(text: str, limits: Limits) -> int:
    """Return how many packets end the capture; `10k` is ten thousand."""
    return _count(text, 1, limits.max_max_packets, "number of packets", "1000")


def max_pods(text: str, limits: Limits) -> int:
    """Return how many pods are captured at most."""
    return _count(text, 1, limits.max_pods, "number of pods", str(limits.max_pods))


def method(text: str) -> str:
    """Return the name of a way to get at packets."""
    name = text.lower()
    if name in METHODS:
        return name
    close = get_close_matches(name[:40], METHODS, 1, 0.6)
    raise Unfit(f"{shown(text)} is not a method. There is {', '.join(METHODS)}.", close[0] if close else None)


def snaplen(text: str, limits: Limits) -> int:
    """Return how many bytes of each packet are kept."""
    return _count(text, MIN_SNAPLEN, MAX_SNAPLEN, "snaplen in bytes", str(limits.snaplen))


def _count(text: str, least: int, most: int, what: str, usual: str) -> int:
    match = re.fullmatch(r"(\d+)([km]?)", text.lower().replace(",", "").replace("_", ""))
    if match is None:
        raise Unfit(f"{shown(text)} is not a {what}. Write it as {usual}.", usual)
    amount = Decimal(match[1]) * _FACTORS[match[2]]
    if amount < least:
        raise Unfit(f"{shown(text)} is too little; {least:,} is the least.", str(least))
    if amount > most:
        raise Unfit(f"{shown(text)} is too much; {most:,} is the most.", str(most))
    return int(amount)


def label(text: str, what: str) -> str:
    """Return an RFC 1123 label (a namespace or container name, at most 63 characters)."""
    if _LABEL.fullmatch(text):
        return text
    better = text.lower().replace("_", "-")
    rule = "small letters, digits and -, at most 63, starting and ending with a letter or digit"
    raise Unfit(f"{shown(text)} can't be the name of a {what}: {rule}.", better if _LABEL.fullmatch(better) else None)


def host(text: str) -> str:
    """Return the host of an ingress's rule, or its name: a subdomain, perhaps after `*.`."""
    return f"*.{object_name(text[2:])}" if text.startswith("*.") else object_name(text)


def object_name(text: str) -> str:
    """Return an RFC 1123 subdomain (the name of a pod or workload, at most 253 characters)."""
    if len(text) <= 253 and _SUBDOMAIN.fullmatch(text):
        return text
    better = text.lower().replace("_", "-").rstrip(",;:!?.")
    fits = len(better) <= 253 and _SUBDOMAIN.fullmatch(better)
    rule = "names have small letters, digits, - and ., at most 253"
    raise Unfit(f"{shown(text)} can't be a name in Kubernetes: {rule}.", better if fits else None)


def interface(text: str, limits: Limits) -> str:
    """Return the name of a network interface (Linux: at most 15 characters)."""
    if _INTERFACE.fullmatch(text):
        return text
    reason = f"{shown(text)} can't be an interface: 1 to 15 letters, digits and . _ @ - (any, eth0, lo)."
    raise Unfit(reason, limits.interface)


def job_id(text: str) -> str:
    """Return a job id as cards show it; capitals of a phone's keyboard are undone."""
    found = text.lower().strip("#`")
    if not _JOB.fullmatch(found):
        raise Unfit(f"{shown(text)} is not the id of a capture. `list` shows the recent ones.", None)
    return found


def shown(text: str, most: int = 40) -> str:
    """Return a piece of the line short enough to repeat in a reason."""
    return text if len(text) <= most else f"{text[: most - 1]}…"
