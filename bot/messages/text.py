"""Words for people: what others wrote made harmless, numbers made readable. Pure."""

import re
import unicodedata
from collections.abc import Callable

from workers.contract.job import Person
from workers.contract.spec import CaptureSpec, Mode, TargetKind, TargetRef, Until, UntilKind

JOINER = "\u2060"
"""WORD JOINER: keeps Slack from reading a mention, a link or an emoji where none is meant."""

_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_REFERENCE = re.compile(r"@(?=here\b|channel\b|everyone\b)|(?<=[a-z])://", re.IGNORECASE)
_EMOJI = re.compile(r":(?=(?:[a-z0-9_+'-]*[g-z_+'][a-z0-9_+'-]*|a|b|ab|cd|de|100|1234):)", re.IGNORECASE)
"""Short codes that Slack would draw; of those that may be part of an IPv6 address only the ones that exist."""
_UNSEEN = re.compile(r"[^\x20-\x7e]")
_SLACK_USER = re.compile(r"[UW][A-Z0-9]{2,20}")


def visible(text: str) -> str:
    """Return `text` in one line with control, direction and other invisible characters shown as U+FFFD."""
    return _UNSEEN.sub(lambda match: _shown(match.group()), text)


def _shown(char: str) -> str:
    if char in "\t\r\n" or unicodedata.category(char) == "Zs":
        return " "
    # Cf holds the direction marks, zero-width characters and tags; Cs would not even encode
    return "\ufffd" if unicodedata.category(char)[0] == "C" or char in "\u2028\u2029\u3164\u115f\u1160" else char


def escape(text: str) -> str:
    """Return `text` with Slack's three special characters escaped."""
    return text.translate(_ESCAPES)


def cut(text: str, most: int) -> str:
    """Return at most `most` characters, ending in an ellipsis when something is missing."""
    return text if len(text) <= most else text[: most - 1] + "…"


def plain(text: str, most: int = 300) -> str:
    """Return what others wrote, for mrkdwn: one line, escaped, without live mentions, links or emoji."""
    text = cut(visible(text), most).replace("`", "'")
    text = _REFERENCE.sub(lambda match: match.group()[0] + JOINER + match.group()[1:], text)
    return escape(_EMOJI.sub(":" + JOINER, text))


def raw(text: str, most: int = 60) -> str:
    """Return what others wrote, for a raw_text cell or plain_text: never empty, nothing to escape."""
    return cut(visible(text), most).strip() or "-"


def code(text: str, most: int = 120) -> str:
    """Return what others wrote as an inline code span."""
    return f"`{escape(cut(visible(text), most).replace('`', chr(39))).strip() or '-'}`"


def fenced(text: str) -> str:
    """Return lines as a code block. `text` must be visible already; it is escaped here."""
    return f"```\n{escape(text.replace('`', chr(39)))}\n```"


def bold(text: str) -> str:
    """Return text (already plain) in bold; a star inside would end it early."""
    return f"*{text.replace('*', '∗').strip() or '-'}*"


