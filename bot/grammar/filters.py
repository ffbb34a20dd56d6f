"""The filter of a capture: which words may make one. libpcap has the last word; here are the mistakes people make."""

import re
from difflib import get_close_matches

from bot.grammar.line import Line, Token
from bot.grammar.values import DURATION_UNITS, shown
from bot.grammar.vocabulary import FILTER_STARTS, KINDS, NAMED_NEXT, OPTIONS, PCAP_WORDS
from bot.grammar.wrong import Wrong

_JOINING = frozenset({"and", "or", "not", "&&", "||", "!"})
_OPTION_LIKE = re.compile(r"[(!]*(?:-{1,2}[A-Za-z]|--)")
_PLAIN = re.compile(r"[A-Za-z]+")
_LASTING = re.compile(r"\d+(?:\.\d+)?(?:" + "|".join(sorted(DURATION_UNITS, key=len, reverse=True)) + ")")


def option_like(word: str) -> bool:
    """Whether a word could be read as an option (`-w`, `--foo`), and is neither arithmetic nor a range."""
    return bool(_OPTION_LIKE.match(word))


def free_filter(line: Line, words: list[Token]) -> str:
    """Return the filter that bare words make; known words in capitals are made small. Raises Wrong."""
    done: list[str] = []
    for word in words:
        # a quoted phrase is several words of the filter
        for piece in word.text.split():
            small = piece.lower()
            if small not in PCAP_WORDS:
                _refuse_stranger(line, word, piece, done)
                small = piece
            done.append(small)
    _refuse_beginning(done, words)
    return " ".join(done)


def _refuse_beginning(done: list[str], words: list[Token]) -> None:
    if done and (done[0].startswith("-") or done[0] in ("and", "or", "&&", "||")):
        raise Wrong(words[0].start, words[0].end, f"A filter can't begin with {done[0][:3]}.", instead="")


def _refuse_stranger(line: Line, word: Token, piece: str, before: list[str]) -> None:
    """Raise Wrong for a word that is surely no part of a filter; doubtful ones are left to libpcap."""
    if option_like(piece):
        raise Wrong(word.start, word.end, _no_option(piece), instead="")
    kind, slash, name = piece.partition("/")
    if slash and name and kind.lower() in KINDS:
        raise Wrong(word.start, word.end, "Targets come before the filter, each a word of its own.")
    previous = before[-1] if before else ""
    if _LASTING.fullmatch(piece.lower()) and previous not in NAMED_NEXT:
        reason = f"{shown(piece)} looks like a duration; say for {piece}."
        raise Wrong(word.start, word.end, reason, instead=f"for {piece}")
    if not _PLAIN.fullmatch(piece) or previous in NAMED_NEXT or previous in ("src", "dst"):
        return
    close = _nearest(piece.lower())
    if previous in _JOINING and len(before) > 1 and not close:
        return
    reason = f"{shown(piece)} is neither an option nor a word of a filter; a further target needs its kind, pod/NAME."
    if close:
        reason = f"{reason} Did you mean {close}?"
    raise Wrong(word.start, word.end, reason, instead=close)


def _nearest(word: str) -> str:
    """Return the filter word that was probably meant, or ""; `port` before rarer ones such as proto."""
    close = get_close_matches(word[:40], sorted(PCAP_WORDS), 5, 0.7)
    return "port" if "port" in close else (close or [""])[0]


def tail_filter(line: Line, tail: Token) -> str:
    """Return the filter after `--`, with its white space made single. Raises Wrong for option-like words."""
    words = [Token(m.group(), tail.start + m.start(), tail.start + m.end()) for m in re.finditer(r"\S+", tail.text)]
    if not words:
        raise Wrong(tail.start, tail.end, "A filter belongs after --, such as: -- tcp port 443.", whole=_head(line))
    for index, word in enumerate(words):
        if option_like(word.text):
            raise _option_in_tail(line, words, index)
    if words[0].text.startswith("-"):
        raise Wrong(words[0].start, words[0].end, "A filter can't begin with -.")
    return " ".join(word.text for word in words)


def _option_in_tail(line: Line, words: list[Token], index: int) -> Wrong:
    word = words[index]
    if word.text == "--" and 0 < index < len(words) - 1:
        return Wrong(word.start, word.end, "-- stands once, before the filter.", instead="and")
    name, equals, _ = word.text.partition("=")
    ours = name in OPTIONS
    taken = 1 if equals or _starts_filter(words[index + 1 : index + 2]) else 2
    moved = [w.text for w in words[index : index + taken]] if ours else []
    rest = _trimmed([w.text for w in words[:index] + words[index + taken :]])
    whole = " ".join([_head(line), *moved, *(["--", *rest] if rest else [])])
    reason = f"{name} comes before --; everything after -- is the filter." if ours else _no_option(word.text)
    return Wrong(word.start, word.end, reason, whole=whole)


def _trimmed(words: list[str]) -> list[str]:
    """Return a filter's words without what joined them to a part that was taken out."""
    while words and words[0] in ("and", "or", "&&", "||"):
        words = words[1:]
    while words and words[-1] in _JOINING:
        words = words[:-1]
    return words


def _starts_filter(following: list[Token]) -> bool:
    """Whether the word after a stray option is no value of it but goes on with the filter."""
    return bool(following) and following[0].text in PCAP_WORDS | _JOINING | FILTER_STARTS


def _head(line: Line) -> str:
    return line.text[: line.dashes].rstrip()


def _no_option(word: str) -> str:
    return f"{shown(word)} looks like an option, and a filter has none. It says only which packets to keep."
