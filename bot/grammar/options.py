"""The options of a capture: their values, and what was probably meant by an unknown one."""

import re
from difflib import get_close_matches

from bot.grammar import values
from bot.grammar.collected import Collected, Given
from bot.grammar.line import Line, Token, quote
from bot.grammar.selectors import selector
from bot.grammar.targets import is_target
from bot.grammar.until import until
from bot.grammar.values import shown
from bot.grammar.vocabulary import FLAGS, OPTION_SYNONYMS, OPTIONS, PCAP_WORDS, RESERVED
from bot.grammar.wrong import Unfit, Wrong
from workers.contract.limits import Limits
from workers.contract.spec import Mode

_NUMBER = re.compile(r"-\.?\d")
_SETS = frozenset({"in", "notin"})


def is_option(word: str) -> bool:
    """Whether a word is an option, and no negative number of a filter."""
    return word.startswith("-") and len(word) > 1 and not _NUMBER.match(word)


def option(line: Line, tokens: tuple[Token, ...], index: int, found: Collected, limits: Limits) -> int:
    """Take an option and its value; return where to go on. Raises Wrong."""
    token = tokens[index]
    name, equals, inline = token.text.partition("=")
    if name not in OPTIONS:
        raise _unknown_option(line, tokens, index, name)
    what = OPTIONS[name]
    if what in FLAGS:
        return _flag(found, what, token, name, index, bare=not equals)
    if equals:
        value = Token(inline, token.start + line.source(token).find("=") + 1, token.end)
        after = index + 1
    elif what == "until":
        return conditional(line, tokens, index, found, limits)
    elif what == "wait":
        value, after = _waiting(tokens, index, limits)
    else:
        value, after = _value(line, tokens, index, found, limits)
    keep(line, found, what, token, value, limits)
    return after


def _flag(found: Collected, what: str, token: Token, name: str, index: int, *, bare: bool) -> int:
    if not bare:
        raise Wrong(token.start, token.end, f"{name} takes no value.", instead=name)
    setattr(found, what, True)
    found.at[what] = token
    return index + 1


def conditional(line: Line, tokens: tuple[Token, ...], index: int, found: Collected, limits: Limits) -> int:
    """Take `until`, with or without dashes, and its condition; return where to go on."""
    if "until" in found.at:
        raise Wrong(tokens[index].start, tokens[index].end, "The until is given twice. Say one condition.")
    found.until, place, taken = until(line, tokens[index], tokens[index + 1 :])
    found.at["until"] = place
    return index + 1 + taken


def _waiting(tokens: tuple[Token, ...], index: int, limits: Limits) -> tuple[Token, int]:
    """Return the time after --wait, which may be left out."""
    given = tokens[index + 1] if index + 1 < len(tokens) else None
    if given is not None and values.seconds_of(given.text) is not None:
        return given, index + 2
    option = tokens[index]
    return Token(values.seconds_text(values.usual_wait(limits)), option.start, option.end), index + 1


def _value(line: Line, tokens: tuple[Token, ...], index: int, found: Collected, limits: Limits) -> tuple[Token, int]:
    option = tokens[index]
    what = OPTIONS[option.text]
    if index + 1 == len(tokens) or tokens[index + 1].text.partition("=")[0] in OPTIONS:
        usual = _usual(what, found.mode, limits)
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


def _usual(what: str, mode: Mode, limits: Limits) -> str:
    return {
        "namespace": limits.namespace,
        "duration": values.seconds_text(limits.record if mode is Mode.RECORD else limits.duration),
        "packets": "1000",
        "size": values.size_text(limits.max_bytes),
        "snaplen": str(limits.snaplen),
        "interface": limits.interface,
        "max_pods": str(limits.max_pods),
        "method": "node",
        "keep": values.seconds_text(limits.keep),
    }.get(what, "")


def keep(line: Line, found: Collected, what: str, option: Token, value: Token, limits: Limits) -> None:
    """Check a value and keep it. Raises Wrong."""
    if what == "until":
        found.until, found.at["until"], _ = until(line, option, [value] if value.text else [])
        return
    try:
        read = _read(what, value.text, found.mode, limits)
    except Unfit as unfit:
        better = None if unfit.better is None else quote(unfit.better)
        raise Wrong(value.start, value.end, unfit.reason, instead=better) from None
    _once(found, what, option, value)
    found.at[what] = value
    if what == "namespace":
        found.namespaces.append(Given(str(read), option, value))
    elif what == "selector":
        found.selectors.append(Token(str(read), value.start, value.end))
    else:
        setattr(found, what, read)


def _once(found: Collected, what: str, option: Token, value: Token) -> None:
    """Refuse what is given twice; several targets may have several namespaces, and both ends labels."""
    if what not in found.at or what == "namespace" or (what == "selector" and found.mode is Mode.BETWEEN):
        return
    name = "number of pods" if what == "max_pods" else what
    raise Wrong(option.start, value.end, f"The {name} is given twice.", instead="")


def _read(what: str, text: str, mode: Mode, limits: Limits) -> str | float | int:
    match what:
        case "duration":
            return values.recording(text, limits) if mode is Mode.RECORD else values.duration(text, limits)
        case "wait":
            return values.wait(text, limits)
        case "keep":
            return values.keep(text, limits)
        case "packets":
            return values.packets(text, limits)
        case "max_pods":
            return values.max_pods(text, limits)
        case "size":
            return values.size(text, limits)
        case "snaplen":
            return values.snaplen(text, limits)
        case "interface":
            return values.interface(text, limits)
        case "method":
            return values.method(text)
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
