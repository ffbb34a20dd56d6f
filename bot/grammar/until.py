"""What ends a capture early: `until packet FILTER`, `until finding any`, `until event Unhealthy`."""

import re
from collections.abc import Sequence
from difflib import get_close_matches

from bot.grammar.filters import free_filter, option_like
from bot.grammar.line import Line, Token
from bot.grammar.values import shown
from bot.grammar.vocabulary import FINDINGS, PCAP_WORDS
from bot.grammar.wrong import Wrong
from workers.contract.spec import Until, UntilKind

FORMS = "until packet FILTER, until finding any, or until event Unhealthy"
ENDS = frozenset({"for", "in", "until"})
"""Bare words that end the filter of `until packet`."""
_EVENT = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,127}")
_NUMBER = re.compile(r"-\.?\d")


def until(line: Line, option: Token, words: Sequence[Token]) -> tuple[Until, Token, int]:
    """Read the words after `until`; return the condition, its place and how many words it took. Raises Wrong."""
    if not words or words[0].text.startswith("-"):
        instead = f"{line.source(option)} finding any"
        raise Wrong(option.start, option.end, f"Until what? Say {FORMS}.", instead=instead)
    first = words[0]
    pieces = first.text.split()
    if len(pieces) > 1:
        return _read(line, first, pieces[0], _quoted(first, pieces)), first, 1
    kind = first.text.lower()
    end = _filter_end(words)
    value = list(words[1 : end if kind == UntilKind.PACKET else min(2, end)])
    place = Token("", first.start, (value or [first])[-1].end)
    return _read(line, place, first.text, value), place, 1 + len(value)


def _quoted(whole: Token, pieces: Sequence[str]) -> list[Token]:
    """Return the words of a quoted condition after its kind; all of them stand where the quotes do."""
    return [Token(piece, whole.start, whole.end) for piece in pieces[1:]]


def _filter_end(words: Sequence[Token]) -> int:
    for index, word in enumerate(words[1:], 1):
        option = word.text.startswith("-") and len(word.text) > 1 and not _NUMBER.match(word.text)
        if option or word.text.lower() in ENDS:
            return index
    return len(words)


def _read(line: Line, place: Token, word: str, value: list[Token]) -> Until:
    kind = word.lower()
    if kind not in list(UntilKind):
        raise _no_condition(line, place, word, value)
    if not value:
        usual = {"packet": "packet tcp", "finding": "finding any", "event": "event Unhealthy"}[kind]
        raise Wrong(place.start, place.end, f"Until which {kind}? Say {FORMS}.", instead=usual)
    if kind == UntilKind.PACKET:
        return Until(UntilKind.PACKET, _packet(line, place, value))
    if len(value) > 1:
        raise Wrong(place.start, place.end, f"One word follows until {kind}.", instead=f"{kind} {value[0].text}")
    return _finding(value[0]) if kind == UntilKind.FINDING else _event(value[0])


def _packet(line: Line, place: Token, value: list[Token]) -> str:
    """Return the filter. A quoted one is taken as it stands; a free one is looked at as the capture's own is."""
    text = " ".join(word.text for word in value)
    if '"' in text or "'" in text:
        raise Wrong(place.start, place.end, "A filter has no quotes inside.")
    strange = next((word for word in text.split() if option_like(word)), None)
    if strange is not None or text.startswith("-"):
        raise Wrong(place.start, place.end, f"{shown(strange or text)} can't be part of a filter.")
    return text if value[0].start == place.start else free_filter(line, value)


def _finding(word: Token) -> Until:
    name = word.text.lower()
    if name == "any" or name in FINDINGS:
        return Until(UntilKind.FINDING, name)
    close = get_close_matches(name[:40], sorted(FINDINGS), 1, 0.6)
    better = f"finding {close[0] if close else 'any'}"
    reason = f"There is no finding {shown(word.text)}. Say any, or one of: {', '.join(sorted(FINDINGS))}."
    return _refuse(word, reason, better)


def _event(word: Token) -> Until:
    if _EVENT.fullmatch(word.text):
        return Until(UntilKind.EVENT, word.text)
    return _refuse(
        word, f"{shown(word.text)} is not an event's reason, such as Unhealthy or BackOff.", "event Unhealthy"
    )


def _refuse(word: Token, reason: str, better: str) -> Until:
    # a quoted condition is replaced whole, quotes and all
    quoted = word.end - word.start != len(word.text)
    instead = f'"{better}"' if quoted else better.partition(" ")[2]
    raise Wrong(word.start, word.end, reason, instead=instead)


def _no_condition(line: Line, place: Token, word: str, value: list[Token]) -> Wrong:
    """Return the mistake of a condition without its kind, with the kind that was probably meant."""
    close = get_close_matches(word.lower()[:40], list(UntilKind), 1, 0.7)
    rest = " ".join(token.text for token in value)
    if close:
        better = f"{close[0]} {rest}".strip()
    elif word.lower() == "any" or word.lower() in FINDINGS:
        better = f"finding {word.lower()}"
    elif word.lower() in PCAP_WORDS:
        better = f"packet {word} {rest}".strip()
    elif word[:1].isupper() and _EVENT.fullmatch(word):
        better = f"event {word}"
    else:
        return Wrong(place.start, place.end, f"Until what? Say {FORMS}.")
    quoted = line.text[place.start : place.start + 1] in ('"', "'")
    # what was taken beside the word goes on as it stands
    keep = "" if quoted or better.endswith(rest) or not rest else f" {rest}"
    instead = f'"{better}"' if quoted else f"{better}{keep}"
    return Wrong(place.start, place.end, f"Until what? Say {FORMS}.", instead=instead)