def count(number: int, noun: str, plural: str = "") -> str:
    """Return "1 pod", "1,204 packets"."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def size(number: float) -> str:
    """Return bytes in decimal units, as file managers and Slack show them."""
    if number < 1000:
        return f"{number:.0f} bytes" if number != 1 else "1 byte"
    for unit in ("kB", "MB", "GB"):
        number /= 1000
        if number < 999.95 or unit == "GB":
            break
    return f"{number:,.1f} {unit}"


def lasting(seconds: float) -> str:
    """Return "30 s", "2 min", "1 min 30 s", "1.5 s", "250 ms"."""
    if 0 < seconds < 1:
        return f"{seconds * 1000:.3g} ms"
    if seconds < 60:
        return f"{seconds:g} s" if seconds == int(seconds) else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "h"), (minutes, "min"), (rest, "s"))
    return " ".join(f"{value} {unit}" for value, unit in parts if value)


def ago(seconds: float) -> str:
    """Return how long since, to the unit that matters."""
    for unit, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= unit:
            return f"{seconds // unit:.0f} {name} ago"
    return "just now"


def person(who: Person, *, ping: bool = False) -> str:
    """Return who it is; with `ping` as a mention that notifies, otherwise by name when there is one."""
    slack = _SLACK_USER.fullmatch(who.id)
    if slack and (ping or not who.name):
        return f"<@{who.id}>"
    return plain(who.name or who.id.removeprefix("terminal:"), 60) or "somebody"


def asked_for(spec: CaptureSpec, pods: int | None = None) -> str:
    """Echo the parse: "`deploy/checkout` in shop → 2 pods, `port 5432`, 30 s" (mrkdwn)."""
    nodes = all(one.kind is TargetKind.NODE for one in spec.targets)
    parts = [] if pods is None else [count(pods, "node" if nodes else "pod")]
    if spec.container:
        parts.append(f"container {code(spec.container, 63)}")
    parts.append(code(spec.filter, 200) if spec.filter else "all packets")
    parts += [*_times(spec), *_bounds(spec)]
    if spec.dry_run:
        parts.append("only a plan")
    return f"{place(spec)} → {', '.join(parts)}"


def _times(spec: CaptureSpec) -> list[str]:
    match spec.mode:
        case Mode.RECORD:
            said = [f"the last {lasting(spec.keep)} kept", f"for {lasting(spec.duration)}"]
        case Mode.GRAB:
            said = [f"the last {lasting(spec.last)}" if spec.last else "all that is kept"]
        case _:
            said = [lasting(spec.duration)]
    if spec.until:
        said.append(condition(spec.until))
    if spec.wait:
        said.append(f"waits up to {lasting(spec.wait)} for a pod")
    return said


def _bounds(spec: CaptureSpec) -> list[str]:
    said = []
    if spec.max_packets:
        said.append(f"at most {count(spec.max_packets, 'packet')} a pod")
    if spec.max_pods:
        said.append(f"at most {count(spec.max_pods, 'pod')}")
    if spec.snaplen < 65_536:
        said.append(f"first {spec.snaplen} bytes of each")
    if spec.interface != "any":
        said.append(f"on {code(spec.interface, 15)}")
    if spec.method:
        said.append(f"method {code(spec.method, 20)}")
    return said


def condition(until: Until) -> str:
    """Return what ends a capture early, in words."""
    match until.kind:
        case UntilKind.PACKET:
            return f"until a packet matches {code(until.value, 200)}"
        case UntilKind.EVENT:
            return f"until a pod has the event {code(until.value, 128)}"
        case UntilKind.FINDING:
            return "until the first finding" if until.value == "any" else f"until the finding {code(until.value, 60)}"


NAMED = 6
"""Targets named in one line at most."""


def place(spec: CaptureSpec, named: int = NAMED, most: int = 160) -> str:
    """Return what is captured and where: "`deploy/a`, `svc/b` in shop" (mrkdwn); `most` characters a name."""
    return _joined(spec, lambda word: code(word, most), lambda name: plain(name, 63), named)


def subject(spec: CaptureSpec, most: int = 160) -> str:
    """Return the same without markup, for a fallback text: raw."""
    return raw(_joined(spec, str, str, NAMED), most)


def _joined(spec: CaptureSpec, word: Callable[[str], str], name: Callable[[str], str], most: int) -> str:
    """Name the targets; a namespace is said once where it is the same for all that are in one."""
    spaces = spec.namespaces
    several = len(spaces) > 1
    named = [_target(one, spec.namespace_of(one) if several else "", word, name) for one in spec.targets[:most]]
    if len(spec.targets) > most:
        named.append(f"{len(spec.targets) - most} more")
    text = f"between {' and '.join(named)}" if spec.mode is Mode.BETWEEN else ", ".join(named)
    if spec.mode is Mode.GRAB:
        text = f"recording {word(spec.recording)} of {text}"
    spoken = any(one.kind not in (TargetKind.NODE, TargetKind.NAMESPACE) for one in spec.targets)
    return f"{text} in {name(spaces[0])}" if spoken and not several else text


def _target(one: TargetRef, space: str, word: Callable[[str], str], name: Callable[[str], str]) -> str:
    text = word(str(one))
    return f"{text} in {name(space)}" if space and one.kind not in (TargetKind.NODE, TargetKind.NAMESPACE) else text
