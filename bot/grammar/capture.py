"""The `capture` command: target, options, friendly words and filter, in any order that reads well."""

import re
from dataclasses import dataclass, field
from difflib import get_close_matches

from bot.grammar import values
from bot.grammar.commands import Capture, Help
from bot.grammar.filters import free_filter, tail_filter
from bot.grammar.line import Line, Token, quote
from bot.grammar.selectors import selector
from bot.grammar.targets import is_target, misplaced_filter, target
from bot.grammar.values import shown
from bot.grammar.vocabulary import FILTER_STARTS, OPTION_SYNONYMS, OPTIONS, PCAP_WORDS, RESERVED
from bot.grammar.wrong import Unfit, Wrong
from workers.contract.spec import CaptureSpec, Limits, TargetKind, TargetRef

_NUMBER = re.compile(r"-\.?\d")
_SETS = frozenset({"in", "notin"})


@dataclass
class _Collected:
    """What the words said so far. `at` remembers where each option was given."""

    bare: list[Token] = field(default_factory=list)
    at: dict[str, Token] = field(default_factory=dict)
    namespace: str | None = None
    container: str | None = None
    duration: float | None = None
    packets: int | None = None
    size: int | None = None
    snaplen: int | None = None
    interface: str | None = None
    selector: str | None = None


def capture(line: Line, tokens: tuple[Token, ...], limits: Limits) -> Capture | Help:
    """Read the words after `capture`. Raises Wrong."""
    if len(tokens) == 1 and tokens[0].text.lower() == "help" and line.tail is None:
        return Help("capture")
    found = _Collected()
    index = 0
    while index < len(tokens):
        if tokens[index].text in ("-h", "--help"):
            return Help("capture")
        index = _step(line, tokens, index, found, limits)
    reference, words = _target(line, found)
    return Capture(_spec(reference, _filter(line, words), found, limits))


def _step(line: Line, tokens: tuple[Token, ...], index: int, found: _Collected, limits: Limits) -> int:
    """Take one word, or an option with its value; return where to go on."""
    token = tokens[index]
    if token.text.startswith("-") and len(token.text) > 1 and not _NUMBER.match(token.text):
        return _option(line, tokens, index, found, limits)
    word = token.text.lower()
    if word == "for":
        return _lasting(line, tokens, index, found, limits)
    if word == "in":
        return _in(line, tokens, index, found, limits)
    found.bare.append(token)
    return index + 1


def _option(line: Line, tokens: tuple[Token, ...], index: int, found: _Collected, limits: Limits) -> int:
    token = tokens[index]
    name, equals, inline = token.text.partition("=")
    if name not in OPTIONS:
        raise _unknown_option(line, tokens, index, name)
    if equals:
        value = Token(inline, token.start + line.source(token).find("=") + 1, token.end)
        after = index + 1
    else:
        value, after = _value(line, tokens, index, limits)
    _set(found, OPTIONS[name], token, value, limits)
    return after


def _value(line: Line, tokens: tuple[Token, ...], index: int, limits: Limits) -> tuple[Token, int]:
    option = tokens[index]
    what = OPTIONS[option.text]
    if index + 1 == len(tokens) or tokens[index + 1].text.partition("=")[0] in OPTIONS:
        usual = _usual(what, limits)
        instead = f"{line.source(option)} {usual}" if usual else None
        raise Wrong(option.start, option.end, f"{option.text} needs a value after it.", instead=instead)
    after = index + 2
    if what == "selector":
        after = _selector_end(tokens, index + 1)
    taken = tokens[index + 1 : after]
    return Token(" ".join(token.text for token in taken), taken[0].start, taken[-1].end), after


def _selector_end(tokens: tuple[Token, ...], index: int) -> int:
    """Return the end of a selector written without quotes: `app in (web, api),tier=front`."""
    open_sets = 0
    for end in range(index, len(tokens)):
        word = tokens[end].text
        open_sets += word.count("(") - word.count(")")
        following = [token.text for token in tokens[end + 1 : end + 3]]
        if open_sets > 0 or not following:
            continue
        set_follows = following[0] in _SETS and following[1:] and following[1].startswith("(")
        in_set = word in _SETS and following[0].startswith("(")
        if not (set_follows or in_set or word.endswith(",") or following[0].startswith(",")):
            return end + 1
    return len(tokens)


def _usual(what: str, limits: Limits) -> str:
    return {
        "namespace": limits.namespace,
        "duration": values.seconds_text(limits.duration),
        "packets": "1000",
        "size": values.size_text(limits.max_bytes),
        "snaplen": str(limits.snaplen),
        "interface": limits.interface,
    }.get(what, "")


def _lasting(line: Line, tokens: tuple[Token, ...], index: int, found: _Collected, limits: Limits) -> int:
    """Read `for 30s`, `for 30 seconds`."""
    token = tokens[index]
    if index + 1 == len(tokens):
        usual = values.seconds_text(limits.duration)
        raise Wrong(token.start, token.end, f"For how long? Say for {usual}.", instead=f"for {usual}")
    value, after = tokens[index + 1], index + 2
    unit = tokens[after].text.lower() if after < len(tokens) else ""
    if value.text.isdigit() and unit in values.DURATION_UNITS:
        value = Token(value.text + unit, value.start, tokens[after].end)
        after += 1
    _set(found, "duration", token, value, limits)
    return after


def _in(line: Line, tokens: tuple[Token, ...], index: int, found: _Collected, limits: Limits) -> int:
    """Read `in shop`, `in namespace shop`."""
    token = tokens[index]
    first = index + 1
    if first + 1 < len(tokens) and tokens[first].text.lower() in ("namespace", "ns"):
        first += 1
    if first >= len(tokens):
        raise Wrong(token.start, token.end, "In which namespace? Say in shop, or -n shop.", instead="")
    _set(found, "namespace", token, tokens[first], limits)
    return first + 1


def _set(found: _Collected, what: str, option: Token, value: Token, limits: Limits) -> None:
    """Check a value and keep it."""
    try:
        read = _read(what, value.text, limits)
    except Unfit as unfit:
        better = None if unfit.better is None else quote(unfit.better)
        raise Wrong(value.start, value.end, unfit.reason, instead=better) from None
    if what in found.at:
        raise Wrong(option.start, value.end, f"The {what} is given twice.", instead="")
    found.at[what] = value
    setattr(found, what, read)


def _read(what: str, text: str, limits: Limits) -> str | float | int:
    match what:
        case "duration":
            return values.duration(text, limits)
        case "packets":
            return values.packets(text, limits)
        case "size":
            return values.size(text, limits)
        case "snaplen":
            return values.snaplen(text, limits)
        case "interface":
            return values.interface(text, limits)
        case "selector":
            return selector(text)
        case _:
            return values.label(text, what)


def _unknown_option(line: Line, tokens: tuple[Token, ...], index: int, name: str) -> Wrong:
    token = tokens[index]
    known = _known_option(name)
    reason = f"There is no option {shown(name)}."
    if known is None:
        # its value goes with it, unless the word after it has a meaning of its own
        value = tokens[index + 1 : index + 2] if index else ()
        dropped = value[0].end if value and _meaningless(value[0].text) else token.end
        whole = line.text[: token.start] + line.text[dropped:]
        return Wrong(token.start, token.end, f"{reason} `help capture` lists them.", whole=whole)
    rest = line.source(token)[len(name) :]
    return Wrong(token.start, token.end, f"{reason} Did you mean {shown(known)}?", instead=f"{known}{rest}")


def _known_option(name: str) -> str | None:
    """Return the option that was probably meant."""
    if name in OPTION_SYNONYMS:
        return OPTION_SYNONYMS[name]
    if not name.startswith("--") and name[:2] in OPTIONS and len(name) > 2:
        long = get_close_matches(f"-{name}", OPTIONS, 1, 0.85)
        return long[0] if long else f"{name[:2]} {name[2:]}"
    close = get_close_matches(name.lower()[:40], OPTIONS, 1, 0.6 if len(name) > 2 else 1.0)
    return close[0] if close else None


def _meaningless(word: str) -> bool:
    return not (word.startswith("-") or is_target(word) or word.lower() in PCAP_WORDS | RESERVED)


def _target(line: Line, found: _Collected) -> tuple[TargetRef, list[Token]]:
    """Return the target and the bare words that are the filter."""
    if found.selector is not None:
        named = next((token for token in found.bare if is_target(token.text)), None)
        if named is not None:
            raise Wrong(named.start, named.end, "Name a target or give labels with -l, not both.", instead="")
        return TargetRef(TargetKind.SELECTOR, found.selector), found.bare
    if not found.bare:
        reason = "Say what to capture: a pod's name, deploy/NAME, sts/NAME, ds/NAME, svc/NAME or -l key=value."
        end = line.dashes if line.dashes >= 0 else len(line.text)
        raise Wrong(end, end, reason)
    if found.bare[0].text.lower() in FILTER_STARTS:
        raise misplaced_filter(line, found.bare)
    return target(line, found.bare), found.bare[1:]


def _filter(line: Line, words: list[Token]) -> str:
    free = free_filter(line, words)
    if line.tail is None:
        return free
    verbatim = tail_filter(line, line.tail)
    if not free:
        return verbatim
    head = line.text[: words[0].start] + line.text[words[-1].end : line.dashes].lstrip()
    reason = "The filter is given twice, before and after --."
    whole = f"{head.rstrip()} -- ({free}) and ({verbatim})"
    raise Wrong(words[0].start, words[-1].end, reason, whole=whole)


def _spec(reference: TargetRef, expression: str, found: _Collected, limits: Limits) -> CaptureSpec:
    return CaptureSpec(
        target=reference,
        namespace=found.namespace or limits.namespace,
        container=found.container,
        filter=expression,
        duration=limits.duration if found.duration is None else found.duration,
        max_packets=found.packets or 0,
        max_bytes=found.size or limits.max_bytes,
        snaplen=found.snaplen or limits.snaplen,
        interface=found.interface or limits.interface,
    )
